"""A kernel or a reference that is a torch.nn.Module: its parameters become inputs, judged like the others."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from gradcheck import arrays
from gradcheck.claims.torch_module import is_module
from gradcheck.errors import ArgumentError
from gradcheck.kernels.leaves import flat


def opened(kernel: Any, reference: Any, inputs: Any) -> tuple[Any, Any, Any, str]:
    """Return kernel, reference and inputs with the parameters of a module among the inputs, and a note or nothing.

    A reference that is a module takes the kernel's parameters by name, or in order where the names differ; a function
    takes them by name where it has such parameters. Parameters that the reference does not take are not judged.
    """
    if not is_module(kernel):
        return kernel, _plain(reference, None) if is_module(reference) else reference, inputs, ""
    parameters = {name: p for name, p in kernel.named_parameters() if p.requires_grad}
    if not parameters:
        return _plain(kernel, None), _plain(reference, None) if is_module(reference) else reference, inputs, ""
    given = _by_name(kernel, inputs)
    if not any(getattr(x, "requires_grad", False) for _, x in flat(given)):  # then every input is judged with them
        parameters = {name: p.detach() for name, p in parameters.items()}
    names = {name: _free(name.replace(".", "_"), given) for name in parameters}
    if is_module(reference):
        theirs = _renamed(parameters, reference)
        return (
            _plain(kernel, names),
            _plain(reference, {theirs[n]: label for n, label in names.items()}),
            {
                **given,
                **{names[n]: p for n, p in parameters.items()},
            },
            "",
        )
    taken = _parameters_of(reference)
    judged = {n: label for n, label in names.items() if taken is None or label in taken}
    left = [n for n in names if n not in judged]
    note = (
        f"the reference does not take the parameters {', '.join(left)}: their gradients are not judged" if left else ""
    )
    return (
        _plain(kernel, judged),
        _positional(reference, given),
        {**given, **{judged[n]: parameters[n] for n in judged}},
        note,
    )


def _plain(module: Any, names: Mapping[str, str] | None) -> Callable[..., Any]:
    """Return the module as a function of its inputs and, by `names`, some of its parameters."""
    frozen = copy.deepcopy(module)
    for p in frozen.parameters():
        p.requires_grad_(requires_grad=False)

    def call(*args: Any, **named: Any) -> Any:
        import torch  # noqa: PLC0415

        state = {name: named.pop(label) for name, label in (names or {}).items()}
        floating = [x for x in [*args, *named.values(), *state.values()] if arrays.is_floating(x)]
        wide = bool(floating) and all(arrays.dtype_name(x) == "float64" for x in floating)
        for name, x in [*frozen.named_parameters(), *frozen.named_buffers()]:
            if name not in state:
                state[name] = x.detach().double() if wide and x.is_floating_point() else x.detach().clone()
        return torch.func.functional_call(frozen, state, args, named)

    call.__name__ = type(module).__name__
    vars(call)["__signature__"] = inspect.signature(module.forward)  # what inspect reads
    return call


def _by_name(module: Any, inputs: Any) -> dict[str, Any]:
    """Return the inputs of a module as a dict by the names of its forward."""
    if isinstance(inputs, Mapping):
        return dict(inputs)
    given = inputs if isinstance(inputs, tuple | list) else (inputs,)
    names = list(inspect.signature(module.forward).parameters)
    if len(names) < len(given) or any(
        p.kind is p.VAR_POSITIONAL for p in inspect.signature(module.forward).parameters.values()
    ):
        raise ArgumentError(f"{type(module).__name__}.forward takes *args: pass inputs as a dict by name")
    return dict(zip(names, given, strict=False))


def _free(name: str, taken: Mapping[str, Any]) -> str:
    return name if name not in taken else f"parameter_{name}"


def _renamed(parameters: Mapping[str, Any], reference: Any) -> dict[str, str]:
    """Return the reference's name of each parameter: the same, or the one in the same place."""
    theirs = {name: tuple(p.shape) for name, p in reference.named_parameters() if p.requires_grad}
    if set(theirs) == set(parameters):
        return {name: name for name in parameters}
    if [tuple(p.shape) for p in parameters.values()] != list(theirs.values()):
        raise ArgumentError(
            f"the reference has the parameters {list(theirs)}, the kernel {list(parameters)}: wanted the same names, "
            "or the same shapes in the same order"
        )
    return dict(zip(parameters, theirs, strict=True))


def _parameters_of(function: Any) -> set[str] | None:
    """Return the names that a function takes; None if it takes any."""
    try:
        found = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return set()
    if any(p.kind is p.VAR_KEYWORD for p in found.values()):
        return None
    return set(found)


def _positional(function: Callable[..., Any], given: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the function called with the inputs by position, whatever it calls them, and the rest by name."""

    def call(**named: Any) -> Any:
        return function(*[named.pop(name) for name in given], **named)

    call.__name__ = getattr(function, "__name__", "reference")
    return call
