"""The point: what is passed as `args`, as a tree of named leaves, and what it must keep to be checked at."""

from __future__ import annotations

import inspect
from collections.abc import Coroutine
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.tree import DEEPEST, Tree, a_kind, flat, is_node, shallow
from gradcheck.errors import ArgumentError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


CAST = "cast one to float64 of NumPy, Torch or JAX"


def point(arguments: Any, function: Callable[..., Any], names: Sequence[str] | None) -> tuple[Tree, tuple[Any, ...]]:
    """Return the tree of `arguments` and copies of its leaves.

    Raises
    ------
    ArgumentError
        If they are no tuple, list or dict, or hold no floating array.

    """
    if not isinstance(arguments, tuple | list | dict):
        raise ArgumentError(f"args is a {type(arguments).__name__}, wanted a tuple of arrays: pass args=(x,)")
    template = arguments if isinstance(arguments, dict) else tuple(arguments)
    passed = list(template.values()) if isinstance(template, dict) else template
    for i, x in enumerate(passed):
        if isinstance(x, list) and all_numbers(x):
            raise ArgumentError(f"argument {i} is a list of numbers, wanted an array: pass np.asarray({x[:3]!r}...)")
    labels = () if isinstance(template, dict) else argument_names(function, len(template), names)
    tree = Tree.of(template, labels)
    found = [np.asarray(x)[()] if type(x) in (float, complex) else x for x in tree.originals()]
    for leaf, name in zip(found, tree.names, strict=True):
        readable(leaf, name)
    leaves = tuple(map(_own, found))
    if not leaves:
        kinds = [f"{type(x).__name__} {getattr(x, 'dtype', '')}".strip() for x in passed]
        records = [type(x).__name__ for x in passed if _holds_arrays(x)]
        advice = f"pass the arrays in it: lambda **p: f({records[0]}(**p)), args=vars(...)" if records else CAST
        raise ArgumentError(f"args has no floating array ({', '.join(kinds) or 'it is empty'}): {advice}")
    return tree, leaves


def _holds_arrays(x: Any) -> bool:
    """Tell whether x is an object of a class of the user's with floating arrays among its attributes."""
    held = getattr(x, "__dict__", None)
    return isinstance(held, dict) and not isinstance(x, type) and any(map(arrays.is_floating, held.values()))


def _own(leaf: Any) -> Any:
    """Return a copy of a leaf that can be written into: f may keep the array that it was given, and change it."""
    if isinstance(leaf, np.ndarray):
        return leaf.copy(order="K")
    return leaf.detach().clone() if arrays.is_torch(leaf) else leaf


def all_numbers(x: Any, levels: int = DEEPEST) -> bool:
    """Tell whether a list holds numbers, and lists of them, and nothing else; not so deep that it may hold itself."""
    return (
        levels > 0
        and bool(x)
        and all(
            all_numbers(entry, levels - 1)
            if isinstance(entry, list)
            else isinstance(entry, int | float | complex | np.number) and not isinstance(entry, np.timedelta64)
            for entry in x
        )
    )


def argument_names(function: Callable[..., Any], count: int, names: Sequence[str] | None) -> tuple[str, ...]:
    """Return a name for each positional argument: as given, else from the signature, else arg0, arg1, ..."""
    if names is not None:
        if isinstance(names, str) or not all(isinstance(name, str) for name in names) or len(set(names)) != count:
            raise ArgumentError(f"names={shown(names)}, wanted {count} different names, one for each argument")
        return tuple(map(str, names))
    known = positional(function)
    return tuple(known[i] if i < len(known) else f"arg{i}" for i in range(count))


def positional(function: Callable[..., Any]) -> Sequence[str]:
    """Return the names of a function's positional parameters; none where it does not tell."""
    if type(function) is FunctionType and not vars(function):  # neither wrapped nor given a signature of its own
        return function.__code__.co_varnames[: function.__code__.co_argcount]
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def caller(function: Callable[..., Any], tree: Tree, kwargs: Mapping[str, Any]) -> Callable[[Sequence[Any]], Any]:
    """Return leaves → function(arguments), by position or (arguments in a dict) by name."""
    return _Call(function, tree, kwargs)


