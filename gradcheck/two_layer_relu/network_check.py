"""Are the hand gradients of the two-layer networks right? Every backend, point and oracle, one row an argument.

Two points: data drawn from a standard normal, where the loss is smooth, and data with some hidden units exactly 0,
which compute exactly and where the hand gradient is a subgradient (`two_layer_relu.problem.boundary`). Finite
differences see nothing but the loss; torch.autograd shares its rules with nothing here, and at the boundary it follows
the same convention, relu'(0) = 1, so that both must give the same numbers there, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gradcheck.check import check
from gradcheck.derivations import two_layer_relu as written
from gradcheck.errors import ArgumentError
from gradcheck.reports.words import facts
from gradcheck.two_layer_relu import numpy_core
from gradcheck.two_layer_relu.against_autograd import autograd, distances
from gradcheck.two_layer_relu.problem import Problem, Shape, boundary, coinciding_kinks, draw
from gradcheck.verdicts.certificate import Interval, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gradcheck.lines.report import DerivationReport
    from gradcheck.verdicts.report import ArgumentReport

BACKENDS = ("numpy", "torch")
FINITE_DIFFERENCES, AUTOGRAD = "finite differences", "torch.autograd"


@dataclass(frozen=True)
class Settings:
    """What to check: the four sizes, the dtype, the seed of the data and of the directions, and Torch's device."""

    shape: Shape = field(default_factory=Shape)
    dtype: str = "float64"
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True)
class Row:
    """The verdict of one oracle on one argument's gradient.

    Attributes
    ----------
    backend, point : str
        ``"numpy"`` or ``"torch"``; ``"normal data"`` or ``"ReLU boundary"``.
    argument, shape
        Of the gradient.
    oracle : str
        ``"finite differences"`` or ``"torch.autograd"``.
    verdict : Verdict
        PASS, FAIL or INCONCLUSIVE.
    error : Interval
        Where the relative error lies; a single number, low = high, where the oracle gives every entry.
    allowed : float
        The error up to which the verdict is PASS: the resolution, or what round-off may do.
    kink : str
        The convention that the gradient follows where the loss has a kink, ``"right"`` and so on; else empty.
    remark : str
        What is wrong, and what to do; empty on a PASS.

    """

    backend: str
    point: str
    argument: str
    shape: tuple[int, ...]
    oracle: str
    verdict: Verdict
    error: Interval
    allowed: float
    kink: str = ""
    remark: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return {
            "backend": self.backend,
            "point": self.point,
            "argument": self.argument,
            "shape": list(self.shape),
            "oracle": self.oracle,
            "verdict": str(self.verdict),
            "error": {
                "low": self.error.low,
                "high": self.error.high if self.error.high < float("inf") else "inf",
                "relative": self.error.relative,
                "confidence": self.error.confidence,
            },
            "allowed": self.allowed,
            "kink": self.kink,
            "remark": self.remark,
        }


@dataclass(frozen=True)
class Cancelling:
    """The example in which no fixed relu'(0) makes the chain rule right; see `problem.coinciding_kinks`.

    Attributes
    ----------
    slope : float
        The measured slope of the loss in w1.
    hand : float
        The hand gradient there, the chain rule's value with relu'(0) = 1.
    verdict : Verdict
        What the check says of it.

    """

    slope: float
    hand: float
    verdict: Verdict


def has_torch() -> bool:
    """Tell whether Torch can be imported here (without importing it)."""
    try:
        return find_spec("torch") is not None
    except (ModuleNotFoundError, ValueError):  # blocked by a finder, or by a placeholder in sys.modules
        return False


def judge_network(
    backend: str, settings: Settings, core: Any = None, *, started: Callable[[str], None] = lambda _: None
) -> Iterator[Row]:
    """Yield the rows of one backend, oracle by oracle, at both points.

    Parameters
    ----------
    backend : {"numpy", "torch"}
        What computes.
    settings : Settings
        Which data.
    core : module, optional
        What to judge in place of `numpy_core` or `torch_core`: anything with `loss` and `gradients`.
    started : callable
        Told the name of each part before it runs.

    Raises
    ------
    ArgumentError, UnsupportedError
        If the data cannot be made in this shape, dtype or device.

    """
    for point, problem in points(settings).items():
        exact = point == "ReLU boundary"
        judged, core_ = _on_backend(backend, problem, settings, core)
        started(f"{backend}, {point}: {FINITE_DIFFERENCES}")
        report = check(
            core_.loss,
            core_.gradients,
            tuple(judged),
            names=Problem._fields,
            seed=settings.seed,
            kink_of=(lambda x, y, w1, w2: x @ w1) if exact else None,  # noqa: ARG005  the arguments of the loss
        )
        if report.complaint:
            yield from _complained(backend, point, judged, report.complaint, report.confidence)
            continue
        for argument in report:
            yield _measured(backend, point, argument)
        if has_torch():
            started(f"{backend}, {point}: {AUTOGRAD}")
            yield from _compared(backend, point, problem, judged, core_, settings, exact=exact)


