"""The claims next to a point, where f is smooth: at x + δ·w for a small δ and many w."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.slopes.direction import Scale, placed
from gradcheck.slopes.streams import Purpose
from gradcheck.verdicts.certificate import Mismatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from gradcheck.verdicts.report import Probe
    from gradcheck.verdicts.trial import Trial

ROUND = 8
MOST_PROBES = 4


@dataclass(frozen=True)
class Nearby:
    """The claims next to the point.

    Attributes
    ----------
    samples : sequence of arrays (entries,)
        Claims at x + δ·w, real (complex entries as two).
    moves : sequence of arrays (entries,)
        The w.
    here : array (entries,)
        The claim at the point.
    tolerance : float
        How far the claim drifts within δ, entry by entry: differences below it are no kink.

    """

    samples: Sequence[NDArray[np.float64]]
    moves: Sequence[NDArray[np.float64]]
    here: NDArray[np.float64]
    tolerance: float

    def at(self, entries: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what some entries are in each sample, (samples, entries)."""
        return np.array([sample[entries] for sample in self.samples])

    def moves_at(self, entries: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return by what some entries are moved in each sample, (samples, entries)."""
        return np.array([move[entries] for move in self.moves])


def distance(trial: Trial) -> float:
    """Return δ, the finest step: x + δ·v is exact there, so that no rounding leaves the point on a tie."""
    return math.ldexp(1.0, trial.field.finest([trial.index]))


@dataclass(frozen=True)
class Side:
    """The claim at x + δ·w.

    Attributes
    ----------
    move, claim : array (entries,)
        w, and the claim there.
    drift : float
        By how much an entry of the claim changes at most from there to twice as far.
    mismatch : Mismatch
        Of the claim and the one-sided slope, which is the claim's limit at x: less than twice as far as the claim
        drifts along w, by about δ·φ''.

    """

    move: NDArray[np.float64]
    claim: NDArray[np.float64]
    drift: float
    mismatch: Mismatch


def sides(trial: Trial, probe: Probe, delta: float) -> tuple[Side, Side]:
    """Return the right and the left side of a probe."""
    x, v = trial.gradient.leaves[trial.index], trial.direction(probe.probe)
    flat = _flat(arrays.to_numpy(v))
    found = []
    for sign, slope in ((1.0, probe.slope.right), (-1.0, probe.slope.left)):
        claim = claim_at(trial, arrays.shifted(x, sign * delta, v))
        drift = claim_at(trial, arrays.shifted(x, sign * 2 * delta, v)) - claim
        error = probe.slope.side_error + 2 * abs(float(drift @ flat))
        known = (0.0, math.inf) if math.isnan(slope) else (slope, error)
        mismatch = Mismatch(*(number / probe.stretch for number in (float(claim @ flat), *known)))
        found.append(Side(sign * flat, claim, float(np.max(np.abs(drift))), mismatch))
    return found[0], found[1]


def next_to_the_point(
    trial: Trial, delta: float, *, beyond: bool = False
) -> tuple[list[tuple[Mismatch, Mismatch]], Nearby]:
    """Return the right and the left mismatch of each probe, and the claims they rest on.

    The claims are those at x ± δ·v; with `beyond`, at the finest step at which each slope still showed the kink.
    Another direction may drift by more than these: along one in 64 the drift is below 1/64 of what is typical, along
    four in a row never.
    """
    found = [sides(trial, p, p.slope.resolution if beyond else delta) for p in trial.probes[:MOST_PROBES]]
    each = [side for pair in found for side in pair]
    here = _flat(np.asarray(trial.claimed))
    size = float(np.max(np.abs(np.concatenate([here, each[0].claim, each[1].claim]))))
    tolerance = 64 * max(side.drift for side in each) + 2.0**9 * trial.field.unit * size
    near = Nearby([side.claim for side in each], [side.move for side in each], here, tolerance)
    return [(right.mismatch, left.mismatch) for right, left in found], near


def extended(trial: Trial, near: Nearby, delta: float, moves: Iterable[NDArray[np.float64]]) -> Nearby:
    """Return the samples with the claims at x + δ·w, for flat moves w, added to them."""
    moves = list(moves)
    samples = [claim_at(trial, moved(trial, delta, move)[trial.index]) for move in moves]
    return Nearby([*near.samples, *samples], [*near.moves, *moves], near.here, near.tolerance)


def more(trial: Trial, near: Nearby, delta: float, count: int) -> Nearby:
    """Return the samples with `count` random ones added to them."""
    known = len(near.samples)
    return extended(trial, near, delta, (drawn(trial, number) for number in range(known, known + count)))


def drawn(trial: Trial, number: int) -> NDArray[np.float64]:
    """Return a random move, flat and real."""
    return _flat(
        arrays.to_numpy(trial.field.direction(trial.index, number, purpose=Purpose.NEARBY, tangent=trial.tangent))
    )


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


def scale_at(trial: Trial, entry: int) -> float:
    """Return the scale of one entry of a flat real claim."""
    scale = flat_scale(trial)
    return scale if isinstance(scale, float) else float(scale[entry])


def norm(trial: Trial, claim: NDArray[np.float64]) -> float:
    """Return the size of a flat real claim, in the norm of the argument's scale."""
    return Scale(flat_scale(trial)).norm(claim) if claim.size else 0.0


def spread(trial: Trial, near: Nearby) -> float:
    """Return the size of the claims next to the point, which is there even where the claim itself is zero."""
    return max(norm(trial, sample) for sample in near.samples)
