"""Slopes of a JAX function by forward-mode differentiation of f itself, where f is made of JAX's own parts.

A `custom_vjp` or `custom_jvp` of the user's own is refused, for its derivative is what somebody wrote. As a function a
`stop_gradient` is the identity, and is taken for it (JAX's own softmax and logsumexp have one); in a loop or a branch
it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.errors import UnsupportedError
from gradcheck.oracles.derivative import bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcheck.claims.claim import Claim
    from gradcheck.slopes.field import Field, Move
    from gradcheck.slopes.slope import Slope

LIBRARY = ("relu", "relu6", "silu", "logsumexp", "_where", "softplus", "clip")  # functions of JAX that are custom_jvp


class JaxForward:
    """The oracle for functions that JAX can differentiate, in forward mode."""

    name = "jax forward mode"

    def __init__(self, field: Field, claim: Claim) -> None:
        if not all(arrays.library_of(x) == "jax" and not arrays.is_complex(x) for x in field.leaves):
            raise UnsupportedError("forward mode needs real JAX arrays")
        self._field = field
        self._raw: Callable[[Sequence[Any]], Any] = claim.raw
        self._looked = False

    def slope(self, move: Move, *, scale: float, start: int | None) -> Slope | None:
        """Return the derivative along `move`."""
        del scale, start
        try:
            if not self._looked:
                self._own_parts()
                self._looked = True
            return bounded(self._derivative, self._field, move)
        except UnsupportedError:
            raise
        except Exception as error:
            raise UnsupportedError(f"forward mode cannot follow f ({type(error).__name__}: {error})") from error

    def _own_parts(self) -> None:
        import jax  # noqa: PLC0415  only where an array of its exists

        self._field.spend()
        jaxpr: Any = jax.make_jaxpr(self._raw)(list(self._field.leaves))
        if "stop_gradient" in str(jaxpr):
            from jax.extend.core import jaxpr_as_fun  # noqa: PLC0415  as above

            jaxpr = jaxpr.replace(jaxpr=_without_stops(jaxpr.jaxpr))
            unstopped = jaxpr_as_fun(jaxpr)
            self._raw = lambda leaves: unstopped(*leaves)[0]
        text = str(jaxpr)
        if "custom_vjp_call" in text or "stop_gradient" in text or "pure_callback" in text:
            raise UnsupportedError("f has a derivative of its own, or stops it")
        for part in text.split("custom_jvp_call[")[1:]:
            name = part.split("name=", 1)[-1].split()[0].rstrip("]")
            if name not in LIBRARY:
                raise UnsupportedError(f"f has a derivative of its own, {name}")

    def _derivative(self, leaves: Sequence[Any], move: Move) -> float:
        import jax  # noqa: PLC0415

        still = [jax.numpy.zeros_like(x) for x in leaves]
        tangents = [move.get(i, zero) for i, zero in enumerate(still)]
        return float(jax.jvp(lambda *xs: self._raw(list(xs)), tuple(leaves), tuple(tangents))[1].reshape(()))


def _without_stops(jaxpr: Any) -> Any:
    """Return the program without its `stop_gradient`s, those of functions that it calls included."""
    same: dict[Any, Any] = {}

    def value(variable: Any) -> Any:
        return variable if hasattr(variable, "val") else same.get(variable, variable)  # a literal has no other

    kept = []
    for equation in jaxpr.eqns:
        operands, parameters = list(map(value, equation.invars)), equation.params
        if equation.primitive.name == "stop_gradient":
            same[equation.outvars[0]] = operands[0]
            continue
        if equation.primitive.name in ("jit", "pjit"):
            inner = parameters["jaxpr"]
            parameters = {**parameters, "jaxpr": inner.replace(jaxpr=_without_stops(inner.jaxpr))}
        kept.append(equation.replace(invars=operands, params=parameters))
    return jaxpr.replace(eqns=kept, outvars=list(map(value, jaxpr.outvars)))
