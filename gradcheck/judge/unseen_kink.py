"""May a kink that is nearer than any step shows explain a FAIL? Of an argument that has no size of its own.

A bias of 0 beside activations of 1e-9, of an f that shows nothing finer than steps of 1e-8: the square of an activation
is far below f's last digit, and whose square is the largest is another question further out. There f is q₁, at the
point q₀, and both are smooth; f is the larger one, say. With g₀ the slope at the point, and what q₀ bends by left out,

    q₁(t) ≥ q₀(t) and q₁(−t) ≥ q₀(−t), so  |f(t) + f(−t) − 2f(0)| ≥ 2·|g₁ − g₀|·t

on all steps t beyond the kink. The bend shrinks with t², what the claim is off by with t: so the finest step that shows
the error tells most. On a larger one any f bends by more. Half of that bound is asked for. In a sum of such functions
bends may cancel along some directions, and slopes not: asked is how much f bends along the one where it bends most.

There is no kink of that kind where the argument is larger than the step: it would have to be that near by chance.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcheck import arrays

if TYPE_CHECKING:
    from gradcheck.verdicts.certificate import Mismatch
    from gradcheck.verdicts.report import Probe
    from gradcheck.verdicts.trial import Trial

SHOWN = 4.0  # times the noise of f: by so much the error moves f on a step that shows it
WIDER = 4.0  # than that is the step on which f is seen to bend, by more than its noise
AGREES = 0.5  # of what the claim is off by: a slope that is off by less there does not contradict it
MOST = 8  # directions
TINIEST = 2.0**-256  # step: its square is a number, whatever is claimed


def may_explain(trial: Trial) -> bool:
    """Tell whether, along half of the directions that contradict the claim, f bends by as much or agrees with it.

    Each is looked at on the finest step that shows the error.
    """
    argument = arrays.to_numpy(trial.field.leaves[trial.index])
    largest = float(np.max(np.abs(argument) / trial.scale.value, initial=0.0))
    pairs = zip(trial.mismatches(), trial.probes, strict=True)
    wrong = [(m, p) for m, p in pairs if m.significant and p.moved == 1 and p.slope.levels][:MOST]
    seen = [found for m, p in wrong if (found := _at_the_finest_step(trial, m, p, largest)) is not None]
    bend = max((one.bend for one in seen), default=0.0)
    explained = sum(one.agrees or bend * one.step >= one.off for one in seen)
    return explained > 0 and 2 * explained >= len(wrong)


class Seen(NamedTuple):
    """What the finest step that shows an error shows of f."""

    step: float
    off: float  # the slope less the claim
    bend: float  # |f(t) + f(−t) − 2f(0)|/t²
    agrees: bool  # with the claim, there


def _at_the_finest_step(trial: Trial, mismatch: Mismatch, probe: Probe, largest: float) -> Seen | None:
    """Return what is seen on the finest step that shows the error; None if the argument's largest entry is larger."""
    field, here = trial.field, trial.field.at_point
    step = min(level.step for level in probe.slope.levels)
    if not step > largest:
        return None
    move = {trial.index: trial.direction(probe.probe)}
    off = abs(mismatch.value) * probe.stretch
    noise = field.noise_of(move, trial.prediction.judged).bound
    if noise > 0:
        step = min(step, math.ldexp(1.0, math.ceil(math.log2(max(SHOWN * noise / off, TINIEST)))))
    if not step > largest:
        return None
    line, wide = field.line(move), WIDER * step
    agrees = abs((line(step) - line(-step)) / (2 * step) - probe.claimed) <= AGREES * off
    bend = max(abs(line(wide) + line(-wide) - 2 * here) - 4 * noise, 0.0) / wide**2
    return Seen(step, off, bend, agrees)
