"""Does f lose what is claimed? A FAIL by less than f's own round-off, of a claim that is right where f has digits.

-log(p) of a p that differs from 1 by 1e-17 is 0, or what is left of numbers near 1 that cancel: it may move by 1e-33
along all directions, and nothing shows that 16 digits are gone. f is made of factors as large as its gradient is nearer
to zero, each rounded to u; log(1 + x⁶) of a small x, of one as large as f where x is 1. Where a mismatch moves f by
less than that over the steps that show it, it may be f's; or the claim's, since exp(-x²) far out has all its digits. So
the claim is judged nearer to zero, and where a small argument is as large as 1, until it is right or wrong there. Right
there, it is not called wrong here.

f may also be rounded as a large entry is, and move as smoothly as ever with the other entries.
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
from gradcheck.verdicts import decide, reasons
from gradcheck.verdicts.accuracy import roundings
from gradcheck.verdicts.certificate import Mismatch, Verdict, default_resolution
from gradcheck.verdicts.report import Probe
from gradcheck.verdicts.trial import Trial

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from gradcheck.verdicts.options import Rules

NEARER = (0.5, 0.125, 2.0**-5, 2.0**-7, 0.0)  # times the point
FAR = (0.5, 1.0)  # where a small argument is so large
VISIBLE = 1e-2  # relative: an error as large would show elsewhere
SLOPES = 4
LARGEST = 4  # entries
EIGHT = range(1, 17, 2)  # moves: by 2^-k of the entry
DIGITS = 16.0  # by which f may be off on the steps that show a slope
ALIKE = 2.0**-4  # of the rounding: eight moves of a smooth f are that near to multiples of it once in 10^7
CONTRADICTS = 0.5  # of the way from the measured slope to the claimed one


def doubt(trial: Trial, rules: Rules, resolution: float) -> str:
    """Return why slopes that contradict the claim do not show it wrong: f has too few digits here; else ""."""
    if not isinstance(trial.oracle, FiniteDifferences) or trial.prediction.claim.at_point_only:
        return ""
    sizes, round_off = _made_of(trial)
    hidden = _moves_f_less(trial, round_off)
    if trial.interval().low < VISIBLE:  # elsewhere it would be beside what is as large there, and not show
        return reasons.ROUNDED_AS_ENTRY if hidden and _rounded_as_an_entry(trial, round_off) else ""
    for factor, size in sizes.items() if hidden else ():
        if size <= round_off / default_resolution(trial.field.unit) ** 2:
            continue  # f hides it there too
        with contextlib.suppress(WrongClaim, ArgumentError):  # outside the domain of f: nothing learnt there
            found = _judged(trial, factor, rules, resolution)
            if found is not Verdict.INCONCLUSIVE:
                where = "nearer to zero" if factor < 1 else f"at {factor:.0e} times {trial.name}"
                return reasons.LOST.format(where) if found is Verdict.PASS else ""
    return reasons.ALL_LOST.format(trial.name) if _all_lost(trial) else ""


def _all_lost(trial: Trial) -> bool:
    """Tell whether f is 0 and stands still, and the claim is below the round-off of numbers near 1.

    Of those f may be made, and nothing but 0 be left of them: 1 − σ(40 + b).
    """
    claimed = max(abs(m.claimed) for m in trial.mismatches())
    still = trial.field.at_point == 0 and decide.never_moves(trial)
    return still and claimed <= roundings(trial.prediction, trial.field)


def _made_of(trial: Trial) -> tuple[dict[float, float], float]:
    """Return how large the claim is elsewhere, and the round-off of an f that is made of numbers as large."""
    largest = float(np.max(trial.scale.value))
    factors = (*NEARER, *(size / largest for size in FAR if largest < FAR[0]))
    sizes = {factor: max(1.0, factor) * claimed_size(trial, factor) for factor in factors}
    return sizes, roundings(trial.prediction, trial.field) * max(*sizes.values(), trial.field.largest)


def _rounded_as_an_entry(trial: Trial, round_off: float) -> bool:
    """Tell whether f is rounded as a large entry of the argument is, and what contradicts the claim is below that.

    √(1 + x²) − x at x = 10⁶ is a multiple of 10⁻¹⁰, and has the same bits until x moves by 100. Beside an entry of 1,
    which moves f at every step, only moves of x alone show that. They also show a claim that is wrong in x.
    """
    if trial.prediction.claim.predicted is not None:  # no array
        return False
    x = arrays.to_numpy(trial.prediction.leaves[trial.index])
    with contextlib.suppress(WrongClaim, ArgumentError):
        slopes = trial.prediction.at(_nearer(trial, 0.0))[trial.index]
        slopes = np.zeros(x.size) if slopes is None else np.abs(arrays.to_numpy(slopes)).reshape(-1)
        flat = x.reshape(-1)
        for entry in np.argsort(np.abs(flat))[::-1][:LARGEST]:
            v = np.zeros_like(flat)
            v[entry] = flat[entry]
            # of the entry, times a power of 2: what an f that contains it is rounded to
            digit = 2 * trial.field.unit * float(_power(abs(flat[entry])) * _power(slopes[entry]))
            if 0 < digit <= round_off and _in_multiples(trial, v.reshape(x.shape), digit):
                return not _moved_along(trial, v.reshape(x.shape)) > DIGITS * digit
    return False


def _power(value: float) -> float:
    """Return the power of 2 at or below a number, 0 of 0."""
    return math.ldexp(0.5, math.frexp(value)[1]) if value else 0.0


def _in_multiples(trial: Trial, v: NDArray[Any], digit: float) -> bool:
    """Tell whether moves along v move f by multiples of a digit that is far coarser than f's own last one."""
    field = trial.field
    line, alike = field.line({trial.index: v}), 4 * field.unit * field.largest / digit
    moves = [abs(line(2.0**-k) - field.at_point) / digit for k in EIGHT] if alike < ALIKE else []
    moves = [move for move in moves if move < math.inf]
    return any(moves) and all(abs(move - round(move)) <= alike for move in moves)


