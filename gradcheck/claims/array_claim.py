"""A claim about a function whose output is an array, or arrays in any structure."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gradcheck import arrays
from gradcheck.claims.balance import balanced
from gradcheck.claims.claim import Claim, Given
from gradcheck.claims.outputs import (
    contract,
    contract_inside,
    cotangent,
    dtype_of,
    inside,
    named_arrays,
    outputs,
    passed_over,
    structured,
)
from gradcheck.claims.point import caller, finished, point, title_of
from gradcheck.slopes.direction import scale_of
from gradcheck.slopes.streams import Purpose, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self


class ArrayClaim(Claim):
    """A claim about an array-valued function, judged through a random cotangent.

    Attributes
    ----------
    word : str
        What messages call what is claimed.
    user : callable
        f, as it was passed.
    out : list of array
        Its outputs at the point.
    output_names : tuple of str
        A name for each.
    cotangents : list of array
        One for each output, of NumPy.

    """

    word: ClassVar[str] = "vjp"

    def __init__(self, function: Callable[..., Any], value: Any, given: Given) -> None:
        del value  # each form reads its own
        self.user = function
        self.title = title_of(function)
        self.kwargs = given.kwargs
        self.seed = given.seed
        self.tree, self.leaves = point(given.args, function, given.names)
        self.names = self.tree.names
        self.call = caller(function, self.tree, self.kwargs)
        self.template = self.call(self.leaves)
        self.out = outputs(self.template, function)
        self.output_names = tuple(name for name, _ in named_arrays(self.template))
        self.cotangents = [cotangent(y, stream(self.seed, Purpose.COTANGENT, i)) for i, y in enumerate(self.out)]
        self.plain = list(self.cotangents)  # before they are scaled
        self._balance_entries()
        self.notes = _not_judged(self.template, self.out, self.cotangents, self.output_names)

    def outputs(self, leaves: Sequence[Any]) -> list[Any]:
        """Return every floating array that f returns."""
        return outputs(self.call(leaves), self.user)

    def function(self, leaves: Sequence[Any]) -> float:
        """Return f contracted with the cotangent."""
        return contract(self.outputs(leaves), self.cotangents, self.user)

    def output_dtype(self, leaves: Sequence[Any]) -> str:
        """Return the dtype name of f's first output."""
        return dtype_of(self.outputs(leaves)[0])

    def arguments(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Return the arguments by position."""
        return self.tree.positional(leaves)

    def raw(self, leaves: Sequence[Any]) -> Any:
        """Return the contraction in the outputs' own library."""
        return contract_inside(inside(self.call(leaves)), self.cotangents)

    def contracted(self, cotangents: Sequence[Any]) -> Self:
        """Return the same claim judged through other cotangents: that of one output's row, say."""
        return self.with_(cotangents=list(cotangents))

    def _balance_entries(self) -> None:
        """Let each entry of an output count alike, as far as its round-off allows."""
        if all(arrays.total_size([y]) < 2 for y in self.out):
            return
        moves = [self._move(i, x) for i, x in enumerate(self.leaves)]

        def at(t: float) -> list[Any]:
            return self.outputs([arrays.shifted(x, t, v) for x, v in zip(self.leaves, moves, strict=True)])

        with contextlib.suppress(Exception):  # near by may be outside the domain: then entries count as they are
            self.cotangents = balanced(self.cotangents, self.out, at)

    def _move(self, index: int, x: Any) -> Any:
        values = arrays.to_numpy(x)
        v = stream(self.seed, Purpose.TANGENT, index, 1).standard_normal(values.shape) * scale_of(values).value
        return arrays.like(np.asarray(v), x)

    def balance(self, sizes: Callable[[], Sequence[float]]) -> None:
        """Scale the cotangents of several outputs, so that none is too small beside others for its error to be seen.

        By a power of two next to 1/size, `sizes` being what each contributes with its cotangent, ‖J_kᵀ c_k∘s‖; by less
        where an output is so large that its round-off would drown the others: a slope is off by about 2^20 units of
        it, and a PASS needs 2^-17 of the contribution.
        """
        if len(self.out) < 2:
            return
        try:
            found = sizes()
        except Exception:  # noqa: BLE001  the contract tells what is wrong with the claim
            return
        for k, (size, y) in enumerate(zip(found, self.out, strict=True)):
            own = float(np.max(np.abs(arrays.to_numpy(y)), initial=0, where=np.isfinite(arrays.to_numpy(y))))
            least = max(size, 2.0**-12 * own) if size > 0 else own
            if math.isfinite(least) and least > 0:
                self.cotangents[k] = self.cotangents[k] * 2.0 ** -max(round(math.log2(least)), -1000)

    def alone(self, output: int) -> list[Any]:
        """Return the cotangents of one output, and zeros for the others."""
        return [c if k == output else np.zeros_like(c) for k, c in enumerate(self.cotangents)]

    def standing_for(self, smooth: Callable[..., Any]) -> Self:
        """Return the claim held against `smooth` instead of f, through the same cotangents."""
        other = self.with_(user=smooth, call=caller(smooth, self.tree, self.kwargs))
        other.function(other.leaves)  # raises where its outputs are not those of f
        return other

    def like_output(self, weights: Sequence[Any]) -> Any:
        """Return arrays, one for each output, in the structure of f's output."""
        return structured(self.template, iter(weights))

    def apply(self, function: Callable[..., Any], given: Any, leaves: Sequence[Any]) -> Any:
        """Return function(given, *arguments), by name where the arguments are a dict."""
        if isinstance(self.tree.template, dict):
            return finished(function(given, **self.tree.fill(leaves), **self.kwargs), function)
        return finished(function(given, *self.tree.fill(leaves), **self.kwargs), function)


def _not_judged(template: Any, out: Sequence[Any], cotangents: Sequence[Any], names: Sequence[str]) -> tuple[str, ...]:
    """Return a note on each part of the output that is not judged."""
    notes = [f"not checked: {what}" for what in passed_over(template)]
    for y, c, name in zip(out, cotangents, names, strict=True):
        masked = np.isinf(arrays.to_numpy(y)) & (c == 0)
        if np.any(masked):
            notes.append(f"not checked: {name} where it is infinite ({int(masked.sum())} of {masked.size} entries)")
    return tuple(notes)
