"""Problems as SciPy takes them: put `gradcheck.scipy.` in front of the call you have.

`minimize`, `least_squares`, `curve_fit`, `root` and `solve_ivp` take what their namesakes of `scipy.optimize` and
`scipy.integrate` take, and `nonlinear_constraint` an object of `scipy.optimize`. Each judges every derivative that is
passed, and returns one report. What only steers the solver (``method``, ``bounds``, ``tol``) is left alone.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

from gradcheck.check import check
from gradcheck.claims.point import finished, synchronous, title_of
from gradcheck.claims.promised import promised
from gradcheck.claims.tree import a_kind, shallow
from gradcheck.errors import ArgumentError
from gradcheck.slopes.streams import Purpose, stream
from gradcheck.verdicts.merged import merged
from gradcheck.verdicts.options import Options, accepted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from gradcheck.verdicts.report import Report

P = ParamSpec("P")

# What solve_ivp passes on to its methods; its rtol is a solver's, not gradcheck's.
STEPPER = {"rtol", "atol", "first_step", "max_step", "min_step", "jac_sparsity", "lband", "uband"}

__all__ = ["curve_fit", "least_squares", "minimize", "nonlinear_constraint", "root", "solve_ivp"]


def _promised(verb: Callable[P, Report]) -> Callable[P, Report]:
    """Let a verb keep what every call promises of what it is passed."""
    signature = inspect.signature(verb)

    @functools.wraps(verb)
    def told(*args: P.args, **options: P.kwargs) -> Report:
        passed = signature.bind(*args, **options).arguments
        for name, x in passed.items():
            shallow(x, name)
        synchronous(passed)
        with promised(passed, "what was passed") as changed:
            report = verb(*args, **options)
        if not changed:
            return report
        note = f"the problem changes {', '.join(changed)} in place: it was put back after the check"
        return replace(report, notes=(*report.notes, note)).with_cause(report.cause)

    return told


@_promised
def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    *,
    jac: Any = None,
    hess: Any = None,
    hessp: Callable[..., Any] | None = None,
    constraints: Any = (),
    approximate: str | None = None,
    residuals: Callable[..., Any] | None = None,
    **options: Any,
) -> Report:
    """Judge gradient, Hessian, products with it, and constraints of a problem for `scipy.optimize.minimize`.

    Parameters
    ----------
    fun, x0, args, jac, hess, hessp, constraints
        As SciPy takes them: ``fun(x, *args)``, ``jac(x, *args)`` (or True, if `fun` returns both), ``hess(x, *args)``,
        ``hessp(x, p, *args)``; constraints as objects or dicts.
    approximate, residuals
        As `gradcheck.check` takes them, ``residuals(x, *args)``.
    **options
        How to judge (see `gradcheck.check`), and SciPy's own, which are left alone.

    Raises
    ------
    ArgumentError
        If no derivative is passed.

    """
    judged = _options("minimize", options)
    extra = _extra(args)
    x = _point(x0)
    pair = jac is True or (jac is None and callable(fun) and _returns_pair(fun, x, extra))
    gradient = (lambda x: _called(fun, x, *extra)[1]) if pair else _claimed(jac, extra)
    value = _named(fun, (lambda x: _called(fun, x, *extra)[0]) if pair else (lambda x: _called(fun, x, *extra)))
    given = {"hess": _claimed(hess, extra), "hessp": None if hessp is None else (lambda x, p: hessp(x, p, *extra))}
    meant = {"approximate": approximate, "residuals": _claimed(residuals, extra)}
    reports = []
    if gradient is not None:
        reports.append(check(value, gradient, (x,), names=["x"], **given, **meant, **judged))
    elif any(v is not None for v in given.values()):
        raise ArgumentError("hess= and hessp= are judged against the gradient: pass jac= too, as a function")
    several = constraints if isinstance(constraints, list | tuple) else [constraints]
    reports += [r for c in several if (r := _constraint(c, x, judged)) is not None]
    return _all(fun, reports, "jac=")


@_promised
def least_squares(
    fun: Callable[..., Any],
    x0: Any,
    jac: Any = None,
    *,
    jac_sparsity: Any = None,
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    **options: Any,
) -> Report:
    """Judge the Jacobian of the residuals of a problem for `scipy.optimize.least_squares`; see `minimize`.

    Without `jac` a `jac_sparsity` is judged alone.
    """
    judged = _options("least_squares", options)
    extra, named = _extra(args), accepted("kwargs", kwargs) or {}
    residuals = _named(fun, lambda x: np.atleast_1d(_called(fun, x, *extra, **named)))
    claimed = _claimed(jac, extra, named)
    matrix = None if claimed is None else _rows(claimed)
    if matrix is None and jac_sparsity is None:
        return _all(fun, [], "jac=")
    return check(residuals, jac=matrix, args=(_point(x0),), names=["x"], sparsity=jac_sparsity, **judged)


@_promised
def curve_fit(
    f: Callable[..., Any], xdata: Any, ydata: Any, p0: Any = None, *, jac: Any = None, **options: Any
) -> Report:
    """Judge ``jac(xdata, *params)`` of a problem for `scipy.optimize.curve_fit`, at `p0`; see `minimize`."""
    del ydata
    judged = _options("curve_fit", options)
    if p0 is None:  # as SciPy starts
        p0 = np.ones(len(inspect.signature(f).parameters) - 1)
    claimed = (lambda p: jac(xdata, *p)) if callable(jac) else None
    if claimed is None:
        return _all(f, [], "jac=")
    return check(
        _named(f, lambda p: np.asarray(_called(f, xdata, *p))), jac=claimed, args=(_point(p0),), names=["p"], **judged
    )


@_promised
def root(fun: Callable[..., Any], x0: Any, args: Any = (), *, jac: Any = None, **options: Any) -> Report:
    """Judge the Jacobian of a problem for `scipy.optimize.root`; see `minimize`."""
    judged = _options("root", options)
    extra = _extra(args)
    pair = jac is True
    claimed = (lambda x: _called(fun, x, *extra)[1]) if pair else _claimed(jac, extra)
    if claimed is None:
        return _all(fun, [], "jac=")
    steering = options.get("options")
    if isinstance(steering, dict) and steering.get("col_deriv"):
        rows = claimed
        claimed = lambda x: np.transpose(rows(x))  # noqa: E731  columns are outputs, as the option says
    value = _named(fun, lambda x: np.asarray(_called(fun, x, *extra)[0] if pair else _called(fun, x, *extra)))
    return check(value, jac=claimed, args=(_point(x0),), names=["x"], **judged)


@_promised
def solve_ivp(
    fun: Callable[..., Any], t_span: Any, y0: Any, *, jac: Any = None, args: Any = None, **options: Any
) -> Report:
    """Judge ``jac(t, y)``, ∂f/∂y at the start of `t_span`, of a problem for `scipy.integrate.solve_ivp`.

    `jac` may be a matrix, which is then claimed for every t and y: it is judged at `y0` only. See `minimize`.
    """
    judged = _options("solve_ivp", options)
    t, extra = float(_point(t_span).real.ravel()[:1].sum()), _extra(() if args is None else args)
    sparsity = options.get("jac_sparsity")
    claimed = (lambda y: jac(t, y, *extra)) if callable(jac) else jac
    if claimed is None and sparsity is None:
        return _all(fun, [], "jac=")
    right_side = _named(fun, lambda y: _floating(_called(fun, t, y, *extra)))
    return check(right_side, jac=claimed, args=(_point(y0),), names=["y"], sparsity=sparsity, **judged)


@_promised
def nonlinear_constraint(constraint: Any, x: Any, **options: Any) -> Report:
    """Judge jac(x) and hess(x, v), the Hessian of v·fun, of a `scipy.optimize.NonlinearConstraint`; see `minimize`.

    Parameters
    ----------
    constraint : NonlinearConstraint, or a dict with "fun" and "jac"
        What is to be judged.
    x : array
        The point.
    **options
        How to judge.

    """
    found = _constraint(constraint, _point(x), _options("minimize", options))
    return _all(getattr(constraint, "fun", constraint), [] if found is None else [found], "jac=")


def _constraint(constraint: Any, x: NDArray[Any], judged: Mapping[str, Any]) -> Report | None:
    """Return the report on one constraint, None where it claims no derivative (a linear one, say)."""
    if isinstance(constraint, dict):
        extra = _extra(constraint.get("args", ()))
        fun, jac, hess = constraint.get("fun"), _claimed(constraint.get("jac"), extra), None
    else:
        extra = ()
        fun = getattr(constraint, "fun", None)
        jac, hess = _claimed(getattr(constraint, "jac", None), ()), getattr(constraint, "hess", None)
    if fun is None or jac is None:
        return None
    values = _named(fun, lambda x: np.atleast_1d(_floating(_called(fun, x, *extra))))
    reports = [check(values, jac=_rows(jac), args=(x,), names=["x"], **judged)]
    if callable(hess):
        v = stream(int(judged.get("seed", 0)), Purpose.COTANGENT, 0).standard_normal(values(x).shape)
        combined = _named(fun, lambda x: v @ _rows(jac)(x))
        curved = check(combined, jac=lambda x: hess(x, v), args=(x,), names=["hess(x, v)"], **judged)
        reports.append(curved)
    return merged(title_of(fun), reports)


def _rows(jac: Any) -> Callable[[Any], Any]:
    """Return a function whose Jacobian of one output has that one row."""

    def matrix(x: Any) -> Any:
        found = jac(x) if callable(jac) else jac
        return np.reshape(found, (1, -1)) if not hasattr(found, "dot") or np.ndim(found) == 1 else found

    return matrix


def _claimed(derivative: Any, extra: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> Any:
    """Return a derivative as a function of x alone; None where SciPy is to approximate it."""
    named = dict(kwargs or {})
    return (lambda x: _called(derivative, x, *extra, **named)) if callable(derivative) else None


def _called(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a function of the user returns; raise ArgumentError where it would yet have to run."""
    return finished(function(*args, **kwargs), function)


