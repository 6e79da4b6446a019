"""A vector-Jacobian product: `vjp=`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.array_claim import ArrayClaim
from gradcheck.claims.outputs import in_dtype
from gradcheck.claims.returned import by_argument, checked
from gradcheck.claims.structure import called
from gradcheck.errors import WrongClaim
from gradcheck.slopes.direction import scale_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcheck.claims.claim import Given


class VjpClaim(ArrayClaim, keyword="vjp"):
    """The claim that `pullback(cotangent, *args)` is Jᵀ·cotangent of the array- or tuple-valued `function`."""

    def __init__(self, function: Callable[..., Any], pullback: Callable[..., Any], given: Given) -> None:
        super().__init__(function, pullback, given)
        self.pullback = pullback
        self.balance(self._sizes)

    def claimed(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Return Jᵀ·c for each leaf."""
        return self.pulled(self.cotangents, leaves)

    def pulled(self, weights: Sequence[Any], leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Return what the vjp makes of the cotangents `weights`."""
        same = arrays.dtype_name(leaves[0]) in (arrays.dtype_name(self.leaves[0]), "object")  # exact numbers: as here
        like = self.out if same else self.outputs(leaves)
        passed = [arrays.copied(in_dtype(w, y)) for w, y in zip(weights, like, strict=True)]
        given = self.like_output(passed)
        result = called(self, self.pullback, given, passed, leaves, lambda result: self._fitting(result, leaves))
        if not all(arrays.same(c, in_dtype(w, y)) for c, w, y in zip(passed, weights, like, strict=True)):
            raise WrongClaim(f"the {self.word} changes its cotangent in place: work on a copy")
        return by_argument(result, self.tree)

    def _sizes(self) -> list[float]:
        scales = [scale_of(arrays.to_numpy(x)) for x in self.leaves]
        found = []
        for k in range(len(self.out)):
            pulled = zip(scales, self.pulled(self.alone(k), self.leaves), strict=True)
            found.append(math.hypot(*(s.norm(arrays.to_numpy(g)) for s, g in pulled if g is not None)))
        return found

    def _fitting(self, result: Any, leaves: Sequence[Any]) -> tuple[Any, ...]:
        gradients = by_argument(result, self.tree)
        return tuple(checked(g, x, name) for g, x, name in zip(gradients, leaves, self.names, strict=True))

    def linear(self, leaves: Sequence[Any]) -> str | None:
        """Return a sentence if twice (or minus) the cotangent does not give twice (or minus) the gradient."""
        said = linearity(lambda w: self.pulled(w, leaves), self.cotangents, self.names, self.word)
        if said is not None and type(self) is VjpClaim and self._takes_it_last(leaves):
            return f"{said}; it is linear in its last argument instead: wanted vjp(cotangent, *args)"
        return said

    def _takes_it_last(self, leaves: Sequence[Any]) -> bool:
        """Tell whether the vjp is linear in what it is called with last: x comes first, then the cotangent."""
        first = self.pullback

        def last(c: Any, *args: Any, **kwargs: Any) -> Any:
            return first(*args, c, **kwargs)

        other = self.with_(pullback=last)
        try:
            return linearity(lambda w: other.pulled(w, leaves), self.cotangents, self.names, self.word) is None
        except Exception:  # noqa: BLE001  whatever it raises: that was not it
            return False


def linearity(
    pulled: Callable[[Sequence[Any]], tuple[Any, ...]], cotangents: Sequence[Any], names: Sequence[str], what: str
) -> str | None:
    """Return a sentence if the vjp (`what` in messages) of twice the cotangent, or minus it, is not twice, or minus."""
    once = pulled(cotangents)
    for factor, times in ((2.0, "twice"), (-1.0, "minus")):
        scaled = pulled([factor * c for c in cotangents])
        for g, h, name in zip(once, scaled, names, strict=True):
            if g is None or h is None:
                continue
            one, other = arrays.to_numpy(g), arrays.to_numpy(h)
            if one.shape != other.shape:
                continue
            allowed = 64 * arrays.ROUNDOFF[arrays.dtype_name(g)] ** 0.5 * float(np.linalg.norm(one.ravel()))
            if float(np.linalg.norm((other - factor * one).ravel())) > allowed:
                said = f"{times} the cotangent does not give {times} the gradient of {name}"
                sign = "" if factor == 2 else " sign of the"  # twice gave twice: only the sign can be lost
                for power, told in ((0, f"ignores the{sign} cotangent"), (2, "squares the cotangent")):
                    if float(np.linalg.norm((other - factor**power * one).ravel())) <= allowed:
                        return f"the {what} {told}: {said}"
                return f"the {what} is not linear in the cotangent: {said}"
    return None
