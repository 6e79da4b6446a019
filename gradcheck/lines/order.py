"""Which names a line may read: inputs, what stands above it, and for a gradient line every forward value."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from gradcheck.errors import ArgumentError
from gradcheck.lines.line import GRADIENT_PREFIX, NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gradcheck.lines.line import Line


def inputs_of(forward: Iterable[Line], declared: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names that lines read and none computes, in order; they must be the declared ones."""
    lines = tuple(forward)
    computed = {line.name for line in lines}
    read = dict.fromkeys(p for line in lines for p in line.parameters if p not in computed and p != NAMESPACE)
    if declared is None:
        return tuple(read)
    for line in lines:
        for p in line.parameters:
            if p in read and p not in declared:
                raise ArgumentError(f"the {line.label} reads {p!r}, which is neither an input nor a forward line")
    for name in declared:
        if name not in read:
            raise ArgumentError(f"inputs names {name!r}, which no forward line reads: take it out of inputs")
    return tuple(declared)


def check_forward(lines: Sequence[Line], inputs: Sequence[str]) -> None:
    """Refuse names that gradients need, and lines that read what is not above them."""
    for name in (*inputs, *(line.name for line in lines)):
        if name.startswith(GRADIENT_PREFIX) or name == NAMESPACE:
            raise ArgumentError(f"the forward pass uses the name {name!r}, which is kept for gradient lines: rename it")
    below = {line.name: line for line in lines}
    for line in lines:
        for parameter in line.parameters:
            if parameter in below:
                cycle = _path(below, parameter, line.name)
                if cycle is not None:
                    raise ArgumentError(f"forward lines read each other in a cycle: {' <- '.join((line.name, *cycle))}")
                raise ArgumentError(f"the {line.label} reads {parameter!r}, written below it: move {parameter!r} above")
        del below[line.name]


def _path(lines: Mapping[str, Line], start: str, goal: str) -> tuple[str, ...] | None:
    """Return how `start` comes to read `goal`, as a chain of names, or None; `lines` may hold a cycle."""
    chains: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while chains:
        chain = chains.pop()
        if chain[-1] == goal:
            return chain
        for parameter in lines[chain[-1]].parameters:
            if parameter in lines and parameter not in seen:
                seen.add(parameter)
                chains.append((*chain, parameter))
    return None


def check_gradient(lines: Sequence[Line], variables: Sequence[str], loss: str) -> None:
    """Refuse gradients of what is no variable, and lines that read what they may not."""
    for line in lines:
        if line.name == loss:
            raise ArgumentError(f"the {line.label} is the loss's own gradient, which is 1: leave it out")
        if line.name not in variables:
            raise ArgumentError(f"the {line.label} is of no variable here: {either(variables)}")
        for p in line.parameters:
            if p not in (*variables, NAMESPACE) and not p.startswith(GRADIENT_PREFIX):
                raise ArgumentError(f"the {line.label} reads {p!r}, which is no variable: {either(variables)}")
    names = [line.name for line in lines]
    for position, line in enumerate(lines):
        for name in line.upstream:
            if name not in names[:position]:
                _refuse_upstream(line, name, written=name in names)


def _refuse_upstream(line: Line, name: str, *, written: bool) -> NoReturn:
    """Say why a gradient line cannot read the gradient of `name`."""
    asked = f"the {line.label} reads {GRADIENT_PREFIX + name!r}"
    if name == line.name:
        raise ArgumentError(f"{asked}, the very gradient it is to give")
    if written:
        raise ArgumentError(f"{asked}, which is written below it: move gradient line {name!r} above")
    raise ArgumentError(f"{asked}, but no gradient line {name!r} is written")


def either(names: Iterable[str]) -> str:
    """Return the names to choose from, in words."""
    return f"choose among {', '.join(names)}"
