"""What has outputs and gradients: a Torch callable, a JAX function, a pair (forward, backward) of any library.

All answer one question: given inputs and cotangents, which outputs and which gradients?
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.point import title_of
from gradcheck.claims.tree import a_kind
from gradcheck.errors import ArgumentError, GradcheckError
from gradcheck.kernels.answer import Answer, BackwardError, Cotangents, called, outputs_of
from gradcheck.kernels.leaves import Inputs, Leaf, flat, input_names, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LARGE = 2**18  # entries above which an array is large


def title_of_program(function: Any, unnamed: str = "kernel") -> str:
    """Return what to call a kernel or a reference in messages: of a pair its forward; a lambda is called `unnamed`."""
    first = function[0] if isinstance(function, tuple | list) and function else function
    return title_of(first, unnamed)


@dataclass
class TorchProgram:
    """A Torch callable with a backward of its own."""

    function: Callable[..., Any]
    title: str
    convert: Callable[[Any], Any] = unchanged
    short: bool = False  # large real outputs and gradients are kept in float32, each as soon as it is there

    def run(self, inputs: Inputs, cotangents: Cotangents | None) -> Answer:
        """Call forward, then backward by autograd; the arrays passed are the leaves themselves where they are fresh."""
        import torch  # noqa: PLC0415

        leaves = [
            self._tracked(x, tracked=i in inputs.judged and cotangents is not None) for i, x in enumerate(inputs.leaves)
        ]
        with torch.inference_mode(mode=False), torch.set_grad_enabled(cotangents is not None):
            args, named = inputs.arguments(leaves, self.convert)
            outputs = outputs_of(called(self.function, args, named), self.title)
            if other := [name for name, y in outputs if not arrays.is_torch(y)]:
                raise ArgumentError(f"{self.title} returned {other[0]} as no tensor, wanted tensors: it takes tensors")
            if cotangents is None:
                return Answer([(name, y.detach()) for name, y in outputs], [])
            detached = frozenset(i for i, (_, y) in enumerate(outputs) if not y.requires_grad)
            judged = [leaves[i] for i in inputs.judged]
            try:
                found: Sequence[Any]
                if self.short:
                    kept, found = _pulled_short(outputs, judged, cotangents)
                else:
                    given = cotangents(outputs)
                    kept, found = [(name, y.detach()) for name, y in outputs], _pulled(outputs, judged, given)
            except GradcheckError:
                raise
            except Exception as error:
                raise BackwardError(f"the backward raised {type(error).__name__}: {error}") from error
        return Answer(kept, [g.detach() if arrays.is_torch(g) else g for g in found], detached)

    @staticmethod
    def _tracked(x: Any, *, tracked: bool) -> Any:
        x = x.detach()
        return x.requires_grad_() if tracked else x


def _pulled(outputs: Sequence[Leaf], judged: Sequence[Any], given: Sequence[Any]) -> Sequence[Any]:
    import torch  # noqa: PLC0415

    pairs = [(y, c) for (_, y), c in zip(outputs, given, strict=True) if c is not None and y.requires_grad]
    if not pairs:
        return [None] * len(judged)
    return torch.autograd.grad([y for y, _ in pairs], judged, [c for _, c in pairs], allow_unused=True)


def _pulled_short(outputs: list[Leaf], judged: Sequence[Any], cotangents: Cotangents) -> tuple[list[Leaf], list[Any]]:
    """Return outputs and gradients, large ones in float32; `outputs` is emptied.

    An output is let go before the backward begins, and a cotangent is made when the backward asks for it: neither is
    held while the arrays inside are.
    """
    import torch  # noqa: PLC0415

    like = [(name, y.detach().new_zeros(()).expand(y.shape)) for name, y in outputs]
    given = cotangents(like)
    moving = [i for i, (_, y) in enumerate(outputs) if given[i] is not None and y.requires_grad]
    del given

    class Root(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *ys: Any) -> Any:  # noqa: ARG004  Torch's signature
            return ys[0].new_zeros(())

        @staticmethod
        def backward(ctx: Any, *_: Any) -> Any:  # noqa: ARG004  Torch's signature
            made = cotangents(like)
            return tuple(made[i] for i in moving)

    root: Any = Root.apply(*[outputs[i][1] for i in moving]) if moving else None  # type: ignore[no-untyped-call]  # Torch's has no types
    kept = [(name, _short(y.detach())) for name, y in outputs]
    outputs.clear()
    found: Sequence[Any] = [None] * len(judged)
    if root is not None:
        found = torch.autograd.grad(root, judged, allow_unused=True)
    return kept, [None if g is None else _short(g) for g in found]


def _short(y: Any) -> Any:
    """Return a large real tensor as a NumPy array of float32: a cast by Torch may be followed in float64 here."""
    return y.numpy(force=True).astype(np.float32) if y.numel() > LARGE and not y.is_complex() else y


@dataclass
class JaxProgram:
    """A JAX function, whose own rules (custom_vjp) are its backward."""

    function: Callable[..., Any]
    title: str
    convert: Callable[[Any], Any] = unchanged

    def run(self, inputs: Inputs, cotangents: Cotangents | None) -> Answer:
        """Call forward and pull the cotangents back."""
        import jax  # noqa: PLC0415

        outputs: list[Leaf] = []

        def forward(*judged: Any) -> list[Any]:
            leaves = list(inputs.leaves)
            for i, x in zip(inputs.judged, judged, strict=True):
                leaves[i] = x
            args, named = inputs.arguments(leaves, self.convert)
            outputs[:] = outputs_of(called(self.function, args, named), self.title)
            return [y for _, y in outputs]

        moving = [inputs.leaves[i] for i in inputs.judged]
        if cotangents is None:
            values = forward(*moving)
            return Answer(list(zip([name for name, _ in outputs], values, strict=True)), [])
        values, pull = jax.vjp(forward, *moving)
        named = list(zip([name for name, _ in outputs], values, strict=True))
        given = [jax.numpy.zeros_like(y) if c is None else c for c, y in zip(cotangents(named), values, strict=True)]
        try:
            gradients = list(pull(given))
        except Exception as error:
            raise BackwardError(f"the backward raised {type(error).__name__}: {error}") from error
        return Answer(named, gradients)


@dataclass
class PairProgram:
    """A pair: ``backward(cotangent, *inputs)``, or ``backward(cotangent, cache)`` of ``(out, cache)``."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    title: str
    cached: bool
    convert: Callable[[Any], Any] = unchanged

    def run(self, inputs: Inputs, cotangents: Cotangents | None) -> Answer:
        """Call forward, then backward."""
        leaves = [x.detach() if arrays.is_torch(x) else x for x in inputs.leaves]
        with _no_grad(leaves):
            args, named = inputs.arguments(leaves, self.convert)
            by_name = isinstance(inputs.template, dict)
            result = called(self.forward, args, named)
            cache = None
            if self.cached:
                if not isinstance(result, tuple | list) or len(result) < 2:
                    raise ArgumentError(f"{self.title} returned {a_kind(result)}, wanted (out, cache) for its backward")
                result, cache = result[0], (result[1] if len(result) == 2 else tuple(result[1:]))
            outputs = outputs_of(result, self.title)
            if cotangents is None:
                return Answer(outputs, [])
            given = list(cotangents(outputs))
            passed: Any = tuple(given) if isinstance(result, tuple | list | dict) else given[0]
            try:
                if self.cached:
                    back = called(self.backward, (passed, cache), {})
                else:
                    extra = named if by_name or _takes(self.backward, named) else {}
                    back = called(self.backward, (passed, *args), extra)
                return Answer(outputs, _by_leaf(back, inputs))
            except GradcheckError:
                raise
            except Exception as error:
                raise BackwardError(f"the backward raised {type(error).__name__}: {error}") from error


