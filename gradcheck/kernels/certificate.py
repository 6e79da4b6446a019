"""The reference's own gradient, held against slopes of the reference in float64 along joint random directions.

Each direction moves all inputs at once, weighted so that each contributes alike. Central differences D(h), D(h/2) and
D(h/4) give two extrapolations, R(h) = (4·D(h/2) − D(h))/3 and R(h/2); what is left of their truncation error is c·h⁴
and c·h⁴/16, so |R(h) − R(h/2)| is fifteen times what R(h/2) is off by. The round-off of a difference of two φ is at
most √n·u·Σ|c·f|/h, n the entries summed (N. Higham and T. Mary, SIAM J. Sci. Comput. 41(5), 2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.slopes.every_float import exponent_above
from gradcheck.slopes.streams import Purpose, stream
from gradcheck.verdicts.certificate import Mismatch, error_norm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gradcheck.kernels.cotangents import Drawn
    from gradcheck.kernels.reference import Reference

COARSEST, FINER, TIMES = 2.0**-7, 2.0**-3, 4
ENOUGH = 2.0**-22  # relative: a bound below it says all that the verdict of a kernel needs
SMALLEST_STEP, LARGEST_STEP = 2.0**-24, 2.0**-11  # of a large problem
BENT = 2.0**-14  # of the slope: one-sided slopes that differ by more say too little
KINKED = 2.0**-5  # of the slope: a smooth φ bends less over such steps
ROUNDING = 8.0 * 2.0**-53
LARGE = 2**20  # entries above which two directions do
CONFIDENCE = 0.9999
PART = 2**15  # entries of a sum that are read together


@dataclass(frozen=True)
class Certificate:
    """What slopes say of the reference's gradient.

    Attributes
    ----------
    error : float
        Its relative error is below this, with 99.99 % confidence; NaN where slopes cannot tell.
    wrong : bool
        Whether slopes contradict it.
    why : str
        Why they cannot tell; empty where they do.
    """

    error: float
    wrong: bool = False
    why: str = ""

    def sentence(self, title: str) -> str:
        """Return what the report says of it."""
        title = "the reference" if title == "reference" else f"the reference {title}"
        if self.wrong:
            return f"the gradient of {title} contradicts the slopes of {title}"
        if self.why:
            return f"the gradient of {title} is not certified by slopes: {self.why}"
        return f"the gradient of {title} is right to {self.error:.0e}, by slopes in float64"


@dataclass
class _Line:
    """φ(t) = Σ c·f(x + t·v) in float64, over the entries of f that are finite at x."""

    reference: Reference
    drawn: Drawn
    values: Sequence[NDArray[Any]]
    move: dict[int, NDArray[Any]]
    size: float = 0.0  # the largest Σ|c·f| of all calls: at x it may be 0, and round-off is that of the ends
    kept: list[NDArray[np.bool_] | None] = field(default_factory=list)

    def __call__(self, t: float) -> float:
        first = not self.kept
        total = size = 0.0
        outputs = _outputs(self.reference, self.values, self.move, t)
        for k, (c, y) in enumerate(zip(self.drawn.values, outputs, strict=True)):
            if first:
                finite = np.isfinite(y)
                self.kept.append(None if finite.all() else finite)
            mask = self.kept[k]
            values = y if mask is None else np.where(mask, y, 0.0)
            size += _dot(c, values, absolute=True)
            total += _dot(c, values)
        self.size = max(self.size, size) if math.isfinite(size) else self.size
        return total


class _Here:
    """f at x, of a large problem, and slopes of φ from one or two evaluations more along each direction.

    Parameters
    ----------
    size : float
        Of the slopes to expect: it sets the step, together with the round-off of f.
    """

    def __init__(self, reference: Reference, drawn: Drawn, values: Sequence[NDArray[Any]], size: float) -> None:
        self.reference, self.drawn, self.values = reference, drawn, values
        self.outputs = _outputs(reference, values, {}, 0.0)
        entries = sum(y.size for y in self.outputs)
        summed = arrays.total_size(values) / max(entries, 1)  # by f itself, into each of its entries
        self.roundings = ROUNDING * (math.sqrt(math.sqrt(max(summed, 1.0))) + 1)
        self.round_off = self._round_off(self.outputs)
        step = 16 * self.round_off / (ENOUGH * size)
        step = min(max(step, SMALLEST_STEP), LARGEST_STEP) if math.isfinite(step) else LARGEST_STEP
        self.step = 2.0 ** exponent_above(step)
        self.bent = math.nan  # |right − left| of the first direction, relative to its slope
        self.left = math.nan  # where that is much: what its central difference was off by, relative to it

    def slope(self, move: dict[int, NDArray[Any]]) -> tuple[float, float, float]:
        """Return slope, bound, and how far the one-sided slopes differ where that is a kink.

        What bends φ along the first direction bends it alike along the second, up to a factor of four.
        """
        h = self.step
        if not math.isnan(self.left):
            return self._central(move, h / 2)
        right = self._difference(move, h) / h
        noise = 2 * self.round_off / h
        if not math.isnan(self.bent):
            return right, 4 * self.bent * abs(right) + noise, 0.0
        left = -self._difference(move, -h) / h
        slope, bends = (right + left) / 2, abs(right - left)
        if not bends <= BENT * abs(slope):
            return self._bent(move, slope, right - left)
        self.bent = bends / max(abs(slope), 1e-300)
        return slope, bends / 2 + noise, 0.0

    def _bent(self, move: dict[int, NDArray[Any]], slope: float, bends: float) -> tuple[float, float, float]:
        """Return the same where φ bends: D(h/2) is off by |D(h/2) − D(h)|/3, and a jump stays while h halves."""
        h = self.step / 2
        right, left = self._difference(move, h) / h, -self._difference(move, -h) / h
        near = (right + left) / 2
        off = abs(near - slope) / 3
        self.left = off / max(abs(near), 1e-300)
        sides = abs(2 * (right - left) - bends)
        return near, off + 2 * self.round_off / h, sides if sides > KINKED * abs(near) else 0.0

    def _central(self, move: dict[int, NDArray[Any]], h: float) -> tuple[float, float, float]:
        slope = (self._difference(move, h) - self._difference(move, -h)) / (2 * h)
        return slope, 4 * self.left * abs(slope) + 2 * self.round_off / h, 0.0

    def _difference(self, move: dict[int, NDArray[Any]], t: float) -> float:
        """Return Σ c·(f(x + t·v) − f(x)), over the entries that are finite at both."""
        there = _outputs(self.reference, self.values, move, t)
        if math.isnan(self.bent) and math.isnan(self.left):  # the first time: f may be 0 at x
            self.round_off = max(self.round_off, self._round_off(there))
        return sum(_dot(c, z, minus=y) for c, y, z in zip(self.drawn.values, self.outputs, there, strict=True))

    def _round_off(self, outputs: Sequence[NDArray[Any]]) -> float:
        squares = sum(_dot(c, y, squared=True) for c, y in zip(self.drawn.values, outputs, strict=True))
        return self.roundings * math.sqrt(squares)


def _outputs(
    reference: Reference, values: Sequence[NDArray[Any]], move: dict[int, NDArray[Any]], t: float
) -> list[NDArray[Any]]:
    leaves = [_shifted(x, t, move[i], reference.library) if i in move else x for i, x in enumerate(values)]
    return [arrays.to_numpy(y) for _, y in reference.truth(leaves, None).outputs]


def _dot(
    a: NDArray[Any],
    b: NDArray[Any],
    *,
    absolute: bool = False,
    squared: bool = False,
    minus: NDArray[Any] | None = None,
    finite: bool = False,
) -> float:
    """Return Σ conj(a)·b, its real part, in float64; with `absolute` Σ|a|·|b|, with `squared` Σ|a·b|².

    With `minus` it is Σ conj(a)·(b − minus). With `minus`, `squared` or `finite` terms that are not finite are left
    out. Read in parts, for memory's sake.
    """
    a, b = np.ravel(a), np.ravel(b)
    other = None if minus is None else np.ravel(minus)
    total = 0.0
    for start in range(0, a.size, PART):
        x, y = a[start : start + PART], b[start : start + PART]
        if other is not None:
            y = y - other[start : start + PART]
        if absolute or squared:
            x, y = np.abs(x), np.abs(y)
        x = np.conj(x).astype(np.result_type(x, np.float64), copy=False)
        y = y.astype(np.result_type(y, np.float64), copy=False)
        if squared:
            x, y = x * y, x * y
        term = np.einsum("i,i->", x, y).real
        if (squared or finite or other is not None) and not np.isfinite(term):
            use = np.isfinite(x) & np.isfinite(y)
            term = np.einsum("i,i->", x[use], y[use]).real
        total += float(term)
    return total


def _shifted(x: NDArray[Any], t: float, v: NDArray[Any], library: str) -> NDArray[Any]:
    """Return x + t·v; by Torch, which takes one pass and all threads, where it is loaded anyway."""
    if library != "torch" or v.size < LARGE:
        return x + t * v
    import torch  # noqa: PLC0415

    return np.asarray(torch.add(torch.from_numpy(x), torch.from_numpy(v), alpha=t).numpy())


def certify(
    reference: Reference, drawn: Drawn, values: Sequence[NDArray[Any]], gradients: Sequence[Any], seed: int
) -> Certificate:
    """Return what slopes say of the reference's gradients in float64 at `values`."""
    large = arrays.total_size(values) > LARGE
    norms = _norms(reference, values, gradients)
    if not (norms and all(map(math.isfinite, norms.values()))):
        return Certificate(math.nan, why=f"its gradients are {'not all finite' if norms else 'all zero'}")
    smallest = min(norms.values())
    size = smallest * math.sqrt(len(norms))
    here = _Here(reference, drawn, values, size) if large else None
    mismatches, kinked = [], False
    for number in range(2 if large else 4):
        move, predicted = _move(reference, values, gradients, norms, smallest, seed, number)
        if here is None:
            slope, bound, sides = _slope(_Line(reference, drawn, values, move), predicted)
        else:
            slope, bound, sides = here.slope(move)
        if math.isnan(slope):
            return Certificate(math.nan, why=f"{reference.title} is not finite next to the point")
        mismatches.append(Mismatch(predicted, slope, bound))
        kinked |= sides > 8 * bound
    low, high = error_norm(mismatches, CONFIDENCE)
    if sum(m.significant for m in mismatches) >= 2 and low > 0:
        if kinked:
            return Certificate(math.nan, why="it has kinks at these inputs")
        return Certificate(low / size, wrong=True)
    if not high / size < 1e-2:
        return Certificate(math.nan, why=f"slopes tell it to {high / size:.0e} only")
    return Certificate(high / size)


