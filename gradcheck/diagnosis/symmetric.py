"""A gradient that is wrong entry by entry and right for symmetric moves: f reads one half of a symmetric matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.errors import GradcheckError
from gradcheck.slopes.budget import BudgetReached
from gradcheck.verdicts.trial import Trial

if TYPE_CHECKING:
    from gradcheck.verdicts.report import ArgumentReport

PROBES = 4
NAME = "right for symmetric moves"
ADVICE = (
    "right for symmetric moves of {0}, of which f reads one half only, as eigvalsh and cholesky do: pass "
    "tangent={{{0!r}: lambda v: v + v.T}}, or let f use ({0} + {0}.T)/2"
)


def right_when_symmetric(argument: ArgumentReport, trial: Trial) -> ArgumentReport | None:
    """Return the report of a FAIL that says so, None where the gradient is wrong for symmetric moves too."""
    x = arrays.to_numpy(trial.prediction.leaves[trial.index])
    if trial.tangent is not None or trial.oracle is None or trial.claimed is None or not _symmetric(x):
        return None
    there = Trial(trial.field, trial.prediction, trial.index, confidence=trial.confidence, tangent=_halves)
    try:
        there.measure(trial.oracle, PROBES)
    except (GradcheckError, BudgetReached):
        return None
    if len(there.probes) < PROBES or any(m.significant for m in there.mismatches()):
        return None
    return argument.with_(mistakes=(NAME,), advice=ADVICE.format(trial.name))


def _symmetric(x: np.ndarray[Any, Any]) -> bool:
    """Tell whether x is a symmetric matrix, up to its last digits."""
    if x.ndim != 2 or x.shape[0] != x.shape[1] or x.size < 2:
        return False
    return bool(np.max(np.abs(x - x.T)) <= 2.0**-40 * np.max(np.abs(x)))


def _halves(v: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray((v + v.T) / 2)
