"""Every form in which people write a derivative, brought to a `Claim`: a scalar function and claimed arrays.

An array-valued f is contracted with a fixed random cotangent c, φ = Σ conj(c)·f(x) (its real part), whose gradient the
vjp claims; a jvp claims the same slope from the other side. Torch's own backward is the vjp of an `inputs=` claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.claim import Claim, Tree, WrongClaim, argument_names, by_argument, caller, is_leaf, readable
from gradcheck.errors import ArgumentError
from gradcheck.slopes.streams import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

COTANGENT = 101  # the stream of cotangents, apart from the directions' (argument, probe)


def point(arguments: Any, function: Callable[..., Any], names: Sequence[str] | None) -> tuple[Tree, tuple[Any, ...]]:
    """Return the tree and the leaves of `arguments`.

    Raises
    ------
    ArgumentError
        If they are no tuple, list or dict, or hold no floating array.

    """
    if not isinstance(arguments, tuple | list | dict):
        raise ArgumentError(f"args is a {type(arguments).__name__}, wanted a tuple of arrays: pass args=(x,)")
    template = arguments if isinstance(arguments, dict) else tuple(arguments)
    for i, x in enumerate(_values(template)):
        if isinstance(x, list) and _all_numbers(x):
            raise ArgumentError(f"argument {i} is a list of numbers, wanted an array: pass np.asarray({x[:3]!r}...)")
    labels = () if isinstance(template, dict) else argument_names(function, len(template), names)
    tree = Tree.of(template, labels)
    leaves = tuple(_collect(template))
    if not leaves:
        kinds = [f"{type(x).__name__} {getattr(x, 'dtype', '')}".strip() for x in _values(template)]
        raise ArgumentError(
            f"args has no floating array ({', '.join(kinds) or 'it is empty'}): cast one to float64 of NumPy, Torch "
            "or JAX"
        )
    for leaf, name in zip(leaves, tree.names, strict=True):
        readable(leaf, name)
    return tree, leaves


def _all_numbers(x: Any) -> bool:
    """Tell whether a list holds numbers, and lists of them, and nothing else."""
    return bool(x) and all(
        _all_numbers(entry) if isinstance(entry, list) else isinstance(entry, int | float | complex) for entry in x
    )


def _values(template: Any) -> list[Any]:
    return list(template.values()) if isinstance(template, dict) else list(template)


def _collect(x: Any) -> list[Any]:
    if isinstance(x, dict):
        return [leaf for child in x.values() for leaf in _collect(child)]
    if isinstance(x, list | tuple):
        return [leaf for child in x for leaf in _collect(child)]
    if not is_leaf(x):
        return []
    return [np.asarray(x)[()] if type(x) in (float, complex) else x]


def gradient_of_scalar(
    function: Callable[..., Any],
    gradient: Callable[..., Any] | None,
    arguments: Any,
    names: Sequence[str] | None,
    kwargs: Mapping[str, Any],
) -> Claim:
    """Return the claim that `gradient(*args)` is the gradient of the scalar `function(*args)`.

    Without `gradient`, `function` returns ``(loss, gradients)``.
    """
    tree, leaves = point(arguments, _named(function, gradient, arguments), names)
    call = caller(function, tree, kwargs)
    if gradient is None:
        outcome = call(leaves)
        if not (isinstance(outcome, tuple) and len(outcome) == 2):
            raise ArgumentError(
                f"no gradient was passed and {title_of(function)} returned {type(outcome).__name__}, wanted "
                "(loss, gradients): pass gradient=, vjp=, jvp=, or inputs= for Torch's own backward"
            )

    def loss(values: Sequence[Any]) -> Any:
        result = call(values)
        return result[0] if gradient is None else result

    claimed = call if gradient is None else caller(gradient, tree, kwargs)
    return Claim(
        function=lambda values: arrays.scalar(loss(values), title_of(function)),
        claimed=lambda values: by_argument(claimed(values)[1] if gradient is None else claimed(values), tree),
        leaves=leaves,
        names=tree.names,
        arguments=tree.positional,
        title=title_of(function),
        output_dtype=lambda values: _dtype_of(loss(values)),
        raw=loss,
    )


def _named(function: Callable[..., Any], gradient: Callable[..., Any] | None, arguments: Any) -> Callable[..., Any]:
    """Return the one of the two whose signature names the arguments: f, unless it takes ``*args``."""
    if gradient is None or not isinstance(arguments, tuple | list):
        return function
    count = len(arguments)
    return gradient if argument_names(function, count, None)[-1:] == (f"arg{count - 1}",) else function


def vjp(
    function: Callable[..., Any],
    pullback: Callable[..., Any],
    arguments: Any,
    names: Sequence[str] | None,
    kwargs: Mapping[str, Any],
    seed: int,
) -> Claim:
    """Return the claim that `pullback(cotangent, *args)` is Jᵀ·cotangent of the array- or tuple-valued `function`."""
    tree, leaves = point(arguments, function, names)
    call = caller(function, tree, kwargs)
    first = call(leaves)
    several = isinstance(first, tuple | list | dict)
    out = _outputs(first, function)
    cotangents = [_cotangent(y, (seed, COTANGENT, i)) for i, y in enumerate(out)]

    def pulled(weights: Sequence[Any], values: Sequence[Any]) -> tuple[Any, ...]:
        example = call(values) if arrays.dtype_name(values[0]) != arrays.dtype_name(leaves[0]) else None
        like = out if example is None else _outputs(example, function)
        passed = [arrays.copied(_in_dtype(w, y)) for w, y in zip(weights, like, strict=True)]
        given = tuple(passed) if several else passed[0]
        if isinstance(tree.template, dict):
            result = pullback(given, **tree.fill(values), **kwargs)
        else:
            result = pullback(given, *tree.fill(values), **kwargs)
        if not all(arrays.same(c, _in_dtype(w, y)) for c, w, y in zip(passed, weights, like, strict=True)):
            raise WrongClaim("the vjp changes its cotangent in place: work on a copy")
        return by_argument(result, tree)

    return Claim(
        function=lambda values: _contract(_outputs(call(values), function), cotangents, function),
        claimed=lambda values: pulled(cotangents, values),
        leaves=leaves,
        names=tree.names,
        arguments=tree.positional,
        title=title_of(function),
        output_dtype=lambda values: _dtype_of(_outputs(call(values), function)[0]),
        raw=lambda values: _contract_inside(_outputs(call(values), function), cotangents),
        linear=lambda values: _linearity(lambda w: pulled(w, values), cotangents, tree.names),
    )


def jvp(
    function: Callable[..., Any],
    pushforward: Callable[..., Any],
    arguments: Any,
    names: Sequence[str] | None,
    kwargs: Mapping[str, Any],
    seed: int,
) -> Claim:
    """Return the claim that `pushforward(tangents, *args)` is J·tangents; judged through a random cotangent."""
    tree, leaves = point(arguments, function, names)
    call = caller(function, tree, kwargs)
    out = _outputs(call(leaves), function)
    cotangents = [_cotangent(y, (seed, COTANGENT, i)) for i, y in enumerate(out)]

    def pushed(values: Sequence[Any], index: int, direction: Any) -> float:
        moved = arrays.copied(direction)
        tangents = tree.fill([moved if i == index else _zeros(x) for i, x in enumerate(values)])
        single = not isinstance(tangents, dict) and len(tangents) == 1
        given = tangents[0] if single and not isinstance(tangents[0], tuple | list | dict) else tangents
        try:
            if isinstance(tree.template, dict):
                result = pushforward(given, **tree.fill(values), **kwargs)
            else:
                result = pushforward(given, *tree.fill(values), **kwargs)
        except Exception as error:
            raise WrongClaim(f"the jvp raised {type(error).__name__}: {error}") from error
        if not arrays.same(moved, direction):
            raise WrongClaim(f"the jvp changes the tangent of {tree.names[index]} in place: work on a copy")
        return _contract(_pushed_outputs(result, out), cotangents, pushforward)

    def linear(values: Sequence[Any]) -> str | None:
        for i, x in enumerate(values):
            rng = stream(seed, COTANGENT, 7, i)
            v = arrays.like(rng.standard_normal(arrays.shape_of(x)), x)
            one, two = pushed(values, i, v), pushed(values, i, 2 * v)
            if abs(two - 2 * one) > 64 * arrays.ROUNDOFF[arrays.dtype_name(x)] ** 0.5 * (abs(one) + abs(two)):
                return f"the jvp is not linear in the tangent of {tree.names[i]}: twice the tangent does not give twice"
        return None

    return Claim(
        function=lambda values: _contract(_outputs(call(values), function), cotangents, function),
        claimed=lambda values: tuple(None for _ in values),
        leaves=leaves,
        names=tree.names,
        arguments=tree.positional,
        title=title_of(function),
        output_dtype=lambda values: _dtype_of(_outputs(call(values), function)[0]),
        raw=lambda values: _contract_inside(_outputs(call(values), function), cotangents),
        predicted=pushed,
        linear=linear,
    )


def forward_backward(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    arguments: Any,
    names: Sequence[str] | None,
    kwargs: Mapping[str, Any],
    seed: int,
) -> Claim:
    """Return the claim of a ``forward(*args) -> (out, cache)`` with ``backward(dout, cache) -> gradients``."""
    tree, leaves = point(arguments, forward, names)
    call = caller(forward, tree, kwargs)
    first = call(leaves)
    if not (isinstance(first, tuple) and len(first) == 2):
        raise ArgumentError(
            f"{title_of(forward)} returned {type(first).__name__}, wanted (out, cache) since backward= was passed"
        )

    def output(*args: Any, **named: Any) -> Any:
        return forward(*args, **named)[0]

    def pulled(cotangent: Any, *args: Any, **named: Any) -> Any:
        _, cache = forward(*args, **named)
        return backward(cotangent, cache)

    output.__name__ = title_of(forward)
    return vjp(
        output,
        pulled,
        arguments,
        tree_names(tree, names),
        kwargs,
        seed,
    )


def tree_names(tree: Tree, names: Sequence[str] | None) -> Sequence[str] | None:
    """Return names for a wrapped function, whose own signature is gone."""
    if names is not None or isinstance(tree.template, dict) or len(tree.names) != len(tree.template):
        return names
    return tree.names


def title_of(function: Any) -> str:
    """Return what to call a function in messages."""
    name = getattr(function, "__name__", type(function).__name__)
    if name == "apply" and isinstance(owner := getattr(function, "__self__", None), type):
        return owner.__name__  # a torch.autograd.Function
    return "f" if name == "<lambda>" else str(name)


def _outputs(result: Any, function: Any) -> list[Any]:
    kept = _floating(result)
    if not kept:
        raise ArgumentError(f"{title_of(function)} returned no floating array ({type(result).__name__})")
    return kept


def _floating(result: Any) -> list[Any]:
    """Return the floating arrays and numbers in what a function returned."""
    parts = list(result) if isinstance(result, tuple | list) else [result]
    if isinstance(result, dict):
        parts = list(result.values())
    kept = [p for p in parts if arrays.is_floating(p) or isinstance(p, float)]
    return [np.asarray(p) if isinstance(p, float) and not isinstance(p, np.generic) else p for p in kept]


def _pushed_outputs(result: Any, out: Sequence[Any]) -> list[Any]:
    """Return what a jvp returned, like the outputs `out` of f and finite; raise WrongClaim if it is not."""
    parts = _floating(result)
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


def _cotangent(y: Any, key: tuple[int, ...]) -> np.ndarray[Any, Any]:
    rng = stream(*key)
    c = rng.standard_normal(arrays.shape_of(y))
    if arrays.is_complex(y):
        c = c + 1j * rng.standard_normal(arrays.shape_of(y))
    return _short(c.real) + 1j * _short(c.imag) if arrays.is_complex(y) else _short(c)


def _short(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Round to seven bits, exact in every dtype down to bfloat16: f and vjp then meet the same cotangent."""
    mantissa, exponent = np.frexp(values)
    return np.asarray(np.ldexp(np.round(mantissa * 2**7) / 2**7, exponent))


