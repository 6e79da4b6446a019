"""A Torch reference in another precision than its own casts say.

References are written for the precision they replace: ``x.float()`` first, ``.to(x.dtype)`` last. In float64 the
first is a loss: here such casts give float64. And the same reference without its casts upwards is what the
composition gives where every intermediate is stored in the inputs' dtype.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Iterator

NARROW = (torch.float32, torch.float16, torch.bfloat16)
WIDE = (torch.float32, torch.float64)
COMPLEX = (torch.complex64, torch.complex32)


class Widened(TorchFunctionMode):
    """Casts to a narrower floating dtype give float64 instead."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name in ("float", "half", "bfloat16") and len(args) == 1 and isinstance(args[0], torch.Tensor):
            return args[0].double()
        if name in ("to", "type", "_to_copy", "softmax", "log_softmax", "sum", "mean", "cumsum", "prod"):
            args = tuple(_wide(x) for x in args)
        kwargs = {key: _wide(x) if key in ("dtype", "out_dtype") else x for key, x in kwargs.items()}
        return func(*args, **kwargs)


def _wide(x: Any) -> Any:
    if isinstance(x, torch.dtype):
        return torch.float64 if x in NARROW else torch.complex128 if x in COMPLEX else x
    return x


class Unwidened(TorchFunctionMode):
    """Casts to a wider floating dtype are left out, or only counted: `changed` is their number."""

    def __init__(self, *, leave_out: bool = True) -> None:
        super().__init__()
        self.changed = 0
        self.leave_out = leave_out

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        x = args[0] if args and isinstance(args[0], torch.Tensor) else None
        if x is not None and x.dtype in (torch.float16, torch.bfloat16):
            told = [a for a in [*args[1:], *kwargs.values()] if isinstance(a, torch.dtype)]
            cast = name in ("float", "double") or (name in ("to", "type") and any(a in WIDE for a in told))
            if cast or kwargs.get("dtype") in WIDE:
                self.changed += 1
                if self.leave_out and cast:
                    return x.clone()
                if self.leave_out:
                    kwargs.pop("dtype")
        return func(*args, **kwargs)


@contextlib.contextmanager
def in_float64() -> Iterator[None]:
    """Run what is inside in float64: casts and new tensors too."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with Widened():
            yield
    finally:
        torch.set_default_dtype(before)
