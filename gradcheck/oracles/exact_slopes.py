"""The exact oracle behind the protocol of the others: slopes in floats, with the bound of rounding them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradcheck import arrays
from gradcheck.errors import UnsupportedError
from gradcheck.slopes.slope import Slope

if TYPE_CHECKING:
    from gradcheck.claims.claim import Claim
    from gradcheck.slopes.field import Field, Move


class ExactSlopes:
    """Runs the user's own NumPy code on exact numbers; see `gradcheck.oracles.exact`."""

    name = "exact"

    def __init__(self, field: Field, claim: Claim) -> None:
        if claim.raw is None or any(arrays.library_of(x) != "numpy" for x in field.leaves):
            raise UnsupportedError(
                "oracle='exact' runs NumPy code only: pass NumPy arrays, or oracle='finite differences'"
            )
        self._field = field
        self._raw = claim.raw

    def slope(self, move: Move, *, scale: float, start: int | None) -> Slope | None:
        """Return left and right slope along `move`, exact up to their rounding to float64."""
        from gradcheck.oracles.exact import slopes  # noqa: PLC0415  python-flint is optional

        del scale, start
        moves = [move[i] if i in move else 0 * arrays.to_numpy(x) for i, x in enumerate(self._field.leaves)]
        self._field.evaluations += 1
        left, right, bound = slopes(lambda *leaves: self._raw(leaves), self._field.leaves, moves)
        side_error = bound + math.ulp(left) + math.ulp(right)
        half = abs(right - left) / 2
        error = half + side_error if half > 2 * side_error else side_error
        return Slope(
            (left + right) / 2, error, left, right, side_error, 0.0, 0.0 if half > 2 * side_error else math.nan
        )
