"""check() and assert_gradient(): from what the user passes to a report. Wiring, no maths."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import accuracy, arrays, contract, diagnosis, forms, kink, locate
from gradcheck.certificate import Interval, Verdict, default_resolution
from gradcheck.claim import Claim, WrongClaim, check_point, finite_point
from gradcheck.contract import Gradient
from gradcheck.errors import ArgumentError, GradcheckError, GradientError
from gradcheck.measure import BudgetReached, Field, quiet
from gradcheck.oracles.finite_difference import FiniteDifferences
from gradcheck.report import ArgumentReport, Report
from gradcheck.tangent import tangents
from gradcheck.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcheck.oracles.base import Oracle
    from gradcheck.report import Accuracy, Probe

# f that moves in steps larger than this, relative to |f|, is piecewise constant by design: 2^-7 is the largest step of
# any floating dtype (bfloat16).
STEPS = 2.0**-7
ROUND_OFF = 2.0**6  # f that moves in steps of so many units of round-off may well move in none
# Where a claim is wrong at a kink its mistake is named this far beside it, relative to the arguments: off the kink, and
# near enough for the neighbourhood to be the same.
BESIDE, BESIDE_STREAM = 2.0**-6, 8191
FINITE_DIFFERENCES = "finite differences"
ORACLES = (FINITE_DIFFERENCES, "autograd", "exact")
FROZEN = "is the same to the bit at another point, though f curves: right here, but kept from an earlier call?"
CONTRACT = 3  # evaluations before any number: f's dtype, its value, and its value again
CONVENTIONS = ("right", "left", "midpoint")


@dataclass(frozen=True)
class Options:
    """How to judge; see `check`."""

    rtol: float | None
    confidence: float
    probes: int
    seed: int
    oracle: str | None
    max_evaluations: int | None
    kink: str | None
    kink_of: Callable[..., Any] | None
    tangent: Mapping[str, Callable[[Any], Any]]

    def __post_init__(self) -> None:
        if self.rtol is not None and not (_is_number(self.rtol) and math.isfinite(self.rtol) and self.rtol > 0):
            raise ArgumentError(f"rtol={self.rtol!r}, wanted a positive number, or None for significant errors to fail")
        if not (_is_number(self.confidence) and 0 < self.confidence < 1):
            raise ArgumentError(f"confidence={self.confidence!r}, wanted a probability inside (0, 1) such as 0.9999")
        if not (_is_integer(self.probes) and self.probes >= 2):
            raise ArgumentError(
                f"probes={self.probes!r}, wanted an integer of 2 or more: one direction proves no error"
            )
        if not (_is_integer(self.seed) and self.seed >= 0):
            raise ArgumentError(f"seed={self.seed!r}, wanted an integer of 0 or more")
        if self.oracle is not None and self.oracle not in ORACLES:
            raise ArgumentError(f"oracle={self.oracle!r}, wanted one of {', '.join(map(repr, ORACLES))}, or None")
        if self.max_evaluations is not None and not (
            _is_integer(self.max_evaluations) and self.max_evaluations > CONTRACT
        ):
            raise ArgumentError(
                f"max_evaluations={self.max_evaluations!r}, wanted None, or an integer above the {CONTRACT} of the "
                "contract"
            )
        if self.kink is not None and self.kink not in CONVENTIONS:
            raise ArgumentError(f"kink={self.kink!r}, wanted one of {', '.join(map(repr, CONVENTIONS))}, or None")
        if self.kink_of is not None and not callable(self.kink_of):
            raise ArgumentError(f"kink_of is a {type(self.kink_of).__name__}, wanted a function of the arguments")
        if not isinstance(self.tangent, Mapping) or not all(map(callable, self.tangent.values())):
            raise ArgumentError(
                "tangent= takes functions of a direction by argument name, such as {'a': lambda v: v + v.T}"
            )


def _guarded(kink_of: Callable[..., Any]) -> Callable[..., Any]:
    """Return kink_of with what it raises told as the caller's error."""

    def guarded(*args: Any) -> Any:
        try:
            return kink_of(*args)
        except Exception as error:
            raise ArgumentError(f"kink_of= raised {type(error).__name__}: {error}") from error

    return guarded


