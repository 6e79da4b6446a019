"""Samples of several functions, paired: in each round every one runs once, in an order drawn anew.

A sample is the mean over as many calls as fill `SAMPLE` seconds, so that the clock's resolution is nothing. On one
thread the clock counts what this thread computed, system calls and page faults included, and not what else the machine
ran meanwhile; on several it is the wall's. On CUDA a sample lies between two events on the device, after a warm-up: the
host's clock would see the launches only.
"""

from __future__ import annotations

import math
import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SAMPLE = 2e-3
FEWEST, MOST = 5, 61


@contextmanager
def pinned(threads: int, *, torch_too: bool) -> Iterator[None]:
    """Hold every BLAS and OpenMP pool that is loaded, and Torch's, to `threads` threads."""
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  only here

    with threadpool_limits(limits=threads):
        if not torch_too:
            yield
            return
        import torch  # noqa: PLC0415  Torch is loaded when it is asked for

        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def seconds_on_cpu(threads: int) -> Callable[[Callable[[], Any], int], float]:
    """Return a clock: (step, calls) -> seconds for that many calls."""
    now = time.thread_time if threads == 1 else time.perf_counter

    def clock(step: Callable[[], Any], calls: int) -> float:
        start = now()
        for _ in range(calls):
            step()
        return now() - start

    return clock


def seconds_on_cuda(step: Callable[[], Any], calls: int) -> float:
    """Return the device's own seconds between two events around the calls."""
    import torch  # noqa: PLC0415  Torch is loaded when it is asked for

    event: Any = torch.cuda.Event
    start, end = event(enable_timing=True), event(enable_timing=True)
    torch.cuda.synchronize()
    start.record()
    for _ in range(calls):
        step()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) * 1e-3


def calls_per_sample(step: Callable[[], Any], clock: Callable[[Callable[[], Any], int], float]) -> int:
    """Return how many calls fill a sample, after calls that warm caches, pools and kernels up."""
    step()
    calls = 1
    while (seconds := clock(step, calls)) < SAMPLE / 4:
        calls *= 4
    return max(1, math.ceil(SAMPLE * calls / seconds))


def rounds_for(round_seconds: float, budget: float) -> int:
    """Return how many rounds fit the budget, an odd number: its median is a sample."""
    return min(max(int(budget / max(round_seconds, 1e-9)), FEWEST), MOST) // 2 * 2 + 1


def interleaved(
    steps: Mapping[str, Callable[[], Any]],
    clock: Callable[[Callable[[], Any], int], float],
    budget: float,
    seed: int = 0,
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Return seconds per call, round by round, and calls per sample, for each step.

    Entry r of every list was taken in round r: ratios of equal entries are paired.
    """
    calls = {name: calls_per_sample(step, clock) for name, step in steps.items()}
    probe = sum(clock(step, calls[name]) for name, step in steps.items())
    samples: dict[str, list[float]] = {name: [] for name in steps}
    order, shuffled = list(steps), random.Random(seed)  # noqa: S311  an order, not a secret
    for _ in range(rounds_for(probe, budget)):
        shuffled.shuffle(order)
        for name in order:
            samples[name].append(clock(steps[name], calls[name]) / calls[name])
    return samples, calls
