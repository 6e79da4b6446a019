"""The adjoint of a linear function: `adjoint=`, as the operators of imaging, inverse problems and solvers have one.

The dot test of those fields asks for ⟨f(x), y⟩ = ⟨x, f*(y)⟩ at a random x and y (J. Claerbout, "Earth Soundings
Analysis: Processing versus Inversion", 1992). f* is the vjp of f, and does not depend on x; so it is judged as one,
with slopes of f alone. Beyond that f must be linear: a transform with an offset, or a clipped one, has no adjoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims import raised
from gradcheck.claims.point import finished
from gradcheck.claims.vjp import VjpClaim
from gradcheck.errors import WrongClaim
from gradcheck.slopes.direction import scale_of
from gradcheck.slopes.streams import Purpose, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

AFFINE = (
    "the function is not linear, and has no adjoint: it is {:.3g} in norm where all arguments that the adjoint is "
    "claimed for are 0; subtract that"
)
BENT = (
    "the function is not linear, and has no adjoint: f(x + v) and f(x) + f(v) differ by {:.1e} of their size; "
    "judge it with vjp=, which is passed the point"
)
ROUNDINGS = 64.0  # as for a vjp that is linear in its cotangent: times the root of the unit round-off


class AdjointClaim(VjpClaim, keyword="adjoint"):
    """The claim that `function` is linear in its arguments together, and `adjoint(y)` is f*(y): one array for each.

    With ``only=``, or where it returns None for an argument, `function` is linear in the others.
    """

    word = "adjoint"

    def apply(self, function: Callable[..., Any], given: Any, leaves: Sequence[Any]) -> Any:
        """Return f*(given), which does not depend on the point."""
        del leaves
        return finished(function(given, **self.kwargs), function)

    def linear(self, leaves: Sequence[Any]) -> str | None:
        """Return a sentence if f is not linear, or its adjoint is not."""
        judged = [i for i, g in enumerate(self.claimed(leaves)) if g is not None and self.asked(i)]
        moves = {i: self._drawn(i, leaves[i]) for i in judged}
        zero = self._outputs({i: arrays.like(np.zeros(v.shape), leaves[i]) for i, v in moves.items()}, leaves)
        here = self._outputs({}, leaves)
        there = self._outputs({i: arrays.like(v, leaves[i]) for i, v in moves.items()}, leaves)
        whole = self._outputs(
            {i: arrays.like(arrays.to_numpy(leaves[i]) + v, leaves[i]) for i, v in moves.items()}, leaves
        )
        size = float(np.linalg.norm(here) + np.linalg.norm(there))
        allowed = ROUNDINGS * max(arrays.ROUNDOFF[arrays.dtype_name(y)] for y in self.out) ** 0.5 * size
        if (offset := float(np.linalg.norm(zero))) > allowed:
            return AFFINE.format(offset)
        if (bend := float(np.linalg.norm(whole - here - there))) > allowed:
            return BENT.format(bend / size)
        return super().linear(leaves)

    def _drawn(self, index: int, x: Any) -> Any:
        values = arrays.to_numpy(x)
        rng = stream(self.seed, Purpose.TANGENT, index, 2)
        v = rng.standard_normal(values.shape) * scale_of(values).value
        return v + 1j * rng.standard_normal(values.shape) * scale_of(values).value if arrays.is_complex(x) else v

    def _outputs(self, moved: dict[int, Any], leaves: Sequence[Any]) -> Any:
        """Return all outputs as one array, some arguments moved."""
        try:
            found = self.outputs([moved.get(i, x) for i, x in enumerate(leaves)])
        except Exception as error:
            raise WrongClaim(
                raised.sentence(self.title, error, " at another point, and a linear function takes any")
            ) from error
        return np.concatenate([arrays.to_numpy(y).reshape(-1) for y in found])
