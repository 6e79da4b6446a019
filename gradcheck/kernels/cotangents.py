"""The cotangents that are pulled back: drawn once for the reference's outputs, and given to every program's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.kernels.answer import form_of, steady
from gradcheck.slopes.streams import Purpose, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from gradcheck.kernels.answer import Form
    from gradcheck.kernels.leaves import Leaf


class Drawn:
    """Cotangents by output of the reference.

    Each is rounded to seven bits, which every dtype down to bfloat16 holds: kernel and reference meet the same numbers.
    A scalar's is no power of two, so that a loss that forgets to multiply by it shows.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.names: list[str] = []
        self.values: list[NDArray[Any]] = []
        self.form: Form = ()

    def draw(self, outputs: Sequence[Leaf]) -> list[Any]:
        """Draw for the reference's own outputs, the first time; return them in the outputs' dtypes."""
        if not self.values:
            self.names, self.form = [name for name, _ in outputs], form_of(outputs)
            self.values = [fresh(y, self.seed, i) for i, (_, y) in enumerate(outputs)]
        steady(outputs, self.form)
        return [_fit(c, y) for c, (_, y) in zip(self.values, outputs, strict=True)]

    def pairs(self, outputs: Sequence[Leaf]) -> list[int | None]:
        """Return for each of the reference's outputs which of a kernel's is its counterpart."""
        if len(outputs) == len(self.values):
            named = {name: i for i, (name, _) in enumerate(outputs)}
            if set(named) == set(self.names):
                return [named[name] for name in self.names]
            return list(range(len(outputs)))
        found: list[int | None] = []
        start = 0
        for c in self.values:
            fitting = [i for i in range(start, len(outputs)) if arrays.shape_of(outputs[i][1]) == c.shape]
            found.append(fitting[0] if fitting else None)
            start = fitting[0] + 1 if fitting else start
        return found

    def given(self) -> Callable[[Sequence[Leaf]], list[Any]]:
        """Return what gives each of a kernel's outputs its cotangent."""

        def give(outputs: Sequence[Leaf]) -> list[Any]:
            found: list[Any] = [None] * len(outputs)
            for k, i in enumerate(self.pairs(outputs)):
                if i is None:
                    continue
                y = outputs[i][1]
                c = self.values[k]
                if arrays.shape_of(y) != c.shape:
                    if math.prod(arrays.shape_of(y)) != c.size:
                        continue
                    c = c.reshape(arrays.shape_of(y))
                found[i] = _fit(c, y)
            return found

        return give


def _fit(c: NDArray[Any], y: Any) -> Any:
    """Return c like the output y."""
    return arrays.like(c if arrays.is_complex(y) else c.real, y)


def fresh(y: Any, seed: int, number: int) -> NDArray[Any]:
    """Return the cotangent of that number for an output."""
    rng = stream(seed, Purpose.KERNEL_COTANGENT, number)
    shape = arrays.shape_of(y)
    if math.prod(shape) == 1:
        return np.full(shape, 1.375 if seed % 2 == 0 else -0.84375)
    c = _short(rng.standard_normal(shape, dtype=np.float32))
    return c + 1j * _short(rng.standard_normal(shape, dtype=np.float32)) if arrays.is_complex(y) else c


def _short(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values with the last 17 of float32's 24 bits taken away."""
    bits = values.view(np.uint32)
    bits &= np.uint32(0xFFFE0000)
    return values
