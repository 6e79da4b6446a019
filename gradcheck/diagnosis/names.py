"""What went wrong, and what would have been seen: the table of mistakes against the slopes already measured.

A mistake explains a FAIL if the corrected claim predicts every slope within its error, with at least two slopes more
than the mistake has free parameters, and could not do so by accident (`by_accident`). Planted in a claim that passed,
it would have been caught if it contradicts two slopes or more. Neither needs another evaluation of f.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.mistakes import factors
from gradcheck.mistakes.mistake import TABLE, Case, Change, Mistake, changes
from gradcheck.mistakes.table import MOST_SWAPPED, dropped
from gradcheck.slopes.direction import inner, inner_products
from gradcheck.verdicts.report import Planted
from gradcheck.verdicts.trial import DEVIATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from gradcheck.verdicts.report import ArgumentReport
    from gradcheck.verdicts.trial import Trial

LARGE = 10**6  # entries above which a PASS plants factors only: the others would need passes over the array
TOGETHER = 2**15  # entries of all arguments up to which all changed claims are held at once
SHOULD_BE_ZERO = "should be zero"
EVERYWHERE = "; the same in every gradient: look where the backward pass begins"
ACCIDENT = 0.01  # a mistake that would explain the slopes by accident with more than this probability is not named


def case_of(trial: Trial, trials: Mapping[int, Trial], most: int | None = None) -> Case:
    """Return the case of one argument with others of its shape, `most` of them; only for a claim that is an array."""
    prediction = trial.prediction
    names, leaves, shape = prediction.claim.names, prediction.leaves, prediction.shapes[trial.index]
    alike = list(islice((i for i in prediction.alike[shape] if i != trial.index), most))
    claims = {i: trials[i].claimed for i in alike if i in trials}
    return Case(
        np.broadcast_to(0.0, shape) if trial.claimed is None else trial.claimed,
        arrays.to_numpy(leaves[trial.index]),
        {names[i]: claimed for i, claimed in claims.items() if claimed is not None},
        {names[i]: arrays.to_numpy(leaves[i]) for i in alike},
        prediction.dimensions,
    )


class Slopes:
    """The slopes of a trial, and what changes of its claim predict along the same directions.

    Parameters
    ----------
    trial : Trial
        With its probes.
    making : callable
        Yields the changes, the same each time it is called. Where arguments are large they are made anew for each
        direction, so that one array of the claim's size is held at a time; `changes` then hold stand-ins for them.

    """

    def __init__(self, trial: Trial, making: Callable[[], Iterable[Change]]) -> None:
        self.trial = trial
        self._dots: dict[int, NDArray[np.float64]] = {}  # of each array, (2, probes): array·v, and its round-off
        self._shares: dict[int, float] = {}
        self._size = 0.0 if trial.claimed is None else trial.scale.norm(trial.claimed)
        self.changes: list[Change] = (
            self._one_by_one(making) if trial.field.size > TOGETHER else self._at_once(making())
        )
        probes = trial.probes
        self._claimed = np.array([[p.claimed for p in probes], [p.claim_error for p in probes]])
        self._stretches = np.array([p.stretch for p in probes])
        self._own = DEVIATIONS * trial.round_off * self._stretches
        self.measured = np.array([p.slope.value for p in probes])
        self.errors = np.array([p.slope.error for p in probes])

    def _at_once(self, made: Iterable[Change]) -> list[Change]:
        found = list(made)
        given = list({id(a): a for c in found for a in (c.array, c.along) if a is not None}.values())
        if given:
            directions = [arrays.to_numpy(self.trial.direction(probe.probe)) for probe in self.trial.probes]
            many = inner_products(given, directions)
            self._dots = {id(a): many[:, n] for n, a in enumerate(given)}
        self._shares = {id(a): self._share(a) for a in given}
        return found

    def _one_by_one(self, making: Callable[[], Iterable[Change]]) -> list[Change]:
        found: list[Change] = []
        for change in making():
            stand_ins = [None if a is None else np.broadcast_to(np.float64(0), a.shape) for a in _both(change)]
            for a, stand_in in zip(_both(change), stand_ins, strict=True):
                if a is not None:
                    self._shares[id(stand_in)] = self._share(a)
                    self._dots[id(stand_in)] = np.zeros((2, len(self.trial.probes)))
            found.append(replace(change, array=stand_ins[0], along=stand_ins[1]))
        for k, probe in enumerate(self.trial.probes if self._dots else ()):
            v = arrays.to_numpy(self.trial.direction(probe.probe))
            for change, kept in zip(making(), found, strict=True):
                for a, stand_in in zip(_both(change), _both(kept), strict=True):
                    if a is not None:
                        self._dots[id(stand_in)][:, k] = inner(a, v)
            del v
        return found

    def _share(self, array: NDArray[Any]) -> float:
        return self.trial.scale.norm(array) / self._size if self._size else 1.0

    def dots(self, array: NDArray[Any] | None) -> NDArray[np.float64]:
        """Return array·v and its round-off along every probe, (2, probes); of the claim for None."""
        return self._claimed if array is None else self._dots[id(array)]

    def own(self, array: NDArray[Any] | None) -> NDArray[np.float64]:
        """Return how far round-off may have moved array·v, the array as ill-conditioned as the claim is."""
        return self._own if array is None else self._shares[id(array)] * self._own

    def mismatches(self, changes: Sequence[Change]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the mismatches of changes without free parameters, and their bounds, (changes, probes)."""
        pairs = np.array([self.dots(change.array) for change in changes])
        values, errors = pairs[:, 0], pairs[:, 1] + np.array([self.own(change.array) for change in changes])
        factors = np.array([1.0 if change.factor is None else change.factor for change in changes])[:, None]
        values, errors = factors * values, np.abs(factors) * errors
        for n, change in enumerate(changes):
            if change.along is not None and change.multiple is not None:
                more, more_error = self.dots(change.along)
                values[n] += change.multiple * more
                errors[n] += abs(change.multiple) * more_error
        return values - self.measured, self.errors + errors

    def explained(self, change: Change) -> bool:
        """Tell whether a change without free parameters predicts every slope within its error."""
        return self.contradicted([change]) == [0]

    def contradicted(self, changes: Sequence[Change]) -> list[int]:
        """Return how many slopes each of some changes contradicts."""
        if not changes:
            return []
        values, bounds = self.mismatches(changes)
        return [int(n) for n in np.count_nonzero(~(np.abs(values) <= bounds), axis=1)]

    def by_accident(self, change: Change, free: int) -> float:
        """Return the probability at most of explaining every slope by accident.

        What a wrong explanation leaves is about as large as the error E itself: a normal number along each direction,
        within ± b with probability at most √(2/π)·b/E. Slopes of an array of n entries are n independent ones at most,
        and each free parameter takes one of them.
        """
        probes = self.trial.probes
        error = math.hypot(*(m.value for m in self.trial.mismatches()))
        bound = float(np.linalg.norm(self.mismatches([change])[1] / self._stretches))
        size = math.prod(arrays.shape_of(self.trial.prediction.leaves[self.trial.index]))
        return float(min(1.0, math.sqrt(2 / math.pi) * bound / error) ** (min(len(probes), size) - free))

    def fit(self, change: Change) -> tuple[float, float] | None:
        """Return the interval of the free parameter in which every slope is explained, None if there is none."""
        low, high = -math.inf, math.inf
        wanted, bounds = self.measured, self.errors
        fixed, own = self.dots(change.array), self.own(change.array)
        if change.factor is None:
            units, unit_errors = fixed[0], fixed[1] + own
        else:
            wanted, bounds = wanted - fixed[0], bounds + fixed[1] + own
            units, unit_errors = self.dots(change.along)
        for want, bound, unit, unit_error in zip(
            *(x.tolist() for x in (wanted, bounds, units, unit_errors)), strict=True
        ):
            if unit == 0:
                if abs(want) > bound:
                    return None
                continue
            middle = want / unit
            half = (bound + abs(middle) * unit_error) / abs(unit)
            low, high = max(low, middle - half), min(high, middle + half)
        return (low, high) if low <= high and math.isfinite(low) and math.isfinite(high) else None


