"""Does f lose what is claimed? A FAIL by less than f's own round-off, of a claim that is right where f has digits.

-log(p) of a p that differs from 1 by 1e-17 is 0, or what is left of numbers near 1 that cancel: it may move by 1e-33
along all directions, and nothing shows that 16 digits are gone. f is made of factors as large as its gradient is nearer
to zero, each rounded to u; log(1 + x⁶) of a small x, of one as large as f where x is ½. Where a mismatch moves f by
less than that over the steps that show it, it may be f's; or the claim's, since exp(-x²) far out has all its digits. So
the claim is judged nearer to zero, and where a small argument is as large as ½, until it is right or wrong there. Right
there, it is not called wrong here.

f may also be rounded as a large entry is, and move as smoothly as ever with the other entries.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcheck import arrays
from gradcheck.claims.prediction import Prediction
from gradcheck.errors import ArgumentError, WrongClaim
from gradcheck.oracles.finite_difference import FiniteDifferences
from gradcheck.slopes.field import Field
from gradcheck.slopes.noise import hidden_steps
from gradcheck.verdicts import decide, reasons
from gradcheck.verdicts.accuracy import roundings
from gradcheck.verdicts.certificate import Mismatch, Verdict, default_resolution
from gradcheck.verdicts.report import Probe
from gradcheck.verdicts.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

    from gradcheck.verdicts.options import Rules

NEARER = (0.5, 0.125, 2.0**-5, 2.0**-7, 0.0)  # times the point
FAR = (0.5, 0.7, 0.25)  # where the largest entries of small arguments are so large
VISIBLE = 1e-2  # relative: an error as large would show elsewhere
SLOPES = 4
TWICE = 2  # places where the claim has to be wrong: at one the steps of f may not have shown
LARGEST = 4  # entries
EIGHT = range(1, 17, 2)  # moves: by 2^-k of the entry
DIGITS = 16.0  # by which f may be off on the steps that show a slope
ALIKE = 2.0**-4  # of the rounding: eight moves of a smooth f are that near to multiples of it once in 10^7
CONTRADICTS = 0.5  # of the way from the measured slope to the claimed one


def doubt(trial: Trial, rules: Rules) -> str:
    """Return why slopes that contradict the claim do not show it wrong: f has too few digits here; else ""."""
    if not isinstance(trial.oracle, FiniteDifferences) or trial.prediction.claim.at_point_only:
        return ""
    places = [(place, claimed_size(trial, place.times)) for place in _elsewhere(trial)]
    round_off = roundings(trial.prediction, trial.field) * max(trial.field.largest, *(size for _, size in places))
    hidden = _moves_f_less(trial, round_off)
    if trial.interval().low < VISIBLE:  # elsewhere it would be beside what is as large there, and not show
        rounded = _rounded_as_an_entry(trial, round_off) if hidden else None
        if rounded is not None:
            return reasons.ROUNDED_AS_ENTRY if rounded else ""
        return reasons.UNSEEN_STEPS if _moves_in_unseen_steps(trial, round_off) else ""
    wrong = 0
    for place, size in places if hidden else ():
        if size <= round_off / default_resolution(trial.field.unit) ** 2:
            continue  # f hides it there too
        with contextlib.suppress(WrongClaim, ArgumentError):  # outside the domain of f: nothing learnt there
            found = _judged(trial, place.times, max(rules.probes, SLOPES))
            if found is Verdict.PASS:
                return reasons.LOST.format(place.where)
            wrong += found is Verdict.FAIL
        if wrong == TWICE:
            break
    if wrong:
        return ""
    return reasons.ALL_LOST.format(trial.name) if _all_lost(trial) else ""


class Place(NamedTuple):
    """Another point: how many times as large each argument is there."""

    where: str
    times: Mapping[int, float]


def _elsewhere(trial: Trial) -> list[Place]:
    """Return points nearer to zero, and those where all small arguments are larger: any may be lost."""
    judged = trial.prediction.judged
    largest = {i: float(np.max(np.abs(arrays.to_numpy(trial.field.leaves[i])), initial=0.0)) for i in judged}
    places = [Place("nearer to zero", dict.fromkeys(judged, factor)) for factor in NEARER]
    for size in FAR:
        times = {i: size / most for i, most in largest.items() if 0 < most < size}
        places += [Place(f"where small arguments are {size:g} large", times)] if times else []
    return places


def _all_lost(trial: Trial) -> bool:
    """Tell whether f is 0 and stands still, and the claim is below the round-off of numbers near 1.

    Of those f may be made, and nothing but 0 be left of them: 1 − σ(40 + b).
    """
    claimed = max(abs(m.claimed) for m in trial.mismatches())
    still = trial.field.at_point == 0 and decide.never_moves(trial)
    return still and claimed <= roundings(trial.prediction, trial.field)


def _rounded_as_an_entry(trial: Trial, round_off: float) -> bool | None:
    """Tell whether what contradicts the claim is below what a large entry is rounded to; None if f is not rounded so.

    √(1 + x²) − x at x = 10⁶ is a multiple of 10⁻¹⁰, and has the same bits until x moves by 100. Beside an entry of 1,
    which moves f at every step, only moves of x alone show that. They also show a claim that is wrong in x.
    """
    if trial.prediction.claim.predicted is not None:  # no array
        return None
    x = arrays.to_numpy(trial.prediction.leaves[trial.index])
    with contextlib.suppress(WrongClaim, ArgumentError):
        slopes = trial.prediction.at(_leaves(trial, dict.fromkeys(trial.prediction.judged, 0.0)))[trial.index]
        slopes = np.zeros(x.size) if slopes is None else np.abs(arrays.to_numpy(slopes)).reshape(-1)
        flat = x.reshape(-1)
        for entry in np.argsort(np.abs(flat))[::-1][:LARGEST]:
            v = np.zeros_like(flat)
            v[entry] = flat[entry]
            # of the entry, times a power of 2: what an f that contains it is rounded to
            digit = 2 * trial.field.unit * float(_power(abs(flat[entry])) * _power(slopes[entry]))
            if 0 < digit <= round_off and _in_multiples(trial, v.reshape(x.shape), digit):
                return not _moved_along(trial, v.reshape(x.shape)) > DIGITS * digit
    return None


def _power(value: float) -> float:
    """Return the power of 2 at or below a number, 0 of 0."""
    return math.ldexp(0.5, math.frexp(value)[1]) if value else 0.0


def _in_multiples(trial: Trial, v: NDArray[Any], digit: float) -> bool:
    """Tell whether moves along v move f by multiples of a digit that is far coarser than f's own last one, or not."""
    here, line = trial.field.at_point, trial.field.line({trial.index: v})
    values = [value for k in EIGHT if math.isfinite(value := line(2.0**-k))]
    alike = 4 * trial.field.unit * max(map(abs, [here, *values])) / digit
    moves = [abs(value - here) / digit for value in values]
    return bool(moves) and alike < ALIKE and all(abs(move - round(move)) <= alike for move in moves)


