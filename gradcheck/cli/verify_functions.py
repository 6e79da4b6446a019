"""`gradcheck verify LOSS GRADIENT --signature ...`: the smallest case in which the user's gradient is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from gradcheck.cli.show import EXIT_CODES, late_bar, print_report, result_console
from gradcheck.errors import ArgumentError
from gradcheck.search.counterexample import search
from gradcheck.search.reproduction import literal, program
from gradcheck.search.user_functions import find_function
from gradcheck.strategies.drawn import SHORT
from gradcheck.strategies.signature import parse
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gradcheck.search.counterexample import Case, Search

__all__ = ["verify_functions"]


def verify_functions(
    targets: Sequence[str],
    signature: str,
    *,
    max_examples: int,
    max_side: int,
    boundary: bool,
    rtol: float | None,
    dtype: str,
    library: str,
    seed: int,
    json_path: Path | None,
) -> int:
    """Search, print what was found with a program that repeats it, and return the exit code."""
    read = parse(signature)
    if read.output:
        raise ArgumentError(
            f"the signature {signature!r} has the result ({','.join(read.output)}), but should have () or none: a loss "
            "is one number; sum the outputs, or check a vjp in a Python file with @given"
        )
    functions = [find_function(target) for target in targets]
    with late_bar(max_examples) as show:
        found = search(
            functions[0],
            functions[1] if len(functions) == 2 else None,
            read,
            max_examples=max_examples,
            seed=seed,
            dtype=dtype,
            library=library,
            rtol=rtol,
            max_side=max_side,
            boundary=boundary,
            on_case=lambda so_far: show(so_far.drawn, _doing(so_far)),
        )
    repeat = _command(targets, str(read), seed=seed, dtype=dtype, library=library, rtol=rtol, boundary=boundary)
    case = found.failure or found.undecided
    console = result_console()
    if case is None:
        largest = f"every error is at most {found.largest_error:.1e}" if found.largest_error else "all exact"
        console.print(
            f"[green]PASS[/green]  {targets[-1]}: {found.drawn} cases drawn from {read}, sizes 1 to {max_side}, "
            f"entries {min(SHORT):g} to {max(SHORT):g}, seed {seed}; {largest}",
            highlight=False,
            soft_wrap=True,
        )
    else:
        click.echo(_headline(found, str(read)))
        case = replace(case, report=replace(case.report, repeat=repeat))
        print_report(console, case.report)
        click.echo("\nThis program repeats it:\n")
        click.echo(program(targets, case.args, seed=seed, rtol=rtol))
    if found.undefined:
        click.echo(f"\n{found.undefined} draws left out, the last because: {found.why_undefined}")
    if json_path is not None:
        data = _as_data(found, case, targets, str(read), seed)
        json_path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return EXIT_CODES[found.verdict]


def _headline(found: Search, signature: str) -> str:
    cases = f"{found.drawn} case{'s' * (found.drawn != 1)} drawn from {signature}"
    if found.verdict is Verdict.FAIL:
        return f"A wrong gradient after {cases}; in {found.shrinking} more it was shrunk to this:\n"
    return f"{found.inconclusive} of {cases} are undecided, no other is wrong; the smallest of them:\n"


def _doing(so_far: Search) -> str:
    return f"cases, {so_far.shrinking} to shrink a failure" if so_far.shrinking else "cases"


def _command(
    targets: Sequence[str],
    signature: str,
    *,
    seed: int,
    dtype: str,
    library: str,
    rtol: float | None,
    boundary: bool,
) -> str:
    options = [f'--signature "{signature}"', f"--seed {seed}"]
    options += [f"--dtype {dtype}"] if dtype != "float64" else []
    options += [f"--backend {library}"] if library != "numpy" else []
    options += [f"--rtol {rtol:g}"] if rtol is not None else []
    options += ["--boundary"] if boundary else []
    return " ".join(["gradcheck verify", *targets, *options])


def _as_data(found: Search, case: Case | None, targets: Sequence[str], signature: str, seed: int) -> dict[str, Any]:
    return {
        "verdict": str(found.verdict),
        "targets": list(targets),
        "signature": signature,
        "seed": seed,
        "drawn": found.drawn,
        "shrinking": found.shrinking,
        "inconclusive": found.inconclusive,
        "undefined": found.undefined,
        "largest_error": found.largest_error,
        "case": None
        if case is None
        else {"args": [literal(array) for array in case.args], "report": case.report.to_dict()},
    }