def named(
    argument: ArgumentReport,
    trial: Trial,
    trials: Mapping[int, Trial],
    in_every: Callable[[str], bool] | None = None,
) -> ArgumentReport:
    """Return the report of a FAIL with the mistakes that explain every slope, best first.

    `in_every` tells whether all other arguments show the mistake of a name, from their slopes where it is None.
    """
    if len(trial.probes) < 3 or not any(probe.claimed for probe in trial.probes):
        return argument  # a claim of zero is told by `placed`, and needs no other name
    case = case_of(trial, trials)
    slopes = Slopes(trial, partial(_correcting, trial, case))
    # Of two that explain every slope, the one without a free parameter comes first; then the order of the table.
    right = [(change.free, fitted) for change in slopes.changes for fitted in _fitted(change, slopes, case)]
    # If zero explains every slope, so does every mistake that makes zero of this claim: only zero is named.
    right = [entry for entry in right if entry[1].name == SHOULD_BE_ZERO] or right
    right.sort(key=lambda entry: entry[0])
    if not right:
        return argument
    names = tuple(dict.fromkeys(change.name for *_, change in right))
    advice = "; or ".join(dict.fromkeys(change.advice for *_, change in right))
    best = right[0][1]
    scaled = best.factor if best.array is None and best.along is None else None
    return argument.with_(
        mistakes=names,
        advice=advice + (EVERYWHERE if (in_every or partial(_in_every, trial, trials))(names[0]) else ""),
        factor=1 / scaled if scaled else None,
    )