def _is_number(x: Any) -> bool:
    return isinstance(x, numbers.Real) and not isinstance(x, bool)


def _is_integer(x: Any) -> bool:
    return isinstance(x, int) and not isinstance(x, bool)


def _plain(x: Any) -> Any:
    """Return an integer of NumPy's as one of Python's, anything else as it is."""
    return int(x) if isinstance(x, np.integer) else x


def check(
    f: Callable[..., Any],
    gradient: Callable[..., Any] | None = None,
    args: Any = None,
    *,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    backward: Callable[..., Any] | None = None,
    inputs: Any = None,
    order: int = 1,
    kwargs: Mapping[str, Any] | None = None,
    names: Sequence[str] | None = None,
    rtol: float | None = None,
    confidence: float = 0.9999,
    probes: int = 4,
    seed: int = 0,
    oracle: str | None = None,
    max_evaluations: int | None = None,
    kink: str | None = None,
    kink_of: Callable[..., Any] | None = None,
    tangent: Mapping[str, Callable[[Any], Any]] | None = None,
) -> Report:
    """Judge a hand-derived gradient against slopes measured from the function itself.

    Parameters
    ----------
    f : callable
        The function. With `gradient` (or neither, if it returns ``(loss, gradients)``) a scalar; array- or
        tuple-valued with `vjp`, `jvp` or `inputs`; ``(out, cache)`` with `backward`.
    gradient : callable, optional
        ``gradient(*args)`` returns one array for each argument in order (an array alone for a single argument), or a
        dict by argument name; None for an argument that no claim is made about.
    args : tuple, list or dict of arrays
        The point. A dict is passed by name. Arguments may be nested in dicts, lists and tuples.
    vjp : callable, optional
        ``vjp(cotangent, *args)`` claims Jᵀ·cotangent (a tuple of cotangents where f returns a tuple).
    jvp : callable, optional
        ``jvp(tangents, *args)`` claims J·tangents (a tuple like args; an array alone for a single argument).
    backward : callable, optional
        ``backward(dout, cache)`` for an f that returns ``(out, cache)``.
    inputs : tuple, dict or tensor, optional
        Torch: the claim is f's own backward (a function, an `autograd.Function`'s apply, or a module).
    order : int
        With `inputs`: 2 judges the backward's own backward (double backward).
    kwargs : mapping, optional
        Passed on to every function unchanged.
    names : sequence of str, optional
        Names of the arguments; by default those of the signature.
    rtol : float, optional
        Relative error to allow: an approximate gradient is meant. By default every significant error is a FAIL.
    confidence : float
        Of the interval for the error.
    probes : int
        Directions for each argument.
    seed : int
        Of every random draw; the same seed repeats the check bit for bit on a deterministic f.
    oracle : {"finite differences", "autograd", "exact"}, optional
        Where the slopes come from. Finite differences need nothing but f, and are the default.
    max_evaluations : int, optional
        Evaluations of f to spend at most; what is then undecided is INCONCLUSIVE.
    kink : {"right", "left", "midpoint"}, optional
        Require this convention where f has a kink at the point.
    kink_of : callable, optional
        ``kink_of(*args)`` returns the kink variable (an array, or a tuple of arrays): h for ``max(h, 0)``.
    tangent : mapping of str to callable, optional
        By argument name: maps a NumPy direction to one that the argument allows, ``lambda v: v + v.T``.

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
    probes, seed, max_evaluations = (_plain(x) for x in (probes, seed, max_evaluations))
    options = Options(rtol, confidence, probes, seed, oracle, max_evaluations, kink, kink_of, tangent or {})
    if not isinstance(kwargs or {}, Mapping):
        raise ArgumentError(f"kwargs is a {type(kwargs).__name__}, wanted a dict of keyword arguments")
    try:
        claim = _claim(f, gradient, args, vjp, jvp, backward, inputs, order, dict(kwargs or {}), names, seed, oracle)
    except GradcheckError:
        raise
    except Exception as error:
        raise ArgumentError(f"{forms.title_of(f)} raised {type(error).__name__} at the point: {error}") from error
    return judge(claim, options)


def assert_gradient(*args: Any, **options: Any) -> Report:
    """Raise GradientError unless the verdict is PASS; takes what `check` takes, and returns its report.

    Raises
    ------
    GradientError
        On FAIL and on INCONCLUSIVE; its message and its ``report`` say why.

    """
    __tracebackhide__ = True  # in pytest, where the report says what is wrong and this frame does not
    report = check(*args, **options)
    if report.verdict is not Verdict.PASS:
        raise GradientError(report)
    return report


def check_module(module: Any, inputs: Any, **options: Any) -> Report:
    """Judge the backward of a Torch module in its inputs and every parameter that requires a gradient."""
    return check(module, inputs=inputs, **options)


def _claim(  # noqa: C901  one branch for each form
    f: Callable[..., Any],
    gradient: Callable[..., Any] | None,
    args: Any,
    vjp: Callable[..., Any] | None,
    jvp: Callable[..., Any] | None,
    backward: Callable[..., Any] | None,
    inputs: Any,
    order: int,
    kwargs: Mapping[str, Any],
    names: Sequence[str] | None,
    seed: int,
    oracle: str | None,
) -> Claim:
    given = {"gradient": gradient, "vjp": vjp, "jvp": jvp, "backward": backward, "inputs": inputs}
    present = [name for name, value in given.items() if value is not None]
    if not callable(f):
        raise ArgumentError(f"f is a {type(f).__name__}, wanted a function")
    if len(present) > 1:
        raise ArgumentError(f"{' and '.join(f'{p}=' for p in present)} were passed, wanted one form of claim")
    for name in present:
        if name != "inputs" and not callable(given[name]):
            hint = ": did you mean check(f, gradient, args)?" if name == "gradient" else ""
            raise ArgumentError(f"{name} is a {type(given[name]).__name__}, wanted a function{hint}")
    if order not in (1, 2) or (order == 2 and inputs is None):
        raise ArgumentError(f"order={order}, wanted 1, or 2 together with inputs= (Torch's double backward)")
    if inputs is not None:
        if oracle == "autograd":
            raise ArgumentError(
                "oracle='autograd' would judge the backward of inputs= by itself: use oracle='finite differences'"
            )
        from gradcheck import torch_forms  # noqa: PLC0415  Torch only where it is asked for

        if torch_forms.is_module(f):
            f, inputs = torch_forms.module_function(f, inputs)
        return torch_forms.own_backward(f, inputs, names, kwargs, seed, order=order)
    if args is None:
        raise ArgumentError("args is missing: pass the point as a tuple of arrays, check(f, gradient, (w1, w2))")
    if vjp is not None:
        return forms.vjp(f, vjp, args, names, kwargs, seed)
    if jvp is not None:
        return forms.jvp(f, jvp, args, names, kwargs, seed)
    if backward is not None:
        return forms.forward_backward(f, backward, args, names, kwargs, seed)
    return forms.gradient_of_scalar(f, gradient, args, names, kwargs)


def judge(claim: Claim, options: Options) -> Report:
    """Return the report on a claim: contract first, then the numbers of each argument."""
    notes = list(claim.notes)
    copies = [arrays.copied(x) for x in claim.leaves]
    try:
        gradient = Gradient(claim, claim.leaves)
    except WrongClaim as complaint:
        finite_point(copies, claim.names)
        _restore(claim, copies)
        Field(claim, claim.leaves, seed=options.seed)  # raises where f itself cannot be evaluated: the caller's error
        remark = _after_f(claim)
        _restore(claim, copies)
        return _complaint(claim, options, str(complaint) + remark)
    judged = gradient.judged
    check_point([claim.leaves[i] for i in judged], [claim.names[i] for i in judged])
    if (changed := _mutated(claim, copies)) is not None:
        return _complaint(claim, options, f"the gradient changes its argument {changed} in place: work on a copy")
    wide = _promoted(claim, gradient)
    if wide is None:
        return _judged(claim, gradient, None, options, notes, copies)
    report = _judged(claim, wide, gradient, options, notes, copies)
    inaccurate = any(a.accuracy is not None and a.accuracy.verdict is Verdict.FAIL for a in report)
    if inaccurate and (note := accuracy.another_function(claim, wide.leaves)) is not None:
        return _judged(claim, gradient, None, options, [*claim.notes, note], copies)
    return report


def _judged(
    claim: Claim, gradient: Gradient, native: Gradient | None, options: Options, notes: list[str], copies: Sequence[Any]
) -> Report:
    """Return the report on `gradient`, and on the accuracy of the `native` one where that is another."""
    field = Field(claim, gradient.leaves, seed=options.seed, limit=options.max_evaluations)
    if (changed := _mutated(claim, copies)) is not None:
        raise ArgumentError(f"{claim.title} changes its argument {changed} in place: let it work on a copy")
    try:
        with quiet():
            complaint_text = _contract(field, gradient, notes)
            spent = field.evaluations
            if complaint_text:
                return _complaint(claim, options, complaint_text)
            report = _numbers(field, gradient, native, options, notes)
    except WrongClaim as complaint:
        return _complaint(claim, options, str(complaint))
    return Report(**{**report.__dict__, "contract_evaluations": spent, "evaluations": field.evaluations - spent})


def _after_f(claim: Claim) -> str:
    """Return a remark if the gradient that broke its contract keeps it now that f was called."""
    try:
        Gradient(claim, claim.leaves)
    except GradcheckError:
        return ""
    return (
        f"; after a call of {claim.title} it does not: it reads what {claim.title} leaves behind; call {claim.title} "
        "inside it, or pass the two as f and backward= with a cache"
    )


def _restore(claim: Claim, copies: Sequence[Any]) -> None:
    for x, copy in zip(claim.leaves, copies, strict=True):
        contract.restore(x, copy)


def _mutated(claim: Claim, copies: Sequence[Any]) -> str | None:
    for x, copy, name in zip(claim.leaves, copies, claim.names, strict=True):
        if not arrays.same(x, copy):
            contract.restore(x, copy)
            return name
    return None


def _complaint(claim: Claim, options: Options, sentence: str) -> Report:
    return Report(
        title=claim.title,
        arguments=(),
        evaluations=0,
        gradient_evaluations=1,
        contract_evaluations=0,
        seed=options.seed,
        confidence=options.confidence,
        oracle="contract",
        complaint=sentence,
    )


def _promoted(claim: Claim, native: Gradient) -> Gradient | None:
    """Return the claim at the same point in float64, if the function and the gradient both work in it."""
    names = [arrays.dtype_name(x) for x in claim.leaves]
    if all(name not in arrays.WIDER for name in names):
        return None
    leaves = [
        arrays.cast(x, arrays.WIDER[n]) if n in arrays.WIDER else x for x, n in zip(claim.leaves, names, strict=True)
    ]
    if any(arrays.dtype_name(x) != arrays.WIDER.get(n, n) for x, n in zip(leaves, names, strict=True)):
        return None  # a library in which float64 is switched off
    try:
        if arrays.ROUNDOFF.get(claim.output_dtype(leaves), 1.0) > 2.0**-53:
            return None
        gradient = Gradient(claim, leaves)
    except Exception:  # noqa: BLE001  float64 is an offer: a function that declines it is judged in its own dtype
        return None
    wide = all(
        arrays.ROUNDOFF[arrays.dtype_name(gradient.arrays[i])] <= 2.0**-53
        for i in gradient.judged
        if gradient.arrays[i] is not None
    )
    return gradient if wide and gradient.judged == native.judged else None


def _contract(field: Field, gradient: Gradient, notes: list[str]) -> str | None:
    """Return the first breach of the claim's contract; notes gather what concerns f."""
    note = contract.same_value_twice(field)
    field.random = note is not None
    if note:  # what differs from call to call is no evidence against the claim
        notes.append(note)
        contract.gradient_spread(gradient, field)
        return None
    if (breach := _linear(gradient)) is not None:
        return breach
    return contract.gradient_repeats(gradient, field) or contract.any_layout(gradient, field)


