"""Draw the check that README begins with, and its report: `python docs/failing_check.py` writes the picture anew."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.syntax import Syntax

import gradcheck as gc

PICTURE = Path(__file__).parent / "_static" / "failing-check.svg"
SHOWN = """\
def loss_gradient(w):
    return x.T @ (x @ w - y)        # of np.sum((x @ w - y) ** 2)

print(gc.check(loss, loss_gradient, (w,)))
"""


def report() -> gc.Report:
    """Return the report on the gradient of least squares without its factor 2."""
    rng = np.random.default_rng(0)
    x, y, w = rng.standard_normal((20, 3)), rng.standard_normal(20), rng.standard_normal(3)

    def loss(w: np.ndarray) -> float:
        return float(np.sum((x @ w - y) ** 2))

    return gc.check(loss, lambda w: x.T @ (x @ w - y), (w,))


def picture(text: str) -> str:
    """Return code and report as SVG."""
    console = Console(record=True, width=82, file=io.StringIO())
    console.print(Syntax(SHOWN, "python", background_color="default"))
    console.print(text, highlight=False, markup=False)
    return console.export_svg(title="a factor 2 is missing", unique_id="failing-check")


if __name__ == "__main__":
    PICTURE.write_text(picture(str(report())), encoding="utf-8")
    print(PICTURE.name)
