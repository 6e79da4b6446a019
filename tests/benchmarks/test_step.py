"""A step of the two-layer network by each variant: `tox -e bench`, or `pytest tests/benchmarks --benchmark-enable`.

pytest-benchmark times one variant after the other, so what the machine did meanwhile is in its comparison. The ratio to
the floor is therefore taken as `gradcheck bench` takes it, paired in short rounds, and stored in `extra_info`. On CUDA
the table has what the host waits for, the ratio what the device did. In an ordinary run, where benchmarks are off, the
small shapes take a step each.
"""

import pytest

from gradcheck.bench.results import quartiles
from gradcheck.bench.run import DTYPES, Plan, cases, clock, precision, steps
from gradcheck.bench.sizes import CUDA_SHAPES, SHAPES
from gradcheck.bench.timing import interleaved, pinned
from gradcheck.bench.variants import FLOOR, VARIANTS

SMALL = ("tiny", "seed", "single")
PAIRED = 0.3  # seconds for the paired rounds of a variant and its floor


def variants_of(plan, *, device):
    """Every case and variant of a plan on that device."""
    marks = [pytest.mark.cuda] if device == "cuda" else []
    found, skipped = cases(plan)
    for what, reason in skipped:
        if device == "cuda" and what == "torch on cuda":
            yield pytest.param(None, None, None, id="cuda", marks=[*marks, pytest.mark.skip(reason=reason)])
    for case in found:
        if case.device == device:
            for variant in VARIANTS[case.library]:
                yield pytest.param(plan, case, variant, id=f"{case}-{variant}", marks=marks)


def pytest_generate_tests(metafunc):
    enabled = metafunc.config.getoption("benchmark_enable")
    on_cpu = Plan(tuple(SHAPES) if enabled else SMALL, quick=not enabled)
    on_cuda = Plan((*SHAPES, *CUDA_SHAPES) if enabled else SMALL, DTYPES, ("torch",), "cuda", quick=not enabled)
    found = [*variants_of(on_cpu, device="cpu"), *variants_of(on_cuda, device="cuda")]
    metafunc.parametrize(("plan", "case", "variant"), found)


def waiting(step):
    """The step and a wait for the device."""
    import torch  # noqa: PLC0415  there is a device

    def step_and_wait():
        step()
        torch.cuda.synchronize()

    return step_and_wait


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.compile's, of its own parts
def test_step(benchmark, plan, case, variant):
    benchmark.group = str(case)
    with pinned(plan.threads, torch_too=case.library == "torch"), precision(case):
        found, skipped = steps(case, plan, (FLOOR, variant))
        if variant not in found:
            pytest.skip(skipped[0][1])
        step = found[variant]
        benchmark(step if case.device == "cpu" else waiting(step))
        if benchmark.enabled and variant != FLOOR:
            samples, _ = interleaved(found, clock(case, plan), PAIRED)
            ratio = quartiles([one / floor for one, floor in zip(samples[variant], samples[FLOOR], strict=True)])
            benchmark.extra_info["ratio_to_floor"] = {"median": ratio.median, "q1": ratio.low, "q3": ratio.high}
