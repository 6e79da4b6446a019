"""Arrays in memory that shows what a function should not do: NaN around an input, NaN in fresh memory, odd strides.

Torch fills new memory with NaN itself (`torch.utils.deterministic.fill_uninitialized_memory`), for C++ and CUDA too.
For NumPy `numpy.empty` and its relatives are replaced while the function runs.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays

if TYPE_CHECKING:
    from collections.abc import Iterator

MARGIN = 4096  # entries of NaN on either side of an input: what a block that reads past an end can reach
ONE_AT_A_TIME = threading.RLock()  # what fills memory belongs to the process: threads that check take turns
ALIGNED = 64  # entries: at least 64 bytes in every dtype, the alignment of fresh memory


def surrounded(x: Any) -> Any:
    """Return x, contiguous, in the middle of an allocation that is NaN elsewhere; x itself where it cannot be.

    Integers and booleans stay where they are: a wrong index may end the process.
    """
    if not arrays.is_floating(x) or not (arrays.is_torch(x) or isinstance(x, np.ndarray)):
        return x
    size = arrays.total_size([x])
    margin = -(-min(MARGIN, max(size, ALIGNED)) // ALIGNED) * ALIGNED
    if arrays.is_torch(x):
        if str(x.layout) != "torch.strided":
            return x
        whole = x.new_full((size + 2 * margin,), float("nan"))
        inside = whole[margin : margin + size].view(x.shape)
        inside.copy_(x.detach())
        return inside
    whole = np.full(size + 2 * margin, np.nan, dtype=x.dtype)
    within = whole[margin : margin + size].reshape(x.shape)
    within[...] = x
    return within


def narrow(c: Any) -> Any:
    """Return a cotangent as a view of a wider array that is NaN beside it; itself where it has no axis."""
    if not arrays.shape_of(c):
        return c
    shape = arrays.shape_of(c)
    n = shape[-1]
    if arrays.is_torch(c):
        whole = c.new_full((*shape[:-1], n + ALIGNED), float("nan"))
        whole[..., :n] = c
        return whole[..., :n]
    if isinstance(c, np.ndarray):
        whole = np.full((*shape[:-1], n + ALIGNED), np.nan, dtype=c.dtype)
        whole[..., :n] = c
        return whole[..., :n]
    return c


def transposed(c: Any) -> Any:
    """Return a cotangent whose axes lie in memory in the other order."""
    shape = arrays.shape_of(c)
    if sum(n > 1 for n in shape) < 2:
        return c
    back = tuple(reversed(range(len(shape))))
    if arrays.is_torch(c):
        return c.permute(back).contiguous().permute(back)
    return np.asarray(c, order="F") if isinstance(c, np.ndarray) else c


def expanded(c: Any) -> Any:
    """Return one number of a cotangent in all its places, with strides of 0: what the gradient of a sum is."""
    if arrays.total_size([c]) == 0 or not arrays.shape_of(c):
        return c
    if arrays.is_torch(c):
        return c.reshape(-1)[:1].reshape([1] * c.ndim).expand(c.shape)
    return np.broadcast_to(np.asarray(c).reshape(-1)[:1].reshape([1] * c.ndim), c.shape)


def contiguous(c: Any) -> Any:
    """Return a contiguous copy."""
    return c.contiguous().clone() if arrays.is_torch(c) else np.array(c, order="C")


@contextlib.contextmanager
def poisoned(library: str) -> Iterator[None]:
    """Let fresh memory hold NaN (the largest integer, True) instead of what was there before."""
    fill = {"torch": _poisoned_torch, "numpy": _poisoned_numpy}.get(library)
    if fill is not None:
        with ONE_AT_A_TIME, fill():
            yield
    else:
        yield


@contextlib.contextmanager
def _poisoned_torch() -> Iterator[None]:
    import torch  # noqa: PLC0415  only where a tensor exists

    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    switch: Any = torch.utils.deterministic
    filled = switch.fill_uninitialized_memory
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # operations that have no deterministic form say so
        torch.use_deterministic_algorithms(mode=True, warn_only=True)
        switch.fill_uninitialized_memory = True
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before[0], warn_only=before[1])
            switch.fill_uninitialized_memory = filled


@contextlib.contextmanager
def _poisoned_numpy() -> Iterator[None]:
    kept = {name: getattr(np, name) for name in ("empty", "empty_like")}

    def poisoning(make: Any) -> Any:
        def made(*args: Any, **kwargs: Any) -> Any:
            array = make(*args, **kwargs)
            if isinstance(array, np.ndarray) and array.dtype.kind in "fc":
                array.fill(np.nan)
            return array

        return made

    try:
        for name, make in kept.items():
            setattr(np, name, poisoning(make))
        yield
    finally:
        for name, make in kept.items():
            setattr(np, name, make)
