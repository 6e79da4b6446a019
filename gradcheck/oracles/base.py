"""What an oracle is: anything that yields a slope with an error bound, along a move of one argument or several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gradcheck.slopes.field import Move
    from gradcheck.slopes.slope import Slope


class Oracle(Protocol):
    """Measures directional derivatives of one function at one point."""

    name: str

    def slope(self, move: Move, *, scale: float, start: int | None) -> Slope | None:
        """Return the slope along `move`, None where it cannot be measured.

        Parameters
        ----------
        move : mapping of int to array
            The direction of each argument that moves, like the argument; all others are held.
        scale : float
            The size to expect of the slope.
        start : int or None
            Exponent of the step at which the last slope of these arguments ended, a hint.

        """
        ...