def _in_dtype(weights: Any, y: Any) -> Any:
    return arrays.like(np.asarray(weights), y)


def _contract(outputs: Sequence[Any], cotangents: Sequence[Any], function: Any) -> float:
    if len(outputs) != len(cotangents):
        raise ArgumentError(f"{title_of(function)} returned {len(outputs)} arrays here, and {len(cotangents)} before")
    total = 0.0
    for y, c in zip(outputs, cotangents, strict=True):
        values = arrays.to_numpy(y)
        if values.shape != c.shape:
            raise ArgumentError(
                f"{title_of(function)} returned shape {values.shape} at one point and {c.shape} at another"
            )
        total += float(np.sum((np.conj(c) * values).real))
    return total


def _contract_inside(outputs: Sequence[Any], cotangents: Sequence[Any]) -> Any:
    """Return the contraction in the outputs' own library, so that an oracle can look inside."""
    total: Any = 0
    for y, c in zip(outputs, cotangents, strict=True):
        weights = np.conj(c) if y.dtype == object else arrays.like(np.conj(c), y)
        total = total + (weights * y).sum()
    return total.real if hasattr(total, "dtype") and "complex" in str(total.dtype) else total


def _dtype_of(result: Any) -> str:
    return arrays.dtype_name(result) if arrays.is_array(result) else "float64"


