"""Which mistake a wrong result is: what is known to happen to kernels, tried on the whole arrays."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gradcheck.mistakes import factors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Array = NDArray[np.float64]
EXPLAINED = 0.1  # a mistake explains an error if a tenth of it, at most, is left
OWN = 0.05  # and a factor, if besides no more than this part of the result itself is
SPREAD = 0.25  # of the rows hold an error that is a term over all of them
MOST_OF_IT = 0.6  # or this much, where that is no more than rounding
MOST_SHIFTED = (1, 2, 4, 8, 16, 32, 64, 128)


@dataclass(frozen=True)
class Name:
    """A mistake and a sentence about it; `factor` where the result is a multiple of the truth."""

    name: str
    advice: str
    factor: float | None = None

    @property
    def everywhere(self) -> bool:
        """Whether it makes every entry wrong."""
        return self.factor is not None


@dataclass(frozen=True)
class Wrong:
    """A wrong result: the kernel's values, the truth, what it should be off by, and what else is known.

    Attributes
    ----------
    kernel, truth : ndarray
        Of the result's shape, finite.
    yardstick : float
        Root mean square that a right kernel may be off by.
    others : mapping of str to ndarray
        The truth of the other gradients.
    directions : mapping of str to ndarray
        Arrays of the same shape: inputs, outputs, cotangents.
    cotangents : sequence of float
        Those of scalar outputs.
    dimensions : mapping of int to tuple of str
        Lengths of the inputs' axes and what has them.
    """

    kernel: Array
    truth: Array
    yardstick: float
    others: Mapping[str, Array]
    directions: Mapping[str, Array]
    cotangents: Sequence[float]
    dimensions: Mapping[int, tuple[str, ...]]

    def explained(self, array: Array) -> bool:
        """Tell whether the kernel is `array`, up to a tenth of its error, or most of it where only rounding is left."""
        left, error = _rms(self.kernel - array), _rms(self.kernel - self.truth)
        return left <= max(EXPLAINED * error, min(2 * self.yardstick, MOST_OF_IT * error))


def _rms(x: Array) -> float:
    return float(np.sqrt(np.mean(x * x))) if x.size else 0.0


def name(wrong: Wrong, label: str) -> Name | None:
    """Return the first mistake that explains a wrong result; None if none does."""
    if not wrong.kernel.any():
        return Name("zero", f"{label} is 0 everywhere: it is never written, or never added to", 0.0)
    return (
        _constant(wrong, label)
        or _another(wrong, label)
        or _moved(wrong, label)
        or _left_zero(wrong, label)
        or _term(wrong, label)
    )


def _constant(wrong: Wrong, label: str) -> Name | None:
    gg = float(np.vdot(wrong.truth, wrong.truth))
    if gg == 0:
        return None
    scale = float(np.vdot(wrong.kernel, wrong.truth)) / gg
    if scale == 0 or not wrong.explained(scale * wrong.truth) or abs(scale - 1) < 1e-6:
        return None
    left = _rms(wrong.kernel - scale * wrong.truth)
    if left > max(OWN * _rms(wrong.kernel), 2 * abs(scale) * wrong.yardstick) and abs(scale) < 0.5:
        return None  # far too small everywhere: any factor of that size explains most of the error
    for c in wrong.cotangents:
        if abs(scale * c - 1) < 0.02:
            return Name(
                "cotangent left out",
                f"{label} is {scale:.4g} x the truth, 1/{c:g}: it is not multiplied by the cotangent of the output",
                scale,
            )
    slack = max(0.01, 3 * wrong.yardstick / max(_rms(wrong.truth), 1e-300)) * abs(1 / scale)
    best = factors.names_of(1 / scale - slack, 1 / scale + slack, wrong.dimensions)
    if best and best[0].known:
        return Name(best[0].name, f"{label}: {best[0].advice}", scale)
    return Name(f"constant factor {scale:.4g}", f"{label} is {scale:.4g} x the truth everywhere", scale)


def _left_zero(wrong: Wrong, label: str) -> Name | None:
    """Return the name where all that is wrong are entries that are exactly zero."""
    zero = (wrong.kernel == 0) & (wrong.truth != 0)
    if not zero.any() or not wrong.explained(np.where(zero, 0.0, wrong.truth)):
        return None
    return Name("zero there", f"{label} is 0 at {int(zero.sum())} of {zero.size} entries: they are never written")


def _another(wrong: Wrong, label: str) -> Name | None:
    """Return the name where the result is another array that is known."""
    for other, values in wrong.others.items():
        if values.shape == wrong.kernel.shape and values.any() and wrong.explained(values):
            return Name(f"d{other} in its place", f"{label} holds what d{other} should: two gradients are swapped")
    for other, values in wrong.directions.items():
        if values.any() and wrong.explained(values):
            return Name(f"{other} in its place", f"{label} holds {other} itself")
    return None


def _rearranged(truth: Array) -> Iterator[tuple[str, Array]]:
    for order in itertools.permutations(range(truth.ndim)) if 2 <= truth.ndim <= 4 else ():
        if order != tuple(range(truth.ndim)):
            moved = truth.transpose(order)
            if moved.shape == truth.shape:
                yield f"axes {list(order)} in place of {list(range(truth.ndim))}", moved
            elif moved.size == truth.size and order == tuple(reversed(range(truth.ndim))):
                yield "values of the transpose, in this shape", moved.reshape(truth.shape)
    for axis in range(truth.ndim):
        if truth.shape[axis] < 2:
            continue
        yield f"reversed along axis {axis}", np.flip(truth, axis)
        for by in MOST_SHIFTED:
            if by < truth.shape[axis]:
                yield f"shifted by {by} along axis {axis}", np.roll(truth, by, axis)
                yield f"shifted by -{by} along axis {axis}", np.roll(truth, -by, axis)


def _moved(wrong: Wrong, label: str) -> Name | None:
    for text, values in _rearranged(wrong.truth):
        if wrong.explained(values) or _shifted(wrong, values):
            return Name(text, f"{label} has the right values in wrong places: {text}")
    return None


def _shifted(wrong: Wrong, values: Array) -> bool:
    """Tell whether all but the ends, where a shift brings in something else, is explained."""
    off = np.abs(wrong.kernel - values) > 4 * max(wrong.yardstick, 0.02 * _rms(wrong.truth))
    return float(off.mean()) < 0.05 and float((np.abs(wrong.kernel - wrong.truth) > 4 * wrong.yardstick).mean()) > 0.5


def _term(wrong: Wrong, label: str) -> Name | None:
    """Return the name where the error of each row is a multiple of one array, or is the mean of the row."""
    error = (wrong.kernel - wrong.truth).reshape(-1, wrong.kernel.shape[-1] if wrong.kernel.ndim else 1)
    if error.shape[1] < 4:
        return None
    whole = _rms(error)
    by_row = (error * error).mean(axis=1)
    if len(error) > 1 and float((by_row > 0.01 * by_row.max()).mean()) < SPREAD:
        return None  # a few rows are wrong, and any array has a part along theirs
    for other, values in {**wrong.directions, "a constant": np.ones_like(wrong.kernel)}.items():
        d = values.reshape(error.shape)
        dd = (d * d).sum(axis=1, keepdims=True)
        b = (error * d).sum(axis=1, keepdims=True) / np.maximum(dd, 1e-300)
        if _rms(error - b * d) <= max(0.2 * whole, 1.5 * wrong.yardstick) and _rms(b * d) > 0.7 * whole:
            return Name(
                f"the term along {other}",
                f"the error of {label} is, in each row, a multiple of {other}: a term (a mean or a projection over the "
                "row) is missing or wrong",
            )
    return None
