"""A zero claim for a tiny argument, judged once more on steps of 1, as for an argument that is zero.

A bias of 1e-12 beside activations of 1 hardly moves f on steps of its own size, whatever its gradient. An argument that
does not matter does not matter on larger steps either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcheck.slopes.direction import Scale
from gradcheck.slopes.field import Field
from gradcheck.verdicts.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcheck.oracles.base import Oracle


def is_tiny(trial: Trial) -> bool:
    """Tell whether a claim is zero, and its argument smaller than 1."""
    return trial.claimed_norm == 0 and isinstance(trial.scale.value, float) and trial.scale.value < 1


def trial_at_unit_scale(trial: Trial, oracle: Callable[[Field], Oracle], count: int) -> Trial | None:
    """Return the trial of the argument moved by steps of 1; None where f has a kink within them, or too few slopes."""
    field = Field(trial.field.claim, trial.field.leaves, seed=trial.field.seed, limit=trial.field.limit)
    field.evaluations = trial.field.evaluations
    field.scales = tuple(Scale(1.0) if i == trial.index else scale for i, scale in enumerate(field.scales))
    other = Trial(
        field, trial.gradient, trial.index, confidence=trial.confidence, tangent=trial.tangent, noise=trial.noise
    )
    try:
        other.measure(oracle(field), count)
    finally:
        trial.field.evaluations = field.evaluations
    if len(other.probes) < 2 or any(probe.slope.kinked for probe in other.probes):
        return None
    return other
