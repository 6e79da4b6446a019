"""The verdict on one argument where f is smooth, from the slopes measured so far, with its reason and what to do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gradcheck import arrays
from gradcheck.verdicts.accuracy import LAMBDA
from gradcheck.verdicts.certificate import Interval, Verdict, default_resolution

if TYPE_CHECKING:
    from gradcheck.verdicts.certificate import Mismatch
    from gradcheck.verdicts.options import Rules
    from gradcheck.verdicts.report import Probe
    from gradcheck.verdicts.trial import Trial

# f that moves in steps larger than this, relative to |f|, is piecewise constant by design: 2^-7 is the largest step of
# any floating dtype (bfloat16).
STEPS = 2.0**-7
FASTER = (
    "f changes faster than can be seen: it is far steeper on steps finer than the arithmetic allows for differences; "
    "check at another point, or in larger units of the argument"
)
FEWER = "fewer digits than usual: f shows no more of this gradient here; pass rtol= to say how many are enough"
LAST_DIGITS = "moved by its own size it changes f by less than differences show: pass atol= to say what is enough"
STANDS_STILL = (
    "f does not move next to the point, and in steps further out: stairs, and the claim is that of a smooth function "
    "(pass it as straight_through=), or low precision inside f (let it compute in float64)"
)
STRAIGHT_THROUGH = (
    "f is constant here, and its gradient zero: a straight-through estimator? pass straight_through= with the smooth "
    "function that it is the gradient of"
)
_TOO_SMALL = "moving {} by its own size changes f by less than the smallest number: multiply f, or the argument"
ALL_ROUND_OFF = 16.0  # a claim below so many times what it moves by in its own round-off is nothing else
ONE = "one direction of several disagrees: pass probes=16, another seed, or check at another point (a kink nearby?)"
AS_ROUND_OFF = (
    "f does not move here, and the claim is so small beside it that it may be round-off of its own (the sum of a "
    "softmax, a bias before a normalisation): pass atol= if it does not matter, or check at another point"
)
FAR = 2.0**6  # times the argument's own size, or 1 if that is smaller
ROUND_OFF = 2.0**6  # f that moves in steps of so many units of round-off may well move in none
# Where an argument hardly moves f, f shows fewer digits of its gradient than usual: three are still a PASS, and the
# report says how many there are. Tolerances of 1e-3 ask for as many (`torch.autograd.gradcheck`, rtol).
COARSE = 1e-3


def never_moves(trial: Trial) -> bool:
    """Tell whether f was the same to the bit at every step along directions of this argument alone."""
    alone = [p for p in trial.probes if p.moved == 1]
    return len(alone) > 1 and all(p.slope.left == p.slope.right == p.slope.value == 0 for p in alone)


def unmeasurable(trial: Trial) -> str:
    """Return why there are fewer than two slopes."""
    if trial.too_small:
        dtype = arrays.dtype_name(trial.gradient.leaves[trial.index])
        return f"{trial.name} is too near the smallest number of {dtype} to be moved by a part of itself: scale it up"
    return (
        f"{trial.gradient.claim.title} is not finite on either side of the point along {trial.unmeasured} directions: "
        "check at an interior point, or pass tangent= to stay inside its domain"
    )


def verdict(trial: Trial, rules: Rules, resolution: float) -> tuple[Verdict, Interval, str]:
    """Return verdict, interval and reason from the slopes measured so far."""
    interval = trial.interval()
    if _vanishes(trial):
        return Verdict.INCONCLUSIVE, interval, _TOO_SMALL.format(trial.name)
    if rules.piecewise_constant and (declared := _on_stairs(trial)) is not None:
        return declared
    passed = _within_atol(trial, rules)
    if passed is None:
        contradicted = _contradicted(trial, rules, interval)
        if contradicted is not None:
            return contradicted
        passed = interval if interval.high <= resolution else zero_gradient(trial, resolution)
    if passed is not None:
        return Verdict.PASS, passed, ""
    return Verdict.INCONCLUSIVE, interval, _advice(trial, interval, resolution)


def _within_atol(trial: Trial, rules: Rules) -> Interval | None:
    """Return the absolute interval if it lies below atol: ‖e∘s‖ is at least the smallest scale times ‖e‖."""
    if rules.atol is None:
        return None
    absolute = trial.absolute()
    return absolute if absolute.high <= rules.atol * float(np.min(trial.scale.value)) else None


def _contradicted(trial: Trial, rules: Rules, interval: Interval) -> tuple[Verdict, Interval, str] | None:
    """Return a verdict if slopes contradict the claim by more than is allowed."""
    significant = _significant(trial)
    if interval.high <= _in_logarithms(trial):
        return None
    if rules.rtol is None and rules.atol is None:
        if significant and _as_round_off(trial):
            return Verdict.INCONCLUSIVE, interval, AS_ROUND_OFF
        if significant >= 2:
            return Verdict.FAIL, interval, STRAIGHT_THROUGH if _claims_a_slope_on_stairs(trial) else ""
        return (Verdict.INCONCLUSIVE, interval, ONE) if significant else None
    relative = rules.rtol is None or interval.low > rules.rtol
    # ‖e‖ is surely above atol where ‖e∘s‖ is above atol times the largest scale
    absolute = rules.atol is None or trial.absolute().low > rules.atol * float(np.max(trial.scale.value))
    if significant >= 2 and relative and absolute:
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


def _significant(trial: Trial) -> int:
    """Return how many slopes contradict the claim where f moves."""
    pairs = zip(trial.mismatches(), trial.probes, strict=True)
    stepped = ROUND_OFF * trial.field.unit < trial.field.step_size() < math.inf
    return sum(
        m.significant
        and not (_stands(trial, p) and (stepped or _past_it(p) or _jumps(trial, p)))
        and not _among_its_levels(m, p)
        and not _far(trial, p)
        for m, p in pairs
    )


def _far(trial: Trial, probe: Probe) -> bool:
    """Tell whether a slope was seen only on steps far beyond the argument's own size, and beyond 1.

    It may be that of another place: softplus is a straight line there, and half as steep in the mean of both sides. It
    can agree with a claim, and not contradict it.
    """
    size = float(np.min(trial.scale.value))
    seen = [level.step for level in probe.slope.levels if abs(level.central) > 2 * level.noise]
    return bool(seen) and min(seen) * size > FAR * max(size, 1.0)


def _among_its_levels(mismatch: Mismatch, probe: Probe) -> bool:
    """Tell whether f moves in steps along a probe, and the claim is one of the slopes that its steps show.

    Entries of different sizes, rounded to few digits, move f from different steps on: the slope of the finest steps is
    that of some of them only.
    """
    slope = probe.slope
    if math.isnan(slope.constant) or not slope.levels or mismatch.claimed == 0:
        return False
    seen = [level.central / probe.stretch for level in slope.levels]
    return min(seen) - mismatch.bound <= mismatch.claimed <= max(seen) + mismatch.bound


def _allowed(rules: Rules) -> str:
    return " and ".join(f"{name}={x:g}" for name in ("rtol", "atol") if (x := getattr(rules, name)) is not None)


def _on_stairs(trial: Trial) -> tuple[Verdict, Interval, str] | None:
    """Return the verdict on an f that is declared piecewise constant, None where it does not stand still."""
    still = [p for p in trial.probes if not math.isnan(p.slope.constant)]
    if len(still) < 2:
        return None
    if trial.claimed_norm != 0:
        return Verdict.FAIL, trial.interval(), STRAIGHT_THROUGH
    moving = [m for m, p in zip(trial.mismatches(), trial.probes, strict=True) if p not in still and m.significant]
    if moving:
        return None
    bounds = [p.slope.error if math.isnan(p.slope.constant) else p.slope.constant for p in trial.probes]
    return Verdict.PASS, trial.absolute([b / p.stretch for b, p in zip(bounds, trial.probes, strict=True)]), ""


def asks_for_size(trial: Trial) -> bool:
    """Tell whether claim and slopes may be zero, or f stand still: |f| at the argument's own size decides then."""
    return sum(not math.isnan(p.slope.constant) for p in trial.probes) >= 2 or _unseen(trial)


