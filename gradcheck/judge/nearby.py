"""The same arguments at a point beside a kink, where f is smooth: the mistake of a claim is named and placed there.

One point serves all arguments that are wrong at kinks, and each is measured there once, when its slopes are asked for:
its own to name its mistake, those of the others only as long as they show the same one.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from gradcheck import arrays
from gradcheck.claims.prediction import Prediction
from gradcheck.diagnosis import locate, names
from gradcheck.diagnosis.rows import located as in_matrix
from gradcheck.errors import ArgumentError, WrongClaim
from gradcheck.kinks.changes import WHOLE
from gradcheck.oracles.by_name import oracle_of
from gradcheck.slopes.budget import BudgetReached
from gradcheck.slopes.field import Field
from gradcheck.slopes.streams import Purpose
from gradcheck.verdicts import decide
from gradcheck.verdicts.certificate import Verdict
from gradcheck.verdicts.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gradcheck.oracles.base import Oracle
    from gradcheck.verdicts.options import Rules
    from gradcheck.verdicts.report import ArgumentReport

# Beside the kink by this much, relative to the arguments: off it, and near enough for the neighbourhood to be the same.
BESIDE = 2.0**-6
SLOPES = 8  # of the argument on trial


class Nearby:
    """The trials of all arguments beside the kinks of some.

    Parameters
    ----------
    trials : mapping of int to Trial
        At the point.
    rules : Rules
        How to judge.
    """

    def __init__(self, trials: Mapping[int, Trial], rules: Rules) -> None:
        self._trials = trials
        self._rules = rules
        self._field = next(iter(trials.values())).field  # at the point, which counts what is spent beside it too

    @cached_property
    def _beside(self) -> tuple[Field, dict[int, Trial], Oracle]:
        field = self._field
        leaves = list(field.leaves)
        for i in self._trials:
            leaves[i] = arrays.shifted(leaves[i], BESIDE, field.direction(i, 0, purpose=Purpose.BESIDE))
        claim = next(iter(self._trials.values())).prediction.claim
        beside = Field(claim, leaves, seed=field.seed, budget=field.budget)
        field.count(beside.evaluations)
        prediction = Prediction(claim, leaves)
        trials = {
            i: Trial(beside, prediction, i, confidence=t.confidence, tangent=t.tangent) for i, t in self._trials.items()
        }
        return beside, trials, oracle_of(self._rules.oracle, beside, prediction)

    def named(self, report: ArgumentReport, index: int) -> ArgumentReport:
        """Return the report of a claim that is wrong at a kink with its mistake and its place, where they can be told.

        Outside the domain of f, or of what may be spent, the verdict stands without a name.
        """
        try:
            beside, trials, oracle = self._beside
        except (WrongClaim, ArgumentError, BudgetReached):
            return report
        before = beside.evaluations = self._field.evaluations  # one budget for both
        try:
            return self._named(report, trials, index, oracle)
        except BudgetReached:
            return report
        finally:
            self._field.count(beside.evaluations - before)

    def _named(self, report: ArgumentReport, trials: dict[int, Trial], index: int, oracle: Oracle) -> ArgumentReport:
        found = trials[index]
        found.keep_few_directions(WHOLE)
        _measure(found, oracle, max(self._rules.probes, SLOPES // 2) * 2)
        decide.see_size(found)
        verdict, interval, _ = decide.verdict(found, self._rules, report.resolution)
        if verdict is not Verdict.FAIL:
            return report
        there = names.named(
            found.report(verdict, interval, report.resolution),
            found,
            trials,
            lambda name: self._all_alike(name, trials, index, oracle),
        )
        there = in_matrix(names.placed(locate.find(there, found), found), found)
        return report.with_(
            where=there.where,
            where_text=there.where_text and f"beside the kink: {there.where_text}",
            mistakes=there.mistakes,
            advice=there.advice,
            worst=there.worst,
        )

    def _all_alike(self, name: str, trials: Mapping[int, Trial], index: int, oracle: Oracle) -> bool:
        """Measure the other arguments for as long as their slopes show the same factor; tell whether all do."""
        others = [trial for i, trial in trials.items() if i != index]
        if any(trial.claimed is None for trial in others):
            return False
        for trial in others:
            _measure(trial, oracle, max(self._rules.probes, SLOPES // 2))
            if not names.has_factor(name, trial):
                return False
        return bool(others)


def _measure(trial: Trial, oracle: Oracle, count: int) -> None:
    if len(trial.probes) < count:
        trial.measure(oracle, count - len(trial.probes))
