"""Arrays brought from one library to another: a NumPy kernel may have a Torch reference."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from typing import Any

import numpy as np

from gradcheck import arrays

KNOWN = ("torch", "jax")


def to_library(x: Any, library: str, dtype: str, device: Any = None) -> Any:
    """Return an array with x's values in a library (numpy, torch or jax) and a dtype, such as ``"bfloat16"``."""
    if library == "torch":
        import torch  # noqa: PLC0415  only where it is asked for

        wanted = getattr(torch, dtype)
        if arrays.is_torch(x):
            return x.detach().to(dtype=wanted, device=device)
        values = np.asarray(x)
        if arrays.is_floating(x) and dtype != str(values.dtype):
            values = arrays.to_numpy(x)
        return (
            torch.from_numpy(np.array(values, order="C", copy=None if values.flags.writeable else True))
            .reshape(values.shape)
            .to(dtype=wanted, device=device)
        )
    values = (
        arrays.to_numpy(x) if arrays.is_floating(x) else x.numpy(force=True) if arrays.is_torch(x) else np.asarray(x)
    )
    if library == "jax":
        import jax  # noqa: PLC0415  only where it is asked for

        # where float64 is not enabled it is float32, without a warning
        return jax.numpy.asarray(values, dtype=jax.dtypes.canonicalize_dtype(dtype))
    return values.astype(dtype, copy=False)


def installed(library: str) -> bool:
    """Tell whether a library can be imported."""
    return importlib.util.find_spec(library) is not None


def float64_of(library: str) -> Any:
    """Return the context in which a library computes in float64."""
    if library == "jax":
        import jax  # noqa: PLC0415

        switch: Any = getattr(jax, "enable_x64", None)
        if switch is None:  # before JAX 0.8
            switch = importlib.import_module("jax.experimental").enable_x64
        return switch(True)  # noqa: FBT003  JAX's own signature
    if library == "torch":
        from gradcheck.kernels.widened import in_float64  # noqa: PLC0415

        return in_float64()
    return contextlib.nullcontext()
