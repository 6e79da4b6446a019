"""Calls as people know them from Torch, JAX and their own classes, read as they are meant.

* ``check(Fn.apply, (x, w))``, as torch.autograd.gradcheck takes it, is ``check(Fn.apply, inputs=(x, w))``.
* ``check(f, args=(x, w))`` of a Torch or JAX function judges its own backward, unless it returns (loss, gradients).
* ``check(layer, args=(x,))``, of an object with ``forward`` and ``backward(dout)``, judges the one by the other.
* ``check(f, gradient, x)`` is ``check(f, gradient, (x,))``: an array, a list of numbers as SciPy takes it, a dict of
  parameters that f takes whole.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.claims.jax_backward import has_jax_array
from gradcheck.claims.kept import Kept
from gradcheck.claims.point import all_numbers, finished
from gradcheck.claims.torch_graph import any_tensor
from gradcheck.claims.torch_module import is_module

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def as_meant(function: Any, args: Any, given: Mapping[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    """Return function, args and the forms' values, with a habit of another library's brought to the form meant."""
    named = {key: value for key, value in given.items() if value is not None}
    if args is None and set(named) == {"gradient"}:
        first = named["gradient"]
        if _has_tensor(first):
            return function, None, {"inputs": first}
        if _is_point(function, first):
            args, named, given = as_point(function, first), {}, {}
    if args is None or named:
        return function, args, dict(given)
    if is_module(function):
        return function, None, {"inputs": args}
    if _is_layer(function):
        return _forward(function), args, {"backward": lambda dout, layer: layer.backward(dout)}
    if _has_tensor(args) and callable(function) and not _is_pair(function, args):
        return function, None, {"inputs": args}
    return function, args, dict(given)


def as_point(function: Any, args: Any) -> Any:
    """Return `args` as a tuple or dict of arguments: an array alone is the one argument.

    A list, tuple or dict is the one argument itself where f cannot be called with its entries, and takes it whole; a
    list of numbers is then an array, as SciPy takes it.
    """
    if arrays.is_array(args) or isinstance(args, float | complex):
        return (args,)
    if not isinstance(args, list | tuple | dict) or not args or _takes(function, args) or not _takes(function, [None]):
        return args
    if isinstance(args, list) and all_numbers(args):
        return (arrays.of_numbers(args),)
    kept = Kept({"args": args})
    try:
        finished(function(args), function)
    except Exception:  # noqa: BLE001  it does not take it whole either
        return args
    finally:
        kept.put_back()
    return (args,)


def _takes(function: Any, args: Any) -> bool:
    """Tell whether a function can be called with arguments by position or by name; one that hides that can."""
    try:
        signature = inspect.signature(function)
        if isinstance(args, dict):
            signature.bind_partial(**args)
        else:
            signature.bind_partial(*args)
    except TypeError:
        return False
    except Exception:  # noqa: BLE001  a signature that is not told, or raises
        return True
    return True


def _has_tensor(x: Any) -> bool:
    return any_tensor(x) or has_jax_array(x)


def _is_pair(function: Callable[..., Any], args: Any) -> bool:
    """Tell whether a function returns a number and something beside it: a loss and its gradients."""
    result = finished(function(**args) if isinstance(args, dict) else function(*args), function)
    if not (isinstance(result, tuple) and len(result) == 2):
        return False
    loss = result[0]
    return isinstance(loss, float) or (arrays.is_array(loss) and arrays.total_size([loss]) == 1)


def _is_point(function: Any, x: Any) -> bool:
    """Tell whether what stands in the gradient's place is the point: f returns (loss, gradients), or is a layer."""
    if callable(x) or not (callable(function) or _is_layer(function)):
        return False
    args = as_point(function, x)
    if not isinstance(args, tuple | list | dict) or not args:
        return False
    try:
        return _is_layer(function) or _is_pair(function, args)
    except Exception:  # noqa: BLE001  f does not take it: it is no point
        return False


def _is_layer(x: Any) -> bool:
    """Tell whether x is an object of its own with forward and backward methods, and no module or Function of Torch."""
    ours = not isinstance(x, type) and not is_module(x) and not hasattr(x, "apply")
    return ours and callable(getattr(x, "forward", None)) and callable(getattr(x, "backward", None))


def _forward(layer: Any) -> Callable[..., Any]:
    """Return the forward of a layer that keeps what its backward needs: the layer is the cache."""

    def forward(*args: Any, **kwargs: Any) -> Any:
        return layer.forward(*args, **kwargs), layer

    forward.__name__ = type(layer).__name__
    forward.__wrapped__ = layer.forward  # type: ignore[attr-defined]  # where signatures are read from
    return forward
