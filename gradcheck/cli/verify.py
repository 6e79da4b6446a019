"""`gradcheck verify`: are the hand gradients right? Of the two networks, or of the user's own functions."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradcheck.certificate import Verdict
from gradcheck.cli.shape import shape_option
from gradcheck.errors import ArgumentError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from gradcheck.line_by_line import DerivationReport
    from gradcheck.network_check import Row, Settings
    from gradcheck.two_layer_relu.problem import Shape

__all__ = ["EXIT_CODES", "verify"]

EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 3}


@click.command()
@shape_option
@click.option("--dtype", type=click.Choice(["float64", "float32"]), default="float64", show_default=True)
@click.option("--device", default="cpu", show_default=True, help="Where Torch computes, such as cuda.")
@click.option("--backend", type=click.Choice(["all", "numpy", "torch"]), default="all", show_default=True)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the data and the directions."
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the results to this file as well.",
)
@click.pass_context
def verify(
    ctx: click.Context,
    *,
    shape: Shape,
    dtype: str,
    device: str,
    backend: str,
    seed: int,
    json_path: Path | None,
) -> None:
    """Check hand gradients: those of the two networks.

    Both networks' gradients (x, y, w1, w2) are held against finite differences and against torch.autograd, on normal
    data and on the ReLU boundary, where some hidden units are exactly 0.
    """
    from gradcheck.network_check import Settings  # noqa: PLC0415

    _check_writable(json_path)
    ctx.exit(_networks(Settings(shape=shape, dtype=dtype, seed=seed, device=device), backend, json_path))


def _networks(settings: Settings, chosen: str, json_path: Path | None) -> int:
    """Check the chosen networks, print a table each, and return the exit code."""
    from gradcheck import network_check  # noqa: PLC0415  the engine, once it is known what for
    from gradcheck.cli import network_table  # noqa: PLC0415

    start = time.perf_counter()
    backends, left_out = _available(chosen)
    rows: dict[str, list[Row]] = {}
    lines: dict[str, DerivationReport] = {}
    with _spinner() as started:
        for name in backends:
            rows[name] = list(network_check.judge_network(name, settings, started=started))
            started(f"{name}, line by line")
            lines[name] = network_check.judge_lines(settings, name)
        cancelling = network_check.judge_cancelling(settings.seed)
    seconds = time.perf_counter() - start
    everything = [row for found in rows.values() for row in found]
    verdict = network_check.worst(everything, list(lines.values()))

    console = _console()
    for name, found in rows.items():
        where = f" on {settings.device}" if name == "torch" and settings.device != "cpu" else ""
        sizes = ",".join(map(str, settings.shape))
        title = f"{network_table.NAMES[name]}{where}, {settings.dtype}, shape {sizes}, seed {settings.seed}"
        console.print(network_table.network_table(found, title))
        for remark in network_table.remarks(found):
            console.print(remark, highlight=False, markup=False)
        console.print()
    console.print(network_table.lines_table(lines))
    for report in lines.values():
        if report.verdict is not Verdict.PASS:
            console.print(str(report), highlight=False, markup=False)
    console.print()
    network_table.cancelling_note(cancelling, console)
    if min(settings.shape) == 0:
        left_out.append("The ReLU boundary was left out: it needs sizes of at least 1.")
    for sentence in left_out:
        console.print(sentence, highlight=False, markup=False)
    right = sum(row.verdict is Verdict.PASS for row in everything)
    console.print(
        network_table.styled(verdict), f" {right} of {len(everything)} gradients right, in {seconds:.1f} s",
        sep="", highlight=False,
    )  # fmt: skip
    if json_path is not None:
        data = {
            "verdict": str(verdict),
            "shape": list(settings.shape),
            "dtype": settings.dtype,
            "seed": settings.seed,
            "device": settings.device,
            "rows": [row.to_dict() for row in everything],
            "lines": {name: report.to_dict() for name, report in lines.items()},
            "left_out": left_out,
            "seconds": seconds,
        }
        json_path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return EXIT_CODES[verdict]


def _available(chosen: str) -> tuple[tuple[str, ...], list[str]]:
    """Return the backends to check, and a sentence for what is left out because Torch is not installed.

    Raises
    ------
    UnsupportedError
        If Torch was asked for by name and is not installed.

    """
    from gradcheck.network_check import BACKENDS, has_torch  # noqa: PLC0415

    install = "run `pip install 'gradcheck[torch]'`"
    if has_torch():
        return (BACKENDS if chosen == "all" else (chosen,)), []
    if chosen == "torch":
        raise UnsupportedError(
            f"--backend torch needs PyTorch, which is not installed: {install}, or pass --backend numpy."
        )
    return ("numpy",), [
        f"Left out, as PyTorch is not installed: the Torch network, and torch.autograd as an oracle; {install}."
    ]


def _console() -> Console:
    """Return where results go: standard output; NO_COLOR and pipes get plain text."""
    from rich.console import Console  # noqa: PLC0415  a tenth of a second

    return Console(soft_wrap=False)


@contextmanager
def _spinner() -> Iterator[Callable[[str], None]]:
    """Show on standard error what is being done, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.status import Status  # noqa: PLC0415

    with Status("loading", console=Console(stderr=True)) as status:
        yield status.update


def _check_writable(path: Path | None) -> None:
    """Refuse before the work what would fail after it."""
    if path is not None and not path.parent.is_dir():
        raise ArgumentError(f"--json is {str(path)!r}, but there is no directory {str(path.parent)!r}: make it first.")
