"""Slopes of a JAX function by forward-mode differentiation of f itself, where f is made of JAX's own parts.

A `custom_vjp` or `custom_jvp` of the user's own is refused, for its derivative is what somebody wrote, and so is a
`stop_gradient`, behind which it would be lost in silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.errors import UnsupportedError
from gradcheck.oracles.derivative import bounded

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        self._raw = claim.raw
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
        jaxpr = jax.make_jaxpr(self._raw)(list(self._field.leaves))
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
