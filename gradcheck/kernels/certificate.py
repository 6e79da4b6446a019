"""The reference's own gradient, held against slopes of the reference in float64 along joint random directions.

Each direction moves all inputs at once, weighted so that each contributes alike. With central differences D(h) and
D(h/2) the slope is (4·D(h/2) − D(h))/3, and |D(h/2) − D(h)|/3 bounds what D(h/2) itself is off by, more than the slope
is. The round-off of a difference of two values f is at most u·√n·|f|/h, n the entries summed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.slopes.streams import Purpose, stream
from gradcheck.verdicts.certificate import Mismatch, error_norm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gradcheck.kernels.cotangents import Drawn
    from gradcheck.kernels.programs import Answer
    from gradcheck.kernels.reference import Reference

COARSEST, FINER, TIMES = 2.0**-7, 2.0**-4, 4
ENOUGH = 2.0**-26  # relative: a bound below it says all that the verdict of a kernel needs
LARGE = 2**20  # entries above which two directions do
CONFIDENCE = 0.9999


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
    """φ(t) = Σ c·f(x + t·v) in float64."""

    reference: Reference
    drawn: Drawn
    values: Sequence[NDArray[Any]]
    move: dict[int, NDArray[Any]]
    largest: float = 0.0

    def __call__(self, t: float) -> float:
        leaves = list(self.values)
        for i, v in self.move.items():
            leaves[i] = leaves[i] + t * v
        answer = self.reference.truth(leaves, None)
        total, size = 0.0, 0.0
        for c, (_, y) in zip(self.drawn.values, answer.outputs, strict=True):
            values = arrays.to_numpy(y)
            values = np.where(np.isfinite(values), values, 0.0)
            total += float(np.vdot(c, values).real)
            size += float(np.linalg.norm(c) * np.linalg.norm(values))
        self.largest = max(self.largest, size)
        return total


def certify(
    reference: Reference, drawn: Drawn, values: Sequence[NDArray[Any]], truth: Answer, seed: int
) -> Certificate:
    """Return what slopes say of `truth`, the reference's answer in float64 at `values`."""
    count = 2 if arrays.total_size(values) > LARGE else 4
    norms = _norms(reference, values, truth)
    if not norms:
        return Certificate(math.nan, why="all its gradients are zero")
    smallest = min(norms.values())
    mismatches, kinked = [], False
    for number in range(count):
        move, predicted = _move(reference, values, truth, norms, smallest, seed, number)
        slope, bound, sides = _slope(_Line(reference, drawn, values, move), predicted)
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


def _norms(reference: Reference, values: Sequence[NDArray[Any]], truth: Answer) -> dict[int, float]:
    """Return ‖g∘s‖ of each judged input whose gradient is not zero, s being the size of the input's entries."""
    found = {}
    for k, i in enumerate(reference.inputs.judged):
        g = truth.gradients[k]
        if g is None:
            continue
        values_of = arrays.to_numpy(g)
        norm = float(np.linalg.norm(np.where(np.isfinite(values_of), values_of, 0.0))) * _size(values[i])
        if norm > 0:
            found[i] = norm
    return found


def _size(x: NDArray[Any]) -> float:
    finite = x[np.isfinite(x)]
    return float(np.linalg.norm(finite)) / math.sqrt(max(finite.size, 1)) or 1.0


def _move(
    reference: Reference,
    values: Sequence[NDArray[Any]],
    truth: Answer,
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
        v = rng.standard_normal(values[i].shape)
        if np.iscomplexobj(values[i]):
            v = v + 1j * rng.standard_normal(values[i].shape)
        v *= _size(values[i]) * weight
        v[~np.isfinite(values[i])] = 0.0
        move[i] = v
        g = arrays.to_numpy(truth.gradients[k])
        g = g.conj() if reference.library == "jax" else g
        predicted += float(np.vdot(np.where(np.isfinite(g), g, 0.0), v).real)
    return move, predicted


def _slope(line: _Line, predicted: float) -> tuple[float, float, float]:
    """Return slope, bound, and how far the one-sided slopes differ beyond curvature; NaN where φ is not finite."""
    here = line(0.0)
    best = (math.nan, math.inf, 0.0)
    h = COARSEST
    count = sum(v.size for v in line.move.values())
    for _ in range(TIMES):
        ends = [line(t) for t in (h, -h, h / 2, -h / 2)]
        if all(map(math.isfinite, ends)):
            wide, near = (ends[0] - ends[1]) / (2 * h), (ends[2] - ends[3]) / h
            slope = (4 * near - wide) / 3
            noise = 2.0**-53 * (math.sqrt(count) ** 0.5 + 8) * line.largest / h
            bound = abs(near - wide) / 3 + noise
            bends = [(a + b - 2 * here) / t for a, b, t in ((ends[0], ends[1], h), (ends[2], ends[3], h / 2))]
            sides = abs(2 * bends[1] - bends[0])  # a jump of the slope stays where curvature halves
            if bound < best[1]:
                best = (slope, bound, sides)
            if bound <= ENOUGH * max(abs(slope), abs(predicted)):
                break
        h *= FINER
    return best
