"""The report on one result of a kernel: the verdict on an output or a gradient, with its place and name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gradcheck import arrays
from gradcheck.kernels import names, place
from gradcheck.kernels.heat import heat
from gradcheck.kernels.matrix import chunks
from gradcheck.kernels.planted import plant
from gradcheck.kernels.rule import Objection, limit_of, objections
from gradcheck.kernels.statistics import Statistics, measure
from gradcheck.verdicts.certificate import Interval, Verdict
from gradcheck.verdicts.comparison import Comparison
from gradcheck.verdicts.report import ArgumentReport, WorstEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from gradcheck.kernels.evidence import Evidence, KernelResult

MOST_LOCATED = 2**22  # entries up to which the whole array is read to tell where and what
SHOWN = 12
CONFIDENCE = 0.9999
WORDS = {
    "whole": "its error as a whole",
    "row": "the error of one row",
    "column": "the error of one column",
    "tile": "the error of one 16 x 16 tile",
    "slab": "the error of one slice of a leading axis",
    "entry": "the error of one entry",
    "scale": "its scale",
    "row scales": "the scales of its rows",
    "column scales": "the scales of its columns",
    "tile scales": "the scales of its tiles",
    "slab scales": "the scales of its slices",
    "row scale": "the scale of one row",
    "column scale": "the scale of one column",
    "tile scale": "the scale of one tile",
    "slab scale": "the scale of one slice",
}


NOWHERE = "the reference is nowhere finite here, so nothing was compared: pass inputs at which it does not overflow"


@dataclass
class JudgedResult:
    """A result with what was measured."""

    result: KernelResult
    found: Statistics
    against: list[Objection]
    unfinished: NDArray[np.int64]  # flat indices that are not finite

    @property
    def wrong(self) -> bool:
        """Whether anything speaks against it."""
        return bool(self.against) or self.unfinished.size > 0


def judge(result: KernelResult, factor: float) -> JudgedResult:
    """Return what the rule says of a result."""
    found = measure(result.matrices, result.u, result.smallest)
    return JudgedResult(result, found, objections(found, result.u, factor), found.unfinished)


def report(judged: JudgedResult, evidence: Evidence, factor: float, *, doubt: str = "") -> ArgumentReport:
    """Return the result's report; `doubt` says why what speaks against it does not count."""
    result, found = judged.result, judged.found
    blind = not judged.wrong and _nowhere_finite(result)
    verdict = Verdict.INCONCLUSIVE if doubt or blind else Verdict.FAIL if judged.wrong else Verdict.PASS
    name, at = None, place.Place("")
    worst: tuple[WorstEntry, ...] = ()
    reason = NOWHERE if blind else ""
    if judged.wrong:
        at, worst = _place(judged)
        reason = doubt or _reason(judged)
        name = None if judged.unfinished.size else _name(judged, evidence)
        if name is not None and name.everywhere and result.matrices.size > 1:
            at = place.Place("everywhere")
    planted = plant(result, factor) if verdict is Verdict.PASS else None
    resolution = limit_of("scale", result.u) * factor * found.smallest_scale
    return ArgumentReport(
        name=result.name,
        shape=result.shape,
        dtype=result.dtype,
        verdict=verdict,
        error=_interval(found),
        resolution=resolution,
        smallest_error=resolution,
        reason=reason,
        where=at.where,
        where_text=_where_text(at),
        mistakes=(name.name,) if name else (),
        advice=name.advice if name else "",
        factor=name.factor if name else None,
        planted=planted,
        worst=worst,
        comparison=_comparison(judged, factor, at.block),
    )


def _nowhere_finite(result: KernelResult) -> bool:
    """Tell whether no entry of the truth is a number: there is nothing that a result could be held against."""
    truth = result.matrices.truth
    read = (truth.read(*part) for part in chunks(result.matrices.rows, result.matrices.columns))
    return result.matrices.size > 0 and not any(np.isfinite(part).any() for part in read)


def _interval(found: Statistics) -> Interval:
    error = found.error if math.isfinite(found.error) else math.inf
    relative = error < 1e6  # of a truth that is zero nothing is a part
    return Interval(error if relative else 0.0, error, relative=relative, confidence=CONFIDENCE)


def _comparison(judged: JudgedResult, factor: float, block: int | None) -> Comparison:
    result, found = judged.result, judged.found
    nearest = max(found.values, key=lambda name: found.values[name] / limit_of(name, result.u))
    return Comparison(
        kind=result.kind,
        error=found.error,
        yardstick=found.yardstick,
        ratio=found.ratio,
        scale=found.scale,
        statistic=nearest,
        value=found.values[nearest],
        limit=factor * limit_of(nearest, result.u),
        block=block,
        map=heat(result.matrices, found),
    )


def _reason(judged: JudgedResult) -> str:
    result = judged.result
    if judged.unfinished.size:
        return (
            f"{judged.unfinished.size} of {result.matrices.size} entries of {result.label} are not finite, "
            "though the truth is"
        )
    strongest = judged.against[0]
    words = WORDS.get(strongest.statistic)
    if words is None:
        words = f"its part along {strongest.statistic.removeprefix('along ')}"
    return (
        f"{result.label}: {words} is {strongest.value:.3g} times what {result.dtype} gives, where right kernels stay "
        f"below {strongest.limit:.3g}"
    )


