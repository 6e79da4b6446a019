"""A square matrix that is wrong on its diagonal alone: a multiple of the identity, or the diagonal's own formula."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.diagnosis.jacobian_product import SAFETY, Pushed
from gradcheck.diagnosis.names import lacks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SAME = 2.0**-16  # of two numbers that are measured to about 2^-30 and are one


def wrong_diagonal(found: Sequence[Pushed], moves: Sequence[NDArray[Any]]) -> NDArray[Any] | None:
    """Return the errors of the diagonal, claimed less measured, if all else of a square matrix is right; else None.

    The error of row i along v is then its diagonal's times v_i, for every v.
    """
    flat = [np.reshape(v, -1) for v in moves]
    if len(found) < 2 or flat[0].size != found[0].claimed.size or flat[0].size < 2 or not np.all(flat):
        return None
    errors = [p.claimed - p.measured for p in found]
    one, other = errors[0] * flat[1], errors[1] * flat[0]
    bounds = found[0].bound * np.abs(flat[1]) + found[1].bound * np.abs(flat[0])
    if np.any(np.abs(one - other) > SAFETY * bounds + SAME * np.abs(one)):
        return None
    return np.asarray(errors[0] / flat[0])


def told(diagonal: NDArray[Any], found: Pushed, move: NDArray[Any], label: str) -> tuple[str, str, str]:
    """Return place, name and advice of a matrix that is wrong on its diagonal."""
    place = f"the diagonal of {label} is wrong, all else is right"
    middle = float(np.median(diagonal.real))
    off = SAFETY * found.bound / np.abs(np.reshape(move, -1))
    if np.any(np.abs(diagonal - middle) > off + SAME * abs(middle)):
        return place, "", ""
    side, lacking = lacks(-middle)
    advice = f"{lacking}the identity: damping, or weight decay (lam/2 |w|**2 adds lam)"
    return place, f"multiple of the identity {side}", advice