def _linear(gradient: Gradient) -> str | None:
    """Return a sentence if the claim is not linear in its cotangent or tangent."""
    try:
        return None if gradient.claim.linear is None else gradient.claim.linear(gradient.leaves)
    except GradcheckError:
        raise
    except Exception as error:
        raise WrongClaim(f"the vjp raised {type(error).__name__} for twice the cotangent: {error}") from error


def _oracle(name: str | None, field: Field, gradient: Gradient, repeat: int = 0) -> Oracle:
    if name == "autograd":
        from gradcheck.oracles.autograd import Autograd  # noqa: PLC0415

        return Autograd(field, gradient.claim.raw)
    if name == "exact":
        from gradcheck.oracles.exact_slopes import ExactSlopes  # noqa: PLC0415

        return ExactSlopes(field, gradient.claim)
    return FiniteDifferences(field, gradient.judged, repeat)


def _numbers(field: Field, gradient: Gradient, native: Gradient | None, options: Options, notes: list[str]) -> Report:
    claim = gradient.claim
    allowed = tangents(options.tangent, [claim.names[i] for i in gradient.judged])
    trials = {
        i: Trial(field, gradient, i, confidence=options.confidence, tangent=allowed.get(claim.names[i]))
        for i in gradient.judged
    }
    reached = ""
    try:
        oracle = _oracle(options.oracle, field, gradient)
        for trial in trials.values():
            trial.measure(oracle, options.probes)
        smooth = [i for i, trial in trials.items() if not any(probe.slope.kinked for probe in trial.probes)]
        for i, jitter in accuracy.spread(gradient, field, field.unit, smooth).items():
            trials[i].jitter = jitter
    except BudgetReached as error:
        reached = str(error)
    accuracies: dict[int, Accuracy] = {}
    if native is not None:
        dtype = max((arrays.dtype_name(x) for x in native.leaves), key=lambda n: arrays.ROUNDOFF[n])
        accuracies = accuracy.judge(native.values, gradient, field, dtype)
    found = []
    for i, trial in trials.items():
        try:
            argument = _argument(trial, trials, options, reached)
        except BudgetReached as error:
            reached = str(error)
            argument = _argument(trial, trials, options, reached)
        found.append(_with_accuracy(argument, accuracies.get(i)))
        if argument.verdict is Verdict.PASS and trial.frozen:
            notes.append(f"the gradient of {trial.name} {FROZEN}")
    if field.failure:
        notes.append(f"{claim.title} raised next to the point ({field.failure}); steps were kept where it does not")
    return Report(
        title=claim.title,
        arguments=tuple(found),
        evaluations=field.evaluations,
        gradient_evaluations=gradient.evaluations,
        contract_evaluations=0,
        seed=options.seed,
        confidence=options.confidence,
        oracle=options.oracle or FINITE_DIFFERENCES,
        notes=tuple(notes),
        repeat=f"gradcheck.check(..., seed={options.seed})",
    )


