"""A run: plan the cases, say how long they will take, time them, one after the other."""

from __future__ import annotations

import re
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gradcheck.bench import arguments, checks
from gradcheck.bench.environment import environment
from gradcheck.bench.peak import peak
from gradcheck.bench.precision import gradient_errors
from gradcheck.bench.results import Results, TimedCase, Timing
from gradcheck.bench.sizes import CUDA_SHAPES, SHAPES, flop, scaled
from gradcheck.bench.timing import FEWEST, MOST, SAMPLE, interleaved, pinned, seconds_on_cpu, seconds_on_cuda
from gradcheck.bench.variants import VARIANTS, make, prepared
from gradcheck.errors import ArgumentError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DTYPES = ("float32", "float64", "tf32", "bfloat16")
BUDGET, QUICK_BUDGET = 4.0, 0.4  # seconds for the rounds of one case
COMPILING = 4.0  # seconds, for one case, of which the first takes most
OVERHEAD = 3e-5  # seconds of calls in a step: what the tiny shape costs


@dataclass(frozen=True)
class Plan:
    """What to time.

    Attributes
    ----------
    shapes : tuple of str
        Names of `sizes.SHAPES`, and on CUDA of `sizes.CUDA_SHAPES`.
    dtypes : tuple of str
        Of `DTYPES`; tf32 is float32 with products in TF32, on CUDA.
    libraries : tuple of str
        Of numpy and torch.
    device : str
        Where Torch computes, "cpu" or such as "cuda"; NumPy is timed on the CPU only.
    threads : int
        Of every pool.
    quick : bool
        A tenth of the rounds, no torch.compile, and checks of 10² and 10⁴ parameters only.
    checks : bool
        Also measure what a check costs, and what lower precisions do to the gradient.

    """

    shapes: tuple[str, ...] = tuple(SHAPES)
    dtypes: tuple[str, ...] = ("float32", "float64")
    libraries: tuple[str, ...] = ("numpy", "torch")
    device: str = "cpu"
    threads: int = 1
    quick: bool = False
    checks: bool = True

    def __post_init__(self) -> None:
        known = {**SHAPES, **CUDA_SHAPES} if self.device != "cpu" else SHAPES
        for what, given, allowed in (
            ("shape", self.shapes, tuple(known)),
            ("dtype", self.dtypes, DTYPES),
            ("library", self.libraries, tuple(VARIANTS)),
        ):
            for name in given:
                if name not in allowed:
                    raise ArgumentError(f"{what} is {name!r}, wanted one of {', '.join(allowed)}: pass these.")
        if re.fullmatch(r"cpu|cuda(:[0-9]+)?", self.device) is None:
            raise ArgumentError(f"device is {self.device!r}, wanted cpu, cuda or such as cuda:1: pass one.")
        if self.threads < 1:
            raise ArgumentError(f"threads is {self.threads}, wanted at least 1.")

    @property
    def budget(self) -> float:
        """Seconds for the rounds of one case."""
        return QUICK_BUDGET if self.quick else BUDGET


def cases(plan: Plan) -> tuple[list[TimedCase], list[tuple[str, str]]]:
    """Return what can run here, and what cannot with the reason."""
    found: list[TimedCase] = []
    skipped: list[tuple[str, str]] = []
    for library in plan.libraries:
        device = plan.device if library == "torch" else "cpu"
        if library == "torch" and find_spec("torch") is None:
            skipped.append(("torch", "PyTorch is not installed: pip install 'gradcheck[torch]'"))
            continue
        if device != "cpu" and (reason := _no_cuda()):
            skipped.append((f"torch on {device}", reason))
            continue
        for dtype in plan.dtypes:
            if reason := _unfit(dtype, library, device):
                skipped.append((f"{dtype} in {library} on {device}", reason))
                continue
            sizes = {**SHAPES, **CUDA_SHAPES}
            found += [TimedCase(name, sizes[name], dtype, library, device) for name in plan.shapes]
    return found, skipped


def _no_cuda() -> str:
    from gradcheck.two_layer_relu.cuda import why_no_cuda  # noqa: PLC0415  needs Torch

    return why_no_cuda()


def _unfit(dtype: str, library: str, device: str) -> str:
    """Return why a dtype cannot be timed there, or nothing."""
    if dtype in ("tf32", "bfloat16") and library == "numpy":
        return f"NumPy has no {dtype}"
    if dtype == "tf32" and device == "cpu":
        return "TF32 is an option of CUDA devices"
    return ""


def estimate(plan: Plan, found: list[TimedCase], gflops: float) -> float:
    """Return about how many seconds a run takes, given the speed of a product in 10⁹ operations per second."""
    total = 0.0
    for case in found:
        variants = [name for name in VARIANTS[case.library] if not _left_out(name, case, plan)]
        step = 2 * flop(case.sizes) / (gflops * 1e9) + OVERHEAD
        sample = max(SAMPLE, step)
        one_round = len(variants) * sample
        warm_up = len(variants) * (2 * step + 2 * sample)
        total += warm_up + min(max(plan.budget, FEWEST * one_round), MOST * one_round)
        total += COMPILING if "compiled" in variants else 0.0
    return total


