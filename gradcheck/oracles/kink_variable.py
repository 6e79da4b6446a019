"""The kink variable, such as h of relu(h): which entries are 0, and which way a direction moves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.errors import UnsupportedError
from gradcheck.oracles.balls import Undecided, working
from gradcheck.oracles.exact import MOST_BITS, MOST_TERMS, ExactPoint
from gradcheck.oracles.exact_arrays import exact_array
from gradcheck.oracles.exact_run import call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["lifting_directions", "moving_zeros"]


def moving_zeros(kink_of: Callable[..., Any], point: ExactPoint, v: Sequence[NDArray[Any]]) -> dict[int, int]:
    """Return the entries of the kink variable that are 0 and move along v, each with the sign it takes.

    Parameters
    ----------
    kink_of : callable
        Maps the arguments to the kink variable, an array, in NumPy.
    point : ExactPoint
        The arguments.
    v : sequence of arrays
        A direction, one array per argument.

    Raises
    ------
    UnsupportedError
        If an entry cannot be told from 0, or ``kink_of`` does not run exactly.

    """
    with working(bits=MOST_BITS, terms=MOST_TERMS):
        try:
            variable = exact_array(call(kink_of, point.moved(v)))
            signs = {k: entry.sign() for k, entry in enumerate(variable.flat) if entry.valuation() > 0}
        except Undecided:
            raise UnsupportedError(
                "an entry of the kink variable cannot be told from 0: leave kink_of out, or move the point"
            ) from None
    return {k: side for k, side in signs.items() if side}


def lifting_directions(
    kink_of: Callable[..., Any],
    point: ExactPoint,
    i: int,
    draws: list[NDArray[Any]],
    rng: np.random.Generator,
) -> list[NDArray[Any]]:
    """Return as many random directions of argument i as drawn, which lift all zeros that move, if any do.

    Gaussian directions are combined by least squares so that every zero rises at a rate between 1 and 2. The
    rates need only be roughly right here, so they are central differences in floats: what a direction does to
    the zeros is told exactly by `moving_zeros`, afterwards.
    """
    zeros = list(moving_zeros(kink_of, point, point.along(i, draws[0])))
    if not zeros:
        return draws
    basis = [*draws, *(rng.standard_normal(draws[0].shape) for _ in zeros)]
    rates = np.transpose([_rates(kink_of, point.floats, point.along(i, move))[zeros] for move in basis])
    return [np.tensordot(np.linalg.lstsq(rates, rng.uniform(1, 2, len(zeros)))[0], basis, axes=1) for _ in draws]


def _rates(kink_of: Callable[..., Any], floats: Sequence[NDArray[Any]], v: Sequence[NDArray[Any]]) -> NDArray[Any]:
    step = 2.0**-20
    above, below = (
        kink_of(*(array + side * move for array, move in zip(floats, v, strict=True))) for side in (step, -step)
    )
    return np.ravel(above - below) / (2 * step)
