"""A backward pass on trial: what it is asked with, what it is let off, and whether two of its answers agree."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from gradcheck import arrays

FLOAT32 = 2.0**-24  # a float64 function may well compute in float32 inside
LARGE = 2**20  # entries of all inputs above which fewer questions are asked

Given = Callable[[Sequence[Any]], Sequence[Any]]
"""From a backward's outputs to one cotangent for each, None where an output is not used."""

Run = Callable[[Sequence[Any], frozenset[int], Given], tuple[Sequence[Any], Sequence[Any]]]
"""(leaves, those that need a gradient, cotangents) → (outputs, one gradient or None for each leaf)."""


@dataclass(frozen=True)
class Terms:
    """What a backward is asked to owe beyond the usual, or is let off.

    Attributes
    ----------
    deterministic : bool
        Two answers that are not the same to the bit are a breach instead of a note.
    inplace_cotangent : bool
        It may overwrite its cotangent.
    batch_axis : int, mapping of str to int, or None
        Rows along it are asked alone too.
    """

    deterministic: bool = False
    inplace_cotangent: bool = False
    batch_axis: Any = None

    @property
    def asked(self) -> str:
        """The name of the first term that is not the usual one; empty where there is none."""
        return next((f.name for f in fields(self) if getattr(self, f.name) != f.default), "")


@dataclass
class Findings:
    """What the contract has come to.

    Attributes
    ----------
    breaches : list of str
        Each a sentence; any is a FAIL.
    notes : list of str
        What a reader should know besides.
    calls : int
        How often the backward was called.
    """

    breaches: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    calls: int = 0


@dataclass
class Asked:
    """A backward pass, its inputs and cotangents, and what it gives for them: what all other answers should equal."""

    run: Run
    leaves: Sequence[Any]
    names: Sequence[str]
    judged: frozenset[int]
    cotangents: Given
    outputs: Sequence[Any]
    gradients: Sequence[Any]
    units: Sequence[float] = ()
    terms: Terms = field(default_factory=Terms)
    sizes: dict[int, float] = field(default_factory=dict)  # by leaf: the root mean square of its gradient
    found: Findings = field(default_factory=Findings)
    answered: Sequence[Any] = ()  # the outputs that came with the last answer

    @property
    def library(self) -> str:
        """Whose arrays the leaves are."""
        return arrays.library_of(self.leaves[0])

    @property
    def large(self) -> bool:
        """Whether each call is expensive."""
        return arrays.total_size(self.leaves) > LARGE

    def again(
        self, *, leaves: Sequence[Any] | None = None, judged: frozenset[int] | None = None, given: Given | None = None
    ) -> Sequence[Any]:
        """Return the gradients for the same or for other inputs and cotangents."""
        self.found.calls += 1
        needed = self.judged if judged is None else judged
        leaves = self.leaves if leaves is None else leaves
        self.answered, gradients = self.run(leaves, needed, given or self.cotangents)
        return gradients

    @property
    def forward_too(self) -> str:
        """What to add to a breach where the outputs of the last answer were others too; else empty."""
        pairs = zip(self.answered, self.outputs, strict=True)
        unit = max([FLOAT32, *self.units])
        same = all(close(one, other, unit) for one, other in pairs if arrays.is_array(other))
        return "" if same else "; what the forward returns is another too, so look there first"

    def different(self, gradients: Sequence[Any], wanted: Sequence[Any] | None = None) -> list[int]:
        """Return the leaves whose gradient differs from the wanted one by more than another order of summation."""
        wanted = self.gradients if wanted is None else wanted
        return [i for i in sorted(self.judged) if wanted[i] is not None and not self._same(i, gradients[i], wanted[i])]

    def _same(self, i: int, one: Any, other: Any) -> bool:
        """Tell whether two gradients of a leaf agree, up to round-off of the size that its gradient usually has.

        The gradient of a constant cotangent may be nothing but round-off (a normalisation takes constants out).
        """
        return close(one, other, max(self.units[i], FLOAT32), size=self._size(i))

    def _size(self, i: int) -> float:
        if i not in self.sizes:
            self.sizes[i] = _size(arrays.to_numpy(self.gradients[i]))
        return self.sizes[i]

    def label(self, leaves: Sequence[int]) -> str:
        """Return the names of gradients: dx, dw."""
        return ", ".join(f"d{self.names[i]}" for i in leaves)


def _size(values: np.ndarray[Any, Any]) -> float:
    """Return the root mean square of the finite entries."""
    if not np.isfinite(values).all():
        values = values[np.isfinite(values)]
    return float(np.linalg.norm(values)) / math.sqrt(max(values.size, 1))


def close(one: Any, other: Any, unit: float, size: float = 0.0) -> bool:
    """Tell whether two gradients agree: entry by entry within √u of their size, √u far above any order of summation."""
    if one is None or other is None:
        return one is other
    if arrays.shape_of(one) != arrays.shape_of(other):
        return False
    if arrays.dtype_name(one) == arrays.dtype_name(other) and arrays.same(one, other):
        return True
    a, b = arrays.to_numpy(one), arrays.to_numpy(other)
    with np.errstate(invalid="ignore", over="ignore"):
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        if same.all():
            return True
        size = max(size, _size(b))
        return bool(np.all(same | (np.abs(a - b) <= math.sqrt(unit) * (np.abs(b) + size))))


def difference(a: Any, b: Any) -> float:
    """Return by how much two arrays differ, relative to their size; 0 where they are the same to the bit."""
    if a is None or b is None:
        return 0.0 if a is b else math.inf
    if arrays.shape_of(a) != arrays.shape_of(b):
        return math.inf
    if arrays.same(a, b):
        return 0.0
    x, y = arrays.to_numpy(a), arrays.to_numpy(b)
    with np.errstate(all="ignore"):
        size = float(np.linalg.norm(np.nan_to_num(x))) or 1.0
        return max(float(np.linalg.norm(np.nan_to_num(x - y, nan=np.inf)) / size), 1e-300)
