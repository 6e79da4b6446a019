"""How far a result is from the truth, in units of what a right computation in its precision is off by.

The yardstick of a group of n entries, a mean square like the error it is held against, is

    y² = ⟨l²⟩ + (0.42·u)²·(⟨g²⟩ + m) + 16/(n + 16)·ρ²·(⟨g²⟩ + m) + κ·⟨j²⟩ + η²/12

* ⟨l²⟩: what the reference in low precision is off by, there;
* (0.42·u)²⟨g²⟩: the result rounded once. A relative rounding error is at most u/m for a mantissa m of [1, 2), uniform
  in ±u/m; with m uniform its mean square is u²/3·∫dm/m² = u²/6, √(1/6) = 0.41;
* m, the median of ⟨g²⟩ over all groups of the kind (0 for the whole): a small group may be what is left of large terms;
* 16/(n + 16)·ρ²: the error of a few entries is a sample that may be small by chance, so it is drawn towards the typical
  relative error ρ of the result (the median over tiles), as if 16 more entries had been seen;
* κ⟨j²⟩: the truth moves by j when each input moves by one unit of its dtype, up, down or not, whose mean square is
  (2u)²·2/3; rounding each input once has u²/6, a sixteenth: κ = 1/16;
* η, the spacing of the smallest numbers of the dtype, which are not relative.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kernels.matrix import chunks, strips, tiled
from gradcheck.kernels.sums import Errors, ResultMatrices, Sums, add, errors

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROUNDED = 0.42  # root mean square of a relative rounding error, in units of u
SEEN = 16.0  # entries that the typical relative error counts for
JITTER = 1 / 4
TINY = 1e-300
TINY_ENTRY = 1e-37  # representable in float32
SAMPLED = 2**18  # entries
COARSE = 2.0**-12


@dataclass
class Statistics:
    """What is known of one result.

    Attributes
    ----------
    values : dict of str to float
        The statistics that the rule has limits for; each is about 1 or less for a right result.
    worst : dict of str to int
        The group where each is largest, for those that are a largest one.
    ratio : float
        The root mean square error over the yardstick, of the whole.
    error : float
        The root mean square error, relative to the truth's root mean square.
    yardstick : float
        The same for the yardstick.
    scale : float
        By how much the whole is too large: Σeg/Σg².
    smallest_scale : float
        The smallest such number that speaks against a result, times the limit of the statistic ``"scale"``.
    level : GroupYardstick
        What the yardstick of a group needs besides its own sums.
    tiles : dict of str to ndarray
        The sums over tiles of 16 × 16 entries, and their sizes.
    unfinished : ndarray
        The flat indices where the kernel is not finite, though the truth is.
    power, median : float
        What all entries were multiplied by, and the median of g² over the entries.
    """

    values: dict[str, float]
    worst: dict[str, int] = field(default_factory=dict)
    ratio: float = 0.0
    error: float = 0.0
    yardstick: float = 0.0
    scale: float = 0.0
    smallest_scale: float = 1.0
    level: GroupYardstick | None = None
    tiles: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    unfinished: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    power: float = 1.0
    median: float = 0.0


@dataclass(frozen=True)
class GroupYardstick:
    """What the yardstick needs besides a group's own sums."""

    u: float
    floor: float
    typical: float  # ρ²
    noise: float  # a part of ⟨l²⟩ of the whole, where nothing is left of the truth but noise

    def squared(
        self,
        ll: NDArray[Any],
        gg: NDArray[Any],
        jj: NDArray[Any],
        n: NDArray[np.float64] | float,
        median: float,
    ) -> NDArray[Any]:
        """Return y² of groups with these mean squares and sizes."""
        own = (ROUNDED * self.u) ** 2 + SEEN / (n + SEEN) * self.typical
        return np.maximum(ll + own * (gg + median) + JITTER * jj + self.floor, self.noise)


