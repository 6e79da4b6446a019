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
from gradcheck.slopes.streams import Purpose, stream
from gradcheck.verdicts.certificate import Mismatch, error_norm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gradcheck.kernels.cotangents import Drawn
    from gradcheck.kernels.reference import Reference

COARSEST, FINER, TIMES = 2.0**-7, 2.0**-3, 4
ENOUGH = 2.0**-22  # relative: a bound below it says all that the verdict of a kernel needs
CHEAP = 2.0**-11  # the step of a large problem
KINKED = 2.0**-5  # of the slope: a smooth φ bends less over 2^-11 of the inputs' size
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
    size: float = 0.0  # Σ|c·f| at x
    kept: list[NDArray[np.bool_] | None] = field(default_factory=list)

    def __call__(self, t: float) -> float:
        leaves = list(self.values)
        for i, v in self.move.items():
            leaves[i] = _shifted(leaves[i], t, v, self.reference.library)
        answer = self.reference.truth(leaves, None)
        del leaves
        first = not self.kept
        total = 0.0
        for k, (c, (_, y)) in enumerate(zip(self.drawn.values, answer.outputs, strict=True)):
            values = arrays.to_numpy(y)
            if first:
                finite = np.isfinite(values)
                self.kept.append(None if finite.all() else finite)
            mask = self.kept[k]
            if mask is not None:
                values = np.where(mask, values, 0.0)
            if first:
                self.size += _dot(c, values, absolute=True)
            total += _dot(c, values)
        return total


def _dot(a: NDArray[Any], b: NDArray[Any], *, absolute: bool = False) -> float:
    """Return Σ conj(a)·b, its real part, in float64; with `absolute` Σ|a|·|b|. Read in parts, for memory's sake."""
    a, b = np.ravel(a), np.ravel(b)
    total = 0.0
    for start in range(0, a.size, PART):
        x, y = a[start : start + PART], b[start : start + PART]
        if absolute:
            x, y = np.abs(x), np.abs(y)
        x = np.conj(x).astype(np.result_type(x, np.float64), copy=False)
        total += float(np.einsum("i,i->", x, y.astype(np.result_type(y, np.float64), copy=False)).real)
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
    count = 2 if large else 4
    norms = _norms(reference, values, gradients)
    if not norms:
        return Certificate(math.nan, why="all its gradients are zero")
    smallest = min(norms.values())
    mismatches, kinked = [], False
    left = math.nan  # what truncation left of a slope of a large problem, relative to it
    for number in range(count):
        move, predicted = _move(reference, values, gradients, norms, smallest, seed, number)
        line = _Line(reference, drawn, values, move)
        if large:
            slope, bound, sides, left = _cheap(line, left)
        else:
            slope, bound, sides = _slope(line, predicted)
        if math.isnan(slope):
            return Certificate(math.nan, why=f"{reference.title} is not finite next to the point")
        mismatches.append(Mismatch(predicted, slope, bound))
        kinked |= sides > 8 * bound
    low, high = error_norm(mismatches, CONFIDENCE)
    size = smallest * math.sqrt(len(norms))
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
        g = gradients[k]
        if g is None:
            continue
        values_of = arrays.to_numpy(g)
        norm = _size(values_of) * math.sqrt(values_of.size) * _size(values[i]) if values_of.any() else 0.0
        if norm > 0:
            found[i] = norm
    return found


def _size(x: NDArray[Any]) -> float:
    finite = x if np.isfinite(x).all() else x[np.isfinite(x)]
    return float(np.linalg.norm(finite)) / math.sqrt(max(finite.size, 1)) or 1.0


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
        g = arrays.to_numpy(gradients[k])
        g = g.conj() if reference.library == "jax" else g
        predicted += _dot(g if np.isfinite(g).all() else np.where(np.isfinite(g), g, 0.0), v)
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


def _cheap(line: _Line, left: float) -> tuple[float, float, float, float]:
    """Return the same from two or four evaluations, and what truncation leaves of the slope.

    |D(h/2) − D(h)|/3 is what D(h/2) is off by; a second direction takes D(h/2) alone, and four times the first's share.
    """
    steps = (1, 2) if math.isnan(left) else (2,)
    ends = {t: line(t) for k in steps for t in (CHEAP / k, -CHEAP / k)}
    if not all(map(math.isfinite, ends.values())):
        return math.nan, math.inf, 0.0, left
    slopes = [(ends[CHEAP / k] - ends[-CHEAP / k]) / (2 * CHEAP / k) for k in steps]
    near = slopes[-1]
    roundings = math.sqrt(sum(v.size for v in line.move.values())) ** 0.5 + 8
    noise = 4 * 2.0**-53 * roundings * line.size / CHEAP
    if len(slopes) == 1:
        return near, 4 * left * abs(near) + noise, 0.0, left
    off = abs(near - slopes[0]) / 3
    bends = (ends[CHEAP] + ends[-CHEAP] - ends[CHEAP / 2] - ends[-CHEAP / 2]) / CHEAP
    sides = abs(bends) if abs(bends) > KINKED * abs(near) else 0.0  # of a smooth f 3/4·h·φ'', of a kink half its jump
    return near, off + noise, sides, off / max(abs(near), 1e-300)