def _with_accuracy(argument: ArgumentReport, found: Accuracy | None) -> ArgumentReport:
    if found is None:
        return argument
    if not argument.error.relative:  # zero as far as can be seen: nothing to be accurate relative to
        return argument
    if found.verdict is Verdict.PASS or argument.verdict is not Verdict.PASS:  # only right formulas are asked
        return argument.with_(accuracy=found)
    return argument.with_(
        accuracy=found,
        verdict=Verdict.FAIL,
        reason=(
            f"the formula is right in float64, but in {found.dtype} the gradient is off by {found.error:.1e}, "
            f"allowed {found.allowed:.1e} by the problem's condition: it cancels; rearrange it"
        ),
    )


def _argument(trial: Trial, trials: Mapping[int, Trial], options: Options, reached: str) -> ArgumentReport:
    """Return the verdict on one argument; a first answer other than PASS is measured again along fresh directions."""
    resolution = options.rtol if options.rtol is not None else default_resolution(trial.field.unit)
    if arrays.total_size([trial.gradient.leaves[trial.index]]) == 0:  # an empty sum: nothing to be wrong about
        nothing = Interval(0.0, 0.0, relative=False, confidence=trial.confidence)
        return trial.report(Verdict.PASS, nothing, resolution)
    if reached or len(trial.probes) < 2:
        return trial.undecided(resolution, reached or _unmeasurable(trial))
    if any(probe.slope.kinked for probe in trial.probes):
        kink_of = None if options.kink_of is None else _guarded(options.kink_of)
        at_kink = kink.judge(trial, resolution, required=options.kink, kink_of=kink_of)
        if at_kink.verdict is Verdict.INCONCLUSIVE:  # along fresh directions the sides may be told better
            before = list(trial.probes)
            trial.probes = [*_again(trial, options), *before]
            at_kink = kink.judge(trial, resolution, required=options.kink, kink_of=kink_of)
        return _beside_the_kink(at_kink, trial, trials, options) if at_kink.error.low > 0 else at_kink
    verdict, interval, reason = _verdict(trial, options.rtol, resolution)
    if verdict is not Verdict.PASS:
        fresh = _again(trial, options)
        verdict, interval, reason = _verdict(trial, options.rtol, resolution)
        if verdict is Verdict.FAIL and sum(m.significant for m in trial.mismatches(fresh)) < 2:
            verdict = Verdict.INCONCLUSIVE
            reason = "some directions disagree, and fresh ones do not repeat it: pass probes=16, or another seed"
    argument = trial.report(verdict, interval, resolution, reason)
    if verdict is Verdict.FAIL:
        return _wrong(argument, trial, trials, options)
    return diagnosis.power(argument, trial, trials) if verdict is Verdict.PASS else argument


