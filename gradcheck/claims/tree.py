"""How nested arguments and outputs are flattened to their floating arrays, and put together again."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.errors import ArgumentError, WrongClaim, printable, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


DEEPEST = 64  # levels of nesting that are followed: no model's parameters are nested half as deep


class Missing(WrongClaim):
    """There is no gradient for an argument."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no gradient for {name}: return None for it if none is claimed")
        self.name = name


@dataclass(frozen=True)
class Tree:
    """How nested arguments are flattened: the leaves that are floating arrays, with their names."""

    template: Any
    names: tuple[str, ...]
    labels: tuple[str, ...] = ()
    only: frozenset[str] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields alone, for a process that evaluates f elsewhere: what is worked out is so again there."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @staticmethod
    def of(arguments: Any, names: Sequence[str]) -> Tree:
        """Return the tree of `arguments`, a tuple (named by `names`) or a dict (named by its keys)."""
        if isinstance(arguments, dict):
            return Tree(arguments, _different(_names(arguments, "")))
        found = (leaf for name, argument in zip(names, arguments, strict=True) for leaf in _names(argument, name))
        return Tree(arguments, _different(found), tuple(names))

    def leaves(self, structure: Any) -> list[Any]:
        """Return the entries of `structure` at this tree's leaves; None where it has None."""
        labels = self.labels or tuple(f"argument {i}" for i in range(len(self.template)))
        if isinstance(self.template, dict):
            return list(_leaves(self.template, structure, "the arguments"))
        return [
            leaf
            for child, part, label in zip(self.template, structure, labels, strict=True)
            for leaf in _leaves(child, part, label)
        ]

    def originals(self) -> list[Any]:
        """Return the leaves themselves, as they were passed."""
        return [leaf for leaf in flat(self.template) if is_leaf(leaf)]

    def others(self) -> list[tuple[str, str]]:
        """Return name and dtype of the arrays and numbers that are no leaves: integers and Booleans."""
        template = self.template
        top = items(template) if isinstance(template, dict) else zip(self.labels, template, strict=True)
        return [
            (name, arrays.dtype_name(x) if arrays.is_array(x) else "int")
            for label, child in top
            for name, x in _paths(child, label)
            if not is_leaf(x) and (arrays.is_array(x) or type(x) is int)
        ]

    def restricted(self, only: Sequence[str]) -> Tree:
        """Return the tree with claims about some leaves only: those named, and those inside what is named.

        Raises
        ------
        ArgumentError
            If a name is no argument's.

        """
        wanted = [only] if isinstance(only, str) else list(map(str, only))
        kept: set[str] = set()
        for part in wanted:
            inside = {name for name in self.names if name == part or name.startswith(f"{part}.")}
            if not inside:
                raise ArgumentError(f"only= names {part!r}, which is no argument: there are {', '.join(self.names)}")
            kept |= inside
        return replace(self, only=frozenset(kept))

    def with_constants(self, change: Callable[[Any], Any]) -> Tree:
        """Return the tree with `change` of each array that is no leaf."""
        return replace(
            self, template=mapped(self.template, lambda x: change(x) if arrays.is_array(x) and not is_leaf(x) else x)
        )

    def asked(self, label: str) -> bool:
        """Tell whether a claim is wanted about a leaf, or about one inside an argument."""
        return label in self._asked

    @cached_property
    def _asked(self) -> frozenset[str]:
        """What is asked, and what it is inside of: ``a.b.c``, ``a.b`` and ``a``."""
        names = [name for name in self.names if self.only is None or name in self.only]
        return frozenset(name[:end] for name in names for end in (*_dots(name), len(name)))

    def positional(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Return the arguments as a tuple, with their leaves replaced."""
        filled = self.fill(leaves)
        return tuple(filled.values()) if isinstance(filled, dict) else tuple(filled)

    def fill(self, leaves: Sequence[Any]) -> Any:
        """Return the arguments with their leaves replaced."""
        return self._filled(iter(leaves))

    @cached_property
    def _filled(self) -> Callable[[Iterator[Any]], Any]:
        return _filler(self.template)


def shallow(x: Any, what: str) -> None:
    """Raise ArgumentError if dicts, lists and tuples are nested deeper than anybody means, or contain themselves."""
    level = [x]
    for _ in range(DEEPEST):
        level = [part for node in level if is_node(node) for _, part in items(node) if is_node(part)]
        level = list({id(node): node for node in level}.values())  # one shared by many is walked once
        if not level:
            return
    raise ArgumentError(f"{what} is nested more than {DEEPEST} deep, or contains itself: pass arrays in a flat dict")


def _different(names: Iterator[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in names:
        if name in found:
            raise ArgumentError(f"two arguments are called {shown(name)} (their keys are written alike): rename a key")
        found[name] = None
    return tuple(found)


def is_node(x: Any) -> bool:
    """Tell whether x is a dict, list or tuple, whose entries are walked."""
    return isinstance(x, dict | list | tuple)


def items(x: Any) -> list[tuple[str, Any]]:
    """Return the entries of a dict, list or tuple with their names."""
    if isinstance(x, dict):
        return [(_text(key), x[key]) for key in x]
    if hasattr(x, "_fields"):
        return list(zip(x._fields, x, strict=True))
    return [(str(i), item) for i, item in enumerate(x)]


def _text(key: Any) -> str:
    """Return what a key of a dict is called."""
    return printable(key) if isinstance(key, str) else shown(key)


def is_leaf(x: Any) -> bool:
    """Tell whether x is something a claim can be made about: a floating array or a Python float."""
    return arrays.is_floating(x) or type(x) in (float, complex)


def _names(x: Any, prefix: str) -> Iterator[str]:
    return (name for name, part in _paths(x, prefix) if is_leaf(part))


def _paths(x: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield what stands in dicts, lists and tuples, each with its path as a name; see `flat`."""
    if is_node(x):
        for key, child in items(x):
            yield from _paths(child, f"{prefix}.{key}" if prefix else key)
    else:
        yield prefix, x


def _leaves(template: Any, structure: Any, what: str) -> Iterator[Any]:  # noqa: C901  one branch for each nesting
    if not is_node(template):
        if is_leaf(template):
            yield structure
        elif structure is not None:
            kind = f"of dtype {arrays.dtype_name(template)}" if arrays.is_array(template) else a_kind(template)
            raise ArgumentError(
                f"a gradient is claimed for {what}, {kind}, wanted a floating dtype: cast the argument, or return "
                "None for it"
            )
        return
    children = items(template)
    if structure is None:
        for _, child in children:
            yield from _leaves(child, None, what)
        return
    if isinstance(template, dict) and isinstance(structure, dict):
        unknown = set(structure) - set(template)
        if unknown:
            raise WrongClaim(f"the gradient of {what} has an entry {min(map(str, unknown))!r} that is no argument")
        for key, child in template.items():
            name = str(key) if what == "the arguments" else f"{what}.{key}"
            if key not in structure and any(map(is_leaf, flat(child))):
                raise Missing(name)
            yield from _leaves(child, structure.get(key), name)
        return
    if not is_node(structure) or len(structure) != len(children):
        got = f"{len(structure)} entries" if is_node(structure) else type(structure).__name__
        raise WrongClaim(f"the gradient of {what} has {got}, wanted {len(children)} entries: one each")
    for (_, child), part in zip(children, structure, strict=True):
        yield from _leaves(child, part, what)


def flat(x: Any) -> Iterator[Any]:
    """Yield what stands in dicts, lists and tuples, however nested; x itself where it is none of them."""
    if is_node(x):
        for child in x.values() if isinstance(x, dict) else x:
            yield from flat(child)
    else:
        yield x


def rebuilt(x: Any, parts: Iterable[Any]) -> Any:
    """Return a dict, list or tuple like x that holds `parts`, one for each entry."""
    if isinstance(x, dict):
        return dict(zip(x, parts, strict=True))
    return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)


