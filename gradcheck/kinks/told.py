"""What is said of a claim at a kink: verdict, reason, convention, and the proof as a sentence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gradcheck.kinks import chain_rule, convention
from gradcheck.kinks.around import Grown
from gradcheck.kinks.moves import Aside
from gradcheck.kinks.neighbourhood import Spent
from gradcheck.kinks.packed import parts
from gradcheck.verdicts.argument_report import Kink, SimpleKink
from gradcheck.verdicts.certificate import Interval, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from gradcheck.kinks.beside import Beside
    from gradcheck.kinks.formula import Formula
    from gradcheck.kinks.kink_variable import Solved
    from gradcheck.kinks.neighbourhood import Neighbourhood
    from gradcheck.kinks.of_black_box import BlackBox
    from gradcheck.kinks.separation import Separation
    from gradcheck.verdicts.report import ArgumentReport

    Array = NDArray[np.float64]

SHOWN = 10_000  # entries listed in a report
KINKS = 1_000  # kinks listed one by one
DIGITS = 8  # entries of a direction written out
UNDECIDED = "pass kink_of= to name the kink variable, or oracle='exact'"


def too_coarse(high: float, resolution: float) -> str:
    """Say that the slopes next to the kink do not tell enough."""
    return f"resolution reached {high:.1e} next to the kink, wanted {resolution:.1e}"


def jump(beside: Beside, entries: NDArray[np.int64], near: Neighbourhood) -> str:
    """Say that the claim differs at the point from what it is all around, where f is smooth."""
    index = beside.indices(entries[[np.argmax(np.abs(near.here[:] - near.claims[0]))]])
    at = f" at {index[0]}" if index else ""
    return (
        f"right next to the point and wrong at it: all around{at} the claims agree, and f is smooth there as far as "
        "can be seen. A guard such as where(x == 0, ...)? Or kinks of f cancel there, as in relu(x) - relu(-x), and "
        "the chain rule gives what is no subgradient"
    )


def _size(beside: Beside, formula: Formula) -> float:
    """Return the size of the gradient at and next to the point."""
    return max(formula.gradient_size, beside.norm, np.finfo(np.float64).tiny)


def of_named_kinks(
    report: ArgumentReport,
    beside: Beside,
    solved: Solved,
    entries: NDArray[np.int64],
    within: float,
    required: str | None,
    formula: Formula,
) -> ArgumentReport:
    """Return the report where the kink variable gave λ kink by kink."""
    kinks = tuple(
        SimpleKink(tuple(beside.indices(k.entries, SHOWN)), _bend(k.bend), convention.side(k.share), float(k.share))
        for k in solved.kinks[:KINKS]
    )
    kink = Kink(solved.convention, solved.inside, tuple(beside.indices(entries, SHOWN)), within, kinks=kinks)
    if not solved.inside:
        return _outside(report, kink, solved.distance / _size(beside, formula), solved.reason)
    return _inside(report, kink, required, "the kink variable")


def of_black_box(
    report: ArgumentReport,
    beside: Beside,
    found: BlackBox,
    within: float,
    required: str | None,
    formula: Formula,
) -> ArgumentReport:
    """Return the report where the claims next to the point are all there is."""
    finding, near = found.finding, found.near
    free = beside.basis is not None or beside.trial.tangent is None
    if finding.state == "outside" and near is not None and finding.separation is not None and free:
        return _separated(report, beside, found, near, finding.separation, within, formula)
    entries = _changed(beside, found)
    if finding.state == "inside":
        kink = Kink(
            "midpoint" if found.centre else convention.overall(_names(found)),
            valid=True,
            entries=entries,
            within=within,
            kinks=_kinks(beside, found),
            weights=tuple(float(w) for w in np.sort(finding.weights)[::-1]),
            proof=_combination(found),
        )
        return _inside(report, kink, required, "the argument")
    kink = Kink("other", valid=False, entries=entries, within=within)
    reason = finding.reason if finding.state == "undecided" or free else "where tangent= holds many entries"
    return report.with_(kink=kink, reason=f"undecided at the kink, {reason}: {UNDECIDED}")


def _changed(beside: Beside, found: BlackBox) -> tuple[tuple[int, ...], ...]:
    """Return the entries that some kink moves."""
    return tuple(beside.indices(found.entries[~np.isnan(found.shares)], SHOWN))


def _bend(sign: float) -> str:
    return "up" if sign > 0 else "down"


def _names(found: BlackBox) -> set[str]:
    shares = (np.unique(np.round(found.shares[part], 6)).tolist() for part in parts(len(found.shares)))
    return {convention.side(share) for some in shares for share in some if not math.isnan(share)}


def _kinks(beside: Beside, found: BlackBox) -> tuple[SimpleKink, ...]:
    """Return the simple kinks one by one."""
    kinks = []
    for kink in found.kinks[:KINKS]:
        normal = kink.wall.normal
        shown = np.abs(normal) > convention.SHOWN * float(np.max(np.abs(normal)))
        about = tuple(beside.indices(found.entries[kink.entries[shown]], SHOWN))
        share = 1 - kink.wall.share if (normal[shown] < 0).all() else kink.wall.share
        kinks.append(SimpleKink(about, _bend(kink.wall.bend), convention.of_wall(kink.wall), share))
    return tuple(kinks)


def _combination(found: BlackBox) -> str:
    weights = found.finding.weights
    count = len(weights)
    if found.finding.by_blocks:
        return (
            f"in each block of entries the claim is a convex combination of claims next to the point, {count} at most"
        )
    if count <= 1:
        return "the claim is one of those next to the point"
    return f"the claim is a convex combination of {count} claims next to the point"


def _inside(report: ArgumentReport, kink: Kink, required: str | None, of: str) -> ArgumentReport:
    report = report.with_(kink=kink)
    if required not in (None, chain_rule.NAME) and kink.convention != required:
        return report.with_(
            verdict=Verdict.FAIL,
            reason=f"the convention at the kink is {kink.convention}, wanted {required} ({of}) at {some(kink.entries)}",
        )
    if report.error.high <= report.resolution:
        return report.with_(verdict=Verdict.PASS)
    return report.with_(reason=too_coarse(report.error.high, report.resolution))


def _outside(report: ArgumentReport, kink: Kink, distance: float, reason: str) -> ArgumentReport:
    error = Interval(distance, math.inf, relative=True, confidence=report.error.confidence)
    return report.with_(verdict=Verdict.FAIL, kink=kink, error=error, reason=reason)


def _separated(
    report: ArgumentReport,
    beside: Beside,
    found: BlackBox,
    near: Neighbourhood,
    separation: Separation,
    within: float,
    formula: Formula,
) -> ArgumentReport:
    """Return the report of a claim that reaches further along a move than every subgradient."""
    beyond = separation.claimed - separation.reached
    distance = beyond / float(np.linalg.norm(separation.move)) / _size(beside, formula)
    moved = np.flatnonzero(separation.move)
    separation = _simpler(near, separation)
    if len(moved) == 1 and np.isnan(found.shares[moved[0]]):
        index = beside.indices(found.entries[moved])
        reason = f"at {some(index)} the claim differs from the claims next to it, though f has no kink in that entry"
    else:
        reason = ""
    move = np.zeros(len(beside.here))
    move[found.entries] = separation.move
    direction, unit = np.asarray(beside.as_direction(move)), 1.0
    del move  # as large as the argument
    if isinstance(beside.scale, float):  # whole numbers stay whole
        unit = beside.scale
        direction /= unit
    rise, claimed = separation.reached / unit, separation.claimed / unit
    proof = f"along {_written(direction)} {separation.said(rise)}, the claim says {claimed:.6g}"
    kink = Kink(
        "other",
        valid=False,
        entries=_changed(beside, found),
        within=within,
        direction=_moved(direction),
        rise=rise,
        claimed=claimed,
        proof=proof,
    )
    return _outside(report, kink, distance, reason or f"no subgradient of f: {proof}").with_(next=_of_ties(near))


def _of_ties(near: Neighbourhood) -> str:
    """Say where every entry has the largest, or the least, of the values that it has next to the point.

    At a tie of a maximum each claim next to the point gives all to one entry. A claim that gives it to every entry, or
    to none, has a right value in each entry by itself, and no subgradient has all of them.
    """
    slack = 4 * max(near.tolerance, np.finfo(np.float64).eps * near.size)
    differing, every, none = 0, True, True
    for part in near.parts:
        largest, least = near.claim(0, part).copy(), near.claim(0, part).copy()
        for k in range(1, len(near.claims)):
            claim = near.claim(k, part)
            np.copyto(largest, claim, where=np.abs(claim) > np.abs(largest))
            np.copyto(least, claim, where=np.abs(claim) < np.abs(least))
        differ = np.abs(largest - least) > 2 * slack
        differing += int(np.count_nonzero(differ))
        every &= bool(np.all(np.abs(near.here[part] - largest)[differ] <= slack))
        none &= bool(np.all(np.abs(near.here[part] - least)[differ] <= slack))
    if differing < 2 or not (every or none):
        return ""
    return (
        f"if entries tie here (a maximum, a sort): does {'every' if every else 'no'} entry take the gradient? Next to "
        "the point each value occurs by itself, but not all of them at once"
    )


def _simpler(near: Neighbourhood, separation: Separation) -> Separation:
    """Return the separation along a rounder move where that separates as well, and two claims there say so."""
    if separation.kind == "bound":
        return separation
    largest = float(np.max(np.abs(separation.move)))
    rounded = separation.move / largest
    np.round(rounded, 1, out=rounded)
    if np.array_equal(rounded, separation.move):
        rounded = separation.move
    sign = -1.0 if separation.kind == "concave" else 1.0
    try:
        fresh = [_reached(near, sign, rounded) for _ in range(2)]
    except (Spent, Grown):
        return separation
    reached = max(*(float(claim @ rounded) for claim in near.claims), *fresh)
    claimed = float(near.here[:] @ rounded)
    slack = 2.0**-10 * (abs(reached) + abs(claimed)) + 4 * near.tolerance * float(np.sum(np.abs(rounded)))
    before = (separation.claimed - separation.reached) / float(np.linalg.norm(separation.move))
    if (claimed - reached - slack) / float(np.linalg.norm(rounded)) < before / 2:
        return separation
    return type(separation)(rounded, claimed, reached, separation.kind)


def _reached(near: Neighbourhood, sign: float, along: Array) -> float:
    """Return how far a fresh claim reaches along a move."""
    move = Aside(along if sign > 0 else -along, 2.0**-12, near.drawn_move())
    return float(near.ask_made(move)[1][:] @ along)


def _moved(direction: NDArray[Any]) -> tuple[tuple[tuple[int, ...], complex], ...]:
    """Return the entries that a direction moves, and by how much."""
    moved = np.flatnonzero(direction)[:SHOWN]
    indices = (tuple(int(k) for k in np.unravel_index(i, direction.shape)) for i in moved)
    return tuple((index, direction.reshape(-1)[i].item()) for index, i in zip(indices, moved, strict=True))


def _written(direction: NDArray[Any]) -> str:
    """Write a direction out, or say where it moves what."""
    flat = direction.reshape(-1) + 0.0  # a negative zero is none to a reader
    if flat.size <= DIGITS:
        return "(" + ", ".join(f"{v:.3g}" for v in flat) + ")"
    moved = np.flatnonzero(flat)
    shown = [
        f"{flat[i]:.3g} at {tuple(int(k) for k in np.unravel_index(i, direction.shape))}" for i in moved[: DIGITS // 2]
    ]
    more = len(moved) - len(shown)
    return "the direction " + ", ".join(shown) + (f" and {more} more" if more else "")


def some(entries: Sequence[tuple[int, ...]]) -> str:
    """List the first three entries."""
    shown = ", ".join(str(entry) for entry in entries[:3])
    return shown + (f" and {len(entries) - 3} more" if len(entries) > 3 else "")
