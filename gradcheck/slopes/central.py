"""The derivative of an array along a line by central differences at three steps, with how far it is off."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

# Relative to what moves: the first, a finer one where f bends much, coarser ones where round-off drowns it.
STEPS = (2.0**-10, 2.0**-14, 2.0**-6, 2.0**-2)
COARSEST = 2**7  # steps above the finest that the dtype allows
NOISE = 2.0**4  # units of round-off by which a value may be off


def central(
    at: Callable[[float], NDArray[Any]], dtype: str, unit: float, wanted: float = 2.0**-30
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return the derivative of at(t) at t = 0, and a bound for its error.

    Parameters
    ----------
    at : callable
        t → array, where t = 1 moves by about the point's own size.
    dtype : str
        Of what moves.
    unit : float
        Unit round-off of the values.
    wanted : float
        Error, relative to the whole, at which no other step is tried.

    """
    finest = COARSEST * math.ldexp(1.0, arrays.FINEST[dtype])
    slopes, bound = _at_step(at, max(STEPS[0], finest), unit)
    for step in STEPS[1:]:
        if np.linalg.norm(bound) <= wanted * np.linalg.norm(slopes):
            break
        if step <= finest:
            continue
        try:
            others, its_bound = _at_step(at, step, unit)
        except Exception:  # noqa: BLE001  outside f's domain, perhaps: the steps before stand
            break
        better = its_bound < bound  # never where it is NaN
        slopes, bound = np.where(better, others, slopes), np.where(better, its_bound, bound)
    return slopes, bound


def _at_step(at: Callable[[float], NDArray[Any]], step: float, unit: float) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return the derivative from differences at h, 2h and 4h.

    (4·D(h) − D(2h))/3 is off by about h⁴, and by a fifteenth of how much it changes when h is doubled.
    """
    sides = {t: at(t) for k in (1, 2, 4) for t in (k * step, -k * step)}
    fine, middle, coarse = ((sides[k * step] - sides[-k * step]) / (2 * k * step) for k in (1, 2, 4))
    slopes, before = (4 * fine - middle) / 3, (4 * middle - coarse) / 3
    largest = np.max([np.abs(y) for y in sides.values()], axis=0)
    bound = np.abs(slopes - before) / 4 + NOISE * unit * largest / step + math.ldexp(1.0, -1000)
    return slopes, np.asarray(bound)
