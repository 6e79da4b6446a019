"""How a Torch function is called so that its backward can be asked: tensors as leaves of a graph, copies, detached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.claims.outputs import named_arrays
from gradcheck.claims.point import caller, title_of
from gradcheck.claims.tree import flat, mapped
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcheck.claims.tree import Tree


def any_tensor(x: Any) -> bool:
    """Tell whether there is a tensor in x, however nested."""
    return any(map(arrays.is_torch, flat(x)))


def wanted(leaves: Sequence[Any]) -> tuple[bool, ...]:
    """Return which leaves are judged: those that require a gradient, all tensors where none does."""
    tensors = [arrays.is_torch(x) for x in leaves]
    required = [getattr(x, "requires_grad", False) for x in leaves]
    return tuple(required if any(required) else tensors)


def tracked(leaves: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
    """Return the tensors as leaves of a graph of their own, copies where f is given them as they are (see `copies`).

    A copy that is made here is no inference tensor any more.
    """
    return [_leaf(x, judged) if arrays.is_torch(x) else x for x, judged in zip(leaves, wanted, strict=True)]


def _leaf(x: Any, judged: bool) -> Any:
    return x.detach().requires_grad_() if judged and not x.is_inference() else x.detach().clone().requires_grad_(judged)


def copies(tracked: Sequence[Any]) -> list[Any]:
    """Return copies, so that a function that works in place does not meet a leaf."""
    return [x.clone() if arrays.is_torch(x) and x.requires_grad else x for x in tracked]


def call(function: Callable[..., Any], tree: Tree, leaves: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Return function(arguments)."""
    return caller(function, tree, kwargs)(leaves)


def differentiable(
    function: Callable[..., Any], tree: Tree, leaves: Sequence[Any], kwargs: Mapping[str, Any], wanted: Sequence[bool]
) -> tuple[Callable[..., Any], tuple[str, ...]]:
    """Return the function with its differentiable outputs alone, as one tensor or a flat tuple, and a note on the rest.

    Torch claims nothing about an output that carries no gradient while others do: it is detached, or marked with
    ``ctx.mark_non_differentiable``.
    """
    import torch  # noqa: PLC0415

    with torch.inference_mode(mode=False), torch.enable_grad():
        result = call(function, tree, copies(tracked(leaves, wanted)), kwargs)
    found = list(named_arrays(result))
    if not any(arrays.is_torch(y) for _, y in [*found, ("output", result)]):
        raise ArgumentError(
            f"{title_of(function)} returned {type(result).__name__}, wanted a tensor: inputs= judges Torch's own "
            "backward"
        )
    carrying = [i for i, (_, y) in enumerate(found) if arrays.is_torch(y) and y.requires_grad]
    kept = carrying or list(range(len(found)))
    left = [name for i, (name, y) in enumerate(found) if i not in kept and arrays.is_torch(y)]
    names = [name for name, _ in found]  # and not the outputs, whose graph holds copies of the inputs

    def chosen(*args: Any, **given: Any) -> Any:
        result = function(*args, **given)
        flat = [y for _, y in named_arrays(result)]
        return result if arrays.is_torch(result) else {names[i].removeprefix("output."): flat[i] for i in kept}

    if not left:
        return chosen, ()
    carry = "carries" if len(left) == 1 else "carry"
    note = f"not checked: {', '.join(left)} {carry} no gradient (detached, or marked as not differentiable)"
    return chosen, (note,)


def detached(function: Callable[..., Any], title: str) -> Callable[..., Any]:
    """Return the function on detached tensors: its value alone."""

    def forward(*args: Any, **given: Any) -> Any:
        return function(*mapped(args, _fresh), **mapped(given, _fresh))

    forward.__name__ = title
    return forward


def _fresh(x: Any) -> Any:
    return x.detach() if arrays.is_torch(x) else x
