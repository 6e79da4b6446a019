"""Slopes from Torch's own differentiation of the user's forward, in reverse mode.

It shares Torch's rules with the function on trial, so it can say nothing about those (and at a kink it follows their
convention); it is exact to round-off everywhere else, and is the second opinion beside finite differences.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.errors import UnsupportedError
from gradcheck.slopes.slope import Slope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcheck.slopes.field import Field, Move

# Two orders of summation differ by round-off that grows like the square root of the longest sum; 2^10 units of
# round-off of what the slope is made of, Σ|∂f/∂x_i v_i|, cover sums of 10^6 terms (N. Higham and T. Mary, SIAM J. Sci.
# Comput. 41(5), 2019: probabilistic bounds λ·√n·u).
ROUNDINGS = 2.0**10


class Autograd:
    """The oracle for functions that Torch can differentiate."""

    name = "torch.autograd"

    def __init__(self, field: Field, function: Callable[[Sequence[Any]], Any] | None) -> None:
        if function is None or not any(arrays.is_torch(x) for x in field.leaves):
            raise UnsupportedError(
                "oracle='autograd' needs Torch tensors: pass tensors, or oracle='finite differences' for NumPy"
            )
        self._field = field
        self._function = function
        self._gradients: tuple[Any, ...] | None = None

    def slope(self, move: Move, *, scale: float, start: int | None) -> Slope | None:
        """Return Σ ∂f/∂x·v by reverse mode, computed once for all directions."""
        del scale, start
        if self._gradients is None:
            self._gradients = self._reverse()
        value = size = 0.0
        for index, v in move.items():
            terms = (arrays.to_numpy(self._gradients[index]).conj() * arrays.to_numpy(v)).real
            value, size = value + float(terms.sum()), size + float(abs(terms).sum())
        error = ROUNDINGS * self._field.unit * size
        return Slope(value, error, value, value, error, 0.0, math.nan)

    def _reverse(self) -> tuple[Any, ...]:
        import torch  # noqa: PLC0415

        tracked = [x.detach().clone().requires_grad_() if arrays.is_torch(x) else x for x in self._field.leaves]
        with torch.enable_grad():
            value = self._function(tracked)
            if not (arrays.is_torch(value) and value.requires_grad):
                raise UnsupportedError(
                    "oracle='autograd' cannot differentiate this function: it leaves Torch or detaches its input; "
                    "use oracle='finite differences'"
                )
            wanted = [x for x in tracked if arrays.is_torch(x)]
            grads = iter(torch.autograd.grad(value.reshape(()), wanted, allow_unused=True))
        self._field.spend()
        return tuple(
            (torch.zeros_like(x) if (g := next(grads)) is None else g) if arrays.is_torch(x) else x for x in tracked
        )