def _moved_along(trial: Trial, v: NDArray[Any]) -> float:
    """Return how far the mismatch along v moves f."""
    claimed, claim_error = trial.predict(v)
    slope = trial.oracle.slope({trial.index: v}, scale=abs(claimed), start=None) if trial.oracle else None
    if slope is None:
        return 0.0
    return moved_by(Mismatch(claimed, slope.value, slope.error), Probe(0, 1.0, slope, claimed, claim_error))


def _moves_f_less(trial: Trial, round_off: float) -> bool:
    """Tell whether the mismatches move f by less than its round-off over the steps that show them."""
    moved = [moved_by(m, p) for m, p in zip(trial.mismatches(), trial.probes, strict=True)]
    return math.hypot(*moved) <= math.sqrt(len(moved)) * round_off


def moved_by(mismatch: Mismatch, probe: Probe) -> float:
    """Return how far the mismatch moves f over the steps whose slopes are nearer to the measured one's than to it.

    These are the finest ones: from the first larger step that agrees with the claim the error is what f moves by. A
    slope that is extrapolated may be nearer to none: the finest step shows it best.
    """
    off, levels = abs(mismatch.claimed - mismatch.measured), sorted(probe.slope.levels, key=lambda level: level.step)
    nearer = itertools.takewhile(
        lambda level: abs(level.central / probe.stretch - mismatch.measured) <= CONTRADICTS * off, levels
    )
    finest = levels[0].step if levels else 1.0
    return off * min(1.0, max((level.step for level in nearer), default=finest))


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
    """Return the leaves, those that are judged `factor` times as large; only this one if it is to be larger."""
    moved = trial.prediction.judged if factor < 1 else (trial.index,)
    return arrays.resized(trial.field.leaves, moved, factor - 1)


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
        if found[0] is not Verdict.PASS:  # a second time, as at the point itself
            fresh = there.measure(FiniteDifferences(other, prediction.judged, 1), count)
            found = decide.verdict(there, rules, resolution)
            if found[0] is Verdict.FAIL and sum(m.significant for m in there.mismatches(fresh)) < 2:
                found = (Verdict.INCONCLUSIVE, *found[1:])
    finally:
        field.count(other.evaluations - field.evaluations)
        trial.prediction.evaluations += prediction.evaluations
    verdict, interval, _ = found
    if verdict is Verdict.INCONCLUSIVE and interval.high <= decide.COARSE:
        verdict = Verdict.PASS  # of three digits
    return verdict if interval.relative and interval.high < math.inf else Verdict.INCONCLUSIVE
