"""How a kernel is judged."""

from __future__ import annotations

import numbers
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradcheck.errors import ArgumentError, shown

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Options:
    """How to judge; see `check_kernel`."""

    seed: int = 0
    factor: float = 1.0
    deterministic: bool = False
    inplace_cotangent: bool = False
    batch_axis: int | Mapping[str, int] | None = None

    def __post_init__(self) -> None:
        given: dict[str, Any] = {"seed": self.seed, "factor": self.factor}
        if type(given["seed"]) is bool or not (isinstance(given["seed"], numbers.Integral) and self.seed >= 0):
            raise ArgumentError(f"seed={shown(self.seed)}, wanted an integer of 0 or more")
        if not (isinstance(given["factor"], numbers.Real) and 1 <= self.factor <= sys.float_info.max):
            raise ArgumentError(
                f"factor={shown(self.factor)}, wanted a number of 1 or more: how much coarser the kernel may be"
            )