def _wrong(argument: ArgumentReport, trial: Trial, trials: Mapping[int, Trial], options: Options) -> ArgumentReport:
    """Return the report of a FAIL with its mistake and its place; of a PASS where it is a subgradient after all."""
    if not kink.right_beside(trial, min(argument.resolution, trial.interval().low)):
        return diagnosis.placed(locate.find(diagnosis.named(argument, trial, trials), trial, options), trial)
    # f may have a kink of which no line shows anything: a median is odd along every line through a tie
    at_kink = kink.judge(trial, argument.resolution, required=options.kink, kink_of=None)
    if at_kink.kink is not None and at_kink.kink.valid:
        return at_kink
    return argument.with_(
        reason="right next to the point and wrong at it: kinks coincide and cancel there, f is smooth, and the "
        "chain rule's value for a fixed convention is no subgradient",
    )


def _beside_the_kink(
    report: ArgumentReport, trial: Trial, trials: Mapping[int, Trial], options: Options
) -> ArgumentReport:
    """Name and place the mistake of a claim that is wrong at a kink: at a point beside it, where f is smooth."""
    field, claim = trial.field, trial.gradient.claim
    leaves = list(field.leaves)
    for i in trials:
        leaves[i] = arrays.shifted(leaves[i], BESIDE, field.direction(i, BESIDE_STREAM))
    try:
        beside = Field(claim, leaves, seed=field.seed, limit=options.max_evaluations)
        gradient = Gradient(claim, leaves)
        nearby = {i: Trial(beside, gradient, i, confidence=t.confidence, tangent=t.tangent) for i, t in trials.items()}
        oracle = _oracle(options.oracle, beside, gradient)
        for t in nearby.values():
            t.measure(oracle, max(options.probes, 4) * 2)
    except (WrongClaim, ArgumentError, BudgetReached):
        return report  # outside the domain of f, or of what may be spent: the verdict stands without a name
    found = nearby[trial.index]
    verdict, interval, _ = _verdict(found, options.rtol, report.resolution)
    if verdict is Verdict.FAIL:
        there = found.report(verdict, interval, report.resolution)
        there = diagnosis.placed(locate.find(diagnosis.named(there, found, nearby), found, options), found)
        report = report.with_(
            where=there.where,
            where_text=there.where_text and f"beside the kink: {there.where_text}",
            mistakes=there.mistakes,
            advice=there.advice,
            worst=there.worst,
        )
    field.evaluations += beside.evaluations
    return report


