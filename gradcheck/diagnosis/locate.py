"""Where a wrong gradient is wrong: one entry, one slice, several places, or everywhere.

The indices that hold all the errors are read from weighted probes (`gradcheck.diagnosis.syndrome`). A place is believed
once its entries are shown wrong by their own slopes, and the rest of the array by a slope of its own not to be. Where
the indices are several, a few entries are measured at random: if most are wrong so is the array, else it is halved.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.diagnosis.place import Index, Located, sentence, where_of
from gradcheck.diagnosis.syndrome import Box, Exhausted, Measure, size_of, slices, whole
from gradcheck.slopes.budget import BudgetReached
from gradcheck.slopes.streams import Purpose, stream
from gradcheck.verdicts.certificate import Mismatch, chi2_quantile
from gradcheck.verdicts.report import WorstEntry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gradcheck.verdicts.report import ArgumentReport
    from gradcheck.verdicts.trial import Trial

LIMIT = 200  # evaluations to spend on one argument, beyond the check
EVERY = 8  # a box of at most so many entries is measured entry by entry
SAMPLE = 5  # entries to measure in a box that may be wrong as a whole: more than two, so that two never make a row
NAMED_SAMPLE = 3  # entries to measure where a named mistake says what is wrong everywhere
FURTHER = 4  # more slopes outside the places, if the first does not decide
MISSED = 1e-3  # probability of not seeing an error outside the places that is as large as those inside
CLEAR = 16  # times its bound: an error so large shows clearly in a slope, and so does its absence
SOUND = 200  # entries that are right, for the picture


def find(argument: ArgumentReport, trial: Trial) -> ArgumentReport:
    """Return the report with the place of the error and its worst entries filled in.

    Parameters
    ----------
    argument : ArgumentReport
        A FAIL. Where its `mistakes` are named already the place is not searched, only entries are measured.
    trial : Trial
        Its slopes, two of them significant mismatches.

    """
    if trial.tangent is not None:
        return argument.with_(where_text="not located: tangent= does not let single entries move")
    search = PlaceSearch(trial, LIMIT)
    try:
        if argument.mistakes:
            search.sample(whole(search.measure.shape), NAMED_SAMPLE)
        else:
            search.run()
    except Exhausted:
        search.found.exhausted = f"{LIMIT} evaluations"
    except BudgetReached:
        search.found.exhausted = "max_evaluations"
    found, shape, named = search.found, search.measure.shape, bool(argument.mistakes)
    return argument.with_(
        where=None if named and math.prod(shape) > 1 else where_of(found, shape),
        where_text=sentence(found, shape, argument.name, named=named),
        worst=search.worst,
        sound=tuple(sorted(found.entries.keys() - found.wrong))[:SOUND],
    )


class PlaceSearch:
    """The search for the wrong entries of one argument."""

    def __init__(self, trial: Trial, limit: int) -> None:
        self.trial = trial
        self.measure = Measure(trial, limit)
        self.found = Located()
        self._rng = stream(trial.field.seed, Purpose.ENTRIES, trial.index)

    @property
    def worst(self) -> tuple[WorstEntry, ...]:
        """The entries shown wrong, worst first, with the argument's values there."""
        point = arrays.to_numpy(self.measure.x)
        return tuple(replace(w, value=complex(point[w.index])) for w in self.found.worst)

    def run(self) -> None:
        """Find the wrong places, and look once along an independent direction whether they are all."""
        box = whole(self.measure.shape)
        self._search(box, self.measure.first)
        places = self.found.places
        if not places or places == [box]:
            return
        v = self.measure.r(self.measure.other)
        v = v.copy() if self.measure.small else v
        for place in places:
            v[slices(place)] = 0
        try:
            rest = self.measure.along(v, goal=self._goal(1))
            self.found.elsewhere = rest.significant
            if not rest.significant and rest.bound * CLEAR > self._largest():
                self._doubt(rest, v == 0)
        except Exhausted:
            self.found.doubt = f"all else was not asked within {LIMIT} evaluations"

    def _largest(self) -> float:
        """Return the largest error of a wrong entry, times the entry's scale."""
        scale = self.trial.scale.value
        sizes = {index: scale if isinstance(scale, float) else float(scale[index]) for index in self.found.wrong}
        return max((self.found.entries[index].error * size for index, size in sizes.items()), default=0.0)

    def _doubt(self, rest: Mismatch, inside: NDArray[Any]) -> None:
        """Ask more slopes for errors outside the places, where one direction could hide one as large as those inside.

        Some would show it beyond their bounds, unless the bounds are as large themselves.
        """
        others = [p for p in self.trial.probes if p is not self.measure.other][: FURTHER - 1]
        directions = (np.where(inside, 0, self.measure.r(probe)) for probe in others)
        found = [rest, *(self.measure.along(v, goal=self._goal(1)) for v in directions)]
        self.found.elsewhere = any(m.significant for m in found)
        # E ≤ √Σ(|m| + b)²/√χ²_k(a) with probability 1 − a, as in `gradcheck.verdicts.certificate`
        hidden = math.hypot(*(abs(m.value) + m.bound for m in found)) / math.sqrt(chi2_quantile(MISSED, len(found)))
        if hidden > self._largest():
            self.found.doubt = "others as large cannot be told from none"

    def _goal(self, entries: int) -> float:
        """Return the bound at which one of `entries` wrong entries stands out: 2^8 below its share of the error."""
        return abs(self.measure.first.value) / (2**8 * math.sqrt(entries))

    def _search(self, box: Box, m0: Mismatch) -> None:
        """Find the wrong places inside a box whose errors predict m0 along the base probe's direction."""
        size = size_of(box)
        if size == 1:
            self._accept_entry(tuple(first for first, _ in box))
            return
        indices = self.measure.decode(box, m0)
        held = [i is not None and b - a > 1 for i, (a, b) in zip(indices, box, strict=True)]
        if any(held):
            inner = tuple((i, i + 1) if i is not None else axis for i, axis in zip(indices, box, strict=True))
            if self._inside(inner):
                return
        if self._accept(box):
            return
        if size > EVERY:
            self._halve(box, m0)

    def _inside(self, box: Box) -> bool:
        """Search where the weights say that all errors are; tell whether any is there: ratios may meet by accident."""
        before = len(self.found.places)
        if self._accept(box):
            return len(self.found.places) > before
        if size_of(box) <= EVERY:
            return False
        m = self.measure.along(
            self.measure.masked(box, self.measure.base), goal=self._goal(1), share=self.measure.share(box)
        )
        if m.significant:
            self._halve(box, m)
        return m.significant

    def _accept(self, box: Box) -> bool:
        """Measure entries of a box, all of a small one; tell whether it is one wrong place."""
        size = size_of(box)
        if size == 1:
            return self._accept_entry(tuple(first for first, _ in box))
        if size <= EVERY:
            wrong = self.sample(box, size)
            if wrong == size:
                self.found.places.append(box)
            else:
                self.found.places.extend(tuple((i, i + 1) for i in index) for index in self._wrong_in(box))
            return True
        is_whole = box == whole(self.measure.shape)
        if not is_whole and not self.sample(box, 1):
            return False  # one is right: perhaps by chance, and halving costs less than more samples
        count = SAMPLE if is_whole else SAMPLE - 1
        wrong = self.sample(box, count) + (not is_whole)
        if is_whole and 0 < wrong < SAMPLE:
            count, wrong = 2 * SAMPLE, wrong + self.sample(box, SAMPLE)
        if is_whole:
            self.found.sampled = (wrong, count)
        if wrong < 3:
            return False
        self.found.places.append(box)
        return True

    def _accept_entry(self, index: Index) -> bool:
        if self.entry(index, self._goal(1)):
            self.found.places.append(tuple((i, i + 1) for i in index))
            return True
        return False

    def _halve(self, box: Box, m0: Mismatch) -> None:
        axis = max(range(len(box)), key=lambda k: box[k][1] - box[k][0])
        first, last = box[axis]
        middle = (first + last + 1) // 2
        lower = (*box[:axis], (first, middle), *box[axis + 1 :])
        upper = (*box[:axis], (middle, last), *box[axis + 1 :])
        m = self.measure.along(
            self.measure.masked(lower, self.measure.base),
            goal=self._goal(4),
            share=self.measure.share(lower),
        )
        rounded = self.measure.rounding * max(abs(m0.value), abs(m.value))  # both directions are
        rest = Mismatch(m0.claimed - m.claimed, m0.measured - m.measured, m0.bound + m.bound + rounded)
        for half, mismatch in ((lower, m), (upper, rest)):
            if mismatch.significant:
                self._search(half, mismatch)

    def _wrong_in(self, box: Box) -> list[Index]:
        return sorted(
            index for index in self.found.wrong if all(a <= i < b for i, (a, b) in zip(index, box, strict=True))
        )

    def sample(self, box: Box, count: int) -> int:
        """Measure `count` more entries of a box, drawn at random; return how many of them are wrong."""
        size, wrong = size_of(box), 0
        shape = tuple(b - a for a, b in box)
        for flat in _distinct(self._rng, size, count, self.found.entries, box):
            offset = np.unravel_index(flat, shape) if shape else ()
            index = tuple(int(a + i) for (a, _), i in zip(box, offset, strict=True))
            wrong += self.entry(index, self._goal(size))
        return wrong

    def entry(self, index: Index, goal: float) -> bool:
        """Measure one entry by its own slope (two for a complex one); tell whether the claim is wrong there."""
        if index in self.found.entries:
            return index in self.found.wrong
        scale = self.trial.scale.value
        size = scale if isinstance(scale, float) else float(scale[index])
        box = tuple((i, i + 1) for i in index)
        parts = []
        for unit in (1.0, 1j) if self.measure.complex else (1.0,):
            v = np.zeros(self.measure.shape, dtype=np.complex128 if self.measure.complex else np.float64)
            v[index] = size * unit
            placed = abs(self.measure.placed_entry(v, index))
            m = self.measure.along(v, goal=goal, share=self.measure.share(box))
            parts.append(Mismatch(m.claimed / placed, m.measured / placed, m.bound / placed))
        claimed, measured = (complex(*(getattr(m, side) for m in parts)) for side in ("claimed", "measured"))
        self.found.entries[index] = WorstEntry(index, claimed, measured, abs(claimed - measured))
        if any(m.significant for m in parts):
            self.found.wrong.add(index)
            return True
        return False


def _distinct(rng: np.random.Generator, size: int, count: int, known: dict[Index, WorstEntry], box: Box) -> list[int]:
    """Return flat numbers of `count` different entries of a box, of those not measured yet (all, if it is small)."""
    if size <= EVERY:
        return list(range(size))
    shape = tuple(b - a for a, b in box)
    taken = {
        int(arrays.flat_index([i - a for i, (a, _) in zip(index, box, strict=True)], shape))
        for index in known
        if all(a <= i < b for i, (a, b) in zip(index, box, strict=True))
    }
    fresh: list[int] = []
    while len(fresh) < min(count, size - len(taken)):
        flat = int(rng.integers(size))
        if flat not in taken and flat not in fresh:
            fresh.append(flat)
    return fresh
