"""The sentences of a verdict: why nothing is decided, and what to do about it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gradcheck import arrays
from gradcheck.slopes.inside import NARROW, ROUND_OFF, STEPS

if TYPE_CHECKING:
    from gradcheck.verdicts.certificate import Interval
    from gradcheck.verdicts.report import Probe
    from gradcheck.verdicts.trial import Trial

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
ROUNDED_POINT = (
    "f rounds its arguments to {0}, and its slopes are those of the point that they are rounded to, where the claim is "
    "another one: pass numbers of {0}, or let f compute in float64"
)
STRAIGHT_THROUGH = (
    "f is constant here, and its gradient zero: a straight-through estimator? pass straight_through= with the smooth "
    "function that it is the gradient of"
)
TOO_SMALL = "moving {} by its own size changes f by less than the smallest number: multiply f, or the argument"
ONE = "one direction of several disagrees: pass probes=16, another seed, or check at another point (a kink nearby?)"
AS_ROUND_OFF = (
    "f does not move here, and the claim is so small beside it that it may be round-off of its own (the sum of a "
    "softmax, a bias before a normalisation): pass atol= if it does not matter, or check at another point"
)
LOST = (
    "the claim is right {}, and off here by less than the round-off of what f is made of: f may lose what it says "
    "(log(p) of a p of nearly 1): pass atol= if that does not matter, or check there"
)
ALL_LOST = (
    "f is 0 here and does not move, and the claim is below the round-off of numbers near 1: f may lose it (1 - sigmoid "
    "of a large number), or not use {} at all: pass atol= if it does not matter, or check at another point"
)
BENDS = (
    "on the finest steps that show it f bends by as much as the claim is off, and they are larger than {}: a kink "
    "nearer would not be seen; check where it is larger, or pass atol= if so little does not matter"
)
UNSEEN_STEPS = (
    "f moves in steps (digits cancel inside it) that did not show when its noise was measured: pass another seed"
)
ROUNDED_AS_ENTRY = (
    "f is rounded as a large entry is, and what it is off by is less: digits cancel there (sqrt(1 + x²) - x): pass "
    "atol= if that does not matter, or check where that entry is smaller"
)


def unmeasurable(trial: Trial) -> str:
    """Return why there are fewer than two slopes."""
    if trial.too_small:
        dtype = arrays.dtype_name(trial.prediction.leaves[trial.index])
        return f"{trial.name} is too near the smallest number of {dtype} to be moved by a part of itself: scale it up"
    return (
        f"{trial.prediction.claim.title} is not finite on either side of the point along {trial.unmeasured} "
        "directions: check at an interior point, or pass tangent= to stay inside its domain"
    )


def stands(trial: Trial, probe: Probe) -> bool:
    """Tell whether the claim is zero and f does not move next to the point along a probe."""
    return trial.claimed_norm == 0 and not math.isnan(probe.slope.constant)


def undecided(trial: Trial, interval: Interval, resolution: float) -> str:  # noqa: PLR0911  one for each cause
    """Return why an argument is undecided, and what to do."""
    if trial.random:
        return "f is random: its answers differ by more than the gradient can be told from"
    if all(p.slope.jumps for p in trial.probes):
        return f"f jumps at the point when {trial.name} moves: it has no derivative there (is {trial.name} a label?)"
    if (inside := _rounded_inside(trial)) and not math.isfinite(interval.high):
        return f"{inside}: {_what_else(trial)}"
    if any(math.isinf(p.slope.error) for p in trial.probes):
        return "f is infinitely steep at the point: it has no derivative there"
    if any(stands(trial, p) for p in trial.probes):
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
    name = min(NARROW, key=lambda n: abs(math.log(arrays.ROUNDOFF[n] / step)))
    return (
        f"f moves in steps of {step:.0e} of its size, as rounding to {name} inside it makes (if f is piecewise "
        "constant by design, pass piecewise_constant=True)"
    )


def _what_else(trial: Trial, reached: float = math.inf) -> str:
    """Return what can be done where differences tell too little."""
    leaf = trial.prediction.leaves[trial.index]
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