def _again(trial: Trial, options: Options) -> list[Any]:
    """Measure as many slopes again, with fresh directions, fresh steps and the noise measured afresh."""
    oracle = _oracle(options.oracle, trial.field, trial.gradient, repeat=1)
    return trial.measure(oracle, max(options.probes, 4))


def _unmeasurable(trial: Trial) -> str:
    if trial.too_small:
        dtype = arrays.dtype_name(trial.gradient.leaves[trial.index])
        return f"{trial.name} is too near the smallest number of {dtype} to be moved by a part of itself: scale it up"
    return (
        f"{trial.gradient.claim.title} is not finite on either side of the point along {trial.unmeasured} directions: "
        "check at an interior point, or pass tangent= to stay inside its domain"
    )


def _verdict(trial: Trial, rtol: float | None, resolution: float) -> tuple[Verdict, Interval, str]:
    """Return verdict, interval and reason from the slopes measured so far."""
    interval = trial.interval()
    still = _still(trial)
    pairs = zip(trial.mismatches(), trial.probes, strict=True)
    stepped = ROUND_OFF * trial.field.unit < trial.field.step_size() < math.inf
    significant = sum(m.significant and not (still and (stepped or _past_it(p))) for m, p in pairs)
    if rtol is not None and interval.high > rtol:
        if interval.low > rtol and significant >= 2:
            return Verdict.FAIL, interval, f"the error is above rtol={rtol:g}"
    elif rtol is None and significant >= 1:
        return (Verdict.FAIL if significant >= 2 else Verdict.INCONCLUSIVE), interval, ""
    if interval.high <= resolution:
        return Verdict.PASS, interval, ""
    absolute = zero_gradient(trial, resolution)
    if absolute is not None:
        return Verdict.PASS, absolute, ""
    return Verdict.INCONCLUSIVE, interval, _advice(trial, interval, resolution)