def _zeros(x: Any) -> Any:
    return arrays.like(np.zeros(arrays.shape_of(x), dtype=np.complex128 if arrays.is_complex(x) else np.float64), x)


def _linearity(
    pulled: Callable[[Sequence[Any]], tuple[Any, ...]], cotangents: Sequence[Any], names: Sequence[str]
) -> str | None:
    """Return a sentence if the vjp of twice (and of minus) the cotangent is not twice (minus) the vjp."""
    once = pulled(cotangents)
    for factor, word in ((2.0, "twice"), (-1.0, "minus")):
        scaled = pulled([factor * c for c in cotangents])
        for g, h, name in zip(once, scaled, names, strict=True):
            if g is None or h is None:
                continue
            one, other = arrays.to_numpy(g), arrays.to_numpy(h)
            if one.shape != other.shape:
                continue
            allowed = 64 * arrays.ROUNDOFF[arrays.dtype_name(g)] ** 0.5 * float(np.linalg.norm(one.ravel()))
            if float(np.linalg.norm((other - factor * one).ravel())) > allowed:
                what = f"{word} the cotangent does not give {word} the gradient of {name}"
                sign = "" if factor == 2 else " sign of the"  # twice gave twice: only the sign can be lost
                for power, told in ((0, f"ignores the{sign} cotangent"), (2, "squares the cotangent")):
                    if float(np.linalg.norm((other - factor**power * one).ravel())) <= allowed:
                        return f"the vjp {told}: {what}"
                return f"the vjp is not linear in the cotangent: {what}"
    return None
