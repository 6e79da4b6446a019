"""What libraries answer at a kink, found by running the check: `python docs/conventions.py` writes conventions.md."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

import gradcheck as gc

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcheck import Report

PAGE = Path(__file__).parent / "conventions.md"
F = torch.nn.functional
EDGE = (-1.5, 0.0, 0.75)


class Row(NamedTuple):
    """One function at one point, and what was found there."""

    function: str
    point: str
    answer: str
    convention: str
    subgradient: str
    verdict: str


def textbook() -> Report:
    """Judge the NumPy mask of the two-layer network, `grad_h[h < 0] = 0`."""

    def gradient(h: np.ndarray) -> np.ndarray:
        grad_h = np.ones_like(h)
        grad_h[h < 0] = 0
        return grad_h

    return gc.check(lambda h: np.maximum(h, 0).sum(), gradient, (np.array(EDGE),))


# Each with points that no other kink touches; in bounds and ties are the second entry and the equal ones.
TORCH: dict[str, tuple[Callable[..., torch.Tensor], tuple[float, ...]]] = {
    "torch.relu(x)": (torch.relu, EDGE),
    "torch.clamp(x, min=0)": (lambda x: torch.clamp(x, min=0), EDGE),
    "torch.clamp(x, max=1)": (lambda x: torch.clamp(x, max=1), (-1.5, 1.0, 1.75)),
    "torch.where(x < 0, 0, x)": (lambda x: torch.where(x < 0, 0, x), EDGE),
    "torch.maximum(x, 0)": (lambda x: torch.maximum(x, torch.zeros_like(x)), EDGE),
    "F.relu6(x), at 0": (F.relu6, EDGE),
    "F.relu6(x), at 6": (F.relu6, (-1.5, 6.0, 7.75)),
    "F.hardtanh(x), at −1": (F.hardtanh, (-1.5, -1.0, 0.75)),
    "F.hardtanh(x), at 1": (F.hardtanh, (-1.5, 1.0, 1.75)),
    "F.leaky_relu(x)": (F.leaky_relu, EDGE),
    "F.elu(x, alpha=2)": (lambda x: F.elu(x, alpha=2.0), EDGE),
    "torch.abs(x)": (torch.abs, EDGE),
    "F.l1_loss(x, 0)": (lambda x: F.l1_loss(x, torch.zeros_like(x)), EDGE),
    "x.max()": (torch.max, (0.5, 2.0, 2.0)),
    "x.max(dim=0).values": (lambda x: x.max(dim=0).values, (0.5, 2.0, 2.0)),
    "x.amax()": (torch.amax, (0.5, 2.0, 2.0)),
    "torch.sort(x).values, weighted": (lambda x: torch.sort(x).values * torch.tensor([1.0, 2.0, 4.0]), (0.5, 2.0, 2.0)),
    "torch.linalg.norm(x)": (torch.linalg.norm, (0.0, 0.0, 0.0)),
    "torch.prod(x)": (torch.prod, (0.0, 2.0, 3.0)),
}


def run(name: str) -> Row:
    """Judge Torch's own backward of one function."""
    function, point = TORCH[name]
    x = torch.tensor(point, dtype=torch.float64, requires_grad=True)
    report = gc.check(lambda x: function(x).sum(), inputs=(x,))
    value = torch.autograd.grad(function(x).sum(), x)[0]
    return _row(name, point, value.tolist(), report)


def _row(name: str, point: tuple[float, ...], gradient: list[float], report: Report) -> Row:
    kink = report[0].kink
    return Row(
        f"`{name}`",
        ", ".join(f"{x:g}" for x in point),
        ", ".join(f"{g:.3g}" for g in gradient),
        "smooth" if kink is None else kink.convention,
        "" if kink is None else ("yes" if kink.valid else "no"),
        str(report.verdict),
    )


def rows() -> list[Row]:
    """Return the table."""
    first = textbook()
    numpy_row = _row("grad_h[h < 0] = 0", EDGE, [0.0, 1.0, 1.0], first)
    return [numpy_row, *map(run, TORCH)]


def page() -> str:
    """Return the whole page."""
    version = torch.__version__.partition("+")[0]
    head = f"""# What libraries answer at a kink

What does a library return where its function has no derivative? This table says it for NumPy's mask and for Torch's
functions.

It is made by `python docs/conventions.py`, which runs the check on NumPy {np.__version__} and Torch {version}; a test
keeps it true. A convention is that of the *argument* (see [kinks](kinks.md)). `right` is the limit from larger values
of the entry at the kink. `mixed` says that entries differ: at a tie, `max` gives everything to one of them.

Versions differ: the backward of `clamp(min=0)` at 0 gives 1 up to Torch 2.13, and 0 since.

"""
    lines = ["| function | point | gradient | convention | subgradient | verdict |", "|---|---|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows()]
    return head + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(PAGE.read_text(encoding="utf-8"))
