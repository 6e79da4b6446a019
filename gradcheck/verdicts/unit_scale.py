"""A zero claim for a tiny argument, judged once more on steps of 1, as for an argument that is zero.

A bias of 1e-12 beside activations of 1 hardly moves f on steps of its own size, whatever its gradient. An argument that
does not matter does not matter on larger steps either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.oracles.finite_difference import FiniteDifferences
from gradcheck.slopes.direction import Scale
from gradcheck.slopes.field import Field
from gradcheck.verdicts import decide
from gradcheck.verdicts.accuracy import spread
from gradcheck.verdicts.certificate import default_resolution
from gradcheck.verdicts.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def is_tiny(trial: Trial) -> bool:
    """Tell whether a claim is below what differences show of f, its argument is smaller than 1, and not cleared yet."""
    norm = trial.claimed_norm
    if trial.cleared or norm is None or norm > default_resolution(trial.field.unit) ** 2 * abs(trial.field.at_point):
        return False
    return float(np.max(trial.scale.value)) < 1


def trial_at_unit_scale(trial: Trial, count: int) -> Trial | None:
    """Return the trial of the argument moved by steps of 1; None where f has a kink within them, or too few slopes."""
    field = _unit_field(trial.field, [trial.index])
    other = Trial(
        field, trial.prediction, trial.index, confidence=trial.confidence, tangent=trial.tangent, noise=trial.noise
    )
    try:
        other.measure(FiniteDifferences(field, trial.prediction.judged), count)
        other.jitter = spread(trial.prediction, field, field.coarseness(), [trial.index])[trial.index]
        decide.see_size(other)
    finally:
        trial.field.count(field.evaluations - trial.field.evaluations)
    if len(other.probes) < 2 or any(probe.slope.kinked for probe in other.probes):
        return None
    return other


def clear(trials: Mapping[int, Trial], count: int) -> None:
    """Clear the tiny arguments with zero claims that do not matter on steps of 1 either, all of them moved together.

    One that mattered would show along each of `count` directions: theirs are independent of each other. Where they
    show anything, or f has a kink or an edge there, none is cleared, and each is looked at alone.
    """
    tiny = [i for i, trial in trials.items() if trial.joint and is_tiny(trial)]
    if len(tiny) < 2:
        return
    first = trials[tiny[0]]
    field = _unit_field(first.field, tiny)
    others = {i: Trial(field, first.prediction, i, confidence=first.confidence, noise=first.noise) for i in tiny}
    measure = FiniteDifferences(field, first.prediction.judged)
    try:
        for number in range(count):
            slope = measure.slope({i: t.direction(number) for i, t in others.items()}, scale=0.0, start=None)
            if slope is None or slope.kinked or slope.one_sided or not abs(slope.value) <= slope.error:
                return
    finally:
        first.field.count(field.evaluations - first.field.evaluations)
    for i in tiny:
        trials[i].clear()


def _unit_field(field: Field, indices: Collection[int]) -> Field:
    """Return the same f, the arguments `indices` moved by steps of 1; its evaluations are counted on."""
    found = Field(field.claim, field.leaves, seed=field.seed, budget=field.budget)
    found.evaluations = field.evaluations
    found.scales = tuple(Scale(1.0) if i in indices else scale for i, scale in enumerate(field.scales))
    return found
