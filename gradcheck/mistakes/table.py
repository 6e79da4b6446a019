"""The one table of named mistakes: how to plant each in a right gradient, and how to undo it in a wrong one.

`gradcheck.diagnosis.names` reads it both ways: a wrong claim is corrected to see which mistake explains it, a right one
is planted with each to see which the check would have caught.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.mistakes import factors
from gradcheck.mistakes.mistake import Case, Change, Mistake, register

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

MOST_PERMUTED = 4  # axes: 23 permutations
MOST_SWAPPED = 4  # other arguments whose gradient is planted in this one's place
FEWEST_LOST = 3  # nonzero entries that a mask takes away: one or two wrong ones are no missing mask
FEWEST_MASKED = 8  # entries: a mask of n entries explains a few wrong ones by accident once in 2^n
PENALTY = 1e-3  # of the gradient's size: the multiple of the argument that is planted


def _plant_factors(case: Case) -> Iterable[Change]:
    """Return the claim times ½, 2, −1, and N and 1/N for every length N of an axis."""
    yield Change("factor 2 missing", factor=0.5)
    yield Change("factor 2 too many", factor=2.0)
    yield Change("sign flipped", factor=-1.0)
    for n in sorted(case.dimensions):
        if n > 2:
            yield Change(factors.of_dimension(n, str(n)), factor=1 / n)
            yield Change(factors.of_dimension(1 / n, str(n)), factor=float(n))


def _permuted(gradient: NDArray[Any]) -> Iterable[tuple[str, tuple[int, ...]]]:
    """Return every other order of the axes that keeps the shape, with what a transposition to it is called."""
    shape = gradient.shape
    if 2 <= gradient.ndim <= MOST_PERMUTED:
        for axes in itertools.permutations(range(gradient.ndim)):
            moved = [k for k in axes if axes[k] != k and shape[k] > 1]
            if moved and tuple(shape[k] for k in axes) == shape:
                name = "transposed" if gradient.ndim == 2 else f"transposed, axes {axes}"
                yield name, axes


def _plant_transposed(case: Case) -> Iterable[Change]:
    return [Change(name, array=case.gradient.transpose(axes)) for name, axes in _permuted(case.gradient)]


def _correct_transposed(case: Case) -> Iterable[Change]:
    for name, axes in _permuted(case.gradient):  # it is named by what was done, and undone by the inverse
        back = tuple(map(axes.index, range(len(axes))))
        advice = "its transpose is right: two factors of a product are swapped, or a .T is missing"
        told = advice if len(axes) == 2 else f"right with its axes {back}"
        yield Change(name, told, case.gradient.transpose(back))


def _plant_reshaped(case: Case) -> NDArray[Any] | None:
    g = case.gradient
    return np.ascontiguousarray(g.T).reshape(g.shape) if _two_long_axes(g.shape) else None


def _correct_reshaped(case: Case) -> NDArray[Any] | None:
    g = case.gradient
    return g.reshape(g.shape[::-1]).T if _two_long_axes(g.shape) else None


def _two_long_axes(shape: tuple[int, ...]) -> bool:
    """Tell whether reading in the other memory order is something else than transposing."""
    return sum(n > 1 for n in shape) >= 2 and shape != shape[::-1]


def _rolled(case: Case, *, undo: bool) -> Iterable[Change]:
    for axis, n in enumerate(case.gradient.shape):
        for shift in (1, -1) if n > 2 else (1,) if n == 2 else ():
            by = -shift if undo else shift
            yield Change(
                f"off by one along axis {axis}",
                f"right when rolled by {by} along axis {axis}: an index is off by one",
                _turned(case.gradient, by, axis),
            )
            if not undo:
                break


def _turned(array: NDArray[Any], by: int, axis: int) -> NDArray[Any]:
    """Return what np.roll does for a shift of one, in an eighth of its time where arrays are small."""
    before = (slice(None),) * axis
    return np.concatenate((array[(*before, slice(-by, None))], array[(*before, slice(None, -by))]), axis)


def _reversed(case: Case) -> Iterable[Change]:
    axes = [axis for axis, n in enumerate(case.gradient.shape) if n > 1]
    groups: list[tuple[int, ...]] = [(axis,) for axis in axes]
    if len(axes) > 1 and axes[-2:] == [case.gradient.ndim - 2, case.gradient.ndim - 1]:
        groups.append((axes[-2], axes[-1]))
    for group in groups:
        where = f"axis {group[0]}" if len(group) == 1 else f"axes {group[0]} and {group[1]}"
        yield Change(
            f"reversed along {where}",
            f"right when reversed along {where}: a kernel or a sequence is flipped",
            case.gradient[tuple(slice(None, None, -1 if k in group else 1) for k in range(case.gradient.ndim))],
        )


def _plant_penalty(case: Case) -> Iterable[Change]:
    size, other = float(np.linalg.norm(case.gradient.ravel())), float(np.linalg.norm(case.argument.ravel()))
    if case.gradient.size > 1 and other > 0:
        yield Change("argument multiple added", along=case.argument, multiple=PENALTY * (size or 1.0) / other)


def _correct_penalty(case: Case) -> Iterable[Change]:
    if case.gradient.size > 1:
        advice = "the argument itself: weight decay (d/dw lam/2 |w|**2 = lam w)"
        yield Change("argument multiple", advice, along=case.argument)


def _plant_swapped(case: Case) -> Iterable[Change]:
    return itertools.islice(_swapped(case), MOST_SWAPPED)


def _swapped(case: Case) -> Iterable[Change]:
    for name, other in case.others.items():
        if other.shape == case.gradient.shape:
            advice = f"the gradient returned for {name} is this one's: two gradients are swapped"
            yield Change(f"swapped with {name}", advice, other)


def _plant_dropped(case: Case) -> Iterable[Change]:
    """Return the claim with the last slice of its first, and of its last axis set to zero."""
    g = case.gradient
    for axis in sorted({0, g.ndim - 1}) if g.ndim else ():
        if g.shape[axis] > 1:
            wrong = g.copy()
            wrong[(slice(None),) * axis + (-1,)] = 0
            yield Change(dropped(axis, g.ndim), array=wrong)


def dropped(axis: int, dimensions: int) -> str:
    """Return the name of the mistake that loses the last slice along an axis."""
    if dimensions == 1:
        return "last entry dropped"
    named = {0: "last sample dropped", dimensions - 1: "last feature dropped"}
    return named.get(axis, f"last slice of axis {axis} dropped")


def _correct_mask(case: Case) -> Iterable[Change]:
    if np.iscomplexobj(case.gradient) or case.gradient.size < FEWEST_MASKED:
        return
    for name, x in {"the argument": case.argument, **case.arguments}.items():
        if not np.iscomplexobj(x) and bool(np.any(x > 0)) and bool(np.any(x < 0)):
            for sign, text in ((x > 0, ">"), (x < 0, "<")):
                advice = f"right where {name} {text} 0, and zero elsewhere: the mask of a ReLU is missing"
                lost = np.count_nonzero(case.gradient[~sign])
                if lost >= FEWEST_LOST and lost + np.count_nonzero(case.gradient[sign]) >= FEWEST_MASKED:
                    yield Change("mask missing", advice, case.gradient * sign)


def _centred(case: Case) -> Iterable[Change]:
    """Return the claim without its mean over an axis, over all axes but one, and over all.

    A function of x − mean(x) has a gradient whose mean is zero: what is left of it was lost with the path through the
    mean, as in the backward pass of a batch or layer normalisation.
    """
    every = tuple(range(case.gradient.ndim))
    groups = [(axis,) for axis in every] + [tuple(k for k in every if k != axis) for axis in every] + [every]
    for axes in dict.fromkeys(groups):
        if math.prod(case.gradient.shape[k] for k in axes) > 1:
            over = "axis " + str(axes[0]) if len(axes) == 1 else "axes " + ", ".join(map(str, axes))
            yield Change(
                f"mean over {over} not taken away",
                f"right when its mean over {over} is taken away: the path through a mean (x - x.mean) is missing",
                case.gradient - case.gradient.mean(axis=axes, keepdims=True),
            )


def _conjugated(case: Case) -> NDArray[Any] | None:
    return np.conj(case.gradient) if np.iscomplexobj(case.gradient) else None


def _real_part(case: Case) -> NDArray[Any] | None:
    return case.gradient.real + 0j if np.iscomplexobj(case.gradient) else None


def _every_factor(case: Case) -> Iterable[Change]:
    del case
    return [Change("constant factor", factor=None)]


for _mistake in (
    Mistake("constant factor", "slopes", _plant_factors, _every_factor),
    Mistake("transposed", "claim", _plant_transposed, _correct_transposed),
    Mistake(
        "reshaped in the wrong order",
        "claim",
        _plant_reshaped,
        _correct_reshaped,
        "its entries are right in the other memory order: a reshape where a transpose is meant",
    ),
    Mistake("off by one", "claim", lambda c: _rolled(c, undo=False), lambda c: _rolled(c, undo=True)),
    Mistake("reversed", "claim", _reversed, _reversed),
    Mistake("last slice dropped", "claim", _plant_dropped),
    Mistake(
        "conjugate missing",
        "claim",
        _conjugated,
        _conjugated,
        "its conjugate is right (g = df/da + i df/db for an entry a + ib)",
    ),
    Mistake("real part only", "claim", _real_part),
    Mistake("argument multiple", "arguments", _plant_penalty, _correct_penalty),
    Mistake("swapped", "arguments", _plant_swapped, _swapped),
    Mistake("mask missing", "arguments", None, _correct_mask),
    Mistake("mean not taken away", "claim", None, _centred),
):
    register(_mistake)
