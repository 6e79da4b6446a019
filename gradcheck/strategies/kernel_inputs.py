"""Inputs that provoke kernels: sizes on both sides of a block, and values that cancel, saturate or stand out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st

from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy
    from numpy.typing import NDArray

KINDS = ("normal", "heavy tails", "one-hot rows", "constant rows", "zero rows", "large offset", "small", "sums not 1")


def straddling(block: int) -> SearchStrategy[int]:
    """Draw a size at which a kernel of this block size goes wrong: 1, and next to one, two and more blocks.

    Parameters
    ----------
    block : int
        Of the kernel, at least 2.

    Raises
    ------
    ArgumentError
        If it is no such integer.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(straddling(32), lambda n: n > 32)
    33

    """
    if not isinstance(block, int) or isinstance(block, bool) or block < 2:
        raise ArgumentError(f"block is {block!r}, wanted an integer of 2 or more")
    return st.sampled_from(next_to(block))


def next_to(block: int) -> list[int]:
    """Return sizes at which a kernel with blocks of that size goes wrong."""
    return [1, block - 1, block, block + 1, 2 * block + 3]


def provoking(shape: tuple[int, ...]) -> SearchStrategy[NDArray[np.float64]]:
    """Draw an array of a shape, its values of one of KINDS: normal numbers, heavy tails, one-hot and constant rows, ...

    Parameters
    ----------
    shape : tuple of int
        Of the array.

    """
    return st.builds(
        lambda kind, seed: provoking_values(shape, kind, np.random.default_rng(seed)),
        st.sampled_from(KINDS),
        st.integers(0, 2**32 - 1),
    )


def provoking_values(shape: tuple[int, ...], kind: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return values of one kind; a scalar is normal."""
    x = rng.standard_normal(shape)
    if not shape:
        return np.asarray(x)
    rows = rng.random((*shape[:-1], 1)) < 0.5  # half of them
    one = np.arange(shape[-1]) == rng.integers(0, shape[-1], (*shape[:-1], 1))
    values = {
        "normal": x,
        "heavy tails": rng.standard_t(2, shape),
        "one-hot rows": np.where(one, 16.0, x),
        "constant rows": np.where(rows, x[..., :1], x),
        "zero rows": np.where(rows, 0.0, x),
        "large offset": x + 8.0,
        "small": x / 64,
        "sums not 1": np.abs(x) + 0.1,
    }
    return np.asarray(values[kind])
