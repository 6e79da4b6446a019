"""`gradcheck train`: train the two-layer network, with its losses as lines and as a picture."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from gradcheck.cli.options import check_folder, device_option, network_options, threads_option
from gradcheck.cli.progress import progress
from gradcheck.cli.threads import largest_product, threads_for
from gradcheck.errors import ArgumentError, UnsupportedError
from gradcheck.two_layer_relu.problem import Shape, draw
from gradcheck.two_layer_relu.training import BACKENDS, descend, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

PICTURES = (".pdf", ".png", ".svg")
STDOUT = Path("-")


@click.command()
@click.option("--backend", type=click.Choice(BACKENDS), default="numpy", show_default=True)
@device_option
@click.option("--steps", type=click.IntRange(min=0), default=500, show_default=True, help="Number of updates.")
@click.option("--lr", type=float, default=1e-6, show_default=True, help="Learning rate.")
@network_options
@threads_option
@click.option(
    "--losses",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write a line `t loss` for every step to this file; - is standard output.",
)
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the loss curve to this .png, .svg or .pdf file.")
def train(
    *,
    backend: str,
    device: str,
    dtype: str,
    steps: int,
    lr: float,
    seed: int,
    shape: Shape,
    threads: int | None,
    losses: Path | None,
    plot: Path | None,
) -> None:
    """Train the two-layer ReLU network by gradient descent, with the gradients derived by hand.

    x, y, w1 and w2 are drawn from a standard normal. The loss of a step is the one before its update.
    Ctrl-C keeps what was computed, and ends with exit code 130.
    """
    if plot is not None:
        _check_picture(plot)
    if losses is not None and not losses.parent.is_dir():
        raise click.BadParameter(
            f"there is no directory {str(losses.parent)!r}: make it first", param_hint="'--losses'"
        )
    title = f"{backend} {dtype}, shape {','.join(map(str, shape))}, seed {seed}, lr {lr:g}"
    with threads_for(threads, flop=largest_product(shape)):
        problem = prepare(draw(shape, seed, dtype), backend=backend, device=device)
        with _opened(losses) as file:  # only now, for what was refused before has written nothing
            _follow(descend(problem, steps=steps, lr=lr), steps, title, file, plot)


@contextmanager
def _opened(losses: Path | None) -> Iterator[IO[str] | None]:
    """Open where the losses go: nowhere, standard output, or a file."""
    if losses is None:
        yield None
    elif losses == STDOUT:
        yield sys.stdout
    else:
        with losses.open("w", encoding="utf-8") as file:
            yield file


def _follow(descent: Iterator[float], steps: int, title: str, losses: IO[str] | None, plot: Path | None) -> None:
    """Take the steps, and tell what came of them; also when it diverges or is interrupted."""
    done: list[float] = []
    start = time.perf_counter()
    try:
        for loss in _with_progress(descent, steps):
            if losses is not None:
                losses.write(f"{len(done)} {loss!r}\n")
            done.append(loss)
    finally:
        seconds = time.perf_counter() - start
        if losses is not None:
            losses.flush()
        if plot is not None and done:
            draw_losses(done, plot, title)
        on_stdout = losses is not None and losses.name == "<stdout>"  # which then belongs to the losses
        click.echo(f"{title}: {_summary(done, steps, seconds)}", err=on_stdout)


def draw_losses(losses: list[float], path: Path, title: str) -> None:
    """Draw the loss of every step, on a logarithmic axis where all are positive."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  a picture is rarely asked for
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(range(len(losses)), losses, color="#20639b", linewidth=2, marker="o" if len(losses) == 1 else None)
    if min(losses) > 0:
        axes.set_yscale("log")
    axes.set_xlabel("step t")
    axes.set_ylabel("loss  Σ (ŷ − y)²")
    axes.set_title(title, loc="left", fontsize=10)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.01)
    figure.savefig(path, dpi=150)


def _check_picture(path: Path) -> None:
    """Refuse before the training what would fail after it."""
    if path.suffix.lower() not in PICTURES:
        raise ArgumentError(f"--plot is {str(path)!r}, wanted a name that ends in one of {', '.join(PICTURES)}.")
    check_folder("--plot", path)
    if find_spec("matplotlib") is None:
        raise UnsupportedError(
            "--plot needs Matplotlib, which is not installed: run `pip install 'gradcheck[plot]'`, or leave it out."
        )


def _with_progress(losses: Iterator[float], steps: int) -> Iterator[float]:
    """Show how far the training is while the losses come."""
    with progress(steps, "steps") as show:
        for done, loss in enumerate(losses, 1):
            show(done, f"steps, loss {loss:.6g}")
            yield loss


def _summary(losses: list[float], steps: int, seconds: float) -> str:
    count = f"{len(losses)} steps" if len(losses) == steps else f"{len(losses)} of {steps} steps"
    change = f"loss {losses[0]:.8g} -> {losses[-1]:.8g}" if losses else "no loss"
    return f"{count} in {seconds:.2f} s, {change}"
