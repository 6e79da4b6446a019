"""JAX functions whose claim is their own reverse mode: `inputs=` with JAX arrays, a custom_vjp as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.claims.outputs import in_dtype
from gradcheck.claims.point import point
from gradcheck.claims.tree import flat
from gradcheck.claims.vjp import VjpClaim

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcheck.claims.claim import Given


def has_jax_array(x: Any) -> bool:
    """Tell whether there is a JAX array in x, however nested."""
    return any(arrays.is_array(part) and arrays.library_of(part) == "jax" for part in flat(x))


class JaxClaim(VjpClaim):
    """The claim that `jax.vjp` of a function is right: of its custom_vjp or custom_jvp, where it has one."""

    def __init__(self, function: Callable[..., Any], inputs: Any, given: Given) -> None:
        given = replace(given, args=inputs if isinstance(inputs, tuple | list | dict) else (inputs,))
        _, leaves = point(given.args, function, given.names)
        self.wanted = tuple(arrays.library_of(x) == "jax" for x in leaves)
        super().__init__(function, _no_pullback, given)

    def why_not(self, index: int) -> str:
        """Return why a leaf is not judged."""
        return "no JAX array" if self.asked(index) else "not in only="

    def pulled(self, weights: Sequence[Any], leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Return what `jax.vjp` makes of the cotangents `weights`."""
        import jax  # noqa: PLC0415  only where a JAX array exists

        def of_the_wanted(*wanted: Any) -> Any:
            given = iter(wanted)
            return self.outputs([next(given) if w else x for w, x in zip(self.wanted, leaves, strict=True)])

        results, pull = jax.vjp(of_the_wanted, *[x for w, x in zip(self.wanted, leaves, strict=True) if w])
        found = iter(pull([in_dtype(w, y) for w, y in zip(weights, results, strict=True)]))
        return tuple(next(found) if wanted else None for wanted in self.wanted)


def _no_pullback(*_: Any) -> Any:
    raise TypeError  # `pulled` asks JAX
