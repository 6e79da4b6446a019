"""Where a wrong Jacobian or Hessian is wrong: which row and column, in slopes that do not grow with its size.

The claim is judged contracted with a random cotangent, so its place along the argument's entries (the columns) is found
as everywhere. One line through the point moves every output at once: J·v, claimed and measured, tells all the rows.
The worst row is then a gradient of its own, judged and located as one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.array_claim import ArrayClaim
from gradcheck.claims.hessian import HessianClaim, HesspClaim
from gradcheck.claims.jacobian import MatrixClaim
from gradcheck.diagnosis import locate, names, wrong_outputs
from gradcheck.diagnosis.diagonal import told, wrong_diagonal
from gradcheck.diagnosis.jacobian_product import pushed
from gradcheck.diagnosis.wrong_outputs import alone, is_wrong
from gradcheck.errors import GradcheckError
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gradcheck.diagnosis.jacobian_product import Pushed
    from gradcheck.verdicts.report import ArgumentReport
    from gradcheck.verdicts.trial import Trial

LISTED = 6  # rows in a sentence
CANDIDATES = 3  # rows of a symmetric matrix that may be wrong together with their columns


def located(argument: ArgumentReport, trial: Trial) -> ArgumentReport:
    """Return the report of a FAIL with row and column where the claim is a matrix, else with the output on trial."""
    claim = trial.prediction.claim
    if not isinstance(claim, ArrayClaim) or trial.tangent is not None:
        return argument
    try:
        if not isinstance(claim, MatrixClaim):
            return wrong_outputs.located(argument, trial, claim)
        return _located(argument, trial, claim)
    except (GradcheckError, ArithmeticError):
        return argument  # the verdict stands, with the place as far as it is known


def _located(argument: ArgumentReport, trial: Trial, claim: MatrixClaim) -> ArgumentReport:
    column = argument.where if argument.where is not None and None not in argument.where else None
    moves = _moves(trial, column)
    found = [pushed(trial, claim, v) for v in moves]
    excess = np.max([p.excess for p in found], axis=0)
    wrong = np.flatnonzero(excess > 1)
    if not wrong.size:
        return argument
    said = _transposed(trial, claim)
    row = int(np.argmax(excess))
    there = _row(trial, claim, row)
    output, index = claim.row_index(row)
    label = claim.label(trial.index, output)
    entries = () if there is None else there.worst
    single = there.where if there is not None else None
    one = wrong.size == 1
    where: tuple[int | None, ...] | None = None
    if one:
        where = (*index, *(single if single is not None else (None,) * len(argument.shape)))
    elif column is not None and wrong.size >= np.count_nonzero(_live(found)):
        where = (*(None,) * len(index), *column)
    named = there if there is not None and one else argument
    place = f"row {_of_row(index)} of {label}" if index else label
    worst = [int(i) for i in np.argsort(-excess)[:CANDIDATES] if excess[i] > 1]
    mirrored = None if one or column is not None else _of_symmetric(trial, claim, wrong, worst, single)
    if one:
        text = _zero_block(claim, trial.index, output, found) or _one_row(label, index, single)
    elif mirrored is not None:
        text, where = mirrored
    else:
        text = _several_rows(claim, trial.index, wrong, found, column)
        if column is None and there is not None and there.where_text:
            text = f"{text}; in {place} {_inside(there, label, index)}"
    missed = claim.missed(index, entries)
    single_block = len(claim.cotangents) == 1 and not argument.mistakes
    diagonal = wrong_diagonal(found, moves) if single_block and not one and column is None else None
    if diagonal is not None:
        text, name, advice = told(diagonal, found[0], moves[0], label)
        named = named.with_(mistakes=(name,), advice=advice) if name else named
    return argument.with_(
        where=where,
        where_text=text,
        worst=tuple(w.named(f"{label}[{_told((*index, *w.index))}]", (*index, *w.index)) for w in entries),
        mistakes=("transposed", *argument.mistakes) if said else named.mistakes,
        advice=said
        or missed
        or claim.asymmetry(trial.field.leaves)
        or (f"in {place} {named.advice}" if one and named.advice else named.advice),
        next="" if missed else f"look at the formula of {place}" if one else _next(named, claim, trial, label),
    )


def _inside(there: ArgumentReport, label: str, index: Sequence[int]) -> str:
    """Return where a row is wrong, its report being `there`."""
    if there.where is None:
        return there.where_text
    if None in there.where:
        held = _told([*index, *(":" if i is None else i for i in there.where)])
        return f"{label}[{held}] is wrong, all else is right"
    return f"one entry is wrong: {label}[{_told((*index, *there.where))}]"


def _of_symmetric(
    trial: Trial, claim: MatrixClaim, wrong: NDArray[Any], worst: Sequence[int], single: Sequence[int | None] | None
) -> tuple[str, tuple[int | None, ...] | None] | None:
    """Return place and index where a Hessian of one argument is wrong as a symmetric matrix is; None elsewhere.

    In two entries that mirror each other, or in a row and the column of the same number: then no row but that one is
    wrong along a move that leaves its column out.
    """
    if not isinstance(claim, HessianClaim | HesspClaim) or len(claim.cotangents) > 1:
        return None
    index, label = claim.row_index(worst[0])[1], claim.label(trial.index)
    rows = [claim.row_index(int(other))[1] for other in wrong]
    if len(rows) == 2 and single is not None and single != index and tuple(single) in rows:
        there = (*index, *single)
        mirror = _told((*single, *index))
        return f"two entries are wrong: {label}[{_told(there)}] and {label}[{mirror}], all else is right", there
    for row in worst:
        index = claim.row_index(row)[1]
        v = np.array(arrays.to_numpy(trial.direction(0)))
        v[index] = 0
        if set(np.flatnonzero(pushed(trial, claim, v).excess > 1)) <= {row}:
            return f"row {_told(index)} and column {_told(index)} of {label} are wrong, all else is right", None
    return None


def _next(argument: ArgumentReport, claim: MatrixClaim, trial: Trial, label: str) -> str:
    meant = "" if argument.mistakes else claim.remark(trial.field.leaves)
    return meant or argument.next or f"look at the formula of {label}"


def _live(found: Sequence[Pushed]) -> NDArray[np.bool_]:
    """Return which rows move at all."""
    return np.asarray(np.max([p.size for p in found], axis=0) > 0)


def _one_row(label: str, index: Sequence[int], single: Sequence[int | None] | None) -> str:
    if single is not None and None not in single:
        return f"one entry is wrong: {label}[{_told((*index, *single))}]"
    row = f"row {_of_row(index)} of {label}" if index else label
    return f"{row} is wrong, all other rows are right"


def _zero_block(claim: MatrixClaim, argument: int, output: str, found: Sequence[Pushed]) -> str:
    """Return a sentence if a block that is wrong is claimed zero; empty elsewhere, or where there is one block."""
    inside = np.array([name == output for name in claim.output_of_rows()])
    if len(claim.cotangents) == 1 or any(np.any(p.claimed[inside]) for p in found):
        return ""
    return f"the block {claim.label(argument, output)} is claimed zero, all other blocks in these columns are right"


def _several_rows(
    claim: MatrixClaim, argument: int, wrong: NDArray[Any], found: Sequence[Pushed], column: Sequence[int | None] | None
) -> str:
    live = _live(found)
    outputs = {claim.row_index(int(row))[0] for row in wrong[[0, -1]]}
    label, names = claim.label(argument), claim.output_of_rows()
    if len(outputs) == 1 and len(claim.cotangents) > 1:  # a block of its own
        output = outputs.pop()
        inside = np.array([name == output for name in names])
        label, live = claim.label(argument, output), live & inside
        if zero := _zero_block(claim, argument, output, found):
            return zero
    every = wrong.size >= np.count_nonzero(live)
    if column is None:
        part = f"every row of {label} is wrong" if every else f"{_rows(claim, wrong)} of {label} are wrong"
        return part if every else f"{part}, all other rows are right"
    rows = "every row" if every else _rows(claim, wrong)
    return f"column {_told(column)} of {label} is wrong in {rows}, all else is right"


def _rows(claim: MatrixClaim, wrong: NDArray[Any]) -> str:
    first, last = int(wrong[0]), int(wrong[-1])
    if last - first + 1 == wrong.size:
        return f"rows {_row_told(claim, first)} to {_row_told(claim, last)}"
    shown = ", ".join(_row_told(claim, int(i)) for i in wrong[:LISTED])
    return f"rows {shown}" + (f" and {wrong.size - LISTED} more" if wrong.size > LISTED else "")


def _row_told(claim: MatrixClaim, row: int) -> str:
    output, index = claim.row_index(row)
    return f"{output}[{_told(index)}]" if output else _of_row(index)


def _of_row(index: Sequence[Any]) -> str:
    return _told(index) if len(index) < 2 else f"({_told(index)})"


def _told(index: Sequence[Any]) -> str:
    return ", ".join(map(str, index))


def _moves(trial: Trial, column: Sequence[int | None] | None) -> list[NDArray[Any]]:
    """Return the directions along which rows are looked at: one entry's where one column is wrong, else random ones."""
    if column is None:
        return [arrays.to_numpy(trial.direction(probe)) for probe in (0, 1)]
    shape = arrays.shape_of(trial.field.leaves[trial.index])
    v = np.zeros(shape)
    scale = np.broadcast_to(trial.scale.value, shape)
    v[tuple(i or 0 for i in column)] = scale[tuple(i or 0 for i in column)]
    return [v]


def _row(trial: Trial, claim: MatrixClaim, row: int) -> ArgumentReport | None:
    """Return the report on one row as a gradient of its own; None where it cannot be shown wrong alone."""
    there = alone(trial, claim.contracted(claim.unit(row)))
    if not is_wrong(there):
        return None
    before = there.field.evaluations
    report = there.report(Verdict.FAIL, there.interval(), 0.0)
    report = locate.find(names.named(report, there, {trial.index: there}), there)
    trial.field.count(there.field.evaluations - before)
    return report


def _transposed(trial: Trial, claim: MatrixClaim) -> str:
    """Return a sentence if the transposed matrix explains every row."""
    transposed = claim.transposed(trial.index)
    if transposed is None:
        return ""
    found = [pushed(trial, transposed, v) for v in _moves(trial, None)]
    if any(np.any(p.excess > 1) for p in found):
        return ""
    return f"{claim.label(trial.index)} is transposed: rows are outputs, columns are entries of {trial.name}"