def _norms(reference: Reference, values: Sequence[NDArray[Any]], gradients: Sequence[Any]) -> dict[int, float]:
    """Return ‖g∘s‖ of each judged input whose gradient is not zero, s being the size of the input's entries."""
    found = {}
    for k, i in enumerate(reference.inputs.judged):
        if gradients[k] is None:
            continue
        g = np.ravel(_numbers(gradients[k]))
        largest = float(np.max(np.abs(g[np.isfinite(g)]), initial=0.0))
        norm = _size(g) * math.sqrt(g.size) * _size(values[i]) if largest > 0 else 0.0
        if norm > 0:
            found[i] = norm
    return found


def _numbers(g: Any) -> NDArray[Any]:
    """Return a gradient as a NumPy array, in float32 if it is kept so."""
    return g if type(g) is np.ndarray and g.dtype == np.float32 else arrays.to_numpy(g)


def _size(x: NDArray[Any]) -> float:
    """Return the root mean square of the finite entries; 1 where that is 0."""
    finite = x if np.isfinite(x).all() else x[np.isfinite(x)]
    return math.sqrt(_dot(finite, finite) / max(finite.size, 1)) or 1.0


def _move(
    reference: Reference,
    values: Sequence[NDArray[Any]],
    gradients: Sequence[Any],
    norms: dict[int, float],
    smallest: float,
    seed: int,
    number: int,
) -> tuple[dict[int, NDArray[Any]], float]:
    """Return a joint direction and what the reference's gradient predicts along it."""
    move, predicted = {}, 0.0
    for k, i in enumerate(reference.inputs.judged):
        if i not in norms:
            continue
        rng = stream(seed, Purpose.REFERENCE, i, number)
        weight = 2.0 ** math.floor(math.log2(smallest / norms[i]))  # all contribute alike, none moves beyond its size
        v: NDArray[Any] = rng.standard_normal(values[i].shape, dtype=np.float32)  # exact in what follows, half as large
        if np.iscomplexobj(values[i]):
            v = v + 1j * rng.standard_normal(values[i].shape, dtype=np.float32)
        v *= np.asarray(_size(values[i]) * weight, dtype=v.dtype)
        v[~np.isfinite(values[i])] = 0.0
        move[i] = v
        g = _numbers(gradients[k])
        g = g.conj() if reference.library == "jax" else g
        predicted += _dot(g, v, finite=True)
    return move, predicted


def _slope(line: _Line, predicted: float) -> tuple[float, float, float]:
    """Return slope, bound, and how far the one-sided slopes differ beyond curvature; NaN where φ is not finite."""
    best = (math.nan, math.inf, 0.0)
    here = line(0.0)
    h = COARSEST
    roundings = math.sqrt(sum(v.size for v in line.move.values())) ** 0.5 + 8  # NumPy sums in blocks
    for _ in range(TIMES):
        ends = {t: line(t) for k in (1, 2, 4) for t in (h / k, -h / k)}
        if all(map(math.isfinite, ends.values())):
            wide, middle, near = ((ends[h / k] - ends[-h / k]) / (2 * h / k) for k in (1, 2, 4))
            coarse, slope = (4 * middle - wide) / 3, (4 * near - middle) / 3
            bound = abs(slope - coarse) + 4 * 2.0**-53 * roundings * line.size / h
            bends = [(ends[t] + ends[-t] - 2 * here) / t for t in (h / 2, h / 4)]
            sides = abs(2 * bends[1] - bends[0])  # a jump of the slope stays where curvature halves
            if bound < best[1]:
                best = (slope, bound, sides)
            if bound <= ENOUGH * max(abs(slope), abs(predicted)):
                break
        h *= FINER
    return best
