"""The claim at a point judged kink by kink, where the variable that is 0 at each kink is known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import lsq_linear

from gradcheck import arrays
from gradcheck.errors import ArgumentError
from gradcheck.kinks import clarke, convention, hull
from gradcheck.kinks.clarke import MOST_NUMBERS, MOST_SAMPLES, Finding, position
from gradcheck.kinks.nearby import ROUND, drawn, extended, more, moved, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from gradcheck.kinks.nearby import Nearby
    from gradcheck.verdicts.trial import Trial

MOST_KINKS = 256


def judged(trial: Trial, near: Nearby, delta: float, kink_of: Callable[..., Any]) -> tuple[str, Finding]:
    """Return the convention and whether the claim is a subgradient: base + Σ λ_z c_z over the zeros z of kink_of.

    What each kink adds to the gradient on its positive side, c_z, is seen in the claims next to the point, where λ_z is
    1 or 0 by the sign of the variable there: read off where one kink alone moves a group of entries, solved for by
    least squares where several do.
    """
    zero = _zeros(trial, kink_of)
    if not len(zero):
        raise ArgumentError(
            "kink_of returned no zero at the point, but f has a kink there: name the variable that is 0"
        )
    weights = None
    for count in (2 * ROUND, 3 * ROUND, 4 * ROUND):
        if weights is None:
            near = more(trial, near, delta, count - len(near.samples))
            moving = hull.varying(near.samples, near.tolerance)
            weights = _one_by_one(near, moving, _signs(trial, near, delta, kink_of, zero))
    gap, room = 0.0, 1.0
    if weights is None or clarke.off_the_kinks(near, moving).any():  # off where no sample showed a kink: ask for it
        near = clarke.revealed(trial, near, delta)
        near = _one_at_a_time(trial, near, delta, kink_of, zero)
        moving = hull.varying(near.samples, near.tolerance)
        solved = _together(near, moving, _signs(trial, near, delta, kink_of, zero))
        # The kinks interact, or are too many: their parts do not add up, or some were never seen.
        if solved is None or clarke.off_the_kinks(near, moving).any():
            finding, near = clarke.judged(trial, near, delta)
            return convention.of_argument(trial, near, finding.groups, delta), finding
        weights, gap, room = solved
    inside = bool(np.all((weights > -1e-5) & (weights < 1 + 1e-5)))
    valid = gap <= room and inside
    distance = _outside(trial, near, moving, weights, gap)
    name = convention.overall({convention.side(float(value)) for value in weights})
    reason = "" if valid else _why_outside(weights, gap, room)
    return name, Finding(valid, decided=True, distance=distance, entries=moving, reason=reason)


def _one_at_a_time(
    trial: Trial, near: Nearby, delta: float, kink_of: Callable[..., Any], zero: NDArray[np.int64]
) -> Nearby:
    """Return the samples with claims where all kinks are on one side, and where one alone is on the other.

    Random moves may never reach some of these cells. Along random moves w_j the kink variable is H = h(x + δ·w_j);
    where it is linear in the argument, the combination of moves with coefficients H⁺t has h = t.
    """
    count = len(zero) + ROUND
    if len(zero) > MOST_KINKS or count * near.here.size > MOST_NUMBERS:
        return more(trial, near, delta, max(0, min(count, MOST_KINKS) - len(near.samples)))
    pool = [drawn(trial, MOST_SAMPLES + m) for m in range(count)]
    H = np.array([_variable(trial, kink_of, moved(trial, delta, move))[zero] for move in pool]).T
    targets = np.hstack([np.ones((len(zero), 1)), -np.ones((len(zero), 1)), 2 * np.eye(len(zero)) - 1])
    coefficients, *_ = np.linalg.lstsq(H / max(float(np.abs(H).max()), np.finfo(np.float64).tiny), targets, rcond=None)
    typical = float(np.mean([np.linalg.norm(move) for move in pool]))
    sizes = [(move, float(np.linalg.norm(move))) for move in coefficients.T @ np.array(pool)]
    return extended(trial, near, delta, [move * (typical / size) for move, size in sizes if size > 0])


def _one_by_one(near: Nearby, moving: NDArray[np.int64], signs: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return λ for each group of entries that a single kink moves; None where a group is not of that kind."""
    weights = []
    for group in hull.groups(near.at(moving), moving, near.tolerance):
        if len(group.vertices) != 2:
            return None
        positive = {bool(z) for z in _orientations(group.labels == 0, signs > 0)}
        if len(positive) != 1:
            return None
        target = near.here[group.entries]
        jump = group.vertices[0] - group.vertices[1]
        on_zero = position(near, group)
        rest = float(np.linalg.norm(target - group.vertices[1] - on_zero * jump))
        if rest > near.tolerance * math.sqrt(len(jump)) + 1e-9 * float(np.linalg.norm(jump)):
            return None
        weights.append(on_zero if positive.pop() else 1 - on_zero)
    return np.array(weights)


