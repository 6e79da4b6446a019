"""The same judge with exact claims: the limits of the user's own gradient code infinitely near the point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks import subgradient
from gradcheck.kinks.neighbourhood import Neighbourhood
from gradcheck.oracles.balls import middle
from gradcheck.slopes.streams import Purpose, stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from gradcheck.kinks.subgradient import Finding
    from gradcheck.oracles.exact import ExactPoint

    Array = NDArray[np.float64]

OPENING = 4  # random moves, with their opposites
ROUNDING = 2.0**-44  # of the largest entry: exact claims are rounded to float64, and a few of them are added up


def judged(gradient: Callable[..., Any], point: ExactPoint, index: int, seed: int = 0) -> Finding:
    """Judge the gradient of one argument at a kink, with no step and no drift.

    Parameters
    ----------
    gradient : callable
        Maps the arguments to one array for each, in NumPy.
    point : ExactPoint
        The arguments.
    index : int
        Which argument.
    seed : int
        Of random moves.

    Returns
    -------
    Finding
        "inside", "outside" or "undecided", with the proof.

    """
    shape = point.floats[index].shape
    rng = stream(seed, Purpose.NEARBY, index)

    def floats(parts: tuple[NDArray[Any], ...]) -> Array:
        return np.array([float(middle(entry)) for entry in parts[index].flat])

    def claim_at(move: Array) -> tuple[Array, Array]:
        return move, floats(point.gradient(gradient, point.along(index, move.reshape(shape))))

    here = floats(point.gradient(gradient))
    places = list(np.unravel_index(np.arange(here.size), shape))
    near = Neighbourhood(claim_at, here, places, rng=rng, blur=2.0**-40)
    for _ in range(OPENING):
        move = near.noise()
        near.ask(move, drawn=True)
        near.ask(-move, drawn=True)
    near.tolerance = ROUNDING * near.size
    return subgradient.judged(near)
