"""Is the arithmetic good enough? The gradient in its own dtype against the same formula in float64.

A gradient as accurate as its inputs deserve is right: moving every input by one unit of its round-off u moves the
float64 gradient by Δ, the problem's condition; and every sum inside is rounded along the way, which costs at most
γ_n = n·u/(1 − n·u) and typically √n·u relative to the terms' sizes (N. Higham and T. Mary, SIAM J. Sci. Comput.
41(5), 2019, theorem 2.4, λ = 4 failing with probability 2·exp(−8) = 7e-4 per sum), n the roundings on the longest way
through the formula: a sum over the entries of all arguments, and a few elementary functions, which are series of a
dozen terms and more themselves (64 roundings for these). So the error is allowed to be

    4·√n·(‖Δ∘s‖ + u·‖g∘s‖ + η·‖s‖),

η the smallest positive number of the dtype, which a result that underflows may be off by, with √n capped at the point
where a sum in blocks (as every library sums) stops growing, 2^7. And since a gradient is made of forward values that
are rounded themselves (1 − tanh², where tanh is nearly 1), it may be off by 4·u·|f|, the largest |f| seen near the
point: f cannot be told more closely. Where that does not do, more is granted: 4·√n·u times the largest gradient within
the argument's own size (the factors that a saturated function's gradient is made of are as large as there), and 4·√n
times what f in its own dtype is off from f in float64 there (where terms cancel in f they are larger than f, and so are
the gradient's factors), and 4·√n times what the gradient jumps by where entries of 0 move by u of their argument's
scale (of two values that a bias of 0 parts by less than that, either is the largest). And code in logarithms (a CTC
loss) has factors exp(L) with L as large as f, off by u·|f| of themselves: so much of g is granted, up to half of its
digits.
"""

from __future__ import annotations

import contextlib
import math
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np

from gradcheck import arrays
from gradcheck.errors import WrongClaim
from gradcheck.slopes.field import SUSPICIOUS
from gradcheck.slopes.streams import Purpose, stream
from gradcheck.verdicts.certificate import Verdict, default_resolution
from gradcheck.verdicts.report import Accuracy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from gradcheck.claims.claim import Claim
    from gradcheck.claims.prediction import Prediction
    from gradcheck.slopes.field import Field

LAMBDA = 4.0
BLOCK = 2.0**7
SHORTEST = 2**6
REPEATS = 2
WIDER = 4.0  # times a jitter
WOBBLE = 2.0**-36  # of the argument: far above round-off, and of a smooth claim next to nothing
PART = 2.0**-4  # of a move
MORE_REPEATS = 8  # if a claim is so small that all of it may be round-off, of a few values


