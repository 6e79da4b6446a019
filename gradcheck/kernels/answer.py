"""What a program answers, taken in where the user's function is called: after that everything can be read.

A function that returns what cannot be read, or something else than before, is told so here, whoever asked it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from gradcheck import arrays
from gradcheck.claims.point import finished, not_dense
from gradcheck.claims.tree import a_kind
from gradcheck.errors import ArgumentError, GradcheckError
from gradcheck.kernels.leaves import Inputs, Leaf, flat

T = TypeVar("T")

Cotangents = Callable[[Sequence[Leaf]], Sequence[Any]]
"""From the outputs, each a name and an array, to one cotangent for each; None where an output is not used."""

Form = tuple[tuple[tuple[int, ...], bool], ...]
"""The shape of each output, and whether it is complex."""


class BackwardError(GradcheckError):
    """What a backward pass owes is missing: it raised, or what it gave is no gradient."""


@dataclass
class Answer:
    """Outputs by name, and the gradients of the judged inputs in order; None where there is none."""

    outputs: list[Leaf]
    gradients: list[Any]
    detached: frozenset[int] = frozenset()  # outputs that carry no gradient


class Program(Protocol):
    """What can be run."""

    title: str

    def run(self, inputs: Inputs, cotangents: Cotangents | None) -> Answer:
        """Return outputs, and gradients unless `cotangents` is None."""


def called(function: Callable[..., Any], args: Sequence[Any], named: Mapping[str, Any]) -> Any:
    """Return what a user's function returns; raise ArgumentError where it is asynchronous or contains itself."""
    return finished(function(*args, **named), function)


def tried(call: Callable[[], T], title: str) -> T:
    """Return what a call returns; whatever the user's code raises in it is an error of the caller's."""
    try:
        return call()
    except GradcheckError:
        raise
    except Exception as error:
        if "leaf Variable" in str(error):
            raise BackwardError("changes an input that requires a gradient in place: work on a copy") from error
        raise ArgumentError(f"{title} raised {type(error).__name__} on these inputs: {error}") from error


def outputs_of(result: Any, title: str) -> list[Leaf]:
    """Return the floating arrays of what a function returned, by name.

    Raises
    ------
    ArgumentError
        If there is none, or one has no entries that can be read.
    """
    found = [("output" + (f" {name}" if name else ""), x) for name, x in flat(result)]
    if not found:
        raise ArgumentError(f"{title} returned no floating array ({type(result).__name__})")
    for name, x in found:
        if kind := not_dense(x):
            raise ArgumentError(f"{title} returned {name} {kind}, wanted a dense tensor")
    return found


def form_of(outputs: Sequence[Leaf]) -> Form:
    """Return what every answer to the same question shares."""
    return tuple((arrays.shape_of(y), arrays.is_complex(y)) for _, y in outputs)


def steady(outputs: Sequence[Leaf], before: Form) -> None:
    """Raise BackwardError if there are other outputs than before: their number, a shape, real or complex."""
    now = form_of(outputs)
    if len(now) != len(before):
        raise BackwardError(f"returns {len(now)} outputs, and {len(before)} in another call: let it return the same")
    for (name, _), new, old in zip(outputs, now, before, strict=True):
        if new != old:
            raise BackwardError(
                f"returns {name} {_told(new)}, and {_told(old)} in another call: let it return the same"
            )


def _told(one: tuple[tuple[int, ...], bool]) -> str:
    return f"of shape {one[0]}" + (" and complex" if one[1] else "")


def ask(program: Program, inputs: Inputs, cotangents: Cotangents | None, before: Form | None = None) -> Answer:
    """Run a program once, and take in what it answers.

    Parameters
    ----------
    program : Program
        The kernel, or its reference.
    inputs : Inputs
        What it is called with.
    cotangents : callable or None
        As `Program.run` takes them.
    before : Form, optional
        That of its answer to the same question; anything else is refused.

    Raises
    ------
    BackwardError
        If the backward raised or returned no gradients, or the outputs are others than before.
    ArgumentError
        If it cannot be run on these inputs.
    """
    answer = tried(lambda: program.run(inputs, cotangents), program.title)
    if before is not None:
        steady(answer.outputs, before)
    if cotangents is not None:
        for k, i in enumerate(inputs.judged):
            answer.gradients[k] = _gradient(answer.gradients[k], inputs.leaves[i], inputs.names[i])
    return answer


def _gradient(g: Any, x: Any, name: str) -> Any:
    """Return a gradient if it fits its input, dense, and complex where the input is."""
    if g is None:
        return None
    if not arrays.is_floating(g):
        raise BackwardError(f"the gradient of {name} is {a_kind(g)}, wanted an array like {name}")
    if kind := not_dense(g):
        if not kind.startswith("of layout"):
            raise BackwardError(f"the gradient of {name} is {kind}, wanted a dense tensor")
        g = g.to_dense()
    if arrays.shape_of(g) != arrays.shape_of(x):
        raise BackwardError(f"the gradient of {name} has shape {arrays.shape_of(g)}, wanted {arrays.shape_of(x)}")
    if arrays.is_complex(g) == arrays.is_complex(x):
        return g
    if arrays.is_complex(g):
        raise BackwardError(f"the gradient of {name} is complex, and {name} is real: take the real part")
    return g + np.complex64(0) if isinstance(g, np.ndarray) else g + 0j
