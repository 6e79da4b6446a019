"""The shapes of arguments as a gufunc signature, such as ``(n,d),(d,h)->()``: read, checked, and varied.

The grammar is NumPy's for generalised universal functions: names that must be equal, fixed sizes, and names that may be
left out (``n?``). A loss returns a scalar, so ``->()`` may be left out.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_DIMENSIONS = 32  # of an array that Hypothesis draws
DIMENSION = r"\w+\??"
SHAPE = rf"\((?:{DIMENSION}(?:,{DIMENSION})*)?\)"
SHAPES = rf"{SHAPE}(?:,{SHAPE})*"
EXAMPLE = '"(n,d),(d,h)->()"'


@dataclass(frozen=True)
class Signature:
    """A signature that fits the grammar.

    Attributes
    ----------
    inputs : tuple of tuple of str
        The dimensions of each argument: a name, a number, or a name that may be left out (``"n?"``).
    output : tuple of str
        The dimensions of the result.

    """

    inputs: tuple[tuple[str, ...], ...]
    output: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ",".join(map(_written, self.inputs)) + "->" + _written(self.output)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of dimensions, in order of appearance; not those that may be left out, nor numbers."""
        every = [name for shape in self.inputs for name in shape]
        optional = {name[:-1] for name in every if name.endswith("?")}
        return tuple(dict.fromkeys(n for n in every if not (n.isdigit() or n.endswith("?") or n in optional)))

    def shape(self, argument: int, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """Return an argument's shape where the names have these sizes; those that may be left out are there."""
        return tuple(int(d) if d.isdigit() else sizes[d.rstrip("?")] for d in self.inputs[argument])

    def shapes(self, sizes: Mapping[str, int]) -> list[tuple[int, ...]]:
        """Return the shapes of all arguments."""
        return [self.shape(i, sizes) for i in range(len(self.inputs))]

    def equal(self, one: str, other: str) -> Signature:
        """Return the signature with `other` called `one` too."""
        return Signature(
            tuple(tuple(one if d == other else d for d in shape) for shape in self.inputs),
            tuple(one if d == other else d for d in self.output),
        )

    def entries(self, side: int) -> int:
        """Return how many entries all arguments have together where every name is `side`."""
        return sum(math.prod(int(d) if d.isdigit() else side for d in shape) for shape in self.inputs)

    def fixed(self, name: str, size: int) -> Signature:
        """Return the signature with one name replaced by a number."""
        return Signature(
            tuple(tuple(str(size) if d == name else d for d in shape) for shape in self.inputs),
            tuple(str(size) if d == name else d for d in self.output),
        )


def parse(text: str) -> Signature:
    """Read a signature; spaces do not matter.

    Raises
    ------
    ArgumentError
        If it does not fit the grammar, or its output has a name that no input has.

    Examples
    --------
    >>> parse("(n,d),(d,h)").inputs
    (('n', 'd'), ('d', 'h'))
    >>> str(parse("(3,n?), ()"))
    '(3,n?),()->()'

    """
    plain = "".join(text.split())
    written = plain if "->" in plain else f"{plain}->()"
    if re.fullmatch(rf"{SHAPES}->{SHAPES}", written) is None:
        raise ArgumentError(f"the signature is {text!r}, wanted the shape of every argument, such as {EXAMPLE}")
    before, after = written.split("->")
    inputs, outputs = _shapes(before), _shapes(after)
    if len(outputs) > 1:
        raise ArgumentError(f"the signature {text!r} has {len(outputs)} results, wanted one, such as {EXAMPLE}")
    known = {name.rstrip("?") for shape in inputs for name in shape}
    for shape in (*inputs, *outputs):
        if len(shape) > MOST_DIMENSIONS:
            raise ArgumentError(
                f"the signature has an array of {len(shape)} dimensions, wanted at most {MOST_DIMENSIONS}"
            )
        for name in shape:
            word = name.rstrip("?")
            if not word.isidentifier() and not (word.isascii() and word.isdigit()):
                raise ArgumentError(f"the signature {text!r} has {word!r}, wanted names and numbers, such as {EXAMPLE}")
            if name[:-1].isdigit() and name.endswith("?"):
                raise ArgumentError(
                    f"the signature {text!r} has {name!r}, but a fixed size cannot be left out: give it a name"
                )
    for name in outputs[0]:
        if not name.isdigit() and name.rstrip("?") not in known:
            raise ArgumentError(
                f"the signature {text!r} has {name!r} in its result only, so its size is not known: use a name of "
                "the arguments, or a number"
            )
    return Signature(inputs, outputs[0])


def _shapes(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(re.findall(DIMENSION, shape)) for shape in re.findall(SHAPE, text))


def _written(shape: tuple[str, ...]) -> str:
    return f"({','.join(shape)})"
