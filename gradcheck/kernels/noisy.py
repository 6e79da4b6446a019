"""Monte Carlo arithmetic: a Torch computation in float64 whose every result is off by a random rounding.

What a right computation in that dtype is off by, whatever its order and its fusions, is a sample of this: D. Parker,
Monte Carlo Arithmetic, UCLA CSD-970002 (1997). It shows what input jitter does not: terms that cancel inside.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

# Operations whose results are entries of their inputs, or exact: nothing is rounded.
EXACT = frozenset(
    [
        "neg",
        "abs",
        "sign",
        "where",
        "maximum",
        "minimum",
        "max",
        "min",
        "amax",
        "amin",
        "sort",
        "topk",
        "gather",
        "scatter",
        "index",
        "index_select",
        "select_backward",
        "slice_backward",
        "cat",
        "stack",
        "clone",
        "copy",
        "_to_copy",
        "to",
        "zeros",
        "zeros_like",
        "ones",
        "ones_like",
        "full",
        "full_like",
        "new_zeros",
        "new_empty",
        "new_full",
        "new_ones",
        "empty",
        "empty_like",
        "arange",
        "masked_fill",
        "flip",
        "roll",
        "tril",
        "triu",
        "repeat",
        "constant_pad_nd",
        "embedding",
        "relu",
        "clamp",
        "clamp_min",
        "clamp_max",
        "threshold",
        "threshold_backward",
        "diagonal_backward",
        "index_put",
        "scatter_add_zero",
        "lift_fresh",
        "scalar_tensor",
        "unfold_backward",
        "expand_copy",
        "fill",
        "_local_scalar_dense",
        "bernoulli",
        "rand",
        "randn",
        "rand_like",
        "randn_like",
        "floor",
        "ceil",
        "round",
        "trunc",
        "max_pool2d_with_indices",
        "cummax",
        "cummin",
        "value_selecting_reduction_backward",
        "eye",
        "linspace",
    ]
)


@functools.cache
def _parts() -> dict[Any, Any]:
    """Return the fused operations whose parts are rounded one by one, with what Torch itself takes them apart into."""
    from torch._decomp import decomposition_table  # noqa: PLC0415  the public way to it compiles a graph

    words = (
        "softmax",
        "norm",
        "gelu",
        "silu",
        "sigmoid_backward",
        "tanh_backward",
        "logsumexp",
        "loss",
        "mish",
        "elu_backward",
    )
    return {
        op: parts
        for op, parts in decomposition_table.items()
        if any(word in str(op) for word in words) and "batch_norm" not in str(op)
    }


def _terms(func: Any, name: str, args: Any, kwargs: Any) -> Any:
    """Return the root of the sum of squares of what a sum adds up: each term may have been stored before; else None."""
    if name in ("sum", "cumsum"):
        return func(args[0].square(), *args[1:], **kwargs).sqrt()
    if name == "mean":
        size = func(args[0].square(), *args[1:], **kwargs)
        return (size * (size.numel() / max(args[0].numel(), 1))).sqrt()
    if name in ("mm", "bmm", "mv", "dot"):
        return func(args[0].square(), args[1].square()).sqrt()
    return None


class Noisy(TorchDispatchMode):  # type: ignore[no-untyped-call]  # Torch's base has no types
    """Multiplies each entry of each floating result by 1 + `size`·z, z standard normal."""

    def __init__(self, size: float, seed: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Torch's base has no types
        self.size = size
        self._rng = torch.Generator().manual_seed(seed)
        # Fresh normal numbers for each result cost more than the operations: a long sample is read from random places.
        self._sample = torch.randn(2**17 + 1, generator=self._rng, dtype=torch.float64)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        parts = _parts().get(func)
        if parts is not None:  # what cancels inside a fused operation is rounded inside it
            with self:
                return parts(*args, **(kwargs or {}))
        out = func(*args, **(kwargs or {}))
        name = str(func).removeprefix("aten.").partition(".")[0]
        if func._schema.is_mutable or func.is_view or name in EXACT:  # noqa: SLF001  there is no public name for it
            return out
        if isinstance(out, torch.Tensor):
            size = _terms(func, name, args, kwargs or {}) if out.is_floating_point() else None
            return self._rounded(out) if size is None else out + self._rounded(size) - size
        if isinstance(out, tuple | list):
            return type(out)(self._rounded(y) if isinstance(y, torch.Tensor) else y for y in out)
        return out

    def _rounded(self, y: torch.Tensor) -> torch.Tensor:
        if y.dtype not in (torch.float64, torch.complex128) or y.numel() == 0:
            return y
        count = self._sample.numel()
        start = int(torch.randint(count, (), generator=self._rng))
        n = y.numel()
        z = self._sample.roll(-start) if n > 64 else torch.randn(n, generator=self._rng, dtype=torch.float64)
        if n > count:
            z = z.repeat(-(-n // count))
        factor = z[:n].mul(self.size).add_(1).reshape(y.shape)
        return y * factor.to(y.device)