def _applicable(trial: Trial) -> list[Mistake]:
    """Return the mistakes of the table that the claim has enough of: a jvp has slopes, and no array."""
    without = ("lines",) if trial.claimed is not None else ("lines", "arguments", "claim")
    return [mistake for mistake in TABLE.values() if mistake.needs not in without]


def _fitted(change: Change, slopes: Slopes, case: Case) -> list[Change]:
    """Return the change, its free parameter filled and named, if it explains every slope."""
    if change.free == 0:
        found = [(change, 0)] if slopes.explained(change) else []
    else:
        interval = slopes.fit(change)
        found = [] if interval is None else _filled(change, *interval, case)
    return [c for c, free in found if slopes.by_accident(c, free) <= ACCIDENT]


def _filled(change: Change, low: float, high: float, case: Case) -> list[tuple[Change, int]]:
    """Return the change with its parameter, in [low, high], and named; and how many parameters remain fitted."""
    if change.factor is None:
        if low <= 0 <= high:
            return [(replace(change, name=SHOULD_BE_ZERO, advice="the true gradient is zero here", factor=0.0), 0)]
        return [
            (replace(change, name=known.name, advice=known.advice, factor=known.value), 0 if known.known else 1)
            for known in factors.names_of(low, high, case.dimensions)
        ]
    if low <= 0 <= high:
        return []
    middle = (low + high) / 2
    side, lacking = lacks(middle)
    return [(replace(change, name=f"{change.name} {side}", advice=lacking + change.advice, multiple=middle), 1)]


def lacks(multiple: float) -> tuple[str, str]:
    """Return the side of a multiple of something that a claim lacks, negative where it is too much, and the advice."""
    side, verb = ("missing", "lacks") if multiple > 0 else ("added", "has, and should not have,")
    return side, f"the claim {verb} {abs(multiple):.4g} x "


def _in_every(trial: Trial, trials: Mapping[int, Trial], name: str) -> bool:
    """Tell whether the same factor explains the slopes of every other argument."""
    others = [t for i, t in trials.items() if i != trial.index and len(t.probes) >= 2]
    return bool(others) and all(t.claimed is not None for t in others) and all(has_factor(name, t) for t in others)


def has_factor(name: str, trial: Trial) -> bool:
    """Tell whether the factor of that name explains an argument's slopes."""
    interval = Slopes(trial, tuple).fit(Change("", factor=None))
    if interval is None or interval[0] <= 1 <= interval[1] or interval[0] <= 0 <= interval[1]:
        return False
    return name in {known.name for known in factors.names_of(*interval, trial.prediction.dimensions)}


