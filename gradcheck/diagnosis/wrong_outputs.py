"""Through which outputs a wrong vjp or jvp is wrong: which of several, and which entries of one.

A vjp is linear in its cotangent, so a cotangent that is zero outside some entries of the output asks for the part of
the gradient through these alone. J·v is measured for all entries at once; the wrong ones are found along each axis by
halving, each half one call of the vjp and none of f. A jvp returns J·v for all entries itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.contract import as_given
from gradcheck.claims.jvp import JvpClaim
from gradcheck.claims.prediction import Prediction
from gradcheck.diagnosis import names
from gradcheck.diagnosis.jacobian_product import NEGLIGIBLE, SAFETY, measured, pushed
from gradcheck.oracles.finite_difference import FiniteDifferences
from gradcheck.slopes.direction import inner
from gradcheck.slopes.field import Field
from gradcheck.verdicts.certificate import Verdict
from gradcheck.verdicts.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from gradcheck.claims.array_claim import ArrayClaim
    from gradcheck.verdicts.report import ArgumentReport

PROBES = 4
MOST_OUTPUTS = 8  # that are asked one by one
MOST = 4  # indices along an axis that are told one by one; where more are wrong the axis is


def located(argument: ArgumentReport, trial: Trial, claim: ArrayClaim) -> ArgumentReport:
    """Return the report with the outputs, and the entries of one, through which alone the gradient is wrong."""
    count = len(claim.cotangents)
    if count > MOST_OUTPUTS:
        return argument
    wrong = [0] if count == 1 else [k for k in range(count) if is_wrong(alone(trial, claim.contracted(claim.alone(k))))]
    if len(wrong) == 1 and (place := _entries(trial, claim, wrong[0])):
        which = claim.output_names[wrong[0]]
        told = f"{which}[{', '.join(map(_told, place))}]"
        return _one(_through(argument, told, f"all other entries of {which}"), trial, claim, wrong[0], place, told)
    if not 0 < len(wrong) < count:
        return argument
    return _through(argument, ", ".join(claim.output_names[k] for k in wrong), "all other outputs")


def _through(argument: ArgumentReport, which: str, rest: str) -> ArgumentReport:
    through = f"the part through {which} is wrong, that through {rest} is right"
    return argument.with_(where_text=f"{argument.where_text}; {through}" if argument.where_text else through)


def _one(
    argument: ArgumentReport,
    trial: Trial,
    claim: ArrayClaim,
    output: int,
    place: Sequence[Sequence[int] | None],
    told: str,
) -> ArgumentReport:
    """Return the report with the mistake that explains the part through `place`, where none explains the whole."""
    if argument.mistakes:
        return argument
    mask = np.ones(claim.cotangents[output].shape, dtype=bool)
    for axis, found in enumerate(place):
        if found is not None:
            mask &= _chosen(mask.shape, axis, found)
    there = alone(trial, claim.contracted(_masked(claim, output, mask)))
    report = names.named(there.report(Verdict.FAIL, there.interval(), 0.0), there, {trial.index: there})
    if not report.mistakes:
        return argument
    return argument.with_(mistakes=report.mistakes, advice=f"through {told} {report.advice}", next="")


def alone(trial: Trial, claim: ArrayClaim) -> Trial:
    """Return the trial of the same argument under other cotangents, measured; its evaluations are counted."""
    field = Field(claim, trial.field.leaves, seed=trial.field.seed)
    prediction = Prediction(claim, field.leaves)
    noise = as_given(prediction, field)
    there = Trial(field, prediction, trial.index, confidence=trial.confidence, noise=noise)
    there.measure(FiniteDifferences(field, [trial.index]), PROBES)
    trial.field.count(field.evaluations)
    return there


def is_wrong(trial: Trial) -> bool:
    """Tell whether two slopes or more contradict the claim."""
    return sum(m.significant for m in trial.mismatches()) >= 2


def _told(found: Sequence[int] | None) -> str:
    if found is None:
        return ":"
    return str(found[0]) if len(found) == 1 else f"({', '.join(map(str, found))})"


def _masked(claim: ArrayClaim, output: int, mask: NDArray[np.bool_]) -> list[Any]:
    return [np.where(mask, c, 0) if k == output else np.zeros_like(c) for k, c in enumerate(claim.cotangents)]


def _chosen(shape: Sequence[int], axis: int, indices: Sequence[int]) -> NDArray[np.bool_]:
    """Return which entries lie at `indices` along an axis."""
    along = np.zeros(shape[axis], dtype=bool)
    along[list(indices)] = True
    return np.broadcast_to(along.reshape([-1 if k == axis else 1 for k in range(len(shape))]), tuple(shape))


def _entries(trial: Trial, claim: ArrayClaim, output: int) -> list[list[int] | None]:
    """Return the wrong indices along each axis of an output, None for a whole axis; empty where it is wrong whole."""
    shape = claim.cotangents[output].shape
    if not shape or claim.cotangents[output].size < 2:
        return []
    v = arrays.to_numpy(trial.direction(0))
    start = sum(c.size for c in claim.cotangents[:output])
    part = slice(start, start + claim.cotangents[output].size)
    if isinstance(claim, JvpClaim):
        both = pushed(trial, claim, v)
        wrong, live = (x[part].reshape(shape) for x in (both.excess > 1, both.size > 0))
        found = [_few(np.unique(np.nonzero(wrong)[axis]), np.nonzero(live)[axis]) for axis in range(len(shape))]
    else:
        slopes, bound = measured(trial, claim, v)
        is_off = _halves(trial, claim, output, slopes[part].reshape(shape), bound[part].reshape(shape), v)
        found = [_wrong_along(axis, shape, is_off) for axis in range(len(shape))]
    return found if any(indices is not None for indices in found) else []


def _few(wrong: NDArray[Any], live: NDArray[Any]) -> list[int] | None:
    if not 0 < wrong.size <= MOST or wrong.size >= np.unique(live).size:
        return None
    return [int(i) for i in wrong]


def _halves(
    trial: Trial,
    claim: ArrayClaim,
    output: int,
    slopes: NDArray[Any],
    bound: NDArray[np.float64],
    v: NDArray[Any],
) -> Callable[[int, Sequence[int]], bool]:
    """Return a function that tells whether the part through some indices along an axis is wrong."""

    def is_off(axis: int, indices: Sequence[int]) -> bool:
        weights = _masked(claim, output, _chosen(slopes.shape, axis, indices))
        pulled = Prediction(claim.contracted(weights), trial.field.leaves).values[trial.index]
        if pulled is None:
            return False
        said, round_off = inner(pulled, v)
        terms = np.conj(weights[output]) * slopes
        allowed = SAFETY * float(np.sum(np.abs(weights[output]) * bound)) + round_off
        return bool(
            abs(said - float(np.sum(terms.real))) > allowed + NEGLIGIBLE * max(abs(said), float(np.abs(terms).sum()))
        )

    return is_off


def _wrong_along(axis: int, shape: Sequence[int], is_off: Callable[[int, Sequence[int]], bool]) -> list[int] | None:
    """Return the indices along an axis through which the gradient is wrong; None where that is most of them."""
    length = shape[axis]
    if length == 1:
        return None
    level = [range(length)]
    while any(len(part) > 1 for part in level):
        halves = [half for part in level for half in _split(part)]
        level = [half for half in halves if is_off(axis, half)]
        if not 0 < len(level) <= MOST or (len(level) == len(halves) > 2 and all(len(half) == 1 for half in level)):
            return None
    found = [part[0] for part in level]
    return found if len(found) < length else None


def _split(part: range) -> list[range]:
    middle = len(part) // 2
    return [part] if len(part) == 1 else [part[:middle], part[middle:]]