def points(settings: Settings) -> dict[str, Problem]:
    """Return the two problems; only the first where a size is 0, for a kink needs a hidden unit."""
    found = {"normal data": draw(settings.shape, settings.seed, settings.dtype)}
    if min(settings.shape) > 0:
        found["ReLU boundary"] = boundary(settings.shape, settings.seed, settings.dtype)
    return found


def judge_lines(settings: Settings, backend: str) -> DerivationReport:
    """Judge every line of the written derivation by itself, on small data: each line is measured alone."""
    inputs = written.draw(settings.seed, settings.dtype)
    if backend == "torch":
        from gradcheck.two_layer_relu.torch_core import to_torch  # noqa: PLC0415  only where Torch is

        problem = to_torch(Problem(**inputs), settings.device)
        inputs = dict(problem._asdict())
    return written.derivation.check(inputs, seed=settings.seed)


def judge_cancelling(seed: int = 0) -> Cancelling:
    """Judge the NumPy network's gradient of w1 where two kinks coincide and cancel."""
    problem = coinciding_kinks()
    step = 2.0**-10  # (w1 + 1)² + 1 computes exactly there, and its central difference is its slope
    ends = [numpy_core.loss(problem.x, problem.y, problem.w1 + t, problem.w2) for t in (step, -step)]
    report = check(
        lambda w1: numpy_core.loss(problem.x, problem.y, w1, problem.w2),
        lambda w1: numpy_core.gradients(problem.x, problem.y, w1, problem.w2).w1,
        (problem.w1,),
        seed=seed,
    )
    hand = numpy_core.gradients(*problem).w1[0, 0]
    return Cancelling(float(ends[0] - ends[1]) / (2 * step), float(hand), report.verdict)


def _on_backend(backend: str, problem: Problem, settings: Settings, core: Any) -> tuple[Problem, Any]:
    """Return the problem in the backend's arrays, and the functions to judge."""
    if backend == "numpy":
        return problem, core or numpy_core
    if backend != "torch":
        raise ArgumentError(f"backend is {backend!r}, wanted one of {', '.join(BACKENDS)}")
    from gradcheck.two_layer_relu import torch_core  # noqa: PLC0415  only where Torch is

    return torch_core.to_torch(problem, settings.device), core or torch_core


def _measured(backend: str, point: str, argument: ArgumentReport) -> Row:
    wrong = argument.verdict is not Verdict.PASS
    return Row(
        backend,
        point,
        argument.name,
        argument.shape,
        FINITE_DIFFERENCES,
        argument.verdict,
        argument.error,
        argument.resolution,
        kink=argument.kink.convention if argument.kink is not None else "",
        remark="; ".join(facts(argument)) if wrong else "",
    )


def _complained(backend: str, point: str, problem: Problem, complaint: str, confidence: float) -> Iterator[Row]:
    unknown = Interval(0.0, float("inf"), relative=True, confidence=confidence)
    for name, array in problem._asdict().items():
        shape = tuple(array.shape)
        yield Row(backend, point, name, shape, FINITE_DIFFERENCES, Verdict.FAIL, unknown, 0.0, remark=complaint)


def _compared(
    backend: str,
    point: str,
    problem: Problem,
    judged: Problem,
    core: Any,
    settings: Settings,
    *,
    exact: bool,
) -> Iterator[Row]:
    from gradcheck.two_layer_relu.torch_core import to_torch  # noqa: PLC0415  only where Torch is

    device = settings.device if backend == "torch" else "cpu"
    found = distances(core.gradients(*judged), autograd(to_torch(problem, device)), problem, exact=exact)
    for name, distance in found.items():
        remark = "" if distance.agrees else f"further apart than round-off, {distance.allowed:.1e}, allows"
        yield Row(
            backend,
            point,
            name,
            tuple(getattr(problem, name).shape),
            AUTOGRAD,
            Verdict.PASS if distance.agrees else Verdict.FAIL,
            Interval(distance.error, distance.error, relative=True, confidence=1.0),
            distance.allowed,
            remark=remark,
        )


def worst(rows: Sequence[Row], lines: Sequence[DerivationReport] = ()) -> Verdict:
    """Return FAIL if anything is wrong, else INCONCLUSIVE if anything is undecided, else PASS."""
    return Verdict.worst([*(row.verdict for row in rows), *(report.verdict for report in lines)])
