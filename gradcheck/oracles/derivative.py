"""A slope from code that computes derivatives, with a bound that the code itself shows.

Differentiated code rounds, cancels, and follows a convention at kinks. All of that shows beside the point: the
derivative D at four points within δ of x, δ the finest step, is D(x) where f is smooth, but for its round-off and a
drift of δ·D′. So D(x) is bounded by four times the largest difference, and by the round-off of a long sum. At a kink
the difference is the kink's jump, and the bound says that nothing is known.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.slopes.slope import Slope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcheck.slopes.field import Field, Move

BESIDE = (-2.0, -1.0, 1.0, 2.0)  # steps of δ at which the derivative is taken too
MARGIN = 4.0  # round-off at x is more than four times the largest of four differences once in some 10^4 draws
# Units of round-off of sums of 10^6 terms (N. Higham and T. Mary, SIAM J. Sci. Comput. 41(5), 2019).
ROUNDINGS = 2.0**10
FINER = 40  # exponents further down, where an argument is zero and any step of it is exact


def bounded(derivative: Callable[[Sequence[Any], Move], float], field: Field, move: Move) -> Slope | None:
    """Return the slope along `move` with its bound; None where the derivative is not finite.

    Parameters
    ----------
    derivative : callable
        (leaves, move) → the derivative of f at `leaves` along `move`.
    field : Field
        Counts the evaluations.
    move : mapping of int to array
        The directions of the arguments that move.

    """
    here = _at(derivative, field, move, 0.0)
    if not math.isfinite(here):
        return None
    # of float32 the finest exact step is a thousandth; which way its entries are rounded at a unit does not matter here
    finest = min(field.finest(move), 1 + round(math.log2(field.unit)))
    zeros = any(not np.any(arrays.to_numpy(field.leaves[i])) for i in move)
    changes = [
        max(abs(_at(derivative, field, move, math.ldexp(t, exponent)) - here) for t in BESIDE)
        for exponent in ([finest, finest - FINER] if zeros else [finest])
    ]
    change = min((c for c in changes if math.isfinite(c)), default=math.inf)
    error = MARGIN * change + ROUNDINGS * field.unit * abs(here)
    return Slope(here, error, here, here, error, math.ldexp(1.0, finest), math.nan)


def _at(derivative: Callable[[Sequence[Any], Move], float], field: Field, move: Move, t: float) -> float:
    field.spend()
    leaves = [arrays.shifted(x, t, move[i]) if i in move and t else x for i, x in enumerate(field.leaves)]
    return derivative(leaves, move)
