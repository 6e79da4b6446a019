"""The inputs of a kernel: which of them are arrays that move, their names, and the same inputs in another dtype."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any

from gradcheck import arrays
from gradcheck.claims.point import positional, readable
from gradcheck.errors import ArgumentError, shown

Leaf = tuple[str, Any]


def flat(x: Any, prefix: str = "") -> Iterator[Leaf]:
    """Return the floating arrays in nested dicts, lists and tuples, each with its path as a name."""
    if isinstance(x, Mapping):
        for key, child in x.items():
            yield from flat(child, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(x, list | tuple):
        children = list(x)
        keys = getattr(x, "_fields", ())
        if len(keys) != len(children):
            keys = [str(i) for i in range(len(children))]
        for key, child in zip(keys, children, strict=True):
            yield from flat(child, f"{prefix}.{key}" if prefix else key)
    elif arrays.is_floating(x):
        yield prefix, x


def filled(x: Any, leaves: Iterator[Any], convert: Callable[[Any], Any]) -> Any:
    """Return nested x with its floating arrays replaced, in the order of `flat`; other arrays through `convert`."""
    if isinstance(x, Mapping):
        return {key: filled(child, leaves, convert) for key, child in x.items()}
    if isinstance(x, list | tuple):
        parts = [filled(child, leaves, convert) for child in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    if arrays.is_floating(x):
        return next(leaves)
    return convert(x) if arrays.is_array(x) else x


def unchanged(x: Any) -> Any:
    """Return x."""
    return x


@dataclass(frozen=True)
class Inputs:
    """What a kernel is called with.

    Attributes
    ----------
    template : tuple or dict
        The arguments, by position or by name.
    kwargs : dict
        Keyword arguments besides; floating arrays in them change dtype with the others, and have no gradient.
    names : tuple of str
        Of the floating arrays in `template`.
    leaves : tuple of array
        These arrays.
    judged : tuple of int
        Those whose gradient is on trial.
    """

    template: Any
    kwargs: dict[str, Any]
    names: tuple[str, ...]
    leaves: tuple[Any, ...]
    judged: tuple[int, ...]

    def arguments(
        self, leaves: Sequence[Any], convert: Callable[[Any], Any] = unchanged
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return positional and keyword arguments with these leaves; all other arrays through `convert`."""
        constants = {key: filled(x, iter([convert(a) for _, a in flat(x)]), convert) for key, x in self.kwargs.items()}
        given = filled(self.template, iter(leaves), convert)
        if isinstance(given, dict):
            return (), {**given, **constants}
        return tuple(given), constants

    def with_leaves(self, leaves: Sequence[Any]) -> Inputs:
        """Return the same inputs with other arrays in them."""
        return replace(self, leaves=tuple(leaves))


def read(
    function: Any, inputs: Any, kwargs: Mapping[str, Any] | None, names: Sequence[str] | None, gradients: Any
) -> Inputs:
    """Return the inputs as they were passed.

    Raises
    ------
    ArgumentError
        If there is no floating array among them, or a name is none of theirs.
    """
    if arrays.is_array(inputs):
        inputs = (inputs,)
    if not isinstance(inputs, tuple | list | Mapping):
        raise ArgumentError(f"inputs is a {type(inputs).__name__}, wanted a tuple of arrays or a dict by name")
    if not (kwargs is None or (isinstance(kwargs, Mapping) and all(isinstance(name, str) for name in kwargs))):
        raise ArgumentError(f"kwargs={shown(kwargs)}, wanted a dict of keyword arguments")
    template: Any = dict(inputs) if isinstance(inputs, Mapping) else tuple(inputs)
    if isinstance(template, dict):
        found = list(flat(template))
    else:
        labels = _labels(function, len(template), names)
        found = [leaf for label, x in zip(labels, template, strict=True) for leaf in flat(x, label)]
    if not found:
        kinds = ", ".join(
            f"{type(x).__name__} {getattr(x, 'dtype', '')}".strip()
            for x in (template.values() if isinstance(template, dict) else template)
        )
        raise ArgumentError(f"inputs has no floating array ({kinds or 'it is empty'}): a gradient needs one")
    for name, x in found:
        readable(x, name)
    every = tuple(name for name, _ in found)
    leaves = tuple(x for _, x in found)
    return Inputs(template, dict(kwargs or {}), every, leaves, _judged(every, leaves, gradients))


def _judged(names: tuple[str, ...], leaves: tuple[Any, ...], gradients: Any) -> tuple[int, ...]:
    if gradients is not None:
        wanted = [gradients] if isinstance(gradients, str) else gradients
        if not (
            isinstance(wanted, Sequence | AbstractSet)
            and len(wanted)
            and all(isinstance(n, str) and n in names for n in wanted)
        ):
            raise ArgumentError(f"gradients={shown(gradients)}, wanted names of inputs, some of {list(names)}")
        return tuple(i for i, name in enumerate(names) if name in wanted)
    required = tuple(i for i, x in enumerate(leaves) if getattr(x, "requires_grad", False) is True)
    return required or tuple(range(len(leaves)))


def _labels(function: Any, count: int, names: Sequence[str] | None) -> list[str]:
    if names is not None:
        strings = isinstance(names, Sequence) and all(isinstance(name, str) for name in names)
        if isinstance(names, str) or not strings or len(set(names)) != count:
            raise ArgumentError(f"names={shown(names)}, wanted {count} different names, one for each input")
        return list(names)
    found = input_names(function)
    return [found[i] if i < len(found) else f"arg{i}" for i in range(count)]


def input_names(function: Any) -> list[str]:
    """Return the names of a function's positional parameters; without ctx for a torch.autograd.Function."""
    owner = getattr(function, "__self__", None)
    skipped = 0
    if getattr(function, "__name__", "") == "apply" and isinstance(owner, type) and hasattr(owner, "forward"):
        function, skipped = owner.forward, 0 if "setup_context" in vars(owner) else 1
    elif hasattr(function, "forward") and callable(function):
        function = function.forward  # a module
    return list(positional(function))[skipped:]
