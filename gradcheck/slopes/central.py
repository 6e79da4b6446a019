"""The derivative of an array along a line by central differences at two steps, with how far it is off."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

STEP = 2.0**-10  # relative to what moves; a difference at twice that tells how far it is off
COARSEST = 2**7  # steps above the finest that the dtype allows
NOISE = 2.0**4  # units of round-off by which a value may be off


def central(at: Callable[[float], NDArray[Any]], dtype: str, unit: float) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return the derivative of at(t) at t = 0, extrapolated from two steps, and a bound for its error.

    Parameters
    ----------
    at : callable
        t → array, where t = 1 moves by about the point's own size.
    dtype : str
        Of what moves.
    unit : float
        Unit round-off of the values.

    """
    step = max(STEP, COARSEST * math.ldexp(1.0, arrays.FINEST[dtype]))
    sides = {t: at(t) for t in (step, -step, 2 * step, -2 * step)}
    fine = (sides[step] - sides[-step]) / (2 * step)
    coarse = (sides[2 * step] - sides[-2 * step]) / (4 * step)
    slopes = (4 * fine - coarse) / 3
    largest = np.max([np.abs(y) for y in sides.values()], axis=0)
    bound = np.abs(slopes - fine) / 4 + NOISE * unit * largest / step + math.ldexp(1.0, -1000)
    return slopes, np.asarray(bound)
