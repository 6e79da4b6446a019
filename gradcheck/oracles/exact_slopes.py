"""The exact oracle behind the protocol of the others: slopes in floats, with the bound of rounding them.

It keeps what it found as exact numbers, and runs the user's own gradient code on exact numbers as well: so a claim can
be held against the slopes without any rounding (`gradcheck.verdicts.exactness`), and be asked infinitely near the point
(`gradcheck.kinks.exactly`).
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.errors import UnsupportedError
from gradcheck.slopes.slope import Slope

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gradcheck.claims.claim import Claim
    from gradcheck.oracles.balls import Real
    from gradcheck.oracles.exact import ExactPoint, ExactSlope
    from gradcheck.slopes.field import Field, Move


class ExactSlopes:
    """Runs the user's own NumPy code on exact numbers; see `gradcheck.oracles.exact`.

    Attributes
    ----------
    known : list of (Move, ExactSlope)
        Every slope so far, exactly.

    """

    name = "exact"

    def __init__(self, field: Field, claim: Claim) -> None:
        if claim.raw is None or any(arrays.library_of(x) != "numpy" for x in field.leaves):
            raise UnsupportedError(
                "oracle='exact' runs NumPy code only: pass NumPy arrays, or oracle='finite differences'"
            )
        self._field = field
        self._claim = claim
        self.known: list[tuple[Move, ExactSlope]] = []
        self.sums: dict[int, Real] = {}  # what the claim says along a known move, by its identity
        self.agreed: dict[int, bool] = {}  # and whether that is its slope

    @cached_property
    def point(self) -> ExactPoint:
        """The arguments as exact numbers."""
        from gradcheck.oracles.exact import ExactPoint  # noqa: PLC0415  python-flint is optional

        return ExactPoint(self._field.leaves)

    def slope(self, move: Move, *, scale: float, start: int | None) -> Slope | None:
        """Return left and right slope along `move`, exact up to their rounding to float64."""
        del scale, start
        left, right, bound = self.exactly(move).rounded()
        if math.isinf(bound):
            return None
        side_error = bound + math.ulp(left) + math.ulp(right)
        half = abs(right - left) / 2
        error = half + side_error if half > 2 * side_error else side_error
        return Slope(
            (left + right) / 2, error, left, right, side_error, 0.0, 0.0 if half > 2 * side_error else math.nan
        )

    def exactly(self, move: Move) -> ExactSlope:
        """Return left and right slope along `move` as exact numbers, and keep them."""
        self._field.spend()
        found = self.point.slope(lambda *leaves: self._claim.raw(leaves), self.directions(move))
        self.known.append((move, found))
        return found

    @property
    def value(self) -> float:
        """The value of f at the point, of a slope that was asked for."""
        return self.known[0][1].height

    def directions(self, move: Move, sign: int = 1) -> list[NDArray[Any]]:
        """Return a direction for each argument, zero for those that do not move."""
        return [sign * arrays.to_numpy(move[i]) if i in move else 0.0 * x for i, x in enumerate(self.point.floats)]

    @cached_property
    def claimed(self) -> tuple[NDArray[Any] | None, ...]:
        """What the gradient code gives at the point: arrays of exact numbers, None where nothing is claimed."""
        return self.point.gradient(lambda *leaves: self._claim.claimed(leaves))

    def claimed_beside(self, directions: list[NDArray[Any]]) -> tuple[NDArray[Any] | None, ...]:
        """Return what the gradient code gives infinitely near the point."""
        return self.point.gradient(lambda *leaves: self._claim.claimed(leaves), directions)
