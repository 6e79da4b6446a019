"""`gradcheck bench`: time the steps of the two-layer network and what checks cost; compare two runs."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradcheck.cli.progress import duration, progress
from gradcheck.cli.show import result_console
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from rich.console import Console

    from gradcheck.bench.results import Results

# Columns of words.
WORDS = ("shape", "dtype", "tool", "said", "case", "products in", "argument", "verdict without rtol")
SLOWER = 1  # exit code: a variant is slower than allowed


def _names(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Split at commas; which names there are is known where they are used."""
    if value is None:
        return None
    found = tuple(part.strip() for part in value.split(",") if part.strip())
    if not found:
        raise click.BadParameter(f"got {value!r}, wanted names with commas between them.", ctx=ctx, param=param)
    return found


@click.group(invoke_without_command=True)
@click.option("--quick", is_flag=True, help="A tenth of the rounds, small shapes only, no torch.compile.")
@click.option(
    "--shapes",
    callback=_names,
    metavar="A,B,...",
    help="Of tiny, seed, single, tall, medium, large; on CUDA wide, huge, too.",
)
@click.option(
    "--dtypes",
    callback=_names,
    metavar="A,B,...",
    default="float32,float64",
    show_default=True,
    help="On CUDA tf32, bfloat16, too.",
)
@click.option("--libraries", callback=_names, metavar="A,B,...", default="numpy,torch", show_default=True)
@click.option("--device", default="cpu", show_default=True, help="Where Torch computes, such as cuda.")
@click.option("--threads", type=click.IntRange(1, 1024), default=1, show_default=True, help="Of every pool.")
@click.option("--checks/--no-checks", default=True, show_default=True, help="Also what a check costs.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write bench.json, bench.md and bench.html to this directory.",
)
@click.pass_context
def bench(
    ctx: click.Context,
    *,
    quick: bool,
    shapes: tuple[str, ...] | None,
    dtypes: tuple[str, ...],
    libraries: tuple[str, ...],
    device: str,
    threads: int,
    checks: bool,
    output: Path | None,
) -> None:
    """Time a step of the two-layer network over its five matrix products, and what a check costs.

    Variants run side by side in short rounds; ratios are medians of pairs. On one thread the time is the thread's own.
    """
    if ctx.invoked_subcommand is not None:
        return
    from gradcheck.bench.results import Results  # noqa: PLC0415  loaded when it is asked for
    from gradcheck.bench.run import Plan, parts, run  # noqa: PLC0415

    shapes = shapes or (("tiny", "seed", "single") if quick else Plan.shapes)
    plan = Plan(shapes, dtypes, libraries, device, threads, quick, checks)
    if output is not None:
        _make_directory(output)  # before the minutes that it would waste
    results = Results()
    try:
        with progress(parts(plan), "measuring the machine") as show:
            run(plan, results, show, lambda seconds: click.echo(f"about {duration(seconds)} to go", err=True))
    except KeyboardInterrupt:
        if results.timings:
            results.skipped.append(("what came next", "interrupted"))
            _show(results, output)
        raise
    _show(results, output)


@bench.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--max-slowdown", default="10%", show_default=True, help="Of the ratio to the floor, such as 10%.")
def compare(*, old: Path, new: Path, max_slowdown: str) -> None:
    """Compare two bench.json by their ratios to the floor; exit with 1 if the textbook or the fast step became slower.

    The quartiles have to lie apart, too: what overlaps may be noise.
    """
    from rich.table import Table  # noqa: PLC0415  a tenth of a second

    from gradcheck.bench.compare import changes, fraction, only_in_one  # noqa: PLC0415
    from gradcheck.bench.saved import load  # noqa: PLC0415

    allowed = fraction(max_slowdown)
    before, after = load(old), load(new)
    found = changes(before, after)
    table = Table("case", "variant", "old", "new", "change", "", box=None)
    for change in found:
        row = (change.case, change.variant, str(change.old), str(change.new), f"{change.slowdown:+.1%}")
        table.add_row(*row, change.verdict(allowed), style="bold red" if change.slower_than(allowed) else None)
    _console().print(table)
    if alone := only_in_one(before, after):
        click.echo(f"only in one of the runs: {', '.join(alone)}")
    judged = [change for change in found if change.judged]
    slower = sum(change.slower_than(allowed) for change in judged)
    click.echo(f"{slower} of {len(judged)} slower by more than {100 * allowed:g}% of their ratio to the floor")
    if slower:
        raise click.exceptions.Exit(SLOWER)


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentError(
            f"--output {path} cannot be made ({error.strerror}): pass a directory that can be written."
        ) from error


def _show(results: Results, output: Path | None) -> None:
    """Write the files where they are asked for, and print the results."""
    paths = []
    if output is not None:
        from gradcheck.bench import files  # noqa: PLC0415  loaded when it is asked for

        paths = files.write(results, output, shlex.join(["gradcheck", *sys.argv[1:]]))
    _print(results)
    for path in paths:
        click.echo(str(path))


def _console() -> Console:
    """Return where tables go; a pipe's lines may be long."""
    console = result_console()
    if not console.is_terminal:
        console.width = 200
    return console


def _print(results: Results) -> None:
    from rich.table import Table  # noqa: PLC0415  a tenth of a second

    from gradcheck.bench.markdown import argument_rows, check_rows, precision_rows, step_rows  # noqa: PLC0415

    console = _console()
    wide = console.width >= 150
    tables = [
        (f"step ÷ floor, {library}", header, rows) for library, header, rows in step_rows(results, quartiles=wide)
    ]
    if results.checks:
        header, rows = check_rows(results.checks)
        if not wide:
            header, rows = _without("gradients", *_without("÷ arguments", header, rows))
        tables.append(("the cost of a check", header, rows))
    if results.arguments:
        tables.append(("many arguments", *argument_rows(results.arguments)))
    if results.precision:
        tables.append(("the gradient in lower precision", *precision_rows(results)))
    for title, header, rows in tables:
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for name in header:
            table.add_column(name, justify="left" if name in WORDS else "right")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for reason, what in results.reasons().items():
        console.print(f"left out: {len(what)} ({what[0]}{', ...' if len(what) > 1 else ''}): {reason}", soft_wrap=True)


def _without(name: str, header: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Leave a column out."""
    at = header.index(name)
    return header[:at] + header[at + 1 :], [row[:at] + row[at + 1 :] for row in rows]
