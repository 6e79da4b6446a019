"""check() and assert_gradient(): what the user passes becomes a claim and options."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ParamSpec, Unpack

from gradcheck.claims import raised
from gradcheck.claims.forms import read_claims
from gradcheck.claims.habits import as_point
from gradcheck.claims.jacobian import JacobianClaim
from gradcheck.claims.point import synchronous, title_of
from gradcheck.claims.promised import promised
from gradcheck.claims.tree import shallow
from gradcheck.errors import ArgumentError, ArrayValued, GradcheckError, WrongClaim
from gradcheck.judge import judge
from gradcheck.reports.watch import watched
from gradcheck.verdicts.certificate import Verdict
from gradcheck.verdicts.merged import merged
from gradcheck.verdicts.options import Options, Rules, accepted, read_rules
from gradcheck.verdicts.report import GradientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gradcheck.claims.claim import Claim
    from gradcheck.verdicts.report import ArgumentReport, Report


P = ParamSpec("P")
AS_JACOBIAN = "{} returns an array, so what stands in the gradient's place was read as its Jacobian, jac="
AGAINST_A_WRONG_ONE = (
    "H is judged as the Jacobian of the gradient that is claimed, which is wrong itself: mend that first"
)


@watched
def check(
    f: Callable[..., Any],
    gradient: Callable[..., Any] | None = None,
    args: Any = None,
    *,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    adjoint: Callable[..., Any] | None = None,
    backward: Callable[..., Any] | None = None,
    jac: Any = None,
    sparsity: Any = None,
    hess: Any = None,
    hessp: Callable[..., Any] | None = None,
    approximate: str | None = None,
    residuals: Callable[..., Any] | None = None,
    inputs: Any = None,
    order: int = 1,
    only: Sequence[str] | None = None,
    retract: Mapping[str, Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    names: Sequence[str] | None = None,
    **options: Unpack[Options],
) -> Report:
    """Judge a hand-derived gradient against slopes measured from the function itself.

    Parameters
    ----------
    f : callable
        The function. With `gradient` (or neither, if it returns ``(loss, gradients)``) a scalar; array- or
        tuple-valued with `vjp`, `jvp` or `inputs`; ``(out, cache)`` with `backward`.
    gradient : callable, optional
        ``gradient(*args)`` returns one array for each argument in order (an array alone for a single argument), or a
        dict by argument name; None for an argument that no claim is made about. The Jacobian of an f that returns an
        array is read as `jac`.
    args : tuple, list or dict of arrays
        The point; an array alone for a single argument. A dict is passed by name. Arguments may be nested in dicts,
        lists and tuples.
    vjp : callable, optional
        ``vjp(cotangent, *args)`` claims Jᵀ·cotangent (a tuple of cotangents where f returns a tuple).
    jvp : callable, optional
        ``jvp(tangents, *args)`` claims J·tangents (a tuple like args; an array alone for a single argument).
    adjoint : callable, optional
        ``adjoint(y)`` claims f*(y) of a linear f, which then must be linear in all arguments that this is claimed for.
    backward : callable, optional
        ``backward(dout, cache)`` for an f that returns ``(out, cache)``.
    jac : callable or matrix, optional
        ``jac(*args)`` claims the Jacobian of an f with any output: dense (of shape output + argument, or rows by
        columns), batched (leading axes that output and argument share), ``scipy.sparse`` or a LinearOperator; for
        several arguments a tuple or dict with one for each, or one matrix with the columns of all. A matrix instead
        of a function is claimed at the point only.
    sparsity : matrix, optional
        The pattern declared to a solver (SciPy's ``jac_sparsity``), with `jac` or alone. An entry that it misses is a
        FAIL.
    hess : callable or matrix, optional
        Beside `gradient`: ``hess(*args)`` claims the gradient's Jacobian, one matrix (dense, sparse or an operator, of
        all arguments flattened and joined) or one block for each pair of arguments; an array like the argument is a
        diagonal. True if `gradient` returns ``(gradient, Hessian)``.
    hessp : callable, optional
        Beside `gradient`: ``hessp(x, p, *rest)`` claims H·p, as SciPy passes it; ``hessp(*args, p)``, p a tuple like
        args, where the gradient is claimed for several arguments.
    approximate : {"gauss-newton"}, optional
        Beside `hess` or `hessp`: they leave the second-order term of a sum of squares out on purpose. With `residuals`
        they are judged as JᵀJ (times 2s, for f = s·Σ r²); without, they are only held to be symmetric and positive
        semidefinite, and the report says so.
    residuals : callable, optional
        ``residuals(*args)`` returns r of f = s·Σ r², s being any number.
    inputs : tuple, dict or tensor, optional
        Torch: the claim is f's own backward (a function, an `autograd.Function`'s apply, or a module).
    order : int
        With `inputs`: 2 judges the backward's own backward (double backward).
    only : sequence of str, optional
        Names of the arguments to judge. Gradients of the others are ignored, and need not be returned.
    retract : mapping, optional
        By argument name (``poses.0`` inside a nested one): how it moves on a manifold, one of `gradcheck.manifolds` or
        a function ``retract(x, v)`` with the number of coordinates, ``(retract, 3)``. Gradients, and what they are
        judged with, are then claimed in the coordinates v, at v = 0.
    kwargs : mapping, optional
        Passed on to every function unchanged.
    names : sequence of str, optional
        Names of the arguments; by default those of the signature.
    **options : Options
        How to judge: ``rtol``, ``atol``, ``piecewise_constant``, ``straight_through``, ``confidence``, ``probes``,
        ``seed``, ``oracle``, ``max_evaluations``, ``max_seconds``, ``progress``, ``executor``, ``kink``, ``kink_of``,
        ``tangent``, ``every_entry``, ``deterministic``, ``inplace_cotangent``, ``batch_axis``; see
        `gradcheck.verdicts.options.Options`.

    Returns
    -------
    Report
        ``report.verdict``, ``report["w1"].error``, ``print(report)``.

    Raises
    ------
    ArgumentError
        If what is passed cannot be checked: the message says what was passed, what was wanted and what to do.
        What the *claim* gets wrong (a gradient of the wrong shape, a NaN in it) is a FAIL, not an exception.

    Notes
    -----
    Complex arguments: g = ∂f/∂a + i ∂f/∂b for an entry a + ib (Torch's convention, used for NumPy too; for JAX arrays
    its own, the conjugate).

    Examples
    --------
    >>> import numpy as np, gradcheck as gc
    >>> report = gc.check(lambda w: np.sum(w**2), lambda w: 2 * w, (np.array([0.5, -1.5]),))
    >>> print(report.verdict, report[0].error.high < 1e-6)
    PASS True

    """
    rules = read_rules(options)
    args = as_point(f, args)
    given = {"gradient": gradient, "vjp": vjp, "jvp": jvp, "backward": backward, "jac": jac, "hess": hess}
    given |= {"hessp": hessp, "adjoint": adjoint, "inputs": inputs, "sparsity": sparsity}
    beside: dict[str, Any] = {"order": order, "kwargs": kwargs, "names": names, "only": only}
    beside |= {"approximate": approximate, "residuals": residuals}
    given |= {name: accepted(name, x) for name, x in beside.items()}
    retract = accepted("retract", retract)
    for name, x in {"args": args, **given}.items():
        shallow(x, name)
    synchronous({"retract": retract, **options})
    passed = {"args": args, "inputs": inputs, "kwargs": given["kwargs"]}
    given |= {"seed": rules.seed, "oracle": rules.oracle, "terms": rules.terms}
    with promised(passed, "what was passed", " when it was used again") as changed:
        report = _as_meant(f, args, given, retract, rules)
        if retract and not report:
            report = _by_another_convention(report, f, args, given, retract, rules)
    if changed:
        note = f"{title_of(f)} or its gradient changes {', '.join(changed)} in place: it was put back after the check"
        report = replace(report, notes=(*report.notes, note)).with_cause(report.cause)
    return report


def _as_meant(
    f: Callable[..., Any], args: Any, given: Mapping[str, Any], retract: Mapping[str, Any] | None, rules: Rules
) -> Report:
    """Return the report; where f returns an array, and the gradient its Jacobian, that on the Jacobian."""
    try:
        report = _judged(f, args, given, retract, rules)
    except ArrayValued as error:
        matrix = _as_jacobian(f, args, given, retract, rules)
        if matrix is None:
            raise ArgumentError(str(error)) from error
        return matrix
    return (report.complaint and _as_jacobian(f, args, given, retract, rules)) or report


def _as_jacobian(
    f: Callable[..., Any], args: Any, given: Mapping[str, Any], retract: Mapping[str, Any] | None, rules: Rules
) -> Report | None:
    """Return the report on ``jac=gradient``, None where that is not what is meant.

    A matrix of f's outputs by its arguments can mean nothing else. An array like the argument itself may be the
    derivative of each entry, or the gradient of their sum: only a PASS shows that it is the former.
    """
    if given["gradient"] is None:
        return None
    asked = {**given, "gradient": None, "jac": given["gradient"]}
    try:
        claim = next(read_claims(f, args, retract=retract, **asked))
        whole = isinstance(claim, JacobianClaim) and claim.fits()
    except Exception:  # noqa: BLE001  whatever it is, or is passed with, it is no Jacobian
        return None
    if whole is None:
        return None
    report = _judged(f, args, asked, retract, rules)
    if not whole and not report:
        return None
    return replace(report, notes=(AS_JACOBIAN.format(title_of(f)), *report.notes))


def _judged(
    f: Callable[..., Any], args: Any, given: Mapping[str, Any], retract: Mapping[str, Any] | None, rules: Rules
) -> Report:
    """Return the report on every claim that is made, merged; none after the first that breaks its contract."""
    claims = read_claims(f, args, **given, retract=retract)
    reports: list[Report] = []
    while (claim := _next(claims, f, rules.straight_through)) is not None:
        try:
            reports.append(judge(claim, rules))
        finally:
            claim.restore()
        if reports[-1].complaint:
            break
    if len(reports) > 1 and reports[0].verdict is Verdict.FAIL:
        reports[1] = replace(reports[1], notes=(*reports[1].notes, AGAINST_A_WRONG_ONE))
    return merged(title_of(f), reports)


def _by_another_convention(
    report: Report,
    f: Callable[..., Any],
    args: Any,
    given: Mapping[str, Any],
    retract: Mapping[str, Any],
    rules: Rules,
) -> Report:
    """Return the report, with what is right by another convention of a group told so: the other side, another order."""
    waiting = {name: list(move.others()) for name, move in retract.items() if hasattr(move, "others")}
    while not report.complaint:  # all that are still wrong turn together: each depends on its own convention alone
        wrong = {a.name for a in report.arguments if a.verdict is Verdict.FAIL}
        turned = {name: others.pop(0) for name, others in waiting.items() if name in wrong and others}
        if not turned:
            break
        there = _as_meant(f, args, given, {**retract, **turned}, rules)
        told = {
            a.name: retract[a.name].told(turned[a.name])
            for a in there
            if a.name in turned and a.verdict is Verdict.PASS
        }
        arguments = (_as_told(a, *told[a.name]) if a.name in told else a for a in report.arguments)
        report = replace(report, arguments=tuple(arguments))
        waiting = {name: others for name, others in waiting.items() if name not in told}
    return report


def _as_told(argument: ArgumentReport, mistake: str, advice: str) -> ArgumentReport:
    return argument.with_(mistakes=(mistake, *argument.mistakes), advice=advice)


def _next(claims: Iterator[Claim], f: Callable[..., Any], smooth: Callable[..., Any] | None) -> Claim | None:
    """Return the next claim, None after the last; what f raises while it is read is the caller's error."""
    try:
        claim = next(claims, None)
        if claim is None or smooth is None:
            return claim
        other = claim.standing_for(smooth)
        apart = abs(claim.function(claim.leaves) - other.function(claim.leaves))
        note = f"held against straight_through={title_of(smooth)}, which differs from f by {apart:.1e} at the point"
        return other.with_(notes=(*claim.notes, note))
    except WrongClaim as error:  # it fitted when the claim before this one was judged
        raise ArgumentError(f"{error}, though not at every call: let it return the same for the same point") from error
    except GradcheckError:
        raise
    except Exception as error:
        raise ArgumentError(raised.sentence(title_of(f), error, " at the point")) from error


