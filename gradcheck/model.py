"""check_model(): objects that hold their parameters, judged as functions of these."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

from gradcheck import arrays
from gradcheck.check import check
from gradcheck.claims.kept import twin
from gradcheck.claims.point import finished, synchronous
from gradcheck.claims.promised import promised
from gradcheck.claims.tree import a_kind, flat, shallow
from gradcheck.errors import ArgumentError, shown
from gradcheck.verdicts.options import accepted

if TYPE_CHECKING:
    from gradcheck.verdicts.options import Options
    from gradcheck.verdicts.report import Report


def check_model(
    model: Any,
    args: Any = (),
    *,
    loss: str = "loss",
    grad: str | None = None,
    params: Sequence[str] | str = "params",
    kwargs: Mapping[str, Any] | None = None,
    **options: Unpack[Options],
) -> Report:
    """Judge the gradient of an object that holds its parameters, such as ``self.W`` or ``self.params["W"]``.

    A copy of the object is judged, for its parameters are set at each evaluation; where it cannot be copied they are
    put back afterwards.

    Parameters
    ----------
    model : object
        Whose.
    args : tuple
        What `loss` and `grad` are called with.
    loss : str
        The method that returns the loss; without `grad`, ``(loss, gradients)``.
    grad : str, optional
        The method that returns the gradients: a dict by name, a tuple in the order of `params`, or None if it leaves
        them in the model, as ``model.dW`` (or ``model.grad_W``, ``model.grads["W"]``).
    params : sequence of str, or str
        Attributes that hold the parameters; or the one attribute that is a dict of them.
    kwargs : mapping, optional
        Passed on to both.
    **options : Options
        How to judge.

    Returns
    -------
    Report
        With an argument for each parameter.

    Raises
    ------
    ArgumentError
        If there is no such method or parameter.

    Examples
    --------
    >>> import numpy as np, gradcheck as gc
    >>> class Line:
    ...     def __init__(self):
    ...         self.W = np.array([1.0, -2.0])
    ...     def loss(self, x):
    ...         return np.sum((x @ self.W) ** 2)
    ...     def grad(self, x):
    ...         return 2 * x.T @ (x @ self.W)
    >>> report = gc.check_model(Line(), (np.eye(2) + 1,), grad="grad", params=["W"])
    >>> print(report.verdict, report[0].name)
    PASS W

    """
    for name, x in (("args", args), ("kwargs", kwargs), ("params", params)):
        shallow(x, name)
    named = accepted("kwargs", kwargs) or {}
    with promised({"args": args, "kwargs": named}, f"the {a_kind(model).partition(' ')[2]}") as changed:
        report = _judged(twin(model), args, loss, grad, params, named, options)
    if not changed:
        return report
    note = f"the model changes {', '.join(changed)} in place: it was put back after the check"
    return replace(report, notes=(*report.notes, note)).with_cause(report.cause)


def _judged(
    model: Any,
    args: Any,
    loss: str,
    grad: str | None,
    params: Sequence[str] | str,
    named: Mapping[str, Any],
    options: Options,
) -> Report:
    holder = _Holder(model, params)
    given = args if isinstance(args, tuple | list) else (args,)
    value = _method(model, loss)

    def function(**values: Any) -> Any:
        holder.put(values)
        return finished(value(*given, **named), value)

    def gradients(**values: Any) -> Any:
        holder.put(values)
        method = _method(model, grad)
        found = finished(method(*given, **named), method)
        return holder.left_behind() if found is None else _whole(found, list(values))

    function.__name__ = f"{type(model).__name__}.{loss}"
    try:
        return check(function, None if grad is None else gradients, holder.values(), **options)
    finally:
        holder.restore()


def _whole(found: Any, names: list[str]) -> Any:
    """Return gradients by name: of a dict those of the parameters alone, else as they are."""
    if isinstance(found, Mapping):
        return {name: _copied(found[name]) for name in names if name in found}
    return tuple(map(_copied, found)) if isinstance(found, tuple | list) else _copied(found)


def _copied(x: Any) -> Any:
    return arrays.copied(x) if arrays.is_array(x) else copy.deepcopy(x)


class _Holder:
    """Where a model keeps its parameters."""

    def __init__(self, model: Any, params: Sequence[str] | str) -> None:
        self.model = model
        if not hasattr(model, "__dict__") or isinstance(model, type):
            raise ArgumentError(f"model is {a_kind(model)}, wanted an object that holds its parameters")
        several = isinstance(params, Sequence) and all(isinstance(name, str) for name in params)
        if not several:
            raise ArgumentError(f"params={shown(params)}, wanted names of attributes")
        self.inside = isinstance(params, str) and isinstance(getattr(model, params, None), dict)
        self.place: dict[str, Any] = getattr(model, str(params)) if self.inside else vars(model)
        self.names = list(self.place) if self.inside else [params] if isinstance(params, str) else list(params)
        for name in self.names:
            if name not in self.place:
                held = ", ".join(key for key, x in self.place.items() if arrays.is_array(x)) or "none"
                raise ArgumentError(
                    f"params= names {name!r}, which {type(model).__name__} does not hold; its arrays are {held}: pass "
                    "params= with the names of its parameters, or of the dict of them"
                )
        self.before = {name: self.place[name] for name in self.names}

    def values(self) -> dict[str, Any]:
        """Return the parameters by name."""
        return {name: _as_array(name, x) for name, x in self.before.items()}

    def put(self, values: Mapping[str, Any]) -> None:
        """Set the parameters to copies of `values`."""
        for name, x in values.items():
            self.place[name] = _copied(x)

    def left_behind(self) -> dict[str, Any]:
        """Return the gradients that the model keeps."""
        grads = getattr(self.model, "grads", None)
        kept = grads if isinstance(grads, dict) else {}
        found = {}
        for name in self.names:
            beside = (getattr(self.model, attribute, None) for attribute in (f"d{name}", f"grad_{name}"))
            held = next((g for g in (*beside, kept.get(name)) if g is not None), None)
            if held is None:
                raise ArgumentError(
                    f"the gradient returned None, and {type(self.model).__name__} holds no d{name}, grad_{name} or "
                    f"grads[{name!r}]: let it return the gradients"
                )
            found[name] = _copied(held)
        return found

    def restore(self) -> None:
        """Put the parameters back."""
        self.place.update(self.before)


def _as_array(name: str, x: Any) -> Any:
    """Return a parameter that check() takes: plain numbers as an array."""
    shallow(x, name)
    if any(map(arrays.is_array, flat(x))):
        return x
    try:
        return arrays.of_numbers(x)
    except Exception as error:
        raise ArgumentError(f"the parameter {name} is {a_kind(x)}, wanted an array") from error


def _method(model: Any, name: Any) -> Any:
    found = getattr(model, name, None) if isinstance(name, str) else None
    if not callable(found):
        methods = [m for m in dir(model) if not m.startswith("_") and callable(getattr(model, m))]
        raise ArgumentError(
            f"{type(model).__name__} has no method {shown(name)}; it has {', '.join(methods) or 'none'}: pass loss=, "
            "grad="
        )
    synchronous({name: found})
    return found
