"""Slopes of NumPy code by a complex step: f(x + i·h·v)/h is f′·v + O(h²), and nothing cancels.

Source: W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40(1),
1998. h is 2^-160 of the argument: its square is below the round-off of any number, and the slope is as accurate as
differentiated code. So a slope of 1e-18 beside an f of 1 is told to 15 digits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.errors import UnsupportedError
from gradcheck.oracles.complex_run import imaginary, rounded
from gradcheck.oracles.derivative import bounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcheck.claims.claim import Claim
    from gradcheck.slopes.field import Field, Move
    from gradcheck.slopes.slope import Slope

STEP = -160


class ComplexStep:
    """The oracle for NumPy code that is made of analytic functions, and of choices between them."""

    name = "complex step"

    def __init__(self, field: Field, claim: Claim) -> None:
        if any(arrays.library_of(x) != "numpy" or arrays.dtype_name(x) != "float64" for x in field.leaves):
            raise UnsupportedError("a complex step is taken in NumPy code of float64 arrays only")
        self._field = field
        self._raw = claim.raw

    def slope(self, move: Move, *, scale: float, start: int | None) -> Slope | None:
        """Return the imaginary part of f a step along i·v away, over that step."""
        del scale, start
        return bounded(self._derivative, self._field, move)

    @property
    def rounds(self) -> bool:
        """Whether the code rounds arrays inside, and not its result alone: stairs by design."""
        self._field.spend()
        return rounded(self._raw, [arrays.to_numpy(x) for x in self._field.leaves]) > 1

    def _derivative(self, leaves: Sequence[Any], move: Move) -> float:
        points = [
            arrays.to_numpy(x) + (1j * math.ldexp(1.0, STEP) * arrays.to_numpy(move[i]) if i in move else 0)
            for i, x in enumerate(leaves)
        ]
        return imaginary(self._raw, points) * 2.0**-STEP