def _takes_what(original: Callable[P, Report]) -> Callable[[Callable[..., Report]], Callable[P, Report]]:
    """Return a decorator that gives a verb the parameters of another, for people and for type checkers."""

    def decorated(verb: Callable[..., Report]) -> Callable[P, Report]:
        verb.__signature__ = inspect.signature(original)  # type: ignore[attr-defined]  # as functools.wraps sets it
        return verb

    return decorated


@_takes_what(check)
def assert_gradient(*args: Any, **options: Any) -> Report:
    """Raise GradientError unless the verdict is PASS; takes what `check` takes, and returns its report.

    Raises
    ------
    GradientError
        On FAIL and on INCONCLUSIVE; its message and its ``report`` say why.

    """
    __tracebackhide__ = True  # in pytest, where the report says what is wrong and this frame does not
    report = check(*args, **options)
    if not report:
        raise GradientError(report) from report.cause
    return report


def check_module(
    module: Any,
    inputs: Any,
    *,
    order: int = 1,
    kwargs: Mapping[str, Any] | None = None,
    names: Sequence[str] | None = None,
    only: Sequence[str] | None = None,
    **options: Unpack[Options],
) -> Report:
    """Judge the backward of a Torch module in its inputs and every parameter that requires a gradient.

    Parameters
    ----------
    module : torch.nn.Module
        Its parameters are arguments, as its inputs are.
    inputs : tuple, dict or tensor
        What the module is called with.
    order, kwargs, names, only
        As `check` takes them.
    **options : Options
        How to judge.

    """
    return check(module, inputs=inputs, order=order, kwargs=kwargs, names=names, only=only, **options)