def zero_gradient(trial: Trial, resolution: float) -> Interval | None:
    """Return an absolute interval where claim and slopes are both zero as far as can be seen, None elsewhere."""
    norm = trial.claimed_norm
    found = trial.mismatches()
    if _still(trial):
        smooth = trial.absolute([max(p.slope.constant, p.slope.hidden) / p.stretch for p in trial.probes])
        if smooth.high <= resolution * trial.size_of_f():
            return smooth
        if trial.field.step_size() > STEPS:
            return trial.absolute([p.slope.constant / p.stretch for p in trial.probes])
    if norm is None:
        norm = max(abs(m.claimed) for m in found)
    none = arrays.NORMAL[arrays.dtype_name(trial.gradient.claim.leaves[trial.index])]  # below it numbers stand for 0
    if norm > max(16 * trial.jitter, none) or any(abs(m.measured) > m.bound for m in found):
        return None
    absolute = trial.absolute()
    return absolute if absolute.high <= resolution * trial.size_of_f() else None


def _still(trial: Trial) -> bool:
    """Tell whether the claim is zero and f does not move by a bit next to the point, along any direction."""
    return trial.claimed_norm == 0 and all(not math.isnan(p.slope.constant) for p in trial.probes)


def _past_it(probe: Probe) -> bool:
    """Tell whether a slope is steeper than f can be next to the point, where it does not move: it is that of beyond."""
    slope = probe.slope
    flattest = slope.constant if math.isnan(slope.hidden) else max(slope.constant, slope.hidden)
    return abs(slope.value) - slope.error > flattest


def _advice(trial: Trial, interval: Interval, resolution: float) -> str:  # noqa: PLR0911  one for each cause
    if trial.field.random:
        return "f is random: its answers differ by more than the gradient can be told from"
    if all(p.slope.jumps for p in trial.probes):
        return f"f jumps at the point when {trial.name} moves: it has no derivative there (is {trial.name} a label?)"
    if any(math.isinf(p.slope.error) for p in trial.probes):
        return "f is infinitely steep at the point: it has no derivative there"
    if _still(trial):
        return (
            "f is constant next to the point and moves in small steps further out: the zero gradient is right if f is "
            "piecewise constant, wrong if these are the steps of low precision inside f; let f compute in float64"
        )
    if not math.isfinite(interval.high):
        return "the gradient cannot be told from zero here: check at another point, or with oracle='exact'"
    if 4 * trial.jitter > max(p.slope.error for p in trial.probes):
        return (
            f"the gradient itself moves by {trial.jitter / max(trial.true_norm, 1e-300):.1e} when the point moves by "
            "one unit of round-off: ill-conditioned here; check at another point, or pass rtol="
        )
    narrower = arrays.dtype_name(trial.gradient.leaves[trial.index]) in arrays.WIDER
    what = "let the function accept float64" if narrower else "pass rtol=, or oracle='exact' for NumPy code"
    return f"resolution reached {interval.high:.1e}, wanted {resolution:.1e}: more probes, or {what}"
