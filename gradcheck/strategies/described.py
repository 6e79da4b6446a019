"""Arguments described one by one: a shape for each, what may stand in it, and where it lies in a dict.

A file in TOML has a line for each argument of the function, by its name::

    x = "(n,d)"
    labels = {shape = "(n)", integers = [0, 9]}
    [params]
    w = "(d,10)"
    scale = {shape = "(10)", positive = true}

A text is a shape. A table with the key ``shape`` is one array, with ``positive``, ``range = [low, high]``,
``integers = [lowest, largest]`` or ``dtype``; any other table is a dict of arguments. Names of sizes are equal all over
the file.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from gradcheck.arrays import converter
from gradcheck.errors import ArgumentError, check_choice
from gradcheck.strategies.drawn import DTYPES, OFTEN, SHORT, draw_array, numbers, shapes_for, simplest_first
from gradcheck.strategies.signature import Signature, parse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hypothesis.strategies import DrawFn, SearchStrategy

KEYS = {"shape", "positive", "range", "integers", "dtype"}
INT64 = 2**63


@dataclass(frozen=True)
class Leaf:
    """What may stand in one array.

    Attributes
    ----------
    entries : strategy
        Of one entry.
    simple : tuple of numbers
        A few that may stand there.
    dtype : str
        Of the array.

    """

    entries: SearchStrategy[Any]
    simple: tuple[float, ...]
    dtype: str


@dataclass(frozen=True)
class Arguments:
    """The arguments of a function.

    Attributes
    ----------
    signature : Signature
        The shape of each array, in order.
    leaves : tuple of Leaf
        What may stand in each.
    tree : tuple or dict
        How they are passed: positions in `leaves`, nested.
    library : {"numpy", "torch"}
        Whose arrays.

    """

    signature: Signature
    leaves: tuple[Leaf, ...]
    tree: Any
    library: str = "numpy"

    def drawn(self, *, min_side: int = 1, max_side: int = 6) -> SearchStrategy[Any]:
        """Return a strategy of the arguments, as they are passed."""
        convert = converter(self.library)
        shapes = shapes_for(self.signature, min_side=min_side, max_side=max_side)

        @st.composite
        def arguments(draw: DrawFn) -> Any:
            found = [
                convert(draw_array(draw, shape, leaf.dtype, leaf.entries))
                for shape, leaf in zip(draw(shapes, label="shapes"), self.leaves, strict=True)
            ]
            return placed(self.tree, found)

        return arguments()

    def filled(self, sizes: Mapping[str, int], number: int) -> Any:
        """Return arguments of these sizes, each full of the `number`-th of its simple numbers."""
        convert = converter(self.library)
        found = [
            convert(np.full(self.signature.shape(i, sizes), leaf.simple[number % len(leaf.simple)], dtype=leaf.dtype))
            for i, leaf in enumerate(self.leaves)
        ]
        return placed(self.tree, found)


def placed(tree: Any, found: list[Any]) -> Any:
    """Return the tree with an array in place of its position."""
    if isinstance(tree, dict):
        return {name: placed(part, found) for name, part in tree.items()}
    if isinstance(tree, tuple):
        return tuple(placed(part, found) for part in tree)
    return found[tree]


def from_signature(
    signature: str | Signature,
    *,
    dtype: str = "float64",
    library: str = "numpy",
    boundary: bool = False,
    positive: bool = False,
    interval: tuple[float, float] | None = None,
) -> Arguments:
    """Describe arguments that are passed in order, all of them of one kind."""
    read = parse(signature) if isinstance(signature, str) else signature
    leaf = _leaf(dtype, boundary=boundary, positive=positive, interval=interval)
    return Arguments(read, (leaf,) * len(read.inputs), tuple(range(len(read.inputs))), library)


def described(
    path: Path,
    *,
    dtype: str = "float64",
    library: str = "numpy",
    boundary: bool = False,
    positive: bool = False,
    interval: tuple[float, float] | None = None,
) -> Arguments:
    """Read the description of a function's arguments from a file; the options are for what it leaves open.

    Raises
    ------
    ArgumentError
        If there is no such file, it is no TOML, or says what no argument has.

    """
    if not path.is_file():
        raise ArgumentError(f"there is no file {str(path)!r}: name a TOML file, or write the shapes as (n,d),(d,h)->()")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ArgumentError(f"{str(path)!r} cannot be read as TOML: {error}") from error
    default = {"dtype": dtype, "boundary": boundary, "positive": positive, "interval": interval}
    shapes: list[str] = []
    leaves: list[Leaf] = []

    def read(name: str, value: Any) -> Any:
        where = f"{name} in {str(path)!r}"
        if isinstance(value, str):
            value = {"shape": value}
        if not isinstance(value, dict) or not value:
            raise ArgumentError(f'{where} is {value!r}, wanted a shape such as "(n,d)", or a table')
        if not isinstance(value.get("shape", {}), str):  # a dict of arguments, one of which may be called shape
            return {key: read(f"{name}.{key}", part) for key, part in value.items()}
        shapes.append(value["shape"])
        leaves.append(_read_leaf(where, value, default))
        return len(leaves) - 1

    tree = {name: read(name, value) for name, value in data.items()}
    if not leaves:
        raise ArgumentError(f'{str(path)!r} names no argument: write lines such as x = "(n,d)"')
    return Arguments(_together(shapes, path), tuple(leaves), tree, library)


def _together(shapes: list[str], path: Path) -> Signature:
    for shape in shapes:
        read = parse(shape)
        if len(read.inputs) != 1 or "->" in shape:
            raise ArgumentError(
                f'{shape!r} in {str(path)!r} is several, wanted the shape of one array, such as "(n,d)"'
            )
    return parse(",".join(shapes))


def _read_leaf(where: str, value: dict[str, Any], default: dict[str, Any]) -> Leaf:
    if unknown := sorted(set(value) - KEYS):
        raise ArgumentError(f"{where} has {unknown[0]!r}, wanted {', '.join(sorted(KEYS))}")
    if len({"positive", "range", "integers"} & set(value)) > 1:
        raise ArgumentError(f"{where} has several of positive, range and integers, wanted one of them")
    if not isinstance(value.get("positive", False), bool):
        raise ArgumentError(f"{where} has positive = {value['positive']!r}, wanted true or false")
    dtype = value.get("dtype", default["dtype"])
    if "integers" in value:
        low, high = _pair(f"{where}: integers", value["integers"], int)
        if not -INT64 <= low <= high < INT64:
            raise ArgumentError(f"{where}: integers is {value['integers']!r}, wanted [lowest, largest]")
        return Leaf(st.integers(int(low), int(high)), (low, high), value.get("dtype", "int64"))
    if "range" in value:
        return _leaf(dtype, boundary=False, positive=False, interval=_pair(f"{where}: range", value["range"], float))
    if "positive" in value:
        return _leaf(dtype, boundary=default["boundary"], positive=value["positive"], interval=None)
    return _leaf(**{**default, "dtype": dtype})


def _pair(what: str, value: Any, kind: type) -> tuple[Any, Any]:
    numbers_ = (int,) if kind is int else (int, float)
    if not (isinstance(value, list) and len(value) == 2 and all(type(number) in numbers_ for number in value)):
        raise ArgumentError(f"{what} is {value!r}, wanted two numbers")
    return value[0], value[1]


def _leaf(dtype: str, *, boundary: bool, positive: bool, interval: tuple[float, float] | None) -> Leaf:
    check_choice("dtype", dtype, DTYPES)
    if interval is not None:
        within = tuple(between(*interval))
        return Leaf(st.sampled_from(within), (within[0], within[len(within) // 2], within[-1]), dtype)
    if positive:
        found = tuple(x for x in [*SHORT, *OFTEN] if x > 0)
        return Leaf(st.sampled_from(found), (1.0, 0.5, 2.0), dtype)
    return Leaf(numbers(dtype, boundary=boundary), (1.0, 0.5, -1.0), dtype)


def between(low: float, high: float) -> list[float]:
    """Return at least 31 numbers inside an interval, evenly spaced, those with the fewest binary places first.

    Raises
    ------
    ArgumentError
        If there is no number between them.

    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high and math.isfinite(high - low)):
        raise ArgumentError(f"the range is {low:g} to {high:g}, wanted two finite numbers, the lower one first")
    step = math.ldexp(0.5, math.frexp((high - low) / 32)[1])
    first = math.floor(low / step) + 1 if step and math.isfinite(low / step) else 0
    found = {x for k in range(64) if low < (x := (first + k) * step) < high}
    if not found:
        raise ArgumentError(f"the range is {low:g} to {high:g}: too narrow to draw from")
    return simplest_first(found)
