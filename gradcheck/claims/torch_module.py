"""A Torch module as a function of its inputs and parameters."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.claims.kept import twin
from gradcheck.claims.outputs import floating
from gradcheck.claims.tree import mapped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def is_module(function: Any) -> bool:
    """Tell whether `function` is a torch.nn.Module, without importing Torch for anything else."""
    return any(base.__module__ == "torch.nn.modules.module" for base in type(function).__mro__)


def module_function(module: Any, inputs: Any, kwargs: Mapping[str, Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return a function of inputs and parameters by name, and those as one dict, for a module.

    The module is copied if it can be; buffers that it updates (batch norm's running statistics) are copied at each
    call. Frozen parameters are constants. Inputs that require a gradient are judged; if none does, all floating ones.
    """
    import torch  # noqa: PLC0415

    frozen = twin(module)
    by_name = _by_name(module, inputs)
    given = inputs if by_name else dict(_labelled(inputs))
    parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
    buffers = dict(module.named_buffers())
    constants = {name: p.detach() for name, p in module.named_parameters() if not p.requires_grad}
    tied = _tied(frozen)
    keys = {
        name.replace(".", "_") if name.replace(".", "_") not in given else f"parameter_{name}": name
        for name in parameters
    }

    def call(**named: Any) -> Any:
        passed = {label: named[label] for label in given}
        wide = (floating(passed) or list(named.values()))[0].dtype
        state = {
            **{n: b.clone().to(wide) if b.is_floating_point() else b.clone() for n, b in buffers.items()},
            **{n: c.to(wide) if c.is_floating_point() else c for n, c in constants.items()},
            **{original: named[key] for key, original in keys.items()},
        }
        state |= {name: state[first] for name, first in tied.items() if first in state}
        given_args, given_kwargs = ((), {**passed, **kwargs}) if by_name else (tuple(passed.values()), dict(kwargs))
        return torch.func.functional_call(frozen, state, given_args, given_kwargs, tie_weights=False)

    call.__name__ = type(module).__name__
    required = any(getattr(x, "requires_grad", False) for x in floating(given))
    tracked = {label: x if required else mapped(x, _requiring) for label, x in given.items()}
    return call, {**tracked, **{key: parameters[n] for key, n in keys.items()}}


def _tied(module: Any) -> dict[str, str]:
    """Return the further names of parameters and buffers that have several, each with the first one.

    `functional_call` finds them out at each call, which takes as long as the call.
    """
    first: dict[int, str] = {}
    found = {}
    for each in (module.named_parameters, module.named_buffers):
        for name, tensor in each(remove_duplicate=False):
            if (known := first.setdefault(id(tensor), name)) != name:
                found[name] = known
    return found


def _by_name(module: Any, inputs: Any) -> bool:
    """Tell whether a dict of inputs is meant by name: all its keys are parameters of `forward`."""
    if not isinstance(inputs, dict):
        return False
    parameters = inspect.signature(module.forward).parameters
    return bool(inputs) and all(key in parameters for key in inputs)


def _labelled(inputs: Any) -> list[tuple[str, Any]]:
    given = inputs if isinstance(inputs, tuple | list) else (inputs,)
    return [(f"input{i}" if len(given) > 1 else "input", x) for i, x in enumerate(given)]


def _requiring(x: Any) -> Any:
    return x.detach().clone().requires_grad_() if arrays.is_torch(x) and arrays.is_floating(x) else x
