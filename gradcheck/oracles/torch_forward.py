"""Slopes of a Torch function by forward-mode differentiation of f itself, where f is made of Torch's own parts.

The backward on trial is never asked. A `torch.autograd.Function` of the user's own is refused, for its derivative is
what somebody wrote; so is a `detach`, `.data`, `.item()` or `.numpy()`, behind which the derivative would be lost in
silence.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.errors import UnsupportedError
from gradcheck.oracles.derivative import bounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcheck.claims.claim import Claim
    from gradcheck.slopes.field import Field, Move
    from gradcheck.slopes.slope import Slope

LEAVES = frozenset({"detach", "detach_", "item", "numpy", "tolist", "__float__", "__array__", "new_tensor", "round_"})


class TorchForward:
    """The oracle for functions that Torch can differentiate, in forward mode."""

    name = "torch forward mode"

    def __init__(self, field: Field, claim: Claim) -> None:
        if not all(arrays.is_torch(x) and not arrays.is_complex(x) for x in field.leaves):
            raise UnsupportedError("forward mode needs real Torch tensors")
        self._field = field
        self._raw = claim.raw
        self._looked = False

    def slope(self, move: Move, *, scale: float, start: int | None) -> Slope | None:
        """Return the derivative along `move`."""
        del scale, start
        if not self._looked:
            self.require_own_parts()
            self._looked = True
        return bounded(self._derivative, self._field, move)

    def require_own_parts(self) -> None:
        """Raise UnsupportedError where f has a backward of the user's own."""
        import torch  # noqa: PLC0415  only where a tensor exists

        self._field.spend()
        with torch.enable_grad():
            value = self._raw([x.detach().clone().requires_grad_() for x in self._field.leaves])
        waiting, seen = [getattr(value, "grad_fn", None)], set()
        while waiting:
            node = waiting.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            if isinstance(node, torch.autograd.function.BackwardCFunction):
                raise UnsupportedError(f"f has a backward of its own, {type(node).__name__}")
            waiting.extend(following for following, _ in node.next_functions)

    def _derivative(self, leaves: Sequence[Any], move: Move) -> float:
        import torch  # noqa: PLC0415

        forward_ad = _loaded()
        try:
            with forward_ad.dual_level():
                own = [x.detach().clone().requires_grad_() for x in leaves]  # what f is given needs no detaching
                duals = [forward_ad.make_dual(x, move[i]) if i in move else x for i, x in enumerate(own)]
                with _watch():
                    value = self._raw(duals)
                tangent = forward_ad.unpack_dual(value).tangent
        except UnsupportedError:
            raise
        except Exception as error:
            raise UnsupportedError(f"forward mode cannot follow f ({type(error).__name__}: {error})") from error
        return 0.0 if tangent is None else float(tangent.detach().to(torch.float64))


@cache
def _loaded() -> Any:
    """Return Torch's forward mode, loaded whole: its first use compiles rules with a function that Torch deprecates.

    Once a process and not in each check: filters of warnings are every thread's.
    """
    import torch  # noqa: PLC0415  only where a tensor exists
    from torch.autograd import forward_ad  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with forward_ad.dual_level():
            forward_ad.make_dual(torch.zeros(1), torch.ones(1))  # type: ignore[no-untyped-call]  # no types there
    return forward_ad


def _watch() -> Any:
    """Return a context in which what leaves the graph raises UnsupportedError."""
    from torch import Tensor  # noqa: PLC0415
    from torch.overrides import TorchFunctionMode  # noqa: PLC0415

    data = Tensor.data.__get__  # type: ignore[attr-defined]  # a getset descriptor

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name = getattr(func, "__name__", "")
            if name in LEAVES or func == data or name == "_set_grad_enabled":
                raise UnsupportedError(f"f leaves the graph by {name}")
            return func(*args, **(kwargs or {}))

    return Watch()
