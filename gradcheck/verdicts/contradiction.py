"""Which slopes contradict a claim: those of another value, on steps that can tell.

A slope is that at the point only where steps are small enough for f and large enough for its noise. Where they are not
it can agree with a claim, and not contradict it.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from gradcheck.slopes.inside import ROUND_OFF
from gradcheck.slopes.ladder import COARSER
from gradcheck.verdicts import reasons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcheck.slopes.slope import Level, Slope
    from gradcheck.verdicts.certificate import Mismatch
    from gradcheck.verdicts.report import Probe
    from gradcheck.verdicts.trial import Trial

ALIKE = 2.0**-3  # if f rounds inside, a claim nearer by this to the slopes over large steps is what f shows
STILL_CHANGING = 2.0**-2  # of a slope, from a step to one of an eighth: of a smooth φ it is 63 times its error
GROWN = 2.0**3  # times a slope over the largest step
CLEAR = 4.0  # times its noise: by which a slope is another one
FAR = 2.0**-10  # in the argument's units, beyond its own size
MANY = 2.0**4  # steps of stairs
ALL_NOISE = 2.0**-3  # of the largest |f| seen
SMALL, AS_FAR = 2.0**-3, 2.0**-2  # of the largest step; of the largest move, far more than a smooth f makes on such
UNEXPLAINED = 2.0**20  # times the round-off of |f|: no sum of any size has as much


def significant(trial: Trial) -> int:
    """Return how many slopes contradict the claim where f moves, and rest on steps that can."""
    objections = objecting(trial)
    if not objections:
        return 0
    changing, least, ragged = _unresolved(trial), _least_move(trial), _ragged(trial)
    return sum(
        not _far(trial, p)
        and not _grows(p)
        and not abs(p.claimed) < least < math.inf
        and not _all_noise([p.slope], trial.field.largest)
        and not _level(trial, p)
        and not _faster(trial, p, ragged)
        and not (changing and _at_the_finest(trial, p))
        for p in objections
    )


def objecting(trial: Trial) -> list[Probe]:
    """Return the probes whose slope is not the claimed one, where f moves."""
    stepped = ROUND_OFF * trial.field.unit < trial.field.step_size() < math.inf
    edge = any(reasons.stands(trial, p) for p in trial.probes)  # of stairs that may be meant, along some directions
    if stepped and edge and not trial.field.inside:
        return []
    return [
        p
        for m, p in zip(trial.mismatches(), trial.probes, strict=True)
        if m.significant
        and not (reasons.stands(trial, p) and (stepped or _past_it(p) or _jumps(trial, p)))
        and not _among_its_levels(m, p, inside=bool(trial.field.inside))
        and (trial.field.inside or not _on_finer_steps(m, p))
    ]


def _on_finer_steps(mismatch: Mismatch, probe: Probe) -> bool:
    """Tell whether finer steps than those measured with show another slope, and the claim is that or on the way to it.

    They have more noise, and stand out of it all the same: f bends, and is not yet straight over the larger ones.
    """
    levels, measured = probe.slope.levels, mismatch.measured * probe.stretch
    used = min((level.step for level in levels if abs(level.central - measured) <= probe.slope.error), default=0.0)
    for level in levels:
        if level.step >= used or abs(level.central - measured) <= CLEAR * level.noise:
            continue
        low, high = sorted((measured, level.central))
        if low - level.noise <= mismatch.claimed * probe.stretch <= high + level.noise:
            return True
    return False


def _least_move(trial: Trial) -> float:
    """Return by how little f has ever moved if it never did with this argument; infinite elsewhere.

    Where f's last digits are lost it is the same to the bit, and elsewhere it moves by so many of them at once: less
    than that it cannot contradict.
    """
    levels = [level for p in trial.probes for level in p.slope.levels]
    values = {*trial.values_far_apart, *(v for level in levels for v in (level.plus, level.minus))}
    return trial.field.least_move if values == {trial.field.at_point} else math.inf


def _unresolved(trial: Trial) -> bool:
    """Tell whether f's slope still changes by a part of itself from one to the next of the two finest steps there are.

    f changes within them, then, and no slope over them is that at the point: it can agree with a claim, and not
    contradict it, also along a direction where the two happen to be alike.
    """
    return any(_still_changing(_up_to_seen(p)) for p in trial.probes if _at_the_finest(trial, p))


def _still_changing(levels: Sequence[Level]) -> bool:
    """Tell whether the slopes over the last two steps differ by a part of the last, and by more than noise."""
    a, b = levels[-2:]
    return abs(a.central - b.central) > a.noise + b.noise + STILL_CHANGING * abs(b.central)


def _grows(probe: Probe) -> bool:
    """Tell whether slopes still change where they end, and have grown since the largest step: f is steeper yet.

    One that takes all its values between a number and the next is as steep as steps are fine.
    """
    levels = _seen(probe)
    return len(levels) > 1 and _still_changing(levels) and abs(levels[-1].central) > GROWN * abs(levels[0].central)


def _at_the_finest(trial: Trial, probe: Probe) -> bool:
    """Tell whether a slope rests on the finest step that f shows: the next, an eighth of it, is no number or noise."""
    levels = _seen(probe)
    if len(_up_to_seen(probe)) < 2:
        return False
    finest = math.ldexp(COARSER, trial.field.finest([trial.index]))
    return levels[-1].step < finest or COARSER * levels[-1].noise > abs(levels[-1].central)


def _up_to_seen(probe: Probe) -> list[Level]:
    """Return the levels down to the finest one whose slope stands out of its noise."""
    seen = _seen(probe)
    return [level for level in probe.slope.levels if seen and level.step >= seen[-1].step]


def _seen(probe: Probe) -> list[Level]:
    return list(filter(_stands_out, probe.slope.levels))


def _stands_out(level: Level) -> bool:
    return abs(level.central) > level.noise


def _far(trial: Trial, probe: Probe) -> bool:
    """Tell whether a slope was seen only on steps beyond the argument's own size, and beyond 2^-10.

    It may be that of another place: softplus is a straight line there, and half as steep in the mean of both sides. It
    can agree with a claim, and not contradict it. A bias of 1e-20 is small beside what matters, and so are its steps.
    """
    seen = [level.step for level in probe.slope.levels if abs(level.central) > 2 * level.noise]
    return bool(seen) and min(seen) > 1 and min(seen) * float(np.min(trial.scale.value)) > FAR


def _level(trial: Trial, probe: Probe) -> bool:
    """Tell whether a slope stands out of its noise on no step, and the claim would on large ones alone.

    That is one below √(noise·|f|): f may be level out there that is not at the point.
    """
    levels = probe.slope.levels
    if not levels or any(abs(level.central) > 2 * level.noise for level in levels):
        return False
    noise = min(level.noise * level.step for level in levels)
    return abs(probe.claimed * probe.stretch) < math.sqrt(noise) * math.sqrt(trial.field.largest)


def _ragged(trial: Trial) -> float:
    """Return how far f moves where that is as far over small steps as over large ones; zero elsewhere.

    Round-off does not move it as far. So it is noise of another kind, or f changes within the finest step.
    """
    levels = [level for p in trial.probes for level in p.slope.levels]
    largest = max((abs(level.plus - level.minus) for level in levels), default=0.0)
    if not largest > UNEXPLAINED * trial.field.unit * trial.field.largest:
        return 0.0
    small = SMALL * max(level.step for level in levels)
    nearby = max((abs(level.plus - level.minus) for level in levels if level.step <= small), default=0.0)
    return largest if nearby > AS_FAR * largest else 0.0


def _faster(trial: Trial, probe: Probe, ragged: float) -> bool:
    """Tell whether the claim says that a ragged f moves so far within the finest step."""
    size, finest = abs(probe.claimed * probe.stretch), math.ldexp(1.0, trial.field.finest([trial.index]))
    return trial.field.unit * size < ragged < finest * size


def all_noise(trial: Trial) -> bool:
    """Tell whether differences show a noise as large as f where it moves: then it has no digit left."""
    return _all_noise([probe.slope for probe in trial.probes], trial.field.largest)


def _all_noise(slopes: Sequence[Slope], largest: float) -> bool:
    levels = [level for slope in slopes if math.isnan(slope.constant) or _rugged(slope) for level in slope.levels]
    return bool(levels) and all(level.noise * level.step > ALL_NOISE * largest for level in levels)


def _rugged(slope: Slope) -> bool:
    """Tell whether φ stands still next to the point, and further out goes up and down by many of its steps.

    Of stairs that are meant it goes up and down by few.
    """
    if any(map(_stands_out, slope.levels)):
        return False
    values = sorted({value for level in slope.levels for value in (level.plus, level.minus)})
    least = min((b - a for a, b in pairwise(values)), default=math.inf)
    return all(level.noise * level.step > MANY * least for level in slope.levels)


def _among_its_levels(mismatch: Mismatch, probe: Probe, *, inside: bool) -> bool:
    """Tell whether f moves in steps along a probe, and the claim is one of the slopes that its steps show.

    Entries of different sizes, rounded to few digits, move f from different steps on: the slope of the finest steps is
    that of some of them only.
    """
    slope = probe.slope
    if not slope.levels or mismatch.claimed == 0:
        return False
    seen = [level.central / probe.stretch for level in slope.levels]
    if inside and any(abs(c - mismatch.claimed) <= ALIKE * abs(c - mismatch.measured) for c in seen[:2]):
        return True  # the largest steps show the claim, and the measurement rests on finer ones: those of roundings
    if math.isnan(slope.constant):
        return False
    return min(seen) - mismatch.bound <= mismatch.claimed <= max(seen) + mismatch.bound


def _jumps(trial: Trial, probe: Probe) -> bool:
    """Tell whether f's first move along a probe is a step, and not the beginning of a slope past a kink."""
    return probe.slope.first > ROUND_OFF * trial.field.unit * abs(trial.field.at_point)


def _past_it(probe: Probe) -> bool:
    """Tell whether a slope is steeper than f can be next to the point, where it does not move: it is that of beyond."""
    slope = probe.slope
    flattest = slope.constant if math.isnan(slope.hidden) else max(slope.constant, slope.hidden)
    return abs(slope.value) - slope.error > flattest
