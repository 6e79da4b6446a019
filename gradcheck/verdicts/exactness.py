"""Is the formula of a claim equal to the slopes of f? Yes or no, in exact arithmetic, with no tolerance.

The gradient code runs on exact numbers, as f does. Along each direction measured its answer is held against f's slopes.
Where the two slopes of f differ, or the claim differs from them, the code is also run infinitely near the point on
either side, where f is smooth along v: there it must give the slope on that side. Whether the value at the point itself
is a subgradient is then another question, that of `gradcheck.kinks`.

Where f is smooth a wrong formula equals a slope along one random direction with probability 0. So equality along
several is a proof, and where it fails the entries are measured one by one. Where f is made of pieces that no line
through the point shows (a median at a tie is odd along each), a formula may be that of one piece: every direction
counts then, those of the first slopes and the fresh ones, and a contradiction along any is one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.errors import GradcheckError
from gradcheck.oracles.exact_slopes import ExactSlopes
from gradcheck.slopes.streams import Purpose
from gradcheck.verdicts.argument_report import Exactness
from gradcheck.verdicts.certificate import Interval, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from gradcheck.oracles.balls import Real
    from gradcheck.oracles.exact import ExactSlope
    from gradcheck.slopes.field import Move
    from gradcheck.verdicts.report import ArgumentReport
    from gradcheck.verdicts.trial import Trial

    Array = NDArray[np.float64]

ENTRIES = 256  # of an argument whose wrong entries are looked for one by one
ROUNDING = 2.0**-52  # of the two norms
FRESH = 2  # directions of a larger one alone
OFF = "in exact arithmetic the formula is off by {:.1e}{}: a constant that was rounded before it met an argument?"


def told(report: ArgumentReport, trial: Trial) -> ArgumentReport:
    """Return the report with what exact arithmetic says of the claim's formula, where it runs the claim's code.

    What slopes left undecided, or found off by round-off, is then a PASS where f is smooth: the distance of the
    floating-point gradient from its formula is known, and the formula is right.
    """
    oracle = trial.oracle
    if not isinstance(oracle, ExactSlopes) or trial.claimed is None or trial.prediction.claim.at_point_only:
        return report
    try:
        found = _found(trial, oracle, entries=report.verdict is Verdict.PASS)
    except GradcheckError as error:
        return report.with_(notes=(*report.notes, f"the gradient was judged by its floats: {error}"))
    if found is None:
        return report
    if found.equal and report.verdict is not Verdict.PASS and found.directions > 1 and _smooth(trial, oracle):
        distance = _distance(trial, oracle)
        if distance.high <= report.resolution or not distance.relative:
            report = trial.report(Verdict.PASS, distance, report.resolution).with_(notes=report.notes)
    note = () if found.equal or report.verdict is not Verdict.PASS else (_said(found),)
    return report.with_(exact=found, notes=(*report.notes, *note))


def _smooth(trial: Trial, oracle: ExactSlopes) -> bool:
    """Tell whether f has one slope along each direction of an argument, and the claim at the point gives it."""
    from gradcheck.oracles.balls import agree  # noqa: PLC0415  python-flint is optional

    judged = [(move, slope) for move, slope in oracle.known if trial.index in move]
    return all(slope.smooth and agree(_claimed(oracle, move), slope.right) for move, slope in judged)


def _distance(trial: Trial, oracle: ExactSlopes) -> Interval:
    """Return the distance of the floating-point gradient from its formula: relative, but where both are zero."""
    from gradcheck.oracles.balls import agree, fmpq, nearest  # noqa: PLC0415  python-flint is optional

    rounded, exact = np.asarray(trial.claimed), np.asarray(oracle.claimed[trial.index])
    formula = np.reshape([nearest(entry) for entry in exact.ravel()], exact.shape)
    size = trial.scale.norm(formula)
    if not np.any(rounded) and all(agree(entry, fmpq(0)) for entry in exact.ravel()):
        return Interval(0.0, size, relative=False, confidence=trial.confidence)
    off = trial.scale.norm(rounded - formula) / size + ROUNDING if size > 0 else math.inf
    return Interval(0.0, off, relative=True, confidence=trial.confidence)


def _said(found: Exactness) -> str:
    at = f" at {found.wrong[0]}" if found.wrong else ""
    return OFF.format(found.error, at)


def _found(trial: Trial, oracle: ExactSlopes, *, entries: bool) -> Exactness | None:
    """Return what is said of the formula, its wrong `entries` looked for; None where no slope of it is known."""
    index = trial.index
    claimed = oracle.claimed[index]
    if claimed is None or not any(index in move for move, _ in oracle.known):
        return None
    alone = [(move, slope) for move, slope in oracle.known if list(move) == [index]]
    judged = alone if len(alone) > 1 else [(move, slope) for move, slope in oracle.known if index in move]
    equal, error, wrong = True, 0.0, []
    if not all(_agrees(oracle, move, slope) for move, slope in judged):
        off = [m for m in _one_by_one(trial, oracle) if not _agrees(oracle, *m)] if entries else []
        off = off or [m for m in alone if not _agrees(oracle, *m)]
        equal = not off
        error = max((_error(_claimed(oracle, move), slope) for move, slope in off), default=0.0)
        wrong = [_entry(move[index]) for move, _ in off if np.count_nonzero(move[index]) == 1]
    each, of_largest = _distances(np.asarray(trial.prediction.values[index]), claimed)
    digits = min(_digits(oracle, move, slope) for move, slope in judged)
    return Exactness(equal, len(judged), error, tuple(wrong), digits, each, of_largest)


def _one_by_one(trial: Trial, oracle: ExactSlopes) -> Iterator[tuple[Move, ExactSlope]]:
    """Yield the slopes of single entries, or of an argument that has many along directions of its own."""
    index, shape = trial.index, arrays.shape_of(trial.prediction.leaves[trial.index])
    if math.prod(shape) <= ENTRIES:
        for place in np.ndindex(shape):
            unit = np.zeros(shape)
            unit[place] = 1.0
            move = {index: unit}
            yield move, oracle.exactly(move)
    else:
        for number in range(FRESH):
            move = {index: trial.field.direction(index, number, purpose=Purpose.EXACT)}
            yield move, oracle.exactly(move)


def _agrees(oracle: ExactSlopes, move: Move, slope: ExactSlope) -> bool:
    """Tell whether the claim is the slope, or beside the point the slopes of both sides; asked once for each move."""
    if id(move) not in oracle.agreed:
        oracle.agreed[id(move)] = _is_it(oracle, move, slope)
    return oracle.agreed[id(move)]


def _claimed(oracle: ExactSlopes, move: Move) -> Real:
    """Return what the claim at the point says along a move, added up once: arguments that moved together share it."""
    if id(move) not in oracle.sums:
        oracle.sums[id(move)] = _along(oracle.claimed, move)
    return oracle.sums[id(move)]


def _is_it(oracle: ExactSlopes, move: Move, slope: ExactSlope) -> bool:
    from gradcheck.oracles.balls import agree  # noqa: PLC0415  python-flint is optional

    if slope.smooth and agree(_claimed(oracle, move), slope.right):
        return True
    return all(
        agree(_along(oracle.claimed_beside(oracle.directions(move, sign)), move), side)
        for sign, side in ((1, slope.right), (-1, slope.left))
    )


def _along(claimed: Sequence[NDArray[Any] | None], move: Move) -> Real:
    """Return Σ g·v over the arguments that move, exactly or enclosed."""
    from gradcheck.oracles.balls import fmpq, real, working  # noqa: PLC0415
    from gradcheck.oracles.exact import MOST_BITS  # noqa: PLC0415

    with working(bits=MOST_BITS, terms=2):
        total: Real = fmpq(0)
        for index, v in move.items():
            part, values = claimed[index], arrays.to_numpy(v)
            if part is not None:
                claims, rates = part.ravel(), values.ravel()
                for k in np.flatnonzero(rates):
                    total = total + claims[k] * real(rates[k])
        return total


def _error(claimed: Real, slope: ExactSlope) -> float:
    """Return the distance of a claim from the nearer slope, relative to it."""
    from gradcheck.oracles.balls import middle, nearest  # noqa: PLC0415  as above

    return min(
        nearest(abs(middle(claimed) - middle(side)) / abs(middle(side))) if middle(side) else math.inf
        for side in (slope.left, slope.right)
    )


def _entry(unit: Any) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(unit)[0])


def _digits(oracle: ExactSlopes, move: Move, slope: ExactSlope) -> float:
    """Return the decimal digits to which claim and slopes are known, at least."""
    from gradcheck.oracles.balls import middle  # noqa: PLC0415
    from gradcheck.oracles.tightness import guaranteed_digits  # noqa: PLC0415

    scale = abs(middle(slope.value))
    return min(guaranteed_digits(n, scale) for n in (_claimed(oracle, move), slope.left, slope.right))


def _distances(rounded: NDArray[Any], exact: NDArray[Any]) -> tuple[float, float]:
    """Return the largest distance in ulps of each entry, and of the largest entry."""
    from gradcheck.oracles.balls import nearest  # noqa: PLC0415  as above
    from gradcheck.oracles.tightness import ulps  # noqa: PLC0415

    if not exact.size:
        return 0.0, 0.0
    each = ulps(rounded, exact)
    sizes = np.reshape([abs(nearest(entry)) for entry in exact.ravel()], exact.shape).astype(rounded.dtype)
    return float(each.max()), float((each * (np.spacing(sizes) / np.spacing(sizes.max()))).max())
