"""Hand derivations as named lines, one a file, with gradients known to be right.

`ALL` maps a name to its module, imported on first use. Each module holds `derivation`, a
`gradcheck.lines.derivation.Derivation`, and `draw(seed, dtype)`, which returns small, well-scaled NumPy inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray

    from gradcheck.lines.derivation import Derivation


class DerivationModule(Protocol):
    """What a file of this folder offers."""

    derivation: Derivation

    def draw(self, seed: int = 0, dtype: DTypeLike = "float64") -> dict[str, NDArray[np.generic]]:
        """Return small, well-scaled inputs by name."""
        ...


NAMES = (
    "two_layer_relu",
    "linear",
    "softmax_cross_entropy",
    "layer_norm",
    "batch_norm",
    "attention",
    "convolution",
    "rnn_step",
    "gelu",
    "norm",
    "log_sum_exp",
    "embedding_lookup",
)


class _Modules(Mapping[str, DerivationModule]):
    """The names and their modules; a module is imported when it is asked for."""

    def __getitem__(self, name: str) -> DerivationModule:
        if name not in NAMES:
            raise KeyError(name)
        return cast("DerivationModule", import_module(f"{__name__}.{name}"))

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


ALL: Mapping[str, DerivationModule] = _Modules()
