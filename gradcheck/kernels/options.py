"""How a kernel is judged."""

from __future__ import annotations

import numbers
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.claims.backward_asked import Terms
from gradcheck.errors import ArgumentError, shown
from gradcheck.verdicts.options import accepted

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class KernelOptions:
    """How to judge; see `check_kernel`."""

    seed: int = 0
    factor: float = 1.0
    deterministic: bool = False
    inplace_cotangent: bool = False
    batch_axis: int | Mapping[str, int] | None = None
    order: int = 1

    @property
    def terms(self) -> Terms:
        """What the backward owes."""
        return Terms(self.deterministic, self.inplace_cotangent, self.batch_axis)

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", accepted("seed", self.seed))  # a plain integer, as Torch's generators want it
        for name in ("deterministic", "inplace_cotangent", "batch_axis"):
            accepted(name, getattr(self, name))
        accepted("order", self.order)
        factor: Any = self.factor
        real = isinstance(factor, numbers.Real) and not isinstance(factor, np.timedelta64)  # a time span is an integer
        if not (real and 1 <= factor <= sys.float_info.max):
            raise ArgumentError(
                f"factor={shown(self.factor)}, wanted a number of 1 or more: how much coarser the kernel may be"
            )
