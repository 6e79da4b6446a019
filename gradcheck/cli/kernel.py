"""`gradcheck kernel KERNEL --reference REFERENCE --signature ...`: a kernel against its reference, on drawn inputs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from gradcheck.cli import options
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path

    from gradcheck.search.kernel_cases import KernelCase, KernelSearch


@click.command()
@click.argument("target", metavar="KERNEL")
@click.option(
    "--reference", required=True, metavar="MODULE:NAME", help="The plain formula, by differentiable operations."
)
@click.option("--signature", required=True, metavar="TEXT", help='Shapes of the inputs, such as "(n,d),(d)".')
@click.option(
    "--dtype",
    type=click.Choice(["bfloat16", "float16", "float32"]),
    default="bfloat16",
    show_default=True,
    help="Of the inputs.",
)
@click.option(
    "--backend", type=click.Choice(["torch", "jax", "numpy"]), default="torch", show_default=True, help="Of arrays."
)
@click.option("--blocks", is_flag=True, help="Draw sizes next to 16, 32, 64, 128 and 256.")
@click.option("--max-examples", type=click.IntRange(min=1), default=30, show_default=True, help="Cases to draw.")
@options.seed_option
@options.json_option
@options.report_option
def kernel(
    *,
    target: str,
    reference: str,
    signature: str,
    dtype: str,
    backend: str,
    blocks: bool,
    max_examples: int,
    seed: int,
    json_path: Path | None,
    report_path: Path | None,
) -> None:
    """Hold a kernel and its backward against a reference, in the precision it runs in; shrink a failure.

    KERNEL and the reference are package.module:function. --json and --report write the report of one case: the one
    that fails, with the smallest sizes; else the smallest that is undecided; else that with the largest error.

    \b
      gradcheck kernel mine:fused --reference mine:plain --signature "(n,d),(d)" --blocks
    """  # noqa: D301  the backspace itself keeps click from filling the paragraph
    from gradcheck.cli.show import EXIT_CODES, write_json  # noqa: PLC0415
    from gradcheck.search.kernel_cases import search  # noqa: PLC0415
    from gradcheck.search.user_functions import find_function  # noqa: PLC0415
    from gradcheck.strategies.signature import parse  # noqa: PLC0415

    options.check_folder("--json", json_path)
    options.check_folder("--report", report_path)
    found = search(
        find_function(target),
        find_function(reference),
        parse(signature),
        max_examples=max_examples,
        seed=seed,
        dtype=dtype,
        library=backend,
        blocks=blocks,
    )
    case = found.shown
    if case is None:  # search raises where no case could be checked
        raise ArgumentError(f"no case was drawn: --max-examples {max_examples}")
    _print(found, case, f"{target}: {found.drawn} cases drawn from {signature} in {dtype}, seed {seed}")
    drawn = f"one of {found.drawn} cases drawn from {signature} in {dtype}: {_sizes(case)}"
    report = replace(case.report, notes=(*case.report.notes, drawn))
    if report_path is not None:  # first: its ending may be refused, and then nothing is written
        report.save(report_path)
    if json_path is not None:
        write_json(json_path, report.to_dict())
    click.get_current_context().exit(EXIT_CODES[found.verdict])


def _print(found: KernelSearch, case: KernelCase, drawn: str) -> None:
    """Print the verdict; and the case to look at, unless all pass."""
    from gradcheck.cli.show import print_line, print_report, print_verdict, result_console  # noqa: PLC0415
    from gradcheck.verdicts.certificate import Verdict  # noqa: PLC0415

    if found.verdict is Verdict.PASS:
        print_verdict(found.verdict, drawn)
    else:
        said = f"A wrong kernel after {found.drawn} cases; the smallest sizes that fail"
        if found.verdict is Verdict.INCONCLUSIVE:
            said = f"{found.undecided} of {found.drawn} cases are undecided, no other is wrong; the smallest of them"
        print_line(f"{said}: {_sizes(case)}\n")
        print_report(result_console(), case.report)
    if found.undefined:
        print_line(f"\n{found.undefined} cases left out, the last because: {found.why_undefined}")


def _sizes(case: KernelCase) -> str:
    return f"{', '.join(f'{name} = {n}' for name, n in case.sizes.items())} ({case.kind})"