def measure(result: ResultMatrices, u: float, smallest: float) -> Statistics:
    """Return the statistics of a result whose entries are all finite.

    Parameters
    ----------
    result : ResultMatrices
        The result and what it is held against.
    u : float
        The unit round-off: the coarser one of the result's dtype and the inputs'.
    smallest : float
        The spacing of the smallest numbers of the result's dtype.
    """
    if result.size == 0:
        return Statistics({"whole": 0.0})  # nothing to be wrong about
    sample = _sample(result)
    scale = _scale(sample, result)
    median, level = _first(sample, scale, u, smallest)
    found = Statistics({}, power=scale, median=median)
    # Rounding to a dtype of 2^-11 and more is seen in float32 as well, in half the time.
    dtype = np.float32 if u >= COARSE and result.size > SAMPLED else np.float64
    sums = add(result, scale, dtype, lambda part, start: _entries(found, part, start * result.columns, level))
    found.unfinished = sums.unfinished
    found.tiles = sums.groups["tile"] | {"n": sums.sizes["tile"]}
    level = found.level = _level(sums, u, smallest * scale)
    for kind, group in sums.groups.items():
        _size(found, kind.split()[0], group, sums.sizes[kind], level)
        if kind != "whole":
            _scales(found, kind.split()[0], group, level)
    _whole_scale(found, sums, level)
    for name in result.directions:
        _along(found, name, sums, level)
    return found


def _sample(result: ResultMatrices) -> list[Errors]:
    """Return some strips of rows, all where they are few, to learn sizes from."""
    return [errors(result, start, stop, 1.0) for start, stop in strips(result.rows, result.columns, SAMPLED)]


def _scale(sample: list[Errors], result: ResultMatrices) -> float:
    """Return the power of two that brings the truth's largest entries (the kernel's, where those are 0) next to 1."""
    for largest in (
        max((float(np.max(np.abs(part.g), initial=0.0)) for part in sample), default=0.0),
        max((float(np.max(np.abs(part.e), initial=0.0)) for part in sample), default=0.0),
        max(
            (
                float(np.max(np.abs(errors(result, i, j, 1.0).g), initial=0.0))
                for i, j in chunks(result.rows, result.columns)
            ),
            default=0.0,
        )
        if len(sample) > 1
        else 0.0,
    ):
        if largest > 0:
            return float(2.0 ** -np.frexp(largest)[1])
    return 1.0


def _first(sample: list[Errors], scale: float, u: float, smallest: float) -> tuple[float, GroupYardstick]:
    """Return the median of g² over the entries and the level of single entries, from the sample."""
    entries = np.concatenate([part.g.ravel() for part in sample]) * scale
    ll = np.concatenate([tiled((part.low * scale) ** 2).ravel() for part in sample])
    gg = np.concatenate([tiled((part.g * scale) ** 2).ravel() for part in sample])
    some = gg > 0
    typical = float(np.median(ll[some] / gg[some])) if some.any() else 0.0
    noise = 0.05 * float(ll.sum()) / max(entries.size, 1) if typical > 1 else 0.0
    return _median(entries**2), GroupYardstick(u, (smallest * scale) ** 2 / 12, typical, noise)


def _level(sums: Sums, u: float, smallest: float) -> GroupYardstick:
    tile, n = sums.groups["tile"], sums.sizes["tile"]
    some = tile["gg"] > 0
    typical = float(np.median(tile["ll"][some] / tile["gg"][some])) if some.any() else 0.0
    ll = float(sums.groups["whole"]["ll"][0] / n.sum())
    return GroupYardstick(u, smallest**2 / 12, typical, 0.05 * ll if typical > 1 else 0.0)


def _median(values: NDArray[np.float64]) -> float:
    some = values[values > 0]
    return float(np.median(some)) if some.size else 0.0


def _size(
    found: Statistics, kind: str, group: dict[str, NDArray[np.float64]], n: NDArray[np.float64], level: GroupYardstick
) -> None:
    """Note the largest ratio of a group's root mean square error to its yardstick."""
    ee, ll, gg, jj = (group[q] / n for q in ("ee", "ll", "gg", "jj"))
    median = 0.0 if kind == "whole" else _median(gg)
    y2 = level.squared(ll, gg, jj, n, median)
    ratio = _ratio(ee, y2)
    if kind == "whole":
        found.ratio = float(ratio[0])
        size = max(float(gg[0]), TINY)
        found.error, found.yardstick = float(np.sqrt(ee[0] / size)), float(np.sqrt(y2[0] / size))
    _largest(found, kind, ratio / (1 + 2.5 / np.sqrt(n)))