def mapped(x: Any, change: Callable[[Any], Any]) -> Any:
    """Return nested x with `change` of all that stands in it; see `flat`."""
    if not is_node(x):
        return change(x)
    return rebuilt(x, [mapped(part, change) for part in (x.values() if isinstance(x, dict) else x)])


def a_kind(x: Any) -> str:
    """Return the type of x with its article."""
    kind = type(x).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _dots(name: str) -> list[int]:
    return [i for i, character in enumerate(name) if character == "."]


def _filler(template: Any) -> Callable[[Iterator[Any]], Any]:
    """Return what puts leaves, one after the other, in their places, having looked at the template once."""
    if not is_node(template):
        if not is_leaf(template):
            return lambda _: template
        tracked = bool(getattr(template, "requires_grad", False))
        return (lambda leaves: _tracked(next(leaves), template)) if tracked else next
    parts = [_filler(child) for _, child in items(template)]
    if isinstance(template, dict):
        keys = list(template)
        return lambda leaves: {key: part(leaves) for key, part in zip(keys, parts, strict=True)}
    kind = type(template)
    if hasattr(template, "_fields"):
        return lambda leaves: kind(*[part(leaves) for part in parts])
    return lambda leaves: kind([part(leaves) for part in parts])


def _tracked(leaf: Any, template: Any) -> Any:
    """Return the leaf as a Torch leaf of its own, the argument requiring a gradient: inside, autograd may run."""
    if arrays.is_torch(leaf):
        ours = leaf.requires_grad and leaf is not template  # a leaf that the autograd oracle follows
        return leaf if ours else leaf.detach().requires_grad_()
    return leaf