def parts(plan: Plan) -> int:
    """Return how many cases and checks a run has."""
    if not plan.checks:
        return len(cases(plan)[0])
    return len(cases(plan)[0]) + len(checks.planned(quick=plan.quick)) + len(arguments.planned(quick=plan.quick))


def run(plan: Plan, results: Results, progress: Callable[[int, str], None], started: Callable[[float], None]) -> None:
    """Time every case of the plan, and then the checks.

    Parameters
    ----------
    plan : Plan
    results : Results
        What is measured is added to them as soon as it is: who interrupts the run keeps it. At the end there is a
        timing of every variant that can run, and a reason for every other.
    progress : callable
        Called with (done, of `parts(plan)` in all, what comes next).
    started : callable
        Called once, with the seconds that the run will take, as far as they can be known.

    """
    found, skipped = cases(plan)
    results.skipped.extend(skipped)
    to_check = checks.planned(quick=plan.quick) if plan.checks else []
    many = arguments.planned(quick=plan.quick) if plan.checks else []
    torch_too = any(case.library == "torch" for case in found)
    with pinned(plan.threads, torch_too=torch_too):
        wall, own = time.perf_counter(), time.process_time()
        peaks = _peaks(found, plan)
        shared = (time.perf_counter() - wall) / max(time.process_time() - own, 1e-9)  # others use the machine, too
        slowest = min((p["gflops"] for p in peaks.values()), default=1.0)
        seconds = estimate(plan, found, slowest) + sum(checks.estimate(tool, size) for tool, size in to_check)
        started((seconds + arguments.SECONDS * len(many)) * max(shared, 1.0))
        results.environment.update({**environment(plan.threads, torch_too=torch_too), "peak": peaks})
        for done, case in enumerate(found):
            progress(done, str(case))
            timings, left_out = timed(case, plan)
            results.timings.extend(timings)
            results.skipped.extend(left_out)
    for done, (tool, size) in enumerate(to_check, len(found)):
        progress(done, f"{tool}, {size} parameters")
        try:
            results.checks.append(checks.measured(tool, size))
        except UnsupportedError as error:
            results.skipped.append((f"{tool}, {size} parameters", str(error)))
    with pinned(1, torch_too=torch_too):
        for done, name in enumerate(many, len(found) + len(to_check)):
            progress(done, name)
            results.arguments.append(arguments.measured(name))
    if plan.checks and torch_too:
        progress(parts(plan), "the gradient in lower precision")
        results.precision.extend(gradient_errors(plan.device))


def _peaks(found: list[TimedCase], plan: Plan) -> dict[str, dict[str, float]]:
    """Measure the roofs of every library, dtype and device that occurs, named like the end of a case."""
    peaks: dict[str, dict[str, float]] = {}
    for case in found:
        if case.peak_key not in peaks:
            with precision(case):
                peaks[case.peak_key] = peak(case.library, _stored(case.dtype), case.device, clock(case, plan))
    return peaks


def timed(case: TimedCase, plan: Plan) -> tuple[list[Timing], list[tuple[str, str]]]:
    """Time one case's variants side by side."""
    with precision(case):
        variants, skipped = steps(case, plan)
        samples, calls = interleaved(variants, clock(case, plan), plan.budget)
    return [Timing(case, name, tuple(seconds), calls[name]) for name, seconds in samples.items()], skipped


def steps(
    case: TimedCase, plan: Plan, variants: Iterable[str] | None = None
) -> tuple[dict[str, Callable[[], Any]], list[tuple[str, str]]]:
    """Return what takes a step of the case by each variant that can run here, and why the others cannot.

    Parameters
    ----------
    case : TimedCase
    plan : Plan
        What it leaves out is left out.
    variants : iterable of str, optional
        Of this library's; all of them where it is not given.

    """
    problem = scaled(case.sizes, "float64" if case.dtype == "float64" else "float32")
    found, skipped = {}, []
    for variant in dict.fromkeys(variants or VARIANTS[case.library]):
        if reason := _left_out(variant, case, plan):
            skipped.append((f"{case} {variant}", reason))
            continue
        try:
            own = prepared(problem, case.library, case.device, _stored(case.dtype))
            found[variant] = make(case.library, variant, own)
        except UnsupportedError as error:
            skipped.append((f"{case} {variant}", str(error)))
    return found, skipped


def _left_out(variant: str, case: TimedCase, plan: Plan) -> str:
    if variant == "compiled" and plan.quick:
        return "--quick: compiling takes longer than the rest"
    if variant == "graph" and case.device == "cpu":
        return "a CUDA graph needs a CUDA device"
    return ""


def _stored(dtype: str) -> str:
    """Return the dtype of the tensors: those of TF32 are float32."""
    return "float32" if dtype == "tf32" else dtype


def clock(case: TimedCase, plan: Plan) -> Callable[[Callable[[], Any], int], float]:
    """Return what times a case: (step, calls) -> seconds."""
    return seconds_on_cpu(plan.threads) if case.device == "cpu" else seconds_on_cuda


def precision(case: TimedCase) -> AbstractContextManager[None]:
    """Return the context in which a case's products have its precision."""
    if case.device == "cpu":
        return nullcontext()
    from gradcheck.two_layer_relu.cuda import tf32  # noqa: PLC0415  needs Torch

    return tf32(enabled=case.dtype == "tf32")
