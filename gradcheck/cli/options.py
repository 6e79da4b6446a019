"""Options that several commands share, in groups: the network's data, where results go, threads.

A group is a decorator that adds its options, in their order, to a command.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gradcheck.cli.shape import parse_shape, parse_shapes
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

DTYPES, SHAPE, SIZES = ["float64", "float32"], "64,1000,100,10", "N,D_in,H,D_out"


def grouped(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Return one decorator that adds several options, in this order."""

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def file_option(name: str, *more: str, text: str) -> Callable[[F], F]:
    """Return an option that names a file to write."""
    return click.option(name, *more, type=click.Path(dir_okay=False, path_type=Path), help=text)


def _finite(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """Refuse NaN, which is in every range, and infinity."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"got {value}, wanted a finite number.", ctx=ctx, param=param)
    return value


seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of the data and the directions.",
)
rtol_option = click.option(
    "--rtol",
    type=click.FloatRange(min=0, min_open=True),
    callback=_finite,
    help="Relative error to allow; by default every significant one is a FAIL.",
)
dtype_option = click.option("--dtype", type=click.Choice(DTYPES), default="float64", show_default=True)
device_option = click.option("--device", default="cpu", show_default=True, help="Where Torch computes, such as cuda.")
backend_option = click.option(
    "--backend", type=click.Choice(["all", "numpy", "torch"]), default="all", show_default=True
)
json_option = file_option("--json", "json_path", text="Write the results to this file as well.")
report_option = file_option("--report", "report_path", text="Write the report to this .html page or .json file.")
threads_option = click.option(
    "--threads", type=click.IntRange(1, 1024), help="Of every pool; by default as many as the arrays deserve."
)
shape_option = click.option(
    "--shape",
    metavar=SIZES,
    default=SHAPE,
    show_default=True,
    callback=parse_shape,
    help="Samples, inputs, hidden units, outputs.",
)

network_options = grouped(shape_option, dtype_option, seed_option)

# The same, each several times.
grid_options = grouped(
    click.option(
        "--shape",
        "shapes",
        metavar=SIZES,
        callback=parse_shapes,
        multiple=True,
        help="Samples, inputs, hidden units, outputs; by default five, the smallest 1,1,1,1.",
    ),
    click.option("--dtype", "dtypes", type=click.Choice(DTYPES), multiple=True, help="By default both."),
    click.option("--device", "devices", multiple=True, help="Where Torch computes, such as cuda; by default cpu."),
    click.option(
        "--seed", "seeds", type=click.IntRange(min=0), multiple=True, help="Of the data; by default 0, 1 and 2."
    ),
)


def check_folder(option: str, path: Path | None) -> None:
    """Refuse before the work a file that could not be written after it."""
    if path is None:
        return
    if not path.parent.is_dir():
        raise ArgumentError(f"{option} is {str(path)!r}, but there is no directory {str(path.parent)!r}: make it first")
    if path.exists() and not path.is_file():
        raise ArgumentError(f"{option} is {str(path)!r}, which is no file: name a file to write")
    if path.suffix.lower() == ".html":
        from gradcheck.reports.page import template  # noqa: PLC0415  needs NumPy

        template("page.html")  # refused where Jinja2 is not installed