@contextlib.contextmanager
def _no_grad(leaves: Sequence[Any]) -> Any:
    if not any(map(arrays.is_torch, leaves)):
        yield
        return
    import torch  # noqa: PLC0415

    with torch.no_grad():
        yield


def _takes(function: Callable[..., Any], named: dict[str, Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    return any(p.kind is p.VAR_KEYWORD for p in parameters.values()) or all(key in parameters for key in named)


def is_cached(forward: Callable[..., Any], backward: Callable[..., Any], inputs: Inputs, outputs: int | None) -> bool:
    """Tell which kind a pair is: whether forward returns ``(out, cache)``.

    ``backward`` takes two arguments then. With one input that holds for both kinds, and the number of the reference's
    outputs decides.
    """
    taken = input_names(backward)
    count = len(inputs.template)
    if len(taken) != 2:
        return False
    if count != 1 or isinstance(inputs.template, dict):
        return True
    args, named = inputs.arguments(inputs.leaves)
    try:
        result = called(forward, args, named)
    except Exception:  # noqa: BLE001  told where the pair is run
        return True
    several = isinstance(result, tuple | list) and len(result) == 2
    return several and outputs != 2


def _by_leaf(back: Any, inputs: Inputs) -> list[Any]:
    """Return what a backward returned as one gradient for each judged leaf."""
    template = inputs.template
    keys = list(template) if isinstance(template, dict) else positional_names(inputs)
    if isinstance(back, dict):
        unknown = [key for key in back if key not in keys]
        if unknown:
            raise BackwardError(f"the backward returned a gradient of {unknown[0]!r}, wanted names among {keys}")
        back = [back.get(key) for key in keys]
    elif arrays.is_array(back) or back is None:
        back = [back]
    elif not isinstance(back, tuple | list):
        raise BackwardError(f"the backward returned {a_kind(back)}, wanted one gradient for each input")
    back = list(back)
    found: list[Any] = []
    values = list(template.values()) if isinstance(template, dict) else list(template)
    if len(back) == len(values):
        for x, g in zip(values, back, strict=True):
            found += _like(g, x)
    elif len(back) == len(inputs.leaves):
        found = back
    elif len(back) == len(inputs.judged):
        found = back
        return found
    else:
        raise BackwardError(f"the backward returned {len(back)} gradients, wanted {len(values)}: one for each input")
    return [found[i] for i in inputs.judged]


def _like(g: Any, x: Any) -> list[Any]:
    """Return the gradient of each floating array in an argument, nested as the argument is, or one after the other."""
    count = sum(1 for _ in flat(x))
    if g is None or not count:
        return [None] * count
    if arrays.is_floating(x):
        return [g]
    if isinstance(g, Mapping) and isinstance(x, Mapping):
        return [part for key, child in x.items() for part in _like(g.get(key), child)]
    if isinstance(g, tuple | list) and isinstance(x, tuple | list) and len(g) == len(x):
        return [part for own, child in zip(g, x, strict=True) for part in _like(own, child)]
    if isinstance(g, tuple | list) and len(g) == count:
        return list(g)
    raise BackwardError(f"the backward returned {a_kind(g)} for an argument that holds {count} arrays, wanted as many")


def positional_names(inputs: Inputs) -> list[str]:
    """Return the name of each positional argument: that of its first leaf, up to the first dot."""
    names = iter(inputs.names)
    found = []
    for i, x in enumerate(inputs.template):
        own = [next(names) for _ in flat(x)]
        found.append(own[0].partition(".")[0] if own else f"arg{i}")
    return found
