"""Double backward: the backward as a kernel of its own, of the inputs and of grad_output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.errors import ArgumentError
from gradcheck.kernels.answer import called, outputs_of, tried
from gradcheck.kernels.cotangents import fresh
from gradcheck.kernels.leaves import filled, flat, read, unchanged
from gradcheck.kernels.programs import positional_names, title_of_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

NAME = "grad_output"
FIRST = 2**16  # of the numbers of their draws, beyond those of the cotangents of the gradients


@dataclass(frozen=True)
class Twice:
    """(inputs, grad_output) ↦ the gradients of the wanted inputs, differentiable.

    Attributes
    ----------
    function : callable
        The kernel, or its reference.
    wanted : tuple of int
        Which of the floating leaves are differentiated, in order.
    names : tuple of str
        Theirs.
    count : int
        How many outputs have a cotangent: that many arguments come last.
    """

    function: Callable[..., Any]
    wanted: tuple[int, ...]
    names: tuple[str, ...]
    count: int

    @property
    def __name__(self) -> str:
        return title_of_program(self.function)

    def __call__(self, *args: Any, **named: Any) -> dict[str, Any]:
        """Return the gradients by name."""
        import torch  # noqa: PLC0415

        given, cotangents, named = self._parted(args, named)
        with torch.inference_mode(mode=False), torch.enable_grad():
            leaves = [x for _, x in flat([list(given), named])]
            for i in self.wanted:
                leaves[i] = leaves[i] if leaves[i].requires_grad else leaves[i].detach().requires_grad_()
            rest: Iterator[Any] = iter(leaves)
            given, named = filled(list(given), rest, unchanged), filled(named, rest, unchanged)
            outputs = [y for _, y in outputs_of(called(self.function, given, named), self.__name__)]
            if len(outputs) != self.count:
                raise ArgumentError(f"{self.__name__} returned {len(outputs)} outputs, wanted {self.count}")
            pairs = [(y, c.to(y.dtype)) for y, c in zip(outputs, cotangents, strict=True) if y.requires_grad]
            tracked = [leaves[i] for i in self.wanted]
            found: Sequence[Any] = [None] * len(tracked)
            if pairs:
                found = torch.autograd.grad(
                    [y for y, _ in pairs], tracked, [c for _, c in pairs], create_graph=True, allow_unused=True
                )
        return {
            f"d{name}": torch.zeros_like(x) if g is None else g
            for name, x, g in zip(self.names, tracked, found, strict=True)
        }

    def _parted(self, args: Sequence[Any], named: Mapping[str, Any]) -> tuple[Sequence[Any], list[Any], dict[str, Any]]:
        if args:
            return args[: -self.count], list(args[-self.count :]), dict(named)
        labels = labels_of(self.count)
        return (), [named[label] for label in labels], {key: x for key, x in named.items() if key not in labels}


def labels_of(count: int) -> list[str]:
    """Return what the cotangents are called."""
    return [NAME] if count == 1 else [f"{NAME}{i}" for i in range(count)]


def doubled(kernel: Any, reference: Any, inputs: Any, kwargs: Any, names: Any, gradients: Any, seed: int) -> Any:
    """Return kernel, reference, inputs and names of the backward itself, on trial as a kernel.

    Raises
    ------
    ArgumentError
        If the kernel is no callable of Torch.
    """
    if not callable(kernel) or not callable(reference):
        raise ArgumentError("order=2 with a pair (forward, backward), wanted callables of Torch that autograd follows")
    asked = read(kernel, inputs, kwargs, names, gradients)
    if not all(map(arrays.is_torch, asked.leaves)):
        raise ArgumentError("order=2 with arrays of another library, wanted tensors: it is Torch's double backward")
    args, named = asked.arguments(asked.leaves)
    title = title_of_program(kernel)
    outputs = [y for _, y in outputs_of(tried(lambda: called(kernel, args, named), title), title)]
    if not all(arrays.is_torch(y) for y in outputs):
        raise ArgumentError(f"{title} returned no tensors, wanted some: order=2 is Torch's double backward")
    cotangents = [arrays.like(np.asarray(fresh(y, seed, FIRST + i)), y.detach()) for i, y in enumerate(outputs)]
    labels = labels_of(len(cotangents))
    own = tuple(asked.names[i] for i in asked.judged)
    wrapped = [Twice(f, asked.judged, own, len(cotangents)) for f in (kernel, reference)]
    if isinstance(asked.template, dict):
        return *wrapped, {**asked.template, **dict(zip(labels, cotangents, strict=True))}, None, [*own, *labels]
    top = positional_names(asked)
    return *wrapped, (*asked.template, *cotangents), [*top, *labels], [*own, *labels]
