"""The claims next to a point, where f is smooth: at x + δ·w for a small δ and many w."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.certificate import Mismatch
from gradcheck.direction import placed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from gradcheck.trial import Trial

NEARBY = 4099  # the stream of nearby points
ROUND = 8


@dataclass(frozen=True)
class Nearby:
    """The claims next to the point.

    Attributes
    ----------
    samples : array (samples, entries)
        Claims at x + δ·w, one row each, real (complex entries as two).
    moves : array (samples, entries)
        The w.
    here : array (entries,)
        The claim at the point.
    tolerance : float
        How far the claim drifts within δ, entry by entry: differences below it are no kink.

    """

    samples: NDArray[np.float64]
    moves: NDArray[np.float64]
    here: NDArray[np.float64]
    tolerance: float


def distance(trial: Trial) -> float:
    """Return δ, the finest step: x + δ·v is exact there, so that no rounding leaves the point on a tie."""
    return math.ldexp(1.0, trial.field.finest(trial.index))


def next_to_the_point(
    trial: Trial, delta: float, *, beyond: bool = False
) -> tuple[list[tuple[Mismatch, Mismatch]], Nearby]:
    """Return the right and the left mismatch of each probe, and the claims they rest on.

    The claims are those at x ± δ·v; with `beyond`, at the finest step at which each slope still showed the kink. What
    they change by from there to twice as far is about δ·φ'', φ'(0±) lies at less than twice that, and another direction
    may drift by more: along one in 64 the drift is below 1/64 of what is typical, along four in a row never.
    """
    x = trial.gradient.leaves[trial.index]
    samples, moves = [], []
    sides: list[tuple[Mismatch, Mismatch]] = []
    largest = 0.0
    for probe in trial.probes[: ROUND // 2]:
        v = trial.direction(probe.probe)
        flat = _flat(arrays.to_numpy(v))
        distance = probe.slope.resolution if beyond else delta
        pair = []
        for sign, slope in ((1.0, probe.slope.right), (-1.0, probe.slope.left)):
            g = claim_at(trial, arrays.shifted(x, sign * distance, v))
            samples.append(g)
            moves.append(sign * flat)
            drift = claim_at(trial, arrays.shifted(x, sign * 2 * distance, v)) - g
            largest = max(largest, float(np.max(np.abs(drift))))
            error = probe.slope.side_error + 2 * abs(float(drift @ flat))
            known = (slope, error) if not math.isnan(slope) else (0.0, math.inf)
            pair.append(Mismatch(*(number / probe.stretch for number in (float(g @ flat), *known))))
        sides.append((pair[0], pair[1]))
    here = _flat(np.asarray(trial.claimed))
    size = float(np.max(np.abs(np.concatenate([here, *samples[:2]])))) if here.size else 0.0
    tolerance = 64 * largest + 2.0**9 * trial.field.unit * size
    return sides, Nearby(np.array(samples), np.array(moves), here, tolerance)


def extended(trial: Trial, near: Nearby, delta: float, moves: Iterable[NDArray[np.float64]]) -> Nearby:
    """Return the samples with the claims at x + δ·w, for flat moves w, added to them."""
    moves = list(moves)
    samples = [claim_at(trial, moved(trial, delta, move)[trial.index]) for move in moves]
    return Nearby(np.array([*near.samples, *samples]), np.array([*near.moves, *moves]), near.here, near.tolerance)


def more(trial: Trial, near: Nearby, delta: float, count: int) -> Nearby:
    """Return the samples with `count` random ones added to them."""
    known = len(near.samples)
    return extended(trial, near, delta, (drawn(trial, number) for number in range(known, known + count)))


def drawn(trial: Trial, number: int) -> NDArray[np.float64]:
    """Return a random move, flat and real."""
    return _flat(arrays.to_numpy(trial.field.direction(trial.index, NEARBY + number, tangent=trial.tangent)))


def put(trial: Trial, move: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the move, flat and real, as the argument can be moved: along its tangents, and so that x moves exactly."""
    x = trial.gradient.leaves[trial.index]
    values = _shaped(x, move)
    if trial.tangent is not None:
        values = np.asarray(trial.tangent(values)).reshape(values.shape)
    return _flat(arrays.to_numpy(placed(x, values)))


def moved(trial: Trial, delta: float, move: NDArray[np.float64]) -> list[Any]:
    """Return the arguments with this one at x + δ·move, `move` flat and real."""
    leaves = list(trial.gradient.leaves)
    x = leaves[trial.index]
    leaves[trial.index] = arrays.shifted(x, delta, arrays.like(_shaped(x, move), x))
    return leaves


def _shaped(x: Any, move: NDArray[np.float64]) -> NDArray[Any]:
    """Return a flat real array in the shape of x, complex if x is."""
    shape = arrays.shape_of(x)
    count = math.prod(shape)
    return (move[:count] + 1j * move[count:] if arrays.is_complex(x) else move).reshape(shape)


def claim_at(trial: Trial, moved: Any) -> NDArray[np.float64]:
    """Return the claim, flat and real, where this argument is `moved`."""
    leaves = list(trial.gradient.leaves)
    leaves[trial.index] = moved
    return _flat(arrays.to_numpy(trial.gradient.at(leaves)[trial.index]))


def _flat(values: NDArray[Any]) -> NDArray[np.float64]:
    flat = values.reshape(-1)
    return np.concatenate([flat.real, flat.imag]) if np.iscomplexobj(flat) else flat.astype(np.float64, copy=False)


def flat_scale(trial: Trial) -> Any:
    """Return the argument's scale: a number, or one number for each entry of a flat real claim."""
    value = trial.scale.value
    if isinstance(value, float):
        return value
    flat = value.reshape(-1)
    return np.concatenate([flat, flat]) if np.iscomplexobj(np.asarray(trial.claimed)) else flat


def spread(trial: Trial, near: Nearby) -> float:
    """Return the size of the claims next to the point, which is there even where the claim itself is zero."""
    return float(np.max(np.linalg.norm(near.samples * flat_scale(trial), axis=1)))
