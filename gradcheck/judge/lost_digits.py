"""Does f lose what is claimed? A FAIL by less than f's own round-off, of a claim that is right nearer to zero.

-log(p) of a p that differs from 1 by 1e-17 is 0, or what is left of numbers near 1 that cancel: it may move by 1e-33
along all directions, and nothing shows that 16 digits are gone. f is made of factors as large as its gradient is nearer
to zero, each rounded to u. Where a mismatch moves f by less than that over the steps that show it, it may be f's; or
the claim's, since exp(-x²) far out has all its digits. So the claim is judged at x/2, x/8 and 0, until it is right or
wrong there. Right there, it is not called wrong here.

Where single entries are wrong, f may be rounded as they are, and not move with them next to the point.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from gradcheck import arrays
from gradcheck.claims.prediction import Prediction
from gradcheck.errors import ArgumentError, WrongClaim
from gradcheck.oracles.finite_difference import FiniteDifferences
from gradcheck.slopes.field import Field
from gradcheck.verdicts import decide
from gradcheck.verdicts.accuracy import roundings
from gradcheck.verdicts.certificate import Verdict, default_resolution
from gradcheck.verdicts.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from gradcheck.verdicts.certificate import Mismatch
    from gradcheck.verdicts.options import Rules
    from gradcheck.verdicts.report import Probe, WorstEntry

NEARER = (0.5, 0.125, 0.0)  # times the point
SLOPES = 4
FINER = 4.0  # than u·|x|: a move that is rounded away
CONTRADICTS = 0.5  # of the way from the measured slope to the claimed one


def lost_in_f(trial: Trial, rules: Rules, resolution: float) -> bool:
    """Tell whether a claim that slopes contradict may be lost in f: right nearer to zero, and here below f's digits."""
    if not isinstance(trial.oracle, FiniteDifferences) or trial.prediction.claim.at_point_only:
        return False
    moved = [moved_by(m, p) for m, p in zip(trial.mismatches(), trial.probes, strict=True)]
    sizes = {factor: claimed_size(trial, factor) for factor in NEARER}
    round_off = roundings(trial.prediction, trial.field) * max(*sizes.values(), trial.field.largest)
    if not math.hypot(*moved) <= math.sqrt(len(moved)) * round_off:
        return False
    for factor, size in sizes.items():
        if size <= round_off / default_resolution(trial.field.unit) ** 2:
            continue  # f hides it there too
        with contextlib.suppress(WrongClaim, ArgumentError):  # outside the domain of f: nothing learnt there
            found = _judged(trial, factor, rules, resolution)
            if found is not Verdict.INCONCLUSIVE:
                return found is Verdict.PASS
    return False


def hidden_where_wrong(trial: Trial, worst: Sequence[WorstEntry]) -> bool:
    """Tell whether f seems to stand still along the wrong entries, and moves where the claim does by their round-off.

    √(1 + x²) − x at x = 10⁶ moves by 5e-13·h and is rounded as x is, to 1e-10: it has the same bits until h is 100.
    Beside an entry of 1, which moves f, only steps along x alone show that.
    """
    x = arrays.to_numpy(trial.prediction.leaves[trial.index])
    if not worst or not isinstance(trial.oracle, FiniteDifferences):
        return False
    if any(abs(w.measured) > abs(w.claimed) / FINER for w in worst):
        return False  # it was seen to move
    wrong = tuple(np.array([w.index for w in worst], dtype=np.intp).reshape(len(worst), x.ndim).T)
    v = np.zeros(x.shape)
    v[wrong] = np.abs(x[wrong])
    line, claimed, largest = trial.field.line({trial.index: v}), abs(trial.predict(v)[0]), float(np.max(v))
    if not trial.field.unit * largest < claimed < math.inf:
        return False
    still = trial.field.unit * largest / (FINER * claimed)
    moves = roundings(trial.prediction, trial.field) * largest / claimed
    here = trial.field.at_point
    return moves < 1 and line(still) == line(-still) == here and line(moves) != here != line(-moves)


def moved_by(mismatch: Mismatch, probe: Probe) -> float:
    """Return how far the mismatch moves f over the steps whose slopes are nearer to the measured one's than to it.

    These are the finest ones: from the first larger step that agrees with the claim the error is what f moves by.
    """
    off, levels = abs(mismatch.claimed - mismatch.measured), sorted(probe.slope.levels, key=lambda level: level.step)
    nearer = itertools.takewhile(
        lambda level: abs(level.central / probe.stretch - mismatch.measured) <= CONTRADICTS * off, levels
    )
    return off * min(1.0, max((level.step for level in nearer), default=1.0))


def claimed_size(trial: Trial, factor: float) -> float:
    """Return ‖g∘s‖ at `factor` times the point, s the scales of the point itself; 0 outside the domain."""
    here, leaves, i = trial.prediction, _nearer(trial, factor), trial.index
    with contextlib.suppress(WrongClaim, ArgumentError):
        if here.claim.predicted is None:
            return trial.scale.norm(arrays.to_numpy(here.at(leaves)[i]))
        slopes = [here.claim.predicted(leaves, i, trial.direction(p.probe)) for p in trial.probes[:SLOPES]]
        return math.hypot(*slopes) / math.sqrt(len(slopes))
    return 0.0


def _nearer(trial: Trial, factor: float) -> list[Any]:
    """Return the leaves, those that are judged `factor` times as large."""
    return arrays.resized(trial.field.leaves, trial.prediction.judged, factor - 1)


def _judged(trial: Trial, factor: float, rules: Rules, resolution: float) -> Verdict:
    """Return the verdict on the claim at another point; what it costs is counted with the trial's own evaluations."""
    field, leaves = trial.field, _nearer(trial, factor)
    prediction = Prediction(trial.prediction.claim, leaves)
    other = Field(prediction.claim, leaves, seed=field.seed, budget=field.budget)
    other.evaluations += field.evaluations  # one budget for both
    there = Trial(other, prediction, trial.index, confidence=trial.confidence, tangent=trial.tangent)
    count = max(rules.probes, SLOPES)
    try:
        there.measure(FiniteDifferences(other, prediction.judged), count)
        found = decide.verdict(there, rules, resolution)
        if found[0] is Verdict.FAIL:  # a second time, as at the point itself
            fresh = there.measure(FiniteDifferences(other, prediction.judged, 1), count)
            repeated = sum(m.significant for m in there.mismatches(fresh)) > 1
            found = decide.verdict(there, rules, resolution) if repeated else (Verdict.INCONCLUSIVE, *found[1:])
    finally:
        field.count(other.evaluations - field.evaluations)
        trial.prediction.evaluations += prediction.evaluations
    verdict, interval, _ = found
    return verdict if interval.relative and interval.high < math.inf else Verdict.INCONCLUSIVE
