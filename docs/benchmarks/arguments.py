"""What a check of many arguments costs: evaluations, the processor's time, and that over torch's fast mode.

Run with `python docs/benchmarks/arguments.py`; it prints the table of docs/benchmarks.md. Both checkers run in this
process, in turn, on one thread; a ratio is taken in each round, and printed is its median.
"""

import os
import statistics
import time
import warnings

import numpy as np
import torch

import gradcheck
from gradcheck.bench.checks import CHECKED
from gradcheck.bench.one_check import prepare
from gradcheck.bench.sizes import scaled

ROUNDS = 3


def many(count, *, wrong=(), factor=1.001):
    rng = np.random.default_rng(0)
    point = tuple(rng.standard_normal(3) for _ in range(count))

    def gradient(*xs):
        return [np.cos(x) * (factor if i in wrong else 1.0) for i, x in enumerate(xs)]

    return lambda: gradcheck.check(lambda *xs: sum(float(np.sum(np.sin(x))) for x in xs), gradient, point)


def leaves(count):
    rng = np.random.default_rng(0)
    point = {f"k{i}": rng.standard_normal(3) for i in range(count)}

    def f(d):
        return sum(float(np.sum(np.sin(x))) for x in d.values())

    return lambda: gradcheck.check(f, lambda d: {k: np.cos(x) for k, x in d.items()}, (point,))


def encoder():
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True, activation="gelu")
    module = torch.nn.TransformerEncoder(layer, 12)
    x = torch.randn(2, 5, 16)
    wide = torch.nn.TransformerEncoder(layer, 12).double()
    names, parameters = zip(*wide.named_parameters(), strict=True)

    def f(x, *values):
        return torch.func.functional_call(wide, dict(zip(names, values, strict=True)), (x,))

    inputs = (x.double().requires_grad_(), *parameters)
    ours = lambda: gradcheck.check_module(module, (x,))  # noqa: E731  one line beside the other
    return ours, lambda: torch.autograd.gradcheck(f, inputs, fast_mode=True)


def network(size):
    problem = scaled(CHECKED[size], "float64")
    ours, loss, _ = prepare("gradcheck", problem)
    theirs, *_ = prepare("torch fast", problem)

    def counted():
        loss.calls = 0
        ours()
        return loss.calls

    return counted, theirs


def timed(run):
    start = time.process_time()
    found = run()
    return time.process_time() - start, found


def row(name, ours, theirs=None):
    ours()
    if theirs is not None:
        theirs()
    rounds = [(timed(ours), timed(theirs) if theirs else (0.0, None)) for _ in range(ROUNDS)]
    found = rounds[0][0][1]
    evaluations = found if isinstance(found, int) else found.evaluations
    wrong = "" if isinstance(found, int) else ", ".join(a.name for a in found if a.verdict is gradcheck.Verdict.FAIL)
    seconds = statistics.median(mine[0] for mine, _ in rounds)
    ratio = f"{statistics.median(mine[0] / other[0] for mine, other in rounds):.1f}" if theirs else ""
    print(f"| {name} | {evaluations} | {1e3 * seconds:.0f} ms | {ratio} | {wrong} |")


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for count in (1, 64, 500):
        row(f"{count} arguments of 3 entries", many(count))
    row("a dict of 300 leaves", leaves(300))
    row("12-layer encoder, 145 tensors", *encoder())
    row("the network, 80 parameters", *network("1e2"))
    row("the network, 101,000 parameters", *network("1e5"))
    row("one of 145 wrong by 0.1 %", many(145, wrong=(70,)))
    row("two of 145 wrong by 1 %", many(145, wrong=(3, 100), factor=1.01))


if __name__ == "__main__":
    main()