def _orientations(first: NDArray[np.bool_], signs: NDArray[np.bool_]) -> list[bool]:
    """Return for each kink variable that moves with the group whether the group's first vertex is its positive side."""
    same = np.all(signs == first[:, None], axis=0)
    opposite = np.all(signs != first[:, None], axis=0)
    return [True] * int(same.sum()) + [False] * int(opposite.sum())


def _together(
    near: Nearby, moving: NDArray[np.int64], sides: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float, float] | None:
    """Return λ of every kink that is felt, how far the claim is from such a sum, and what round-off allows.

    Kinks that are always on one side together, as those of two equal samples of data are, count as one.
    """
    sides = np.unique(sides[:, np.ptp(sides, axis=0) > 0], axis=1)  # kinks that this argument moves
    system = np.hstack([np.ones((len(sides), 1)), sides])
    if np.linalg.matrix_rank(system) < system.shape[1]:
        return None
    values = near.at(moving)
    solution, *_ = np.linalg.lstsq(system, values, rcond=None)
    room = near.tolerance * math.sqrt(values.size)
    if float(np.linalg.norm(system @ solution - values)) > room:
        return None
    base, parts = solution[0], solution[1:]
    target = near.here[moving] - base
    parts = parts[np.linalg.norm(parts, axis=1) > near.tolerance * math.sqrt(parts.shape[1])]
    weights = _within(parts, target, room)
    if weights is None:
        weights, *_ = np.linalg.lstsq(parts.T, target, rcond=None)
    return weights, float(np.linalg.norm(weights @ parts - target)), room


def _within(parts: NDArray[np.float64], target: NDArray[np.float64], room: float) -> NDArray[np.float64] | None:
    """Return λ in [0, 1] with Σ λ_z c_z = target, one for all kinks if there is such; None if there are none.

    More kinks than entries leave λ open: the smallest solution may lie outside [0, 1] though another lies inside.
    """
    for value in (1.0, 0.0, 0.5):
        same = np.full(len(parts), value)
        if float(np.linalg.norm(same @ parts - target)) <= room:
            return same
    found = np.asarray(lsq_linear(parts.T, target, bounds=(0, 1), method="bvls").x, dtype=np.float64)
    return found if float(np.linalg.norm(found @ parts - target)) <= room else None


def _outside(trial: Trial, near: Nearby, moving: NDArray[np.int64], weights: NDArray[np.float64], gap: float) -> float:
    """Return a lower bound on how far the claim is from every subgradient, relative to the gradient's size."""
    beyond = float(np.max(np.abs(weights - np.clip(weights, 0, 1)), initial=0.0))
    jump = float(np.ptp(near.at(moving), axis=0).max(initial=0.0))
    scale = trial.scale.value if isinstance(trial.scale.value, float) else float(np.min(trial.scale.value))
    return max(beyond * jump, gap) * scale / max(spread(trial, near), np.finfo(np.float64).tiny)


def _why_outside(weights: NDArray[np.float64], gap: float, room: float) -> str:
    if gap > room:
        return "no subgradient of f: the claim is not made of the kinks' own parts"
    worst = float(weights[np.argmax(np.abs(weights - 0.5))])
    return f"no subgradient of f: the claim uses {worst:.3g} at the kink, wanted a value in [0, 1]"


def _variable(trial: Trial, kink_of: Callable[..., Any], leaves: Sequence[Any]) -> NDArray[np.float64]:
    claim = trial.gradient.claim
    result = kink_of(*claim.arguments(leaves)) if claim.arguments is not None else kink_of(*leaves)
    parts = result if isinstance(result, tuple | list) else (result,)
    return np.concatenate([arrays.to_numpy(part).reshape(-1) for part in parts])


def _zeros(trial: Trial, kink_of: Callable[..., Any]) -> NDArray[np.int64]:
    """Return the positions at which the kink variable is 0 up to the round-off of computing it."""
    h = _variable(trial, kink_of, trial.gradient.leaves)
    allowed = 64 * trial.field.unit * float(np.max(np.abs(h), initial=0.0))
    return np.flatnonzero(np.abs(h) <= allowed)


def _signs(
    trial: Trial, near: Nearby, delta: float, kink_of: Callable[..., Any], zero: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return for each sample which of the zero kinks lie on their positive side there."""
    signs = [_variable(trial, kink_of, moved(trial, delta, move))[zero] > 0 for move in near.moves]
    return np.array(signs, dtype=np.float64)