def power(argument: ArgumentReport, trial: Trial, trials: Mapping[int, Trial]) -> ArgumentReport:
    """Return the report of a PASS with how many of the mistakes, planted in the claim, would have been FAILs."""
    if len(trial.probes) < 2:
        return argument
    case = case_of(trial, trials, 2 * MOST_SWAPPED)
    making = partial(_planting, trial, case)
    slopes = Slopes(trial, making)
    counts = slopes.contradicted(slopes.changes)
    made = making() if trial.field.size > TOGETHER else slopes.changes  # stand-ins hold no numbers
    missed = tuple(
        f"{change.name} ({_why_missed(change, trial)})" for change, n in zip(made, counts, strict=True) if n < 2
    )
    return argument.with_(planted=Planted(len(slopes.changes) - len(missed), len(slopes.changes), missed))


def _correcting(trial: Trial, case: Case) -> Iterator[Change]:
    """Return the changes that may explain a FAIL by slopes."""
    for mistake in _applicable(trial):
        for change in changes(mistake, mistake.correct, case):
            if change.free + 2 <= len(trial.probes) and (case.gradient.size > 1 or change.factor is None):
                yield change


def _planting(trial: Trial, case: Case) -> Iterator[Change]:
    """Return the changes that a PASS plants."""
    for mistake in _applicable(trial):
        for change in changes(mistake, mistake.plant, case):
            if case.gradient.size <= LARGE or (change.array is None and change.along is None):
                yield change


def _both(change: Change) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    return change.array, change.along


def _changes_nothing(change: Change, trial: Trial) -> bool:
    """Tell whether a change leaves the claim as it is."""
    if trial.claimed is None or (change.array is None and change.along is None and change.factor != 1.0):
        return trial.claimed is not None and not np.any(trial.claimed)
    wrong = trial.claimed if change.array is None else change.array
    if change.factor not in (None, 1.0):
        wrong = change.factor * wrong
    if change.along is not None and change.multiple is not None:
        wrong = wrong + change.multiple * change.along
    return np.array_equal(wrong, trial.claimed)


def _why_missed(change: Change, trial: Trial) -> str:
    if _changes_nothing(change, trial):
        return "changes nothing here"
    return "too small to see here" if trial.tangent is None else "not to be seen along what tangent= allows"


def placed(argument: ArgumentReport, trial: Trial) -> ArgumentReport:
    """Return the report of a FAIL with the mistakes that its place and its worst entries tell."""
    claimed = trial.claimed
    if argument.mistakes or claimed is None or claimed.size < 2:
        return argument
    name, advice = "", ""
    if not np.any(claimed):
        name, advice = "gradient is zero", "the claim is zero everywhere: a path is cut off, or its share never added"
    elif (axis := _last_slice(argument.where, claimed.shape)) is not None and not np.any(np.take(claimed, -1, axis)):
        name = dropped(axis, claimed.ndim)
        advice = f"the claim is zero in the last slice along axis {axis}: a loop or a slice stops one short"
    elif _real_part_only(argument, claimed):
        name, advice = "real part only", "the imaginary part is lost: g = df/da + i df/db for an entry a + ib"
    return argument.with_(mistakes=(name,), advice=advice) if name else argument


def _last_slice(where: tuple[int | None, ...] | None, shape: tuple[int, ...]) -> int | None:
    """Return the axis whose last slice `where` is; None where it is another place."""
    held = [] if where is None else [k for k, i in enumerate(where) if i is not None]
    if where is None or len(held) != 1 or where[held[0]] != shape[held[0]] - 1:
        return None
    return held[0]


def _real_part_only(argument: ArgumentReport, claimed: NDArray[Any]) -> bool:
    """Tell whether a complex claim has no imaginary part, and the entries measured have the claimed real parts."""
    if not np.iscomplexobj(claimed) or np.any(claimed.imag) or len(argument.worst) < 2:
        return False
    return all(abs(w.claimed.real - w.measured.real) <= 2**-16 * abs(w.measured) for w in argument.worst)
