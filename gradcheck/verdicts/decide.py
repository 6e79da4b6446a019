"""The verdict on one argument where f is smooth, from the slopes measured so far, with its reason and what to do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gradcheck import arrays
from gradcheck.slopes.inside import STEPS
from gradcheck.slopes.still import first_move
from gradcheck.verdicts import reasons
from gradcheck.verdicts.accuracy import LAMBDA
from gradcheck.verdicts.certificate import Interval, Verdict, default_resolution
from gradcheck.verdicts.contradiction import objecting, significant

if TYPE_CHECKING:
    from gradcheck.verdicts.options import Rules
    from gradcheck.verdicts.trial import Trial

FIRST = 2  # lines on which the first step of stairs is looked for
COUNTED = 2.0**-5  # of the largest |f|: steps above it are those of a count, and of no arithmetic
SHORT = 16  # bits of a sum of numbers of bfloat16 or float16
SLIGHT = 2.0**-8  # of the resolution by the round-off that f shows
ALL_ROUND_OFF = 16.0  # a claim below so many times its change by a jitter may be all round-off
# Where an argument hardly moves f, f shows fewer digits of its gradient than usual: three are still a PASS, and the
# report says how many there are. Tolerances of 1e-3 ask for as many (`torch.autograd.gradcheck`, rtol).
COARSE = 1e-3


def never_moves(trial: Trial) -> bool:
    """Tell whether f was the same to the bit at every step along directions of this argument alone."""
    alone = [p for p in trial.probes if p.moved == 1]
    return len(alone) > 1 and all(p.slope.left == p.slope.right == p.slope.value == 0 for p in alone)


def verdict(trial: Trial, rules: Rules, resolution: float) -> tuple[Verdict, Interval, str]:
    """Return verdict, interval and reason from the slopes measured so far."""
    interval = trial.interval()
    if _vanishes(trial):
        return Verdict.INCONCLUSIVE, interval, reasons.TOO_SMALL.format(trial.name)
    if rules.piecewise_constant and (declared := _on_stairs(trial)) is not None:
        return declared
    passed = _within_atol(trial, rules)
    if passed is None:
        # roundings inside f are other ones at every place: a bound that is passed by so little may be as much larger
        slight = trial.field.inside and 0 < interval.low <= SLIGHT * default_resolution(trial.field.unit)
        contradicted = None if slight else _contradicted(trial, rules, interval)
        if contradicted is not None:
            return contradicted
        passed = interval if interval.high <= resolution else zero_gradient(trial, resolution)
    if passed is not None:
        return Verdict.PASS, passed, ""
    return Verdict.INCONCLUSIVE, interval, reasons.undecided(trial, interval, resolution)


def _within_atol(trial: Trial, rules: Rules) -> Interval | None:
    """Return the absolute interval if it lies below atol: ‖e∘s‖ is at least the smallest scale times ‖e‖."""
    if rules.atol is None:
        return None
    absolute = trial.absolute()
    return absolute if absolute.high <= rules.atol * float(np.min(trial.scale.value)) else None


def _contradicted(trial: Trial, rules: Rules, interval: Interval) -> tuple[Verdict, Interval, str] | None:
    """Return a verdict if slopes contradict the claim by more than is allowed."""
    count = significant(trial)
    if interval.high <= _in_logarithms(trial):
        return None
    if rules.rtol is None and rules.atol is None:
        if count and _as_round_off(trial):
            return Verdict.INCONCLUSIVE, interval, reasons.AS_ROUND_OFF
        if count >= 2:
            return Verdict.FAIL, interval, reasons.STRAIGHT_THROUGH if _claims_a_slope_on_stairs(trial) else ""
        return (Verdict.INCONCLUSIVE, interval, reasons.ONE) if count else None
    relative = rules.rtol is None or interval.low > rules.rtol
    # ‖e‖ is surely above atol where ‖e∘s‖ is above atol times the largest scale
    absolute = rules.atol is None or trial.absolute().low > rules.atol * float(np.max(trial.scale.value))
    if count >= 2 and relative and absolute:
        return Verdict.FAIL, interval, f"the error is above {_allowed(rules)}"
    return None


def _in_logarithms(trial: Trial) -> float:
    """Return the relative error of a claim whose factors are exp(L), L as large as f: u·|f|, up to half the digits.

    exp(x − log Σ exp(x)) is such a factor, for which the logarithm is rounded at |f|; no jitter shows it.
    """
    unit = trial.field.unit
    return LAMBDA * unit * min(abs(trial.field.at_point), 1 / math.sqrt(unit))


def _as_round_off(trial: Trial) -> bool:
    """Tell whether f stands still as far as differences see, and the claim is as small as round-off may be there."""
    norm, size = trial.claimed_norm, abs(trial.field.at_point)
    if norm is None or not 0 < norm <= default_resolution(trial.field.unit) ** 2 * size:
        return False
    return all(abs(m.measured) <= m.bound for m in trial.mismatches())


def _allowed(rules: Rules) -> str:
    return " and ".join(f"{name}={x:g}" for name in ("rtol", "atol") if (x := getattr(rules, name)) is not None)


def _on_stairs(trial: Trial) -> tuple[Verdict, Interval, str] | None:
    """Return the verdict on an f that is declared piecewise constant, None where it does not stand still."""
    still = [p for p in trial.probes if not math.isnan(p.slope.constant)]
    if len(still) < 2:
        return None
    if trial.claimed_norm != 0:
        return Verdict.FAIL, trial.interval(), reasons.STRAIGHT_THROUGH
    moving = [m for m, p in zip(trial.mismatches(), trial.probes, strict=True) if p not in still and m.significant]
    if moving:
        return None
    bounds = [p.slope.error if math.isnan(p.slope.constant) else p.slope.constant for p in trial.probes]
    return Verdict.PASS, trial.absolute([b / p.stretch for b, p in zip(bounds, trial.probes, strict=True)]), ""


def see_size(trial: Trial) -> None:
    """See |f| at the argument's own size where a verdict rests on it: the end of measuring, before deciding."""
    if not trial.sized and asks_for_size(trial):
        trial.see_size()


