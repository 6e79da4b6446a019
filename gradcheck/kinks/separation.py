"""The proof that a claim is no subgradient: a move along which it reaches further than every one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Separation:
    """A move along which the claim reaches further than every subgradient.

    Attributes
    ----------
    move : array (entries,)
        u, zero in all blocks but one.
    claimed, reached : float
        g·u, and the largest s·u.
    kind : str
        Why no subgradient reaches further: f is "convex" or "concave" in what u moves, "flat" along u, or its kinks
        are known and their sum is the "bound".

    """

    move: Array
    claimed: float
    reached: float
    kind: str = "bound"

    def said(self, rise: float) -> str:
        """Say what f does along the move, or what its subgradients reach at most."""
        if self.kind in ("convex", "flat"):
            return f"f rises by {rise:.6g}"
        return f"no slope of f next to the point exceeds {rise:.6g}"
