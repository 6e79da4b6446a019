"""A Jacobian-vector product: `jvp=`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.array_claim import ArrayClaim
from gradcheck.claims.outputs import contract, floating
from gradcheck.claims.structure import called
from gradcheck.errors import GradcheckError, WrongClaim
from gradcheck.slopes.direction import scale_of
from gradcheck.slopes.streams import Purpose, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcheck.claims.claim import Given


class JvpClaim(ArrayClaim, keyword="jvp"):
    """The claim that `pushforward(tangents, *args)` is J·tangents; judged through a random cotangent."""

    word = "jvp"

    def __init__(self, function: Callable[..., Any], pushforward: Callable[..., Any], given: Given) -> None:
        super().__init__(function, pushforward, given)
        self.pushforward = pushforward
        self.balance(self._sizes)

    def claimed(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Return None for each leaf: there are no arrays."""
        return tuple(None for _ in leaves)

    def predicted(self, leaves: Sequence[Any], index: int, direction: Any) -> float:
        """Return c·(J·direction), moving one argument."""
        return contract(self.pushed(leaves, index, direction), self.cotangents, self.pushforward)

    def pushed(self, leaves: Sequence[Any], index: int, direction: Any) -> list[Any]:
        """Return J·direction for each output, moving one argument."""
        moved = arrays.copied(direction)
        flat = [moved if i == index else _zeros(x) for i, x in enumerate(leaves)]
        tangents = self.tree.fill(flat)
        single = not isinstance(tangents, dict) and len(tangents) == 1
        given = tangents[0] if single and not isinstance(tangents[0], tuple | list | dict) else tangents
        try:
            result = called(self, self.pushforward, given, flat, leaves, lambda r: _pushed_outputs(r, self.out))
        except GradcheckError:
            raise
        except Exception as error:
            raise WrongClaim(f"the jvp raised {type(error).__name__}: {error}") from error
        if not arrays.same(moved, direction):
            raise WrongClaim(f"the jvp changes the tangent of {self.names[index]} in place: work on a copy")
        return _pushed_outputs(result, self.out)

    def _sizes(self) -> list[float]:
        squares = np.zeros(len(self.out))
        for i, x in enumerate(self.leaves):
            values = arrays.to_numpy(x)
            v = stream(self.seed, Purpose.TANGENT, i).standard_normal(values.shape) * scale_of(values).value
            found = self.pushed(self.leaves, i, arrays.like(np.asarray(v), x))
            squares += [float(np.sum(np.abs(arrays.to_numpy(y)) ** 2)) for y in found]
        return [float(size) for size in np.sqrt(squares)]

    def linear(self, leaves: Sequence[Any]) -> str | None:
        """Return a sentence if twice a tangent does not give twice."""
        for i, x in enumerate(leaves):
            rng = stream(self.seed, Purpose.TANGENT, i)
            v = arrays.like(rng.standard_normal(arrays.shape_of(x)), x)
            one, two = self.predicted(leaves, i, v), self.predicted(leaves, i, 2 * v)
            if abs(two - 2 * one) > 64 * arrays.ROUNDOFF[arrays.dtype_name(x)] ** 0.5 * (abs(one) + abs(two)):
                return f"the jvp is not linear in the tangent of {self.names[i]}: twice the tangent does not give twice"
        return None


def _pushed_outputs(result: Any, out: Sequence[Any]) -> list[Any]:
    """Return what a jvp returned, like the outputs `out` of f and finite; raise WrongClaim if it is not."""
    parts = floating(result)
    if len(parts) != len(out):
        what = f"{len(parts)} floating arrays" if parts else type(result).__name__
        raise WrongClaim(f"the jvp returned {what}, wanted {len(out)}: one like each output of f")
    for part, y in zip(parts, out, strict=True):
        got, want = arrays.shape_of(part), arrays.shape_of(y)
        if got != want:
            raise WrongClaim(f"the jvp returned shape {got}, wanted {want}, the shape of f")
        if not np.all(np.isfinite(arrays.to_numpy(part))):
            raise WrongClaim("the jvp returned a number that is not finite")
    return parts


def _zeros(x: Any) -> Any:
    return arrays.like(np.zeros(arrays.shape_of(x), dtype=np.complex128 if arrays.is_complex(x) else np.float64), x)