def _returns_pair(fun: Callable[..., Any], x: NDArray[Any], extra: Sequence[Any]) -> bool:
    result = _called(fun, x.copy(), *extra)
    return isinstance(result, tuple) and len(result) == 2


def _point(x: Any) -> NDArray[Any]:
    try:
        values = _floating(x)
    except Exception as error:
        raise ArgumentError(f"the point is {a_kind(x)} that NumPy cannot read, wanted numbers") from error
    if values.dtype.kind not in "fc":
        raise ArgumentError(f"the point is {a_kind(x)}, wanted numbers")
    return values


def _floating(result: Any) -> NDArray[Any]:
    """Return numbers as an array of floats, complex ones as they are."""
    values = np.asarray(result)
    return values.astype(np.float64) if values.dtype.kind in "iu" else values


def _extra(args: Any) -> tuple[Any, ...]:
    return tuple(args) if isinstance(args, tuple | list) else (args,)


def _named(fun: Callable[..., Any], wrapped: Callable[[Any], Any]) -> Callable[[Any], Any]:
    wrapped.__name__ = title_of(fun)
    return wrapped


def _options(verb: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of gradcheck; SciPy's own are left alone.

    Raises
    ------
    ArgumentError
        For an option that is neither's.

    """
    from scipy import integrate, optimize  # noqa: PLC0415  SciPy's solvers take a while to load

    known = {*inspect.signature(getattr(optimize, verb, None) or getattr(integrate, verb)).parameters}
    if verb == "solve_ivp":
        known |= STEPPER
    if verb == "curve_fit":  # passed on to these
        known |= {
            *inspect.signature(optimize.leastsq).parameters,
            *inspect.signature(optimize.least_squares).parameters,
        }
    for name in options:
        if name not in known and name not in Options.__annotations__:
            raise ArgumentError(f"{name}= is an option of neither gradcheck nor SciPy's {verb}")
    return {name: value for name, value in options.items() if name not in known}


def _all(fun: Any, reports: Sequence[Report], what: str) -> Report:
    if not reports:
        raise ArgumentError(f"{title_of(fun)}: no derivative was passed, wanted {what} as a function: nothing to check")
    return merged(title_of(fun), reports)


def __getattr__(name: str) -> Any:
    """Say which problems there are."""
    if name.startswith("_"):
        raise AttributeError(name)
    raise AttributeError(
        f"gradcheck.scipy has no {name}, only {', '.join(__all__)}: pass the functions to gradcheck.check"
    )
