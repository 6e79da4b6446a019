"""A whole check of the network's weights beside `torch.autograd.gradcheck` on the same function, in one run."""

import time

import pytest

from gradcheck.bench.checks import CHECKED
from gradcheck.bench.one_check import prepare
from gradcheck.bench.results import quartiles
from gradcheck.bench.sizes import scaled
from gradcheck.bench.timing import interleaved, pinned, seconds_on_cpu

pytest.importorskip("torch")

# Fast mode on the full-size network; slow mode, two evaluations a parameter, where it can be borne.
BESIDE = [("gradcheck", "1e5"), ("torch fast", "1e5")] + [
    (tool, size) for size in ("1e2", "1e4") for tool in ("gradcheck", "torch fast", "torch slow")
]
RIGHT = ("PASS", "True")
PAIRED = 2.0  # seconds for the paired rounds of two tools


def pytest_generate_tests(metafunc):
    enabled = metafunc.config.getoption("benchmark_enable")
    metafunc.parametrize(("tool", "size"), BESIDE if enabled else BESIDE[:-1])  # the last takes seconds


@pytest.mark.benchmark(timer=time.thread_time)
def test_check(benchmark, tool, size):
    shape = CHECKED[size]
    benchmark.group = f"check of {(shape.d_in + shape.d_out) * shape.h} parameters"
    problem = scaled(shape, "float64")
    with pinned(1, torch_too=True):
        check, loss, gradient = prepare(tool, problem)
        assert benchmark(check) in RIGHT
        loss.calls = gradient.calls = 0
        assert check() in RIGHT
        benchmark.extra_info.update(evaluations=loss.calls, gradients=gradient.calls)
        if benchmark.enabled and tool.startswith("torch"):
            both = {"gradcheck": prepare("gradcheck", problem)[0], tool: check}
            samples, _ = interleaved(both, seconds_on_cpu(1), PAIRED)
            ratio = quartiles([one / other for one, other in zip(*samples.values(), strict=True)])
            benchmark.extra_info["gradcheck_over_this"] = {"median": ratio.median, "q1": ratio.low, "q3": ratio.high}
