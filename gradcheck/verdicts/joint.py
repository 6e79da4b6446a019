"""One round of slopes for all arguments together; only those that it cannot settle are measured alone.

A direction may move every argument at once. With v = (c_i·s_i∘z_i) for independent Gaussian z_i, one slope gives
m = Σ g_i·v_i − slope = Σ e_i·v_i ± b, a normal number of variance E² = Σ c_i²‖e_i∘s_i‖². The same χ² statement as for
one argument (`gradcheck.verdicts.certificate`) bounds E by U, and since every c_i‖e_i∘s_i‖ ≤ E,

    ‖e_i∘s_i‖ ≤ U/c_i   for all arguments at once, in one event: no union over the arguments is needed.

The size of the true gradient follows without further chance: N_i ≥ G_i − U/c_i, with G_i = ‖g_i∘s_i‖ that of the claim.
There is no joint lower end: that E is large says that some argument is wrong, not which.

The factors c_i are powers of two, at most 1, that make the claimed contributions c_i·G_i alike. Arguments too small for
that form a group of their own, and so do those whose claim is zero. What a round does not settle is grouped anew and
measured along fresh directions; level ℓ of regrouping takes α/2^(ℓ+2) of the risk α, so that all levels together take
half of it, and the other half is for arguments that are measured alone. Factors and groups depend on earlier rounds
only, never on the directions that judge them. The directions of a round that is contradicted are used again to *find*
the argument, which accuses and never acquits: it is then measured alone, the others along fresh directions.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from gradcheck import arrays
from gradcheck.oracles.finite_difference import TARGET
from gradcheck.slopes.direction import placed
from gradcheck.slopes.measure import FINE
from gradcheck.slopes.slope import Level
from gradcheck.verdicts import decide
from gradcheck.verdicts.certificate import ERROR_ABOVE, Mismatch, Verdict, chi2_quantile
from gradcheck.verdicts.joint_slope import Measured, clarity, difference, total
from gradcheck.verdicts.report import Probe
from gradcheck.verdicts.trial import DEVIATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcheck.oracles.base import Oracle
    from gradcheck.verdicts.options import Rules
    from gradcheck.verdicts.trial import Trial

COUNTS = (4, 8, 16)  # slopes of a round: more where the first one's bound says that four would not settle it
LEVELS = 4  # rounds for one argument; then it is measured alone
# A direction keeps 18 leading bits in float64 (`gradcheck.arrays.FINEST`); 6 are left where c = 2^-12.
SMALLEST_FACTOR = 2.0**-12
ALIKE = 32.0  # claimed contributions within this factor of the wanted size go together
CLEAR = 16.0  # times its bound: a mismatch that large needs no second slope before the argument is looked for
# A slope is off by about 2^20 times the noise of f at the steps that smooth functions end with (2^-10, twice
# extrapolated); U is 2^5 of it and a PASS needs 2^-17 of the contribution: 2^42.
VISIBLE = 2.0**42
ZERO = 16.0  # times its own round-off: a claim no larger is one of zero


class Joint:
    """The joint rounds of a check.

    Parameters
    ----------
    trials : mapping of int to Trial
        By argument, their `jitter` measured. Those that are settled get the round's slopes as their probes: each the
        joint slope less what the other members are claimed to contribute. The others are left without probes.
    oracle : Oracle
        What measures the slopes.
    count : int
        Slopes of a round at least, those that the caller asked for with `probes=`.
    resolution : float
        The relative error at which an argument is settled.
    rules : Rules
        How to judge.

    """

    def __init__(
        self, trials: Mapping[int, Trial], oracle: Oracle, *, count: int, resolution: float, rules: Rules
    ) -> None:
        self.trials = trials
        self.oracle = oracle
        self.count = count
        self.resolution = resolution
        self.rules = rules
        first = next(iter(trials.values()))
        self.field = first.field
        self.risk = 1 - first.confidence
        self.sizes = {i: norm for i, t in trials.items() if (norm := t.claimed_norm) is not None and not t.too_small}
        self._start: int | None = None  # where the last slope of the round ended
        self._reached = 0.0  # the bound that it came to, relative to the slope

    def run(self) -> None:
        """Settle as many arguments as joint rounds can."""
        waiting = self._eligible()
        for level in range(LEVELS):
            if len(waiting) < 2:
                break
            left: list[int] = []
            groups = self._groups(waiting)
            for group in groups:
                left += self._round(group, level) if len(group) > 1 else list(group)
            if len(left) == len(waiting) and level:
                break  # nothing was settled: the other arguments of the round are not what limits them
            waiting = left

    def _eligible(self) -> list[int]:
        """Return the arguments that may be judged together: their claim is an array, and well conditioned."""
        known = [i for i, size in self.sizes.items() if math.isfinite(size) and not self.trials[i].empty]
        own = {i: self.trials[i].round_off / self.sizes[i] if self.sizes[i] else 0.0 for i in known}
        allowed = self.resolution / (4 * DEVIATIONS * self._width(0, COUNTS[0]) * math.sqrt(COUNTS[0]))
        kept, spent = [], 0.0
        for i in sorted(known, key=own.__getitem__):
            if self._is_zero(i):
                kept.append(i)
            elif math.hypot(spent, own[i]) <= allowed:
                kept.append(i)
                spent = math.hypot(spent, own[i])
        return sorted(kept)

    def _is_zero(self, i: int) -> bool:
        return self.sizes[i] <= ZERO * self.trials[i].round_off

    def _risk(self, level: int) -> float:
        return math.ldexp(self.risk, -level - 2)

    def _width(self, level: int, count: int) -> float:
        """Return U/b of a round whose mismatches are all within their bound b, but for √count."""
        return 1.0 / math.sqrt(chi2_quantile(ERROR_ABOVE * self._risk(level), count))

    def _groups(self, waiting: Sequence[int]) -> list[dict[int, float]]:
        """Return groups of arguments with the factor of each, so that claimed contributions are alike."""
        zero = [i for i in waiting if self._is_zero(i)]
        found = [dict.fromkeys(zero, 1.0)] if zero else []
        rest = sorted((i for i in waiting if i not in zero), key=self.sizes.__getitem__)
        noise = self.field.noise(list(self.trials)).bound
        while rest:
            low, high = self.sizes[rest[0]], self.sizes[rest[-1]]
            wanted = min(max(low, VISIBLE * noise / math.sqrt(len(rest)), SMALLEST_FACTOR * high), high)
            group = {
                i: min(1.0, 2.0 ** round(math.log2(wanted / self.sizes[i])))
                for i in rest
                if self.sizes[i] * ALIKE >= wanted
            }
            found.append(dict(sorted(group.items())))
            rest = [i for i in rest if i not in group]
        return found

    # One round ---------------------------------------------------------------------------------------------------

    def _round(self, group: Mapping[int, float], level: int) -> list[int]:
        """Measure a group; return the members to measure anew. Suspects are left to be measured alone."""
        for i, factor in group.items():
            self.trials[i].begin_joint(factor, self._risk(level))
        numbers: list[int] = []
        found: list[Measured] = []
        self._start, self._reached = None, 0.0
        count = max(COUNTS[0], self.count)
        while len(found) < count:
            number = self._join(group)
            measured = self._measure(group, number)
            if measured is None:
                return self._release(group, [])
            numbers.append(number)
            found.append(measured)
            self._remember(measured)
            if measured.slope.kinked or abs(measured.mismatch.value) > CLEAR * measured.mismatch.bound:
                break
            if len(found) == 1:
                count = self._enough(group, level, measured.mismatch.bound, count)
                if count == 0:
                    return self._release(group, group)
        self._start, self._reached = None, 0.0  # who it is, slopes tell as closely as they can
        return self._settle(group, numbers, found)

    def _remember(self, measured: Measured) -> None:
        """Let the next slope of the round begin where noise or kinks ended this one, and be content with its bound."""
        slope = measured.slope
        levels = slope.levels
        ended = len(levels) > 2 and not slope.kinked and levels[-1].step <= math.ldexp(1.0, FINE)
        if ended and 2 * TARGET * measured.size < slope.error < measured.size:
            self._start = round(math.log2(levels[-1].step))
            self._reached = max(self._reached, slope.error / measured.size)

    def _settle(self, group: Mapping[int, float], numbers: Sequence[int], found: Sequence[Measured]) -> list[int]:
        kinked = [n for n, m in enumerate(found) if m.slope.kinked]
        wrong = [n for n, m in enumerate(found) if m.mismatch.significant]
        if kinked or wrong:
            worst = kinked[0] if kinked else max(wrong, key=lambda n: clarity(found[n].mismatch))
            suspects = self._find(list(group), numbers[worst], found[worst], kinks=bool(kinked))
            return self._release(group, [i for i in group if i not in suspects])
        if all(map(self._is_zero, group)):
            self._look_around(group, numbers)
        passed = []
        for i in group:
            self.trials[i].settle([self._view(i, n, m) for n, m in zip(numbers, found, strict=True)], self.oracle)
            if decide.verdict(self.trials[i], self.rules, self.resolution)[0] is Verdict.PASS:
                passed.append(i)
        return self._release([i for i in group if i not in passed], [i for i in group if i not in passed])

    def _look_around(self, group: Mapping[int, float], numbers: Sequence[int]) -> None:
        """See f where all members are moved by their own size: the measure of an absolute error, for all at once."""
        for number in numbers[:2]:
            line = self.field.line({i: self.trials[i].direction(number) for i in group})
            for t in (-1.0, 1.0):
                line(t)
        for i in group:
            self.trials[i].sized = True

    def _release(
        self, members: Sequence[int] | Mapping[int, float], again: Sequence[int] | Mapping[int, float]
    ) -> list[int]:
        """Take the round's slopes from its members; return those to measure again together."""
        for i in members:
            self.trials[i].end_joint()
        return list(again)

    def _enough(self, group: Mapping[int, float], level: int, bound: float, least: int) -> int:
        """Return how many slopes with this bound settle half of the group; 0 if the most would not."""
        sizes = sorted(group[i] * self.sizes[i] for i in group if not self._is_zero(i))
        if not sizes:
            return least
        median = sizes[len(sizes) // 2]
        for count in (least, *(c for c in COUNTS if c > least)):
            if bound * math.sqrt(count) * self._width(level, count) * 2 <= self.resolution * median:
                return count
        return 0

    def _join(self, group: Mapping[int, float]) -> int:
        """Return the number of the next direction, which none of the group has had."""
        number = max(self.trials[i].next_number for i in group)
        for i in group:
            self.trials[i].join(number)
        return number

    def _measure(
        self, members: Mapping[int, float] | Sequence[int], number: int, weights: Mapping[int, float] | None = None
    ) -> Measured | None:
        """Measure the slope along the direction of that number, of some members, each weighted."""
        move, parts = {}, {}
        for i in members:
            trial = self.trials[i]
            v = trial.direction(number)
            if weights is not None:
                v = placed(trial.prediction.leaves[i], arrays.to_numpy(v) * weights[i])
            move[i], parts[i] = v, trial.predict(v)
        stretch = self.trials[next(iter(members))].stretch(number)
        size = math.hypot(*(stretch * self.trials[i].factor * self.sizes[i] for i in members))
        # a slope is done at TARGET times `scale`: here at twice what the last one came to, if that was more
        slope = self.oracle.slope(move, scale=max(1.0, 2 * self._reached / TARGET) * size, start=self._start)
        if slope is None:
            return None
        own = math.hypot(*(stretch * self.trials[i].factor * self.trials[i].round_off for i in members))
        claimed, rounding = total([value for value, _ in parts.values()])
        bound = slope.error + sum(error for _, error in parts.values()) + rounding + DEVIATIONS * own
        return Measured(parts, slope, Mismatch(claimed, slope.value, bound), size)

    def _view(self, i: int, number: int, measured: Measured) -> Probe:
        """Return a joint slope as one of argument i: less what the others are claimed to contribute."""
        claimed, own_error = measured.parts[i]
        total = measured.mismatch.claimed
        others = total - claimed
        trial = self.trials[i]
        stretch = trial.stretch(number) * trial.factor
        own = DEVIATIONS * trial.round_off * stretch
        slope = measured.slope
        error = 0.0  # of what the others are claimed; where the slope itself is not known, that says nothing
        if math.isfinite(slope.error):
            error = max(measured.mismatch.bound - slope.error - own - own_error, 0.0)
        error += 2.0**-52 * (abs(total) + abs(claimed))  # of the difference
        shifted = replace(
            slope,
            value=slope.value - others,
            error=slope.error + error,
            left=slope.left - others,
            right=slope.right - others,
            side_error=slope.side_error + error,
            levels=tuple(Level(v.step, v.plus, v.minus, v.central - others, v.gap, v.noise) for v in slope.levels),
        )
        return Probe(number, stretch, shifted, claimed, own_error, len(measured.parts))

    # Who it is -----------------------------------------------------------------------------------------------------

    def _find(self, members: list[int], number: int, whole: Measured, *, kinks: bool) -> set[int]:
        """Return the members that explain a contradiction, or a kink, along one direction."""
        if len(members) == 1:
            return set(members)
        if len(members) > 4 and (single := self._single(members, number, whole, kinks=kinks)) is not None:
            return {single}
        half = members[: len(members) // 2]
        rest = members[len(half) :]
        first = self._measure(half, number)
        if first is None:
            return set(members)
        second = self._measure(rest, number) if kinks else difference(whole, first, rest)
        if second is None:
            return set(members)
        found: set[int] = set()
        for part, measured in ((half, first), (rest, second)):
            if measured.slope.kinked if kinks else measured.mismatch.significant:
                found |= self._find(part, number, measured, kinks=kinks)
        return found or set(members)  # only together do they show it

    def _single(self, members: list[int], number: int, whole: Measured, *, kinks: bool) -> int | None:
        """Return the one member that explains everything, read from one slope with a weight for each."""
        weights = {i: 1 + rank / len(members) for rank, i in enumerate(members)}
        weighted = self._measure(members, number, weights)
        if weighted is None:
            return None
        plain, plain_error = whole.jump if kinks else (whole.mismatch.value, whole.mismatch.bound)
        other, other_error = weighted.jump if kinks else (weighted.mismatch.value, weighted.mismatch.bound)
        if not abs(plain) > plain_error:
            return None
        ratio = other / plain
        # a weighted direction is rounded to the argument's grid once more: 2^-17 of it
        error = (other_error + abs(ratio) * plain_error) / abs(plain) + 2.0**-17
        fitting = [i for i in members if abs(ratio - weights[i]) <= error]
        if len(fitting) != 1:
            return None
        alone = self._measure(fitting, number)
        if alone is None:
            return None
        if kinks:
            jump, bound = alone.jump
            return fitting[0] if abs(plain - jump) <= plain_error + bound and alone.slope.kinked else None
        rest = difference(whole, alone, [i for i in members if i not in fitting])
        return fitting[0] if alone.mismatch.significant and not rest.mismatch.significant else None
