"""Casts to a narrower dtype inside a Torch function: it computes no finer than that, whatever its result's dtype is."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gradcheck import arrays


class Narrowed(TorchDispatchMode):  # type: ignore[no-untyped-call]  # Torch's base has no types
    """Notes the coarsest floating dtype that a wider one is cast to; ``"float64"`` if none is."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Torch's base has no types
        self.coarsest = "float64"

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if "_to_copy" in str(func) and isinstance(out, torch.Tensor) and args[0].is_floating_point():
            before, after = arrays.dtype_name(args[0]), arrays.dtype_name(out)
            coarser = arrays.ROUNDOFF.get(after, 0.0) > arrays.ROUNDOFF.get(before, 1.0)
            if coarser and arrays.ROUNDOFF[after] > arrays.ROUNDOFF[self.coarsest]:
                self.coarsest = after
        return out
