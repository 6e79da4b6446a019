"""How to judge: the options that every verb takes, each checked when it is passed."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.errors import ArgumentError

FINITE_DIFFERENCES = "finite differences"
ORACLES = (FINITE_DIFFERENCES, "autograd", "exact")
CONTRACT = 3  # evaluations before any number: f's dtype, its value, and its value again
CONVENTIONS = ("right", "left", "midpoint")


@dataclass(frozen=True)
class Options:
    """How to judge; see `check`."""

    rtol: float | None
    confidence: float
    probes: int
    seed: int
    oracle: str | None
    max_evaluations: int | None
    kink: str | None
    kink_of: Callable[..., Any] | None
    tangent: Mapping[str, Callable[[Any], Any]]

    def __post_init__(self) -> None:
        if self.rtol is not None and not (_is_number(self.rtol) and math.isfinite(self.rtol) and self.rtol > 0):
            raise ArgumentError(f"rtol={self.rtol!r}, wanted a positive number, or None for significant errors to fail")
        if not (_is_number(self.confidence) and 0 < self.confidence < 1):
            raise ArgumentError(f"confidence={self.confidence!r}, wanted a probability inside (0, 1) such as 0.9999")
        if not (_is_integer(self.probes) and self.probes >= 2):
            raise ArgumentError(
                f"probes={self.probes!r}, wanted an integer of 2 or more: one direction proves no error"
            )
        if not (_is_integer(self.seed) and self.seed >= 0):
            raise ArgumentError(f"seed={self.seed!r}, wanted an integer of 0 or more")
        if self.oracle is not None and self.oracle not in ORACLES:
            raise ArgumentError(f"oracle={self.oracle!r}, wanted one of {', '.join(map(repr, ORACLES))}, or None")
        if self.max_evaluations is not None and not (
            _is_integer(self.max_evaluations) and self.max_evaluations > CONTRACT
        ):
            raise ArgumentError(
                f"max_evaluations={self.max_evaluations!r}, wanted None, or an integer above the {CONTRACT} of the "
                "contract"
            )
        if self.kink is not None and self.kink not in CONVENTIONS:
            raise ArgumentError(f"kink={self.kink!r}, wanted one of {', '.join(map(repr, CONVENTIONS))}, or None")
        if self.kink_of is not None and not callable(self.kink_of):
            raise ArgumentError(f"kink_of is a {type(self.kink_of).__name__}, wanted a function of the arguments")
        if not isinstance(self.tangent, Mapping) or not all(map(callable, self.tangent.values())):
            raise ArgumentError(
                "tangent= takes functions of a direction by argument name, such as {'a': lambda v: v + v.T}"
            )


def _is_number(x: Any) -> bool:
    return isinstance(x, numbers.Real) and not isinstance(x, bool)


def _is_integer(x: Any) -> bool:
    return isinstance(x, int) and not isinstance(x, bool)


def plain(x: Any) -> Any:
    """Return an integer of NumPy's as one of Python's, anything else as it is."""
    return int(x) if isinstance(x, np.integer) else x