def jittered(
    leaves: Sequence[Any], unit: float, seed: int, repeat: int, only: int | None = None, smallest: float = 0.0
) -> list[Any]:
    """Return the leaves (or `only` one of them) with each entry moved by one unit of round-off up or down.

    A unit is the spacing of numbers: twice the unit round-off times the entry, and `smallest` for the subnormal ones.
    """
    moved = []
    for i, x in enumerate(leaves):
        if only not in (None, i):
            moved.append(x)
            continue
        rng = stream(seed, Purpose.JITTER, i, repeat // 2)
        values = arrays.to_numpy(x)
        # every second draw is the opposite of the one before: of a single entry both sides are seen
        factor = (-1) ** repeat * 2 * unit * (2 * rng.integers(2, size=values.shape) - 1.0)
        if smallest > 0:
            factor *= np.maximum(smallest / (2 * unit) / np.maximum(np.abs(values), smallest), 1)
        factor += 1
        moved.append(arrays.like(np.asarray(values * factor), x))
    return moved


def spread(
    prediction: Prediction,
    field: Field,
    unit: float,
    indices: Sequence[int],
    smallest: float = 0.0,
    unseen: Sequence[int] = (),
) -> dict[int, float]:
    """Return ‖Δ∘s‖ for some arguments: how far the claim moves when the point is jittered by `unit` (see `jittered`).

    All arguments are jittered at once. One whose gradient then moves by far more than round-off is asked again, alone.
    If that is less, and the whole not in proportion to the jitter, another stands on a jump (a label, a kink). Those
    `unseen` have a claim that no slope can tell from zero: it may be round-off, all of it, and more is asked to know.
    """
    worst = dict.fromkeys(indices, 0.0)
    if prediction.claim.predicted or not indices:
        return worst
    units, first, wider = unit, dict[int, float](), dict[int, float]()
    for repeat in range(MORE_REPEATS if unseen else REPEATS):
        if repeat >= REPEATS and any(worst[i] == 0 for i in unseen):
            units *= 8  # x moves by a bit, and what is made of it does not: exp(x/10)
        changes = _changes(prediction, field, units, repeat, None, smallest)
        first = first or changes
        worst = {i: max(change, changes.get(i, 0.0)) for i, change in worst.items()}
    for i in indices:
        values = prediction.values[i]
        usual = 0.0 if values is None else SUSPICIOUS * unit * field.scales[i].norm(values)
        if len(prediction.leaves) == 1 or values is None or worst[i] <= usual:
            continue
        alone = _alone(prediction, field, unit, i, usual, smallest)
        if alone > max(usual, worst[i] / 2):
            continue  # it is this argument's own
        wider = wider or _changes(prediction, field, WIDER * unit, 0, None, smallest)
        if not wider.get(i, 0.0) > WIDER / 2 * first.get(i, 0.0) > 0:  # a jump is no larger than before
            worst[i] = alone
    return worst


def _alone(prediction: Prediction, field: Field, unit: float, index: int, usual: float, smallest: float) -> float:
    """Return how far the claim of one argument moves with it alone, as soon as that is more than usual."""
    alone = 0.0
    for repeat in range(REPEATS):
        alone = max(alone, _changes(prediction, field, unit, repeat, index, smallest).get(index, 0.0))
        if alone > usual:
            break
    return alone


def _changes(
    prediction: Prediction, field: Field, unit: float, repeat: int, only: int | None, smallest: float
) -> dict[int, float]:
    return _changed(prediction, field, jittered(prediction.leaves, unit, field.seed, repeat, only, smallest))


def _changed(prediction: Prediction, field: Field, leaves: Sequence[Any]) -> dict[int, float]:
    """Return ‖Δ∘s‖ for each argument: how far its claim is from that at other leaves."""
    try:
        moved = prediction.at(leaves)
    except WrongClaim:
        return {}  # the point there left the domain: nothing learnt from it
    return {
        i: field.scales[i].norm(arrays.to_numpy(there) - here)
        for i in prediction.judged
        if (there := moved[i]) is not None and (here := prediction.values[i]) is not None
    }


def judge(native: Sequence[Any], prediction: Prediction, field: Field, dtype: str) -> dict[int, Accuracy]:
    """Return the accuracy of each argument's gradient in `dtype`, `gradient` being the same claim in float64."""
    unit, smallest = arrays.ROUNDOFF[dtype], arrays.SMALLEST[dtype]
    condition = spread(prediction, field, unit, prediction.judged, smallest)
    longest, off = _longest(prediction), cache(partial(_off, prediction, dtype))
    found = {}
    for i in prediction.judged:
        wide, own = prediction.values[i], native[i]
        if wide is None or own is None:
            continue
        size = field.scales[i].norm(wide)
        error = field.scales[i].norm(arrays.to_numpy(own) - wide)
        lost = field.scales[i].norm(np.full_like(wide, smallest))
        allowed = LAMBDA * (longest * (condition[i] + unit * size + lost) + unit * field.largest)
        if error > allowed:
            more = spread(prediction, field, unit, [i], smallest, unseen=[i])[i]  # one draw is of any size
            allowed += LAMBDA * longest * max(more - condition[i], 0.0)
            allowed += LAMBDA * unit * size * min(field.largest, 1 / math.sqrt(unit))
            allowed += LAMBDA * longest * unit * _reach(prediction, field, i) + as_far_off_as_f(prediction, off())
        if error > allowed:
            allowed += LAMBDA * longest * _jump_beside_zeros(prediction, field, unit, i)
        verdict = Verdict.PASS if error <= allowed else Verdict.FAIL
        relative = size if size > 0 else 1.0
        found[i] = Accuracy(dtype, error / relative, allowed / relative, verdict)
    return found


def _jump_beside_zeros(prediction: Prediction, field: Field, unit: float, index: int) -> float:
    """Return by how much ‖g∘s‖ jumps where entries of 0 move by the round-off of their argument's scale.

    They have none of their own, and what is added to a bias of 0 is rounded: of two values that it parts by less than
    that either is the largest. A jump is as large over a part of the move, or not there yet; no jump is in proportion.
    """
    change, less = (
        max(_beside_zeros(prediction, field, size, index, repeat) for repeat in range(MORE_REPEATS))
        for size in (unit, unit * PART)
    )
    return 0.0 if PART / 2 * change <= less <= 2 * PART * change else change


def _beside_zeros(prediction: Prediction, field: Field, unit: float, index: int, repeat: int) -> float:
    """Return by how much the claim of one argument moves where entries of 0 do."""
    moved = []
    for i, x in enumerate(prediction.leaves):
        values = arrays.to_numpy(x)
        rng = stream(field.seed, Purpose.JITTER, i, repeat // 2)
        off = (-1) ** repeat * 2 * unit * field.scales[i].value * (2 * rng.integers(2, size=values.shape) - 1.0)
        moved.append(arrays.like(np.where(values == 0, off, values), x) if i in prediction.judged else x)
    return _changed(prediction, field, moved).get(index, 0.0)


def own_round_off(prediction: Prediction, field: Field, index: int) -> float:
    """Return how far off a claim in the field's arithmetic may be, of which a jitter need not show anything.

    Σ p·(v − Σ p·v) of a saturated softmax is 1e-50, and the terms that cancel to it are rounded at 1e-16.
    """
    here = prediction.values[index]
    size = 0.0 if here is None else field.scales[index].norm(here)
    return roundings(prediction, field) * max(size, _reach(prediction, field, index), field.largest)


def wobble(prediction: Prediction, field: Field, index: int) -> float:
    """Return ‖Δ∘s‖, how far a claim moves where the point does by far more than round-off, and by next to nothing.

    A layer norm of equals divides what they are rounded by: that may be the same at the next number, and is another one
    further off. A smooth claim, right or wrong, moves by next to nothing too.
    """
    return max(_changes(prediction, field, WOBBLE, n, None, 0.0).get(index, 0.0) for n in range(MORE_REPEATS))


def as_far_off_as_f(prediction: Prediction, off: float) -> float:
    """Return by how much a claim may be off where f itself is, in its own arithmetic: terms that cancel are larger."""
    return LAMBDA * _longest(prediction) * off


def roundings(prediction: Prediction, field: Field) -> float:
    """Return 4·√n·u, the relative round-off of a long sum in the field's arithmetic."""
    return LAMBDA * field.unit * _longest(prediction)


def _longest(prediction: Prediction) -> float:
    """Return √n, n the roundings on the longest way through the formula."""
    return min(math.sqrt(arrays.total_size(prediction.leaves) + SHORTEST), BLOCK)


def _reach(prediction: Prediction, field: Field, index: int) -> float:
    """Return the largest ‖∇f∘s‖ within the argument's own size: where f is saturated, what its factors carry.

    The gradient of a saturated tanh is 1 − h², two numbers near 1 that cancel; half as far out it is made of the same
    factors, and does not.
    """
    largest = 0.0
    for t in (-1.0, -0.5, 0.5):
        with contextlib.suppress(WrongClaim):
            g = prediction.at(arrays.resized(prediction.leaves, (index,), t))[index]
            size = 0.0 if g is None else field.scales[index].norm(arrays.to_numpy(g))
            largest = max(largest, size if math.isfinite(size) else 0.0)
    return largest


def _off(prediction: Prediction, dtype: str) -> float:
    """Return how far f in its own dtype is from f in float64, at the worst of three points within its arguments' size.

    Where terms cancel in f they are larger than any f that was seen, and so are the factors in its gradient.
    """
    claim, worst = prediction.claim, 0.0
    for t in (-0.5, 0.0, 0.5):
        own = arrays.resized(claim.leaves, prediction.judged, t)
        wide = [arrays.like(arrays.to_numpy(x), w) for x, w in zip(own, prediction.leaves, strict=True)]
        with contextlib.suppress(Exception):  # whatever user code raises off the point: nothing learnt from it
            here, there = claim.function(own), claim.function(wide)
            if math.isfinite(off := abs(here - there)) and not _another(here, there, dtype):
                worst = max(worst, off)
    return worst


def another_function(claim: Claim, wide: Sequence[Any]) -> str | None:
    """Return a note if f in its own dtype is another function than in float64, `wide` being the point there.

    An ε chosen by dtype (the default of `torch.nn.functional.rms_norm`) makes it so. Then f's values differ by more
    than the resolution of that dtype, and neither formula can be held against the other.
    """
    dtype = max((arrays.dtype_name(x) for x in claim.leaves), key=lambda name: arrays.ROUNDOFF[name])
    own, other = claim.function(claim.leaves), claim.function(wide)
    if not _another(own, other, dtype):
        return None
    return f"{claim.title} is another function in {dtype} ({own:.3g}) than in float64 ({other:.3g}): judged in {dtype}"


def _another(own: float, other: float, dtype: str) -> bool:
    return not abs(own - other) <= default_resolution(arrays.ROUNDOFF[dtype]) * max(abs(own), abs(other))