@dataclass(frozen=True)
class _Call:
    """The call itself, a class so that it can be sent to another process."""

    function: Callable[..., Any]
    tree: Tree
    kwargs: Mapping[str, Any]

    def __call__(self, leaves: Sequence[Any]) -> Any:
        filled = self.tree.fill(leaves)
        by_name = isinstance(self.tree.template, dict)
        result = self.function(**filled, **self.kwargs) if by_name else self.function(*filled, **self.kwargs)
        return finished(result, self.function)


def finished(result: Any, function: Callable[..., Any]) -> Any:
    """Return what a function returned; raise ArgumentError where it would yet have to run, or contains itself."""
    if is_node(result):
        shallow(result, f"what {title_of(function)} returned")
    parts = flat(result) if is_node(result) else (result,)
    if unfinished := [part for part in parts if isinstance(part, Coroutine)]:
        for part in unfinished:
            part.close()  # or Python would warn that it was never awaited
        what = title_of(function)
        raise ArgumentError(f"{what} is asynchronous, wanted a function: pass lambda *args: asyncio.run({what}(*args))")
    return result


def synchronous(given: Mapping[str, Any]) -> None:
    """Raise ArgumentError if one of the functions that are passed, by themselves or in a dict, is asynchronous."""
    for name, x in given.items():
        for function in x.values() if isinstance(x, dict) else [x]:
            if _is_coroutine_function(function):
                told = f"lambda *args: asyncio.run({name}(*args))"
                raise ArgumentError(f"{name} is asynchronous, wanted a function: {told}")


def _is_coroutine_function(function: Any) -> bool:
    """Tell whether a function is asynchronous; an object that answers no question about itself is none."""
    try:
        return inspect.iscoroutinefunction(function)
    except Exception:  # noqa: BLE001  a __getattr__ of the user's may raise anything
        return False


def tree_names(tree: Tree, names: Sequence[str] | None) -> Sequence[str] | None:
    """Return names for a wrapped function, whose own signature is gone."""
    return names if names is not None or isinstance(tree.template, dict) else tree.labels


def title_of(function: Any, unnamed: str = "f") -> str:
    """Return what to call a function in messages; a lambda is called `unnamed`."""
    name = getattr(function, "__name__", type(function).__name__)
    if name == "apply" and isinstance(owner := getattr(function, "__self__", None), type):
        return owner.__name__  # a torch.autograd.Function
    return unnamed if name == "<lambda>" else str(name)


def readable(x: Any, name: str) -> None:
    """Raise ArgumentError if x is no plain dense array whose entries can be read and moved one by one."""
    if isinstance(x, np.matrix):  # its products and shapes are others than an array's
        raise ArgumentError(f"{name} is a np.matrix, wanted a plain array: pass np.asarray({name})")
    if isinstance(x, np.ma.MaskedArray):
        raise ArgumentError(f"{name} is a masked array, wanted a plain one: pass {name}.filled(...) or its entries")
    if kind := not_dense(x):
        raise ArgumentError(f"{name} is {kind}, wanted a dense tensor: pass its values, and build the rest inside f")
    try:
        arrays.to_numpy(x)
    except Exception as error:
        raise ArgumentError(f"the values of {name}, {a_kind(x)}, cannot be read: pass a plain array") from error


def not_dense(x: Any) -> str:
    """Return what a Torch tensor is whose entries do not lie in memory one by one; empty for all others."""
    if not arrays.is_torch(x):
        return ""
    if x.is_nested:
        return "nested"
    if x.device.type == "meta":
        return f"on {x.device}"
    return "" if str(x.layout) == "torch.strided" else f"of layout {x.layout}"


def finite_point(leaves: Sequence[Any], names: Sequence[str]) -> None:
    """Raise ArgumentError if an argument is NaN or infinite somewhere."""
    for leaf, name in zip(leaves, names, strict=True):
        values = arrays.to_numpy(leaf)
        if not arrays.all_finite(values):
            index = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            raise ArgumentError(f"{name} is {values[index]} at {index}, wanted finite numbers: check at another point")


def check_point(leaves: Sequence[Any], names: Sequence[str]) -> None:
    """Raise ArgumentError unless every argument is finite, and all are of one library and one device."""
    finite_point(leaves, names)
    for what, read in (("library", arrays.library_of), ("device", arrays.device_of)):
        kinds = {name: read(x) for x, name in zip(leaves, names, strict=True) if arrays.is_array(x)}
        if len(set(kinds.values())) > 1:
            raise ArgumentError(f"the arguments are of more than one {what} ({_listed(kinds)}): pass them all in one")


def _listed(kinds: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {kind}" for name, kind in kinds.items())
