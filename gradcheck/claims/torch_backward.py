"""Torch functions and modules whose claim is their own backward."""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.claims.point import argument_names, title_of
from gradcheck.claims.vjp import VjpClaim
from gradcheck.errors import ArgumentError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcheck.claims.claim import Claim, Given


def is_module(function: Any) -> bool:
    """Tell whether `function` is a torch.nn.Module, without importing Torch for anything else."""
    return any(base.__module__ == "torch.nn.modules.module" for base in type(function).__mro__)


class TorchClaim(VjpClaim, keyword="inputs"):
    """The claim that a Torch function's backward is the vjp of its forward.

    Inputs that require a gradient are judged; if none does, all floating ones. `order=2` judges the backward's own
    backward (double backward) in the same way.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        inputs: Any,
        names: Sequence[str] | None,
        kwargs: Mapping[str, Any],
        seed: int,
        *,
        order: int = 1,
    ) -> None:
        if not isinstance(inputs, tuple | list | dict):
            inputs = (inputs,)
        tensors = [x for x in (inputs.values() if isinstance(inputs, dict) else inputs) if arrays.is_torch(x)]
        if not tensors:
            raise ArgumentError(
                "inputs= has no Torch tensor: pass args= and gradient= for functions of other libraries"
            )
        only_required = any(x.requires_grad for x in tensors if arrays.is_floating(x))
        notes: tuple[str, ...] = ()
        if order == 1:
            forward, notes = _differentiable_outputs(function, inputs, kwargs, only_required=only_required)
        else:
            forward = _first_backward(function, inputs, only_required=only_required)

        def backward(cotangent: Any, *args: Any, **named: Any) -> Any:
            return _pull(forward, cotangent, args, named, inputs, only_required=only_required)

        super().__init__(_detached(forward), backward, inputs, names or _names(function, inputs), kwargs, seed)
        self.title = title_of(function) + (" (double backward)" if order > 1 else "")
        self.notes = notes

    @classmethod
    def read(cls, function: Callable[..., Any], value: Any, given: Given) -> Claim:
        """Return the claim of `check(function, inputs=value)`, `function` being a module or not."""
        if is_module(function):
            function, value = module_function(function, value)
        return cls(function, value, given.names, given.kwargs, given.seed, **given.options)


def _differentiable_outputs(
    function: Callable[..., Any], inputs: Any, kwargs: Mapping[str, Any], *, only_required: bool
) -> tuple[Callable[..., Any], tuple[str, ...]]:
    """Return the function without those of its outputs that carry no gradient while others do, and a note on them.

    Torch claims nothing about such an output: it is detached, or marked with ``ctx.mark_non_differentiable``.
    """
    import torch  # noqa: PLC0415

    def tracked(x: Any) -> Any:
        if not (arrays.is_torch(x) and arrays.is_floating(x)):
            return x
        return x.detach().clone().requires_grad_(x.requires_grad or not only_required).clone()

    with torch.inference_mode(mode=False), torch.enable_grad():
        if isinstance(inputs, dict):
            result = function(**{k: tracked(x) for k, x in inputs.items()}, **kwargs)
        else:
            result = function(*[tracked(x) for x in inputs], **kwargs)
    if not isinstance(result, tuple | list):
        if not (isinstance(result, dict) or arrays.is_torch(result)):
            raise ArgumentError(
                f"{title_of(function)} returned {type(result).__name__}, wanted a tensor: inputs= judges Torch's own "
                "backward"
            )
        return function, ()
    kept = [i for i, y in enumerate(result) if arrays.is_torch(y) and y.requires_grad]
    left = [i for i, y in enumerate(result) if arrays.is_torch(y) and arrays.is_floating(y) and i not in kept]
    if not kept or not left:
        return function, ()

    @functools.wraps(function, updated=())
    def chosen(*args: Any, **named: Any) -> Any:
        outputs = function(*args, **named)
        return tuple(outputs[i] for i in kept)

    outputs = f"output {left[0]} carries" if len(left) == 1 else f"outputs {', '.join(map(str, left))} carry"
    note = f"{outputs} no gradient (detached, or marked as not differentiable): not judged"
    return chosen, (note,)


def _names(function: Any, inputs: Any) -> Sequence[str] | None:
    if isinstance(inputs, dict):
        return None
    if is_module(function):
        return argument_names(function.forward, len(inputs), None)
    owner = getattr(function, "__self__", None)
    if isinstance(owner, type) and hasattr(owner, "forward"):
        # an autograd.Function's apply takes what forward takes after ctx (all of it, where setup_context takes ctx)
        skipped = 0 if "setup_context" in vars(owner) else 1
        return argument_names(owner.forward, len(inputs) + skipped, None)[skipped:]
    return argument_names(function, len(inputs), None)


def _detached(function: Callable[..., Any]) -> Callable[..., Any]:
    def forward(*args: Any, **named: Any) -> Any:
        return function(*[_fresh(x) for x in args], **{k: _fresh(x) for k, x in named.items()})

    forward.__name__ = title_of(function)
    return forward


def _fresh(x: Any) -> Any:
    return x.detach() if arrays.is_torch(x) else x


def _pull(
    function: Callable[..., Any],
    cotangent: Any,
    args: tuple[Any, ...],
    named: Mapping[str, Any],
    inputs: Any,
    *,
    only_required: bool,
) -> Any:
    import torch  # noqa: PLC0415

    keys: list[Any] = list(inputs) if isinstance(inputs, dict) else list(range(len(inputs)))
    given = {key: (named[key] if isinstance(inputs, dict) else args[key]) for key in keys}
    judged = [
        key
        for key in keys
        if arrays.is_torch(given[key])
        and arrays.is_floating(given[key])
        and (not only_required or inputs[key].requires_grad)
    ]
    with torch.inference_mode(mode=False):  # a copy made there is no inference tensor any more
        leaves = {
            key: given[key].detach().clone().requires_grad_(key in judged)
            if arrays.is_torch(given[key]) and arrays.is_floating(given[key])
            else given[key]
            for key in keys
        }
    extra = {k: v for k, v in named.items() if k not in leaves}
    with torch.inference_mode(mode=False), torch.enable_grad():
        # a copy, so that a function that works in place does not meet a leaf
        passed: dict[Any, Any] = {k: x.clone() if k in judged else x for k, x in leaves.items()}
        result = function(**passed, **extra) if isinstance(inputs, dict) else function(*passed.values(), **extra)
        parts = list(result) if isinstance(result, tuple | list) else [result]
        if isinstance(result, dict):
            parts = list(result.values())
        kept = [p for p in parts if arrays.is_floating(p)]
        weights = list(cotangent) if isinstance(cotangent, tuple) else [cotangent]
        pairs = [(p, c) for p, c in zip(kept, weights, strict=True) if p.requires_grad]
        if pairs:
            grads = torch.autograd.grad(
                [p for p, _ in pairs],
                [leaves[k] for k in judged],
                [c.to(p.dtype) for p, c in pairs],
                allow_unused=True,
            )
        else:
            grads = ()  # the output depends on no input: every gradient is zero
    pulled = dict(zip(judged, grads, strict=False))
    found = {k: torch.zeros_like(leaves[k]) if pulled.get(k) is None else pulled[k].detach() for k in judged}
    if isinstance(inputs, dict):
        return {k: found.get(k) for k in keys}
    return tuple(found.get(k) for k in keys)


def _first_backward(function: Callable[..., Any], inputs: Any, *, only_required: bool) -> Callable[..., Any]:
    """Return x ↦ Jᵀ(x)·c for a fixed c, differentiable: what a double backward differentiates."""
    import torch  # noqa: PLC0415

    def gradient(*args: Any, **named: Any) -> Any:
        values = list(named.values()) if isinstance(inputs, dict) else list(args)
        sources = list(inputs.values()) if isinstance(inputs, dict) else list(inputs)
        with torch.inference_mode(mode=False), torch.enable_grad():
            tracked = [
                x if x.requires_grad else x.detach().requires_grad_(not only_required or s.requires_grad)
                for x, s in zip(values, sources, strict=True)
                if arrays.is_torch(x) and arrays.is_floating(x)
            ]
            it = iter(tracked)
            passed = [next(it) if arrays.is_torch(x) and arrays.is_floating(x) else x for x in values]
            result = (
                function(**dict(zip(named, passed, strict=True))) if isinstance(inputs, dict) else function(*passed)
            )
            parts = list(result) if isinstance(result, tuple | list) else [result]
            kept = [p for p in parts if arrays.is_floating(p) and p.requires_grad]
            weights = [
                torch.cos(torch.arange(p.numel(), dtype=torch.float64)).to(p.dtype).reshape(p.shape).to(p.device)
                for p in kept
            ]
            for c in weights:  # a backward is differentiable in its cotangent too; without, Torch drops it in silence
                c.requires_grad_()
            wanted = [x for x in tracked if x.requires_grad]
            grads = torch.autograd.grad(kept, wanted, weights, create_graph=True, allow_unused=True)
        _differentiable(grads, function)
        return tuple(torch.zeros_like(x) if g is None else g for x, g in zip(wanted, grads, strict=True))

    gradient.__name__ = title_of(function)
    return gradient


def _differentiable(gradients: Sequence[Any], function: Callable[..., Any]) -> None:
    """Raise UnsupportedError if a backward on the way is marked once_differentiable.

    Torch puts a node that raises behind such a backward, and does not visit it: the gradient would be a part of itself.
    """
    seen = {g.grad_fn for g in gradients if g is not None}
    waiting = list(seen)
    while waiting:
        node = waiting.pop()
        if node is None:
            continue
        if node.name() == "torch::autograd::Error":
            raise UnsupportedError(
                f"{title_of(function)} has a backward marked once_differentiable, which has no backward of its own: "
                "check it with order=1, or take the mark away"
            )
        fresh = {following for following, _ in node.next_functions} - seen
        seen |= fresh
        waiting.extend(fresh)


def module_function(module: Any, inputs: Any) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return a function of inputs and parameters by name, and those as one dict, for a module.

    The module is copied, so that buffers it updates (batch norm's running statistics) stay as they are; frozen
    parameters are passed as constants.
    """
    import torch  # noqa: PLC0415

    frozen = copy.deepcopy(module)
    given = inputs if isinstance(inputs, tuple | list) else (inputs,)
    labels = [f"input{i}" if len(given) > 1 else "input" for i in range(len(given))]
    parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
    buffers = dict(module.named_buffers())
    constants = {name: p.detach() for name, p in module.named_parameters() if not p.requires_grad}
    keys = {
        name.replace(".", "_") if name.replace(".", "_") not in labels else f"parameter_{name}": name
        for name in parameters
    }

    def call(**named: Any) -> Any:
        wide = named[labels[0]].dtype if arrays.is_floating(named[labels[0]]) else next(iter(named.values())).dtype
        state = {
            **{n: b.clone().to(wide) if b.is_floating_point() else b.clone() for n, b in buffers.items()},
            **{n: c.to(wide) if c.is_floating_point() else c for n, c in constants.items()},
            **{original: named[key] for key, original in keys.items()},
        }
        return torch.func.functional_call(frozen, state, tuple(named[label] for label in labels))

    call.__name__ = type(module).__name__
    tracked = [x.detach().clone().requires_grad_() if arrays.is_floating(x) else x for x in given]
    return call, {
        **dict(zip(labels, tracked, strict=True)),
        **{key: parameters[n] for key, n in keys.items()},
    }