def asks_for_size(trial: Trial) -> bool:
    """Tell whether claim and slopes may be zero, or f stand still: |f| at the argument's own size decides then."""
    return sum(not math.isnan(p.slope.constant) for p in trial.probes) >= 2 or _unseen(trial)


def by_the_digits(trial: Trial, rules: Rules, resolution: float) -> Interval | None:
    """Return what can be said of a gradient that moves f too little for the resolution wanted, None if too little.

    Either fewer digits, `COARSE` at least, or an absolute error: a claim below 4u^(2/3), the square of the resolution,
    of |f(x)| and of what another argument does to f, is as good as zero, and its error is bounded as that of a zero is.
    That is about the least that a difference shows of any f; an f that no argument moves by much may be one on a large
    offset, and one that rounds inside hides more. Not where the user said what is wanted.
    """
    stated = rules.rtol is not None or rules.atol is not None
    if stated or trial.random or _vanishes(trial) or objecting(trial):
        return None
    interval = trial.interval()
    if interval.high <= COARSE:
        return interval
    if trial.field.inside:
        return None
    values, scales, unit = trial.prediction.values, trial.field.scales, default_resolution(trial.field.unit)
    effects = [s.norm(g) for s, g in zip(scales, values, strict=True) if g is not None]
    size = min(abs(trial.field.at_point), max(effects, default=0.0))
    if not (trial.claimed_norm or 0.0) <= unit**2 * size:
        return None
    seen = zero_gradient(trial, resolution, invisible=unit**2 * size) or trial.absolute()
    return seen if size > 0 and seen.high <= unit * size else None


def zero_gradient(trial: Trial, resolution: float, *, invisible: float = 0.0) -> Interval | None:
    """Return an absolute interval where claim and slopes are both zero as far as can be seen, None elsewhere.

    A claim is zero up to its own round-off, and up to `invisible`, in the units of f. Where f rounds inside, only an f
    that did not move by a bit on any step says so: what it hides may be large.
    """
    if trial.field.inside and not all(
        level.plus == level.minus == trial.field.at_point for p in trial.probes for level in p.slope.levels
    ):
        return None
    if _still(trial, invisible):
        smooth = trial.absolute([max(p.slope.constant, p.slope.hidden) / p.stretch for p in trial.probes])
        if smooth.high <= resolution * trial.field.largest:
            return smooth
        if _steps(trial) > COUNTED and not _of_short_numbers(trial):
            return trial.absolute([p.slope.constant / p.stretch for p in trial.probes])
    if not _unseen(trial, invisible):
        return None
    absolute = trial.absolute()
    return absolute if absolute.high <= resolution * trial.field.largest else None