def by_the_digits(trial: Trial, rules: Rules, resolution: float) -> Interval | None:
    """Return what can be said of a gradient that moves f too little for the resolution wanted, None if too little.

    Either fewer digits, `COARSE` at least, or an absolute error: a claim below 4u^(2/3), the square of the resolution,
    of |f(x)| and of what another argument does to f, is as good as zero, and its error is bounded as that of a zero is.
    That is about the least that a difference shows of any f; an f that no argument moves by much may be one on a large
    offset. Not where the user said what is wanted.
    """
    stated = rules.rtol is not None or rules.atol is not None
    if stated or trial.random or _vanishes(trial) or _significant(trial):
        return None
    interval = trial.interval()
    if interval.high <= COARSE:
        return interval
    values, scales, unit = trial.gradient.values, trial.field.scales, default_resolution(trial.field.unit)
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
        if _steps(trial) > STEPS:
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
    none = arrays.NORMAL[arrays.dtype_name(trial.gradient.claim.leaves[trial.index])]  # below it numbers stand for 0
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


def _stands(trial: Trial, probe: Probe) -> bool:
    """Tell whether the claim is zero and f does not move next to the point along a probe."""
    return trial.claimed_norm == 0 and not math.isnan(probe.slope.constant)


def _claims_a_slope_on_stairs(trial: Trial) -> bool:
    """Tell whether the claim is not zero, and f does not move at all next to the point, and in large steps further."""
    still = sum(not math.isnan(p.slope.constant) for p in trial.probes)
    return trial.claimed_norm != 0 and still >= 2 and stairs_by_design(trial)