def _read(judged: JudgedResult) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], int]:
    """Return kernel, truth and yardstick, entry by entry, in the matrix's shape, and the first row that was read."""
    result, level = judged.result.matrices, judged.found.level
    rows = min(result.rows, max(MOST_LOCATED // max(result.columns, 1), 1))
    start = _first_row(judged, rows)
    kernel, truth = result.kernel.read(start, start + rows), result.truth.read(start, start + rows)
    ll = np.zeros_like(truth)
    for low in result.low:
        ll = np.maximum(ll, np.nan_to_num((low.read(start, start + rows) - truth) ** 2))
    jj = np.zeros_like(truth)
    for moved in result.moved:
        jj += np.nan_to_num((moved.read(start, start + rows) - truth) ** 2) / len(result.moved)
    p2 = judged.found.power**2
    assert level is not None  # noqa: S101  measure() sets it
    y2 = level.squared(ll * p2, np.nan_to_num(truth) ** 2 * p2, jj * p2, 1.0, judged.found.median) / p2
    return kernel, truth, np.sqrt(np.maximum(y2, 1e-300)), start


def _first_row(judged: JudgedResult, rows: int) -> int:
    """Return where to start reading a result of too many rows: with the worst entry in the middle."""
    total = judged.result.matrices.rows
    if rows >= total:
        return 0
    entry = judged.found.worst.get("entry", 0) // judged.result.matrices.columns
    return int(min(max(entry - rows // 2, 0), total - rows))


def _place(judged: JudgedResult) -> tuple[place.Place, tuple[WorstEntry, ...]]:
    matrices = judged.result.matrices
    kernel, truth, y, start = _read(judged)
    error = np.abs(kernel - truth)
    error[~np.isfinite(error) & np.isfinite(truth)] = np.inf
    error = np.nan_to_num(error, nan=0.0, posinf=np.inf)
    ratio = error / y
    unfinished = ~np.isfinite(kernel) & np.isfinite(truth)
    bad = unfinished if judged.unfinished.size else place.wrong_entries(ratio, error)
    shape = matrices.truth.shape if kernel.shape[0] == matrices.rows and matrices.truth.width == 1 else kernel.shape
    at = place.find(bad.reshape(shape), (truth == 0).reshape(shape))
    if at.scattered:  # the small errors may show what the large ones do not
        every = place.wrong_entries(ratio, error, share=0.0)
        wider = place.find(every.reshape(shape), (truth == 0).reshape(shape))
        bad, at = (bad, at) if wider.scattered else (every, wider)
    if start and at.where:
        at = place.Place(at.text, None, at.block)
    order = np.argsort(-error.ravel(), kind="stable")[:SHOWN]
    size = float(np.sqrt(np.mean(np.nan_to_num(truth) ** 2))) or 1.0
    worst = tuple(
        WorstEntry(
            tuple(int(i) for i in np.unravel_index(int(k), shape)),
            complex(kernel.ravel()[k]),
            complex(truth.ravel()[k]),
            float(error.ravel()[k] / size),
        )
        for k in order
        if bad.ravel()[k]
    )
    return at, worst


def _where_text(at: place.Place) -> str:
    return f"wrong {at.text}" if at.text and not at.text.startswith("one entry") else at.text


def _name(judged: JudgedResult, evidence: Evidence) -> names.Name | None:
    result = judged.result
    if result.matrices.size > MOST_LOCATED or result.matrices.truth.width == 2:
        return None
    kernel, truth, y, _ = _read(judged)
    shape = result.matrices.truth.shape
    others: dict[str, NDArray[np.float64]] = {}
    if result.kind == "gradient":
        for k, i in enumerate(evidence.inputs.judged):
            g = evidence.truth.gradients[k]
            if g is not None and evidence.inputs.names[i] != result.name:
                others[evidence.inputs.names[i]] = arrays.to_numpy(g)
    known = {name: m.read(0, m.rows).reshape(shape) for name, m in result.matrices.directions.items() if m is not None}
    finite = np.isfinite(truth) & np.isfinite(kernel)
    wrong = names.Wrong(
        np.where(finite, kernel, 0.0).reshape(shape),
        np.where(finite, truth, 0.0).reshape(shape),
        float(np.sqrt(np.mean(y * y))),
        others,
        known,
        [float(c.real.reshape(())) for c in evidence.drawn.values if c.size == 1] if result.kind == "gradient" else [],
        dimensions(evidence),
    )
    return names.name(wrong, result.label)


def dimensions(evidence: Evidence) -> Mapping[int, tuple[str, ...]]:
    """Return the lengths of the inputs' axes with what has them."""
    found: dict[int, tuple[str, ...]] = {}
    for name, x in zip(evidence.inputs.names, evidence.inputs.leaves, strict=True):
        for axis, n in enumerate(arrays.shape_of(x)):
            found[n] = (*found.get(n, ()), f"{name}.shape[{axis}]")
    return found