def _ratio(ee: NDArray[np.float64], y2: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(ee == 0, 0.0, np.sqrt(ee / np.maximum(y2, TINY)))


def _largest(found: Statistics, name: str, values: NDArray[np.float64]) -> None:
    where = int(np.argmax(values))
    if float(values[where]) >= found.values.get(name, 0.0):
        found.values[name], found.worst[name] = float(values[where]), where


def _scales(found: Statistics, kind: str, group: dict[str, NDArray[np.float64]], level: GroupYardstick) -> None:
    """Note how far groups are scaled: the largest, and the root mean square over all of them."""
    gg, g4 = group["gg"], group["g4"]
    effective = gg**2 / np.maximum(g4, TINY)  # entries that share a sum of squares
    use = (gg > 0.01 * _median(gg)) & (effective >= 4)
    if use.sum() < 2:
        return
    be, bl, ne = group["eg"][use] / gg[use], group["lg"][use] / gg[use], effective[use]
    y2 = ((ROUNDED * level.u) ** 2 + level.typical + JITTER * group["jj"][use] / gg[use]) / ne
    spread = float(np.sqrt(np.mean(be**2) / max(float(np.mean(bl**2 + y2)), TINY)))
    found.values[f"{kind} scales"] = max(spread, found.values.get(f"{kind} scales", 0.0))
    each = np.abs(be) / np.sqrt(np.maximum(bl**2 + np.mean(bl**2) + 2 * y2, TINY))
    before = found.values.get(f"{kind} scale", 0.0)
    _largest(found, f"{kind} scale", each)
    if found.values[f"{kind} scale"] > before:
        found.worst[f"{kind} scale"] = int(np.flatnonzero(use)[found.worst[f"{kind} scale"]])


def _entries(found: Statistics, part: Errors, offset: int, level: GroupYardstick) -> None:
    """Note the largest ratio of an entry's error to its yardstick, among some rows; `offset` entries lie before."""
    ratio2 = part.e**2
    ratio2 /= np.maximum(level.squared(part.low**2, part.g**2, part.jj, 1.0, found.median), TINY_ENTRY)
    index = int(np.argmax(ratio2))
    largest = float(np.sqrt(ratio2.ravel()[index]))
    if largest >= found.values.get("entry", 0.0):
        found.values["entry"], found.worst["entry"] = largest, offset + index


def _whole_scale(found: Statistics, sums: Sums, level: GroupYardstick) -> None:
    """Note the scale of the whole, in standard errors of it (H. White's, for errors of unequal size)."""
    whole = {q: float(values[0]) for q, values in sums.groups["whole"].items()}
    gg = whole["gg"]
    if gg == 0:
        return
    b, low = whole["eg"] / gg, whole["lg"] / gg
    found.scale = b

    def error(q: str, b: float) -> float:
        variance = sums.whole[f"{q}{q}gg"] - 2 * b * sums.whole[f"{q}ggg"] + b * b * whole["g4"]
        return max(variance, 0.0) / gg**2

    effective = gg**2 / max(whole["g4"], TINY)
    own = (ROUNDED * level.u) ** 2 + JITTER * whole["jj"] / gg  # a single number may be what is left of large terms
    spread = error("e", b) + error("l", low) + own / effective
    reference = whole["ll"] / gg
    found.smallest_scale = max(6 * spread**0.5 + 0.1 * reference**0.5, TINY)
    found.values["scale"] = max(abs(b) - abs(low), 0.0) / found.smallest_scale


def _along(found: Statistics, name: str, sums: Sums, level: GroupYardstick) -> None:
    """Note how much of the rows' errors lies along a direction, once what is along the truth is taken out."""
    row, along = sums.groups["row"], sums.along[name]
    n = sums.sizes["row"]
    gg = np.maximum(row["gg"], TINY)
    dd = along["dd"] - along["gd"] ** 2 / gg
    use = (dd > 0.01 * along["dd"]) & (along["dd"] > 0) & (n >= 8)
    if not use.any():
        return
    ed = along["ed"] - row["eg"] * along["gd"] / gg
    ld = along["ld"] - row["lg"] * along["gd"] / gg
    ll, g2, jj = (row[q] / n for q in ("ll", "gg", "jj"))
    y2 = level.squared(ll, g2, jj, n, _median(g2))
    z2, low2 = (part[use] ** 2 / dd[use] / np.maximum(y2[use], TINY) for part in (ed, ld))
    found.values[f"along {name}"] = float(np.sqrt(np.mean(z2) / (1 + np.mean(low2))))
