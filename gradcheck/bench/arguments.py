"""What a check of many arguments costs, and of the network's weights, beside Torch's fast mode in the same process.

Each case runs `ROUNDS` times on this thread, in turn with `torch.autograd.gradcheck(fast_mode=True)` of the same
function where the table has a ratio: it is taken in each round. `python -m gradcheck.bench.arguments` prints the table
alone.
"""

from __future__ import annotations

import time
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

import gradcheck
from gradcheck.bench.checks import CHECKED
from gradcheck.bench.one_check import prepare
from gradcheck.bench.results import ArgumentsCost
from gradcheck.bench.sizes import scaled
from gradcheck.bench.timing import pinned

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

ROUNDS = 3
SECONDS = 2.0  # about, a case with what it loads: for the estimate only

Said = tuple[int, str]
"""How often f was evaluated, and what a check said."""

Sides = tuple["Callable[[], Said]", "Callable[[], Any] | None"]
"""Our check, and Torch's of the same function where it is held against it."""


def planned(*, quick: bool = False) -> list[str]:
    """Return the names of what is measured: without Torch, or `quick`, only what needs no Torch."""
    torch_too = find_spec("torch") is not None and not quick
    return [name for name, (needs_torch, _) in CASES.items() if torch_too or not needs_torch]


def measured(name: str) -> ArgumentsCost:
    """Measure the case of that name in `CASES`."""
    with warnings.catch_warnings():  # of Torch's, that double precision is wanted, and of the check's own kind
        warnings.simplefilter("ignore")
        ours, theirs = CASES[name][1]()
        evaluations, said = ours()
        mine, fast = [], []
        if theirs is not None:
            theirs()
        for _ in range(ROUNDS):
            mine.append(_seconds(ours))
            if theirs is not None:
                fast.append(_seconds(theirs))
    return ArgumentsCost(name, evaluations, tuple(mine), tuple(fast), said)


def _seconds(run: Callable[[], Any]) -> float:
    start = time.thread_time()
    run()
    return time.thread_time() - start


def _said(report: gradcheck.Report) -> Said:
    wrong = ", ".join(a.name for a in report if a.verdict is gradcheck.Verdict.FAIL)
    return report.evaluations, f"{report.verdict}: {wrong}" if wrong else str(report.verdict)


def _many(count: int, *, wrong: Collection[int] = (), factor: float = 1.0) -> Sides:
    rng = np.random.default_rng(0)
    point = tuple(rng.standard_normal(3) for _ in range(count))

    def f(*xs: Any) -> float:
        return sum(float(np.sum(np.sin(x))) for x in xs)

    def gradient(*xs: Any) -> list[Any]:
        return [np.cos(x) * (factor if i in wrong else 1.0) for i, x in enumerate(xs)]

    return lambda: _said(gradcheck.check(f, gradient, point)), None


def _leaves(count: int) -> Sides:
    rng = np.random.default_rng(0)
    point = {f"k{i}": rng.standard_normal(3) for i in range(count)}

    def f(d: dict[str, Any]) -> float:
        return sum(float(np.sum(np.sin(x))) for x in d.values())

    def gradient(d: dict[str, Any]) -> dict[str, Any]:
        return {k: np.cos(x) for k, x in d.items()}

    return lambda: _said(gradcheck.check(f, gradient, (point,))), None


def _encoder() -> Sides:
    import torch  # noqa: PLC0415  one case of several

    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True, activation="gelu")
    module = torch.nn.TransformerEncoder(layer, 12)
    x = torch.randn(2, 5, 16)
    wide = torch.nn.TransformerEncoder(layer, 12).double()
    names, parameters = zip(*wide.named_parameters(), strict=True)

    def f(x: Any, *values: Any) -> Any:
        return torch.func.functional_call(wide, dict(zip(names, values, strict=True)), (x,))

    inputs = (x.double().requires_grad_(), *parameters)
    theirs = lambda: torch.autograd.gradcheck(f, inputs, fast_mode=True)  # noqa: E731  one line beside the other
    return lambda: _said(gradcheck.check_module(module, (x,))), theirs


def _network(size: str) -> Sides:
    problem = scaled(CHECKED[size], "float64")
    check, loss, _ = prepare("gradcheck", problem)
    theirs, *_ = prepare("torch fast", problem)

    def ours() -> Said:
        loss.calls = 0
        verdict = check()
        return loss.calls, verdict

    return ours, theirs


CASES: dict[str, tuple[bool, Callable[[], Sides]]] = {
    "1 argument of 3 entries": (False, lambda: _many(1)),
    "64 arguments of 3 entries": (False, lambda: _many(64)),
    "500 arguments of 3 entries": (False, lambda: _many(500)),
    "a dict of 300 leaves": (False, lambda: _leaves(300)),
    "12-layer encoder, 145 tensors": (True, _encoder),
    "the network, 80 parameters": (True, lambda: _network("1e2")),
    "the network, 101,000 parameters": (True, lambda: _network("1e5")),
    "one of 145 wrong by 0.1 %": (False, lambda: _many(145, wrong=(70,), factor=1.001)),
    "two of 145 wrong by 1 %": (False, lambda: _many(145, wrong=(3, 100), factor=1.01)),
}
"""Name → whether it needs Torch, and what makes both sides."""


def main() -> None:
    """Print the table as Markdown, a row as soon as it is measured."""
    from gradcheck.bench.markdown import argument_rows  # noqa: PLC0415  only where it is the program

    with pinned(1, torch_too=find_spec("torch") is not None):
        for k, name in enumerate(planned()):
            header, (row,) = argument_rows([measured(name)])
            lines = [header, ["---"] * len(header), row] if k == 0 else [row]
            print("\n".join(f"| {' | '.join(line)} |" for line in lines), flush=True)  # noqa: T201  it is a program


if __name__ == "__main__":
    main()
