"""Every entry of a wrong gradient measured by moving it alone, on request: two evaluations an entry at least."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

import numpy as np

from gradcheck.diagnosis.locate import PlaceSearch
from gradcheck.diagnosis.syndrome import SLOPE_AT_MOST, Exhausted
from gradcheck.slopes.budget import BudgetReached
from gradcheck.verdicts.comparison import HeatMap

if TYPE_CHECKING:
    from gradcheck.verdicts.report import ArgumentReport
    from gradcheck.verdicts.trial import Trial

MOST = 10_000
TOO_MANY = "{} entries are too many to measure each: at most {}"
UNFINISHED = "the evaluations did not last for every entry: {} of {} are measured"
GOAL = 2.0**-10  # of the largest entry of the claim: an error a thousandth as large is seen


def measured(argument: ArgumentReport, trial: Trial) -> ArgumentReport:
    """Return the report of a FAIL with the error of each entry, and the worst of all of them.

    The errors are relative to the largest entry, claimed or measured.
    """
    shape = argument.shape
    size = math.prod(shape)
    if trial.tangent is not None or size < 2:
        return argument
    if size > MOST:
        return argument.with_(notes=(*argument.notes, TOO_MANY.format(size, MOST)))
    search = PlaceSearch(trial, (size + 1) * 2 * SLOPE_AT_MOST)
    scale = trial.scale.value
    claimed = 0.0 if trial.claimed is None else float(np.max(np.abs(trial.claimed * scale)))
    goal = GOAL * (claimed or trial.true_norm / math.sqrt(size))
    with contextlib.suppress(BudgetReached):
        for index in np.ndindex(*shape):
            with contextlib.suppress(Exhausted):  # f is not finite on either side of that entry
                search.entry(index, goal)
    found = search.found.entries
    if len(found) < size:
        argument = argument.with_(notes=(*argument.notes, UNFINISHED.format(len(found), size)))
    largest = max((max(abs(w.claimed), abs(w.measured)) for w in found.values()), default=0.0) or 1.0
    errors = np.full(shape, math.nan)
    for index, entry in found.items():
        errors[index] = entry.error / largest if index in search.found.wrong else 0.0
    cells = errors.reshape(-1, shape[-1])
    entries = HeatMap(tuple(map(tuple, cells.tolist())), 1, 1, *cells.shape)
    argument = argument.with_(entries=entries, worst=search.worst or argument.worst)
    if argument.where is not None or argument.mistakes:
        return argument
    wrong = len(search.found.wrong)
    return argument.with_(where_text=f"{wrong} of {len(found)} entries are wrong, each measured alone")
