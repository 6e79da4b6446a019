"""The gradient of a reference that is only a forward, entry by entry: for NumPy functions of few entries.

Along one entry, central differences with steps h and h/2 are extrapolated, (4·D(h/2) − D(h))/3, which leaves a
truncation of order h⁴ and a round-off of u/h: h = 2^-10 of the entry's size balances them at 1e-12.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.errors import ArgumentError
from gradcheck.kernels.answer import Answer, Cotangents, Form, called, form_of, outputs_of, steady
from gradcheck.kernels.leaves import Inputs, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable

STEP = 2.0**-10
MOST = 4096  # entries, four evaluations each


@dataclass
class DifferenceProgram:
    """A forward, differentiated in float64 by differences."""

    function: Callable[..., Any]
    title: str
    convert: Callable[[Any], Any] = unchanged

    def run(self, inputs: Inputs, cotangents: Cotangents | None) -> Answer:
        """Evaluate the forward, and its slope along each entry of the judged inputs."""
        leaves = [np.array(arrays.to_numpy(x)) for x in inputs.leaves]

        def forward() -> Any:
            args, named = inputs.arguments([np.array(x) for x in leaves], self.convert)
            found = outputs_of(called(self.function, args, named), self.title)
            if before:
                steady(found, before[0])
            return found

        before: list[Form] = []
        outputs = forward()
        before.append(form_of(outputs))
        if cotangents is None:
            return Answer(outputs, [])
        count = sum(leaves[i].size for i in inputs.judged)
        if count > MOST:
            raise ArgumentError(
                f"{self.title} has no gradient of its own, and {count} entries are too many to take differences of: "
                "pass a pair (forward, backward), a Torch or a JAX function, or smaller inputs"
            )
        given = [
            np.zeros(arrays.shape_of(y)) if c is None else arrays.to_numpy(c)
            for c, (_, y) in zip(cotangents(outputs), outputs, strict=True)
        ]

        def value() -> float:
            return sum(
                float(np.sum((np.conj(c) * arrays.to_numpy(y)).real))
                for c, (_, y) in zip(given, forward(), strict=True)
            )

        return Answer(outputs, [_slopes(leaves[i], value) for i in inputs.judged])


def _slopes(x: Any, value: Callable[[], float]) -> Any:
    """Return the slope of `value` along each entry of x, which is moved in place and put back."""
    found = np.zeros_like(x)
    size = float(np.sqrt(np.mean(np.abs(x) ** 2))) or 1.0
    for index in np.ndindex(x.shape):
        kept = x[index]
        for part in (1.0, 1j) if np.iscomplexobj(x) else (1.0,):
            slopes = []
            for h in (STEP * max(abs(kept), size), STEP / 2 * max(abs(kept), size)):
                ends = []
                for sign in (1, -1):
                    x[index] = kept + sign * h * part
                    ends.append(value())
                slopes.append((ends[0] - ends[1]) / (2 * h))
            found[index] += part * (4 * slopes[1] - slopes[0]) / 3
        x[index] = kept
    return found
