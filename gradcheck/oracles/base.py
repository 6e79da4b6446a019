"""What an oracle is: anything that yields a slope with an error bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from gradcheck.slopes.slope import Slope


class Oracle(Protocol):
    """Measures directional derivatives of one function at one point."""

    name: str

    def slope(self, index: int, direction: Any, *, scale: float, start: int | None) -> Slope | None:
        """Return the slope along `direction` of argument `index`, None where it cannot be measured.

        Parameters
        ----------
        index : int
            Which argument moves.
        direction : array
            Like the argument.
        scale : float
            The size to expect of the slope.
        start : int or None
            Exponent of the step the last slope of this argument ended at, a hint.

        """
        ...
