"""Mistakes that lose information, planted in the lines of a Derivation: mask, path, stale value, sample, reduction.

They cannot be undone from a wrong gradient alone. With a right Derivation at hand each is planted in each of its lines,
by giving the line something else to read or by changing what it returns, and a wrong gradient that equals one of these
is recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.arrays import is_floating, shape_of, to_numpy
from gradcheck.lines.line import GRADIENT_PREFIX

if TYPE_CHECKING:
    from gradcheck.lines.derivation import Derivation
    from gradcheck.lines.line import Line

ValueChange = Callable[[Any], Any]

NAMES = (
    "mask missing",
    "mask inverted",
    "mask of the wrong array",
    "path dropped",
    "stale value",
    "last sample dropped",
    "reduction missing",
)


@dataclass(frozen=True)
class Spoiled:
    """A derivation with one mistake in one of its lines."""

    name: str
    line: str
    derivation: Derivation


def reading(function: Callable[..., Any], parameter: str, change: ValueChange) -> Callable[..., Any]:
    """Return a line's function that reads `change(value)` in the place of a parameter's value."""

    @wraps(function)
    def wrong(**values: Any) -> Any:
        return function(**{**values, parameter: change(values[parameter])})

    return wrong


def instead(other: Any) -> ValueChange:
    """Return a change that puts another array in a value's place."""
    return lambda _: other


def without_last(value: Any) -> Any:
    """Return an array with its last slice along the first axis set to zero."""
    kept = value * 1
    kept[-1, ...] = 0
    return kept


def spoiled(
    derivation: Derivation, inputs: Mapping[str, Any], earlier: Mapping[str, Any] | None = None
) -> Iterator[Spoiled]:
    """Yield the derivation with every mistake of lines, planted in every line where it changes something.

    Parameters
    ----------
    derivation : Derivation
        A right one.
    inputs : mapping of str to array
        The point.
    earlier : mapping of str to array, optional
        The inputs of an earlier call, of the same shapes: what a stale value is taken from.

    """
    known = derivation.values(inputs)
    gradients = derivation.backward(inputs)
    before = None if earlier is None else derivation.values(earlier)
    for line in derivation.gradient_lines:
        plants = _of_kinks(derivation, line, known, gradients)
        plants += _of_paths(line)
        plants += [
            ("last sample dropped", reading(line.function, GRADIENT_PREFIX + u, without_last))
            for u in line.upstream
            if shape_of(gradients[u]) and shape_of(gradients[u])[0] > 1
        ]
        plants += _of_reduction(line, gradients)
        if before is not None:
            plants += _stale(line, known, before)
        for name, function in plants:
            yield Spoiled(name, line.name, derivation.replace(**{line.name: function}))


Plants = list[tuple[str, Callable[..., Any]]]


def _of_kinks(derivation: Derivation, line: Line, known: Mapping[str, Any], gradients: Mapping[str, Any]) -> Plants:
    """Return the line with its mask open, inverted, and taken of an upstream gradient of the same shape."""
    plants: Plants = []
    for kink in derivation.kinks:
        if kink in line.parameters:
            plants.append(("mask missing", reading(line.function, kink, lambda h: abs(h) + 1)))
            plants.append(("mask inverted", reading(line.function, kink, lambda h: -h)))
            for u in line.upstream:
                if shape_of(gradients[u]) == shape_of(known[kink]):
                    plants.append(("mask of the wrong array", reading(line.function, kink, instead(gradients[u]))))
    return plants


def _of_paths(line: Line) -> Plants:
    """Return the line with each of its upstream gradients forgotten, where it has several."""
    if len(line.upstream) < 2:
        return []
    return [("path dropped", reading(line.function, GRADIENT_PREFIX + u, lambda g: 0 * g)) for u in line.upstream]


def _of_reduction(line: Line, gradients: Mapping[str, Any]) -> Plants:
    """Return the line with the upstream gradient as it is, where it has to be summed to a smaller shape."""
    own = shape_of(gradients[line.name])
    plants: Plants = []
    for u in line.upstream:
        other = shape_of(gradients[u])
        if own != other and _broadcasts(own, other):

            @wraps(line.function)
            def wrong(upstream: str = u, **values: Any) -> Any:
                return values[GRADIENT_PREFIX + upstream]

            plants.append(("reduction missing", wrong))
    return plants


def _broadcasts(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(small, large) == large
    except ValueError:
        return False


def _stale(line: Line, known: Mapping[str, Any], before: Mapping[str, Any]) -> Plants:
    """Return the line reading the earlier call's value of each array it reads."""
    return [
        ("stale value", reading(line.function, p, instead(before[p])))
        for p in line.parameters
        if p in before and is_floating(before[p]) and not np.array_equal(to_numpy(known[p]), to_numpy(before[p]))
    ]


def recognise(
    derivation: Derivation,
    inputs: Mapping[str, Any],
    gradient: Mapping[str, Any],
    earlier: Mapping[str, Any] | None = None,
) -> tuple[str, ...]:
    """Return the mistakes of lines that give exactly this wrong gradient, as ``"path dropped in grad_x"``.

    Parameters
    ----------
    derivation : Derivation
        A right one.
    inputs, earlier : mapping of str to array
        As in `spoiled`.
    gradient : mapping of str to array
        The wrong gradient, by input.

    """
    found = [
        f"{s.name} in {GRADIENT_PREFIX}{s.line}"
        for s in spoiled(derivation, inputs, earlier)
        if _same(_gradient(s.derivation, inputs), gradient)
    ]
    return tuple(dict.fromkeys(found))


def _gradient(derivation: Derivation, inputs: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the gradient of a spoiled derivation, None where its shapes no longer fit together."""
    try:
        return derivation.gradient(inputs)
    except (ValueError, TypeError, RuntimeError, IndexError):
        return None


def _same(one: Mapping[str, Any] | None, other: Mapping[str, Any]) -> bool:
    """Tell whether two gradients agree but for the round-off of another order of summation."""
    if one is None or set(one) != set(other):
        return False
    pairs = [(to_numpy(one[name]), to_numpy(other[name])) for name in one]
    return all(
        a.shape == b.shape and float(np.linalg.norm((a - b).ravel())) <= 2.0**-40 * float(np.linalg.norm(b.ravel()))
        for a, b in pairs
    )
