"""How much each entry of an output counts: cotangents scaled so that none drowns beside others, nor drowns them.

Beside entries that move by 1e8 an error in one that moves by 1 would not be seen. One evaluation near the point tells
how far each moves, and each then counts alike. But an entry's round-off is scaled with it: a slope is off by about 2^20
units of round-off, and a PASS needs 2^-17 of the slope, so no entry counts for less than 2^37 units. A unit is the last
bit of the entry, at the point and near it: what larger numbers leave (1 + erf far out) has larger ones than its own
size says. For the others 2^-12 of their size has to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NEAR = 2.0**-6  # how far from the point an evaluation tells the sizes of outputs, relative to the arguments
SPAN = 2.0**10  # entries of an output that differ by less count as they are
UNITS = 2.0**37


def balanced(cotangents: Sequence[Any], out: Sequence[Any], at: Callable[[float], Sequence[Any]]) -> list[Any]:
    """Return the cotangents scaled entry by entry, where some entries of an output move far less than others.

    Parameters
    ----------
    cotangents, out : sequence of array
        One for each output; `out` at the point.
    at : callable
        t → the outputs at t along a random direction of the arguments' size. What it raises is raised.

    """
    there, found = at(NEAR), list(cotangents)
    for k, (y, moved_y) in enumerate(zip(out, there, strict=True)):
        own, near = np.abs(arrays.to_numpy(y)), arrays.to_numpy(moved_y)
        if near.shape != own.shape:
            return list(cotangents)
        step = np.abs(near - arrays.to_numpy(y))
        # 2^-12 is about u^(1/4) of float64: the same of dtypes with fewer digits
        part = max(2.0**-12, arrays.ROUNDOFF[arrays.dtype_name(y)] ** 0.25)
        size = np.maximum(step / NEAR, np.where(np.isfinite(own), own, 0) * part)
        known = np.isfinite(step) & (step > 0)
        if arrays.dtype_name(y) == "float64":
            size = np.maximum(size, UNITS * _last_bit(own, np.abs(near)))
        if np.count_nonzero(known) > 1 and size[known].max() > SPAN * size[known].min():
            exponents = np.round(np.log2(np.where(known, size, 1.0)))
            exponents = np.where(known, np.round(np.median(exponents[known])) - exponents, 0.0)
            found[k] = found[k] * 2.0 ** np.clip(exponents, -500, 500)
    return found


def _last_bit(*of_both: Any) -> Any:
    """Return the value of the lowest bit that is set in each number, the least of several; zeros tell nothing."""
    found = []
    for values in of_both:
        mantissa, exponent = np.frexp(np.where(np.isfinite(values), values, 0.0))
        whole = (mantissa * 2.0**53).astype(np.int64)
        found.append(np.where(whole == 0, np.inf, np.ldexp((whole & -whole).astype(np.float64), exponent - 53)))
    least = np.minimum.reduce(found)
    return np.where(np.isfinite(least), least, 0.0)