def stairs_by_design(trial: Trial) -> bool:
    """Tell whether f moves in steps larger than those of any arithmetic, beside the largest |f| near the point."""
    step = trial.field.step_size() * (abs(trial.field.at_point) or 1.0)
    return STEPS * trial.field.largest < min(step, trial.smallest_move) < math.inf


def _jumps(trial: Trial, probe: Probe) -> bool:
    """Tell whether f's first move along a probe is a step, and not the beginning of a slope past a kink."""
    return probe.slope.first > ROUND_OFF * trial.field.unit * abs(trial.field.at_point)


def _steps(trial: Trial) -> float:
    """Return the size of the steps in which f moves, relative to the largest |f| seen; infinite where none was seen."""
    seen = [p.slope.first for p in trial.probes if p.slope.first > 0]
    return min(seen) / (trial.field.largest or 1.0) if seen else trial.field.step_size()


def _past_it(probe: Probe) -> bool:
    """Tell whether a slope is steeper than f can be next to the point, where it does not move: it is that of beyond."""
    slope = probe.slope
    flattest = slope.constant if math.isnan(slope.hidden) else max(slope.constant, slope.hidden)
    return abs(slope.value) - slope.error > flattest


def _advice(trial: Trial, interval: Interval, resolution: float) -> str:  # noqa: PLR0911  one for each cause
    if trial.random:
        return "f is random: its answers differ by more than the gradient can be told from"
    if all(p.slope.jumps for p in trial.probes):
        return f"f jumps at the point when {trial.name} moves: it has no derivative there (is {trial.name} a label?)"
    if (inside := _rounded_inside(trial)) and not math.isfinite(interval.high):
        return f"{inside}: {_what_else(trial)}"
    if any(math.isinf(p.slope.error) for p in trial.probes):
        return "f is infinitely steep at the point: it has no derivative there"
    if any(_stands(trial, p) for p in trial.probes):
        return (
            "f is constant next to the point and moves in small steps further out: the zero gradient is right if f is "
            "piecewise constant (pass piecewise_constant=True), wrong if these are the steps of low precision inside f "
            "(let f compute in float64)"
        )
    if any(abs(p.claimed) > 4 * p.slope.constant for p in trial.probes):  # the claim would have moved f visibly
        return STANDS_STILL
    if not math.isfinite(interval.high):
        return f"the gradient cannot be told from zero here: check at another point, {_what_else(trial)}"
    if 4 * trial.jitter > max(p.slope.error for p in trial.probes):
        return (
            f"the gradient itself moves by {trial.jitter / max(trial.true_norm, 1e-300):.1e} when the point moves by "
            "one unit of round-off: ill-conditioned here; check at another point, or pass rtol="
        )
    return f"resolution reached {interval.high:.1e}, wanted {resolution:.1e}: {_what_else(trial, interval.high)}"


def _rounded_inside(trial: Trial) -> str:
    """Return what dtype f computes in, where it moves in steps of one coarser than its result's; else nothing."""
    if trial.field.inside:
        return f"f computes in {trial.field.inside} inside, whose roundings hide this gradient"
    step = trial.field.step_size()
    if not ROUND_OFF * trial.field.unit < step < STEPS:
        return ""
    name = min(("float32", "float16", "bfloat16"), key=lambda n: abs(math.log(arrays.ROUNDOFF[n] / step)))
    return (
        f"f moves in steps of {step:.0e} of its size, as rounding to {name} inside it makes (if f is piecewise "
        "constant by design, pass piecewise_constant=True)"
    )


def _what_else(trial: Trial, reached: float = math.inf) -> str:
    """Return what can be done where differences tell too little."""
    leaf = trial.gradient.leaves[trial.index]
    if arrays.dtype_name(leaf) in arrays.WIDER:
        if arrays.ROUNDOFF[arrays.dtype_name(leaf)] > 2.0**-12:
            return "let the function accept float64, or hold it against a reference with gradcheck.check_kernel"
        return "let the function accept float64"
    if _rounded_inside(trial):
        return "let f compute in float64, or hold it against a reference with gradcheck.check_kernel"
    ways = []
    if 2 * reached < 1:  # a limit above what was reached
        ways.append(f"pass rtol={float(f'{2 * reached:.0e}'):g} if that will do")
    atol = 2 * trial.absolute().high / float(np.min(trial.scale.value))
    ways.append(f"pass atol={float(f'{atol:.0e}'):g} if a smaller gradient does not matter")
    return ", or ".join(ways)