def _unseen(trial: Trial, invisible: float = 0.0) -> bool:
    """Tell whether the claim is nothing but round-off, and no slope can be told from zero."""
    norm, found = trial.claimed_norm, trial.mismatches()
    if norm is None:
        norm = max((abs(m.claimed) for m in found), default=0.0)
    none = arrays.NORMAL[arrays.dtype_name(trial.prediction.claim.leaves[trial.index])]  # below it numbers stand for 0
    return norm <= max(ALL_ROUND_OFF * trial.jitter, none, invisible) and all(abs(m.measured) <= m.bound for m in found)


def _vanishes(trial: Trial) -> bool:
    """Tell whether the claim is not zero, and yet predicts a change of f that is below the smallest number."""
    return trial.claimed_norm == 0 and trial.claimed is not None and bool(np.any(trial.claimed))


def _still(trial: Trial, invisible: float) -> bool:
    """Tell whether the claim is zero and f does not move next to the point, along any direction."""
    return _claims_zero(trial, invisible) and all(not math.isnan(p.slope.constant) for p in trial.probes)


def _claims_zero(trial: Trial, invisible: float) -> bool:
    """Tell whether the claim is zero, or all of it round-off or invisible, and f constant as far as one looks."""
    norm = trial.claimed_norm
    if norm is None or norm == 0:
        return norm == 0
    return norm <= max(ALL_ROUND_OFF * trial.jitter, invisible) and math.isinf(trial.field.step_size())


def _claims_a_slope_on_stairs(trial: Trial) -> bool:
    """Tell whether the claim is not zero, and f does not move at all next to the point, and in large steps further."""
    still = sum(not math.isnan(p.slope.constant) for p in trial.probes)
    return trial.claimed_norm != 0 and still >= 2 and stairs_by_design(trial)


def stairs_by_design(trial: Trial) -> bool:
    """Tell whether f moves in steps larger than those of any arithmetic, beside the largest |f| near the point."""
    step, least = trial.field.step_size() * (abs(trial.field.at_point) or 1.0), STEPS * trial.field.largest
    return least < min(step, trial.smallest_move) < math.inf and least < _first_step(trial)


def _first_step(trial: Trial) -> float:
    """Return the smallest of the moves with which f begins to move, found by halving; infinite where it never does.

    Values that were seen may lie many steps of stairs apart, and this is one step.
    """
    found = math.inf
    for probe in trial.probes[:FIRST]:
        line = trial.field.line({trial.index: trial.direction(probe.probe)})
        seen = [(side * v.step, f) for v in probe.slope.levels for side, f in ((1, v.plus), (-1, v.minus))]
        far = [(t, line(t)) for t in (-1.0, 1.0)]
        found = min(found, first_move(line, trial.field.at_point, [*far, *seen]) or math.inf)
    return found


def _steps(trial: Trial) -> float:
    """Return the size of the steps in which f moves, relative to the largest |f| seen; infinite where none was seen."""
    seen = [p.slope.first for p in trial.probes if p.slope.first > 0]
    return min(seen) / (trial.field.largest or 1.0) if seen else trial.field.step_size()


def _of_short_numbers(trial: Trial) -> bool:
    """Tell whether f's values are multiples of a power of 2 that is smaller than its steps, and all of few bits.

    Counts and parts of a whole move by no less than their unit. A sum of numbers that are rounded to few bits does:
    each has a last bit of its own, and the sum may be small beside them.
    """
    levels = [level for p in trial.probes for level in p.slope.levels]
    values = {
        trial.field.at_point,
        *trial.values_far_apart,
        *(v for level in levels for v in (level.plus, level.minus)),
    }
    unit = math.ldexp(trial.field.largest, -SHORT)
    ratios = [value.as_integer_ratio() for value in values if math.isfinite(value) and value]
    last = min(((whole & -whole) / parts for whole, parts in ratios), default=0.0)  # the last bit that is set
    return unit <= last < min((p.slope.first for p in trial.probes if p.slope.first > 0), default=0.0)
