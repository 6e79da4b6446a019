"""`gradcheck verify` without arguments: the two networks, a table each, and the derivation line by line."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gradcheck.cli import network_table
from gradcheck.cli.progress import progress
from gradcheck.cli.show import EXIT_CODES, result_console, write_json
from gradcheck.errors import UnsupportedError
from gradcheck.two_layer_relu import network_check
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.console import Console

    from gradcheck.lines.report import DerivationReport
    from gradcheck.two_layer_relu.network_check import Row, Settings


def verify_networks(settings: Settings, chosen: str, json_path: Path | None) -> int:
    """Check the chosen networks, print a table each, and return the exit code."""
    start = time.perf_counter()
    backends, left_out = available(chosen)
    rows: dict[str, list[Row]] = {}
    lines: dict[str, DerivationReport] = {}
    with progress(None, "loading") as show:

        def started(what: str) -> None:
            show(0, what)

        for name in backends:
            rows[name] = list(network_check.judge_network(name, settings, started=started))
            started(f"{name}, line by line")
            lines[name] = network_check.judge_lines(settings, name)
        cancelling = network_check.judge_cancelling(settings.seed)
    seconds = time.perf_counter() - start
    everything = [row for found in rows.values() for row in found]
    verdict = network_check.worst(everything, list(lines.values()))
    console = result_console()
    _print_tables(settings, rows, lines, console)
    network_table.cancelling_note(cancelling, console)
    if min(settings.shape) == 0:
        left_out.append("The ReLU boundary was left out: it needs sizes of at least 1.")
    for sentence in left_out:
        console.print(sentence)
    right = sum(row.verdict is Verdict.PASS for row in everything)
    counted = f" {right} of {len(everything)} gradients right, in {seconds:.1f} s"
    console.print(network_table.styled(verdict), counted, sep="")
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
        write_json(json_path, data)
    return EXIT_CODES[verdict]


def _print_tables(
    settings: Settings, rows: Mapping[str, list[Row]], lines: dict[str, DerivationReport], console: Console
) -> None:
    """Print a table for each network with remarks, then the derivation line by line."""
    for name, found in rows.items():
        where = f" on {settings.device}" if name == "torch" and settings.device != "cpu" else ""
        sizes = ",".join(map(str, settings.shape))
        title = f"{network_table.NAMES[name]}{where}, {settings.dtype}, shape {sizes}, seed {settings.seed}"
        console.print(network_table.network_table(found, title))
        for remark in network_table.remarks(found):
            console.print(remark)
        console.print()
    console.print(network_table.lines_table(lines))
    for report in lines.values():
        if report.verdict is not Verdict.PASS:
            console.print(str(report))
    console.print()


def available(chosen: str) -> tuple[tuple[str, ...], list[str]]:
    """Return the backends to check, and a sentence for what is left out because Torch is not installed.

    Raises
    ------
    UnsupportedError
        If Torch was asked for by name and is not installed.

    """
    install = "run `pip install 'gradcheck[torch]'`"
    if network_check.has_torch():
        return (network_check.BACKENDS if chosen == "all" else (chosen,)), []
    if chosen == "torch":
        raise UnsupportedError(
            f"--backend torch needs PyTorch, which is not installed: {install}, or pass --backend numpy."
        )
    return ("numpy",), [
        f"Left out, as PyTorch is not installed: the Torch network, and torch.autograd as an oracle; {install}."
    ]