def _moved_along(trial: Trial, v: NDArray[Any]) -> float:
    """Return how far the mismatch along v moves f."""
    claimed, claim_error = trial.predict(v)
    slope = trial.oracle.slope({trial.index: v}, scale=abs(claimed), start=None) if trial.oracle else None
    if slope is None:
        return 0.0
    return moved_by(Mismatch(claimed, slope.value, slope.error), Probe(0, 1.0, slope, claimed, claim_error))


def _moves_in_unseen_steps(trial: Trial, round_off: float) -> bool:
    """Tell whether f moves in steps, of which the noise measured knows nothing, along what contradicts the claim.

    Where each point of the noise table is the same number of steps further, f seems exact: log(1 + x⁶) at 0.2.
    """
    field = trial.field
    for mismatch, probe in zip(trial.mismatches(), trial.probes, strict=True):
        finest = min((level.step for level in probe.slope.levels), default=math.inf)
        if mismatch.significant and abs(mismatch.claimed - mismatch.measured) * finest <= round_off:
            move = {trial.index: trial.direction(probe.probe)}
            off = hidden_steps(field.line(move), field.at_point, field.unit)
            return off > field.noise_of(move, trial.prediction.judged).bound
    return False


def _moves_f_less(trial: Trial, round_off: float) -> bool:
    """Tell whether the mismatches move f by less than its round-off over the steps that show them."""
    moved = [moved_by(m, p) for m, p in zip(trial.mismatches(), trial.probes, strict=True) if m.significant]
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


def claimed_size(trial: Trial, times: Mapping[int, float]) -> float:
    """Return ‖g∘s‖ at another point, s the scales there but for arguments nearer to zero; 0 outside the domain."""
    here, leaves, i = trial.prediction, _leaves(trial, times), trial.index
    larger = max(1.0, times.get(i, 1.0))
    with contextlib.suppress(WrongClaim, ArgumentError):
        if here.claim.predicted is None:
            return larger * trial.scale.norm(arrays.to_numpy(here.at(leaves)[i]))
        slopes = [here.claim.predicted(leaves, i, trial.direction(p.probe)) for p in trial.probes[:SLOPES]]
        return larger * math.hypot(*slopes) / math.sqrt(len(slopes))
    return 0.0


def _leaves(trial: Trial, times: Mapping[int, float]) -> list[Any]:
    """Return the leaves, some of them so many times as large."""
    return [arrays.shifted(x, times[i] - 1, x) if i in times else x for i, x in enumerate(trial.field.leaves)]


def _judged(trial: Trial, times: Mapping[int, float], count: int) -> Verdict:
    """Return whether the claim is right at another point, to two digits, or wrong by as much; its cost counts here.

    A slope there may be off by more than its bound: f has few digits there too. But not by an error as large as here.
    """
    field, leaves = trial.field, _leaves(trial, times)
    prediction = Prediction(trial.prediction.claim, leaves)
    other = Field(prediction.claim, leaves, seed=field.seed, budget=field.budget)
    other.evaluations += field.evaluations  # one budget for both
    there = Trial(other, prediction, trial.index, confidence=trial.confidence, tangent=trial.tangent)
    try:
        for salt in (0, 1):  # a second time, as at the point itself
            there.measure(FiniteDifferences(other, prediction.judged, salt), count)
            interval = there.interval()
            known = interval.relative and interval.high < math.inf
            if known and interval.high <= VISIBLE:
                return Verdict.PASS
    finally:
        field.count(other.evaluations - field.evaluations)
        trial.prediction.evaluations += prediction.evaluations
    return Verdict.FAIL if known and interval.low >= VISIBLE else Verdict.INCONCLUSIVE
