"""`gradcheck verify LOSS GRADIENT --signature ...`: the smallest case in which the user's gradient is wrong."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradcheck.cli.memory import fits, said
from gradcheck.cli.progress import progress
from gradcheck.cli.show import EXIT_CODES, print_line, print_report, print_verdict, result_console, write_json
from gradcheck.errors import ArgumentError
from gradcheck.search.calls import ordered
from gradcheck.search.counterexample import search
from gradcheck.search.reproduction import literal, program
from gradcheck.search.user_functions import find_function
from gradcheck.strategies.described import described, from_signature
from gradcheck.strategies.drawn import SHORT
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcheck.search.counterexample import DrawnCase, SearchResult
    from gradcheck.strategies.described import Arguments


@dataclass(frozen=True)
class Drawing:
    """What to draw and how to judge it, as the command line says it.

    Attributes
    ----------
    signature : str
        Shapes, or the name of a TOML file.
    max_examples, max_side, boundary, positive, interval, dtype, backend
        What to draw.
    rtol, seed
        As for `gradcheck.check`.

    """

    signature: str
    max_examples: int = 50
    max_side: int = 6
    boundary: bool = False
    positive: bool = False
    interval: tuple[float, float] | None = None
    dtype: str = "float64"
    backend: str = "numpy"
    rtol: float | None = None
    seed: int = 0

    def arguments(self) -> Arguments:
        """Return what the signature or the file describes; refuse what no loss takes and no memory holds."""
        kind = {
            "dtype": self.dtype,
            "library": self.backend,
            "boundary": self.boundary,
            "positive": self.positive,
            "interval": self.interval,
        }
        read: Any = described if self.signature.endswith(".toml") else from_signature
        found: Arguments = read(Path(self.signature) if read is described else self.signature, **kind)
        if found.signature.output:
            raise ArgumentError(
                f"the signature {self.signature!r} has the result ({','.join(found.signature.output)}), "
                "wanted () or none: a loss is one number; sum the outputs, or check a vjp in a Python file with @given"
            )
        needed = 2 * 8 * found.signature.entries(self.max_side)  # the arguments and their gradients
        if not fits(needed):
            raise ArgumentError(f"arguments of these sizes and their gradients need {said(needed)}")
        return found

    def command(self, targets: Sequence[str]) -> str:
        """Return the command that draws the same, quoted for a shell."""
        plain = Drawing(self.signature)
        words = ["gradcheck", "verify", *targets, "--signature", self.signature, "--seed", str(self.seed)]
        for name in ("max_examples", "max_side", "dtype", "backend", "rtol"):
            if getattr(self, name) != getattr(plain, name):
                words += [f"--{name.replace('_', '-')}", str(getattr(self, name))]
        words += [f"--{name}" for name in ("boundary", "positive") if getattr(self, name)]
        words += ["--range", *map(repr, self.interval)] if self.interval else []
        return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    """Quote for a shell; in double quotes, as the documentation has it, where these are enough."""
    plain = shlex.quote(word) == word
    return word if plain else f'"{word}"' if not set(word) & set('"$`\\!') else shlex.quote(word)


def verify_functions(
    targets: Sequence[str], drawing: Drawing, *, json_path: Path | None = None, report_path: Path | None = None
) -> int:
    """Search, print what was found with a program that repeats it, and return the exit code."""
    arguments = drawing.arguments()
    functions = [find_function(target) for target in targets]
    arguments = replace(arguments, tree=ordered(functions[0], arguments.tree))
    with progress(drawing.max_examples, "cases") as show:
        found = search(
            functions[0],
            functions[1] if len(functions) == 2 else None,
            arguments,
            target=targets[0],
            max_examples=drawing.max_examples,
            seed=drawing.seed,
            rtol=drawing.rtol,
            max_side=drawing.max_side,
            on_case=lambda so_far: show(so_far.drawn, _doing(so_far)),
        )
    case = found.failure or found.undecided
    if case is None:
        _print_pass(found, targets, arguments, drawing)
    else:
        print_line(_headline(found, str(arguments.signature)))
        case = replace(case, report=replace(case.report, repeat=drawing.command(targets)))
        print_report(result_console(), case.report)
        click.echo("\nThis program repeats it:\n")
        click.echo(program(targets, case.args, seed=drawing.seed, rtol=drawing.rtol))
    if found.undefined:
        draws = f"{found.undefined} draw{'s' * (found.undefined != 1)}"
        print_line(f"\n{draws} left out, the last because: {found.why_undefined}")
    shown = case or found.widest
    if report_path is not None and shown is not None:  # first: its ending may be refused, and then nothing is written
        shown.report.save(report_path)
    if json_path is not None:
        data = _as_data(found, case, targets, str(arguments.signature), drawing.seed)
        write_json(json_path, data)
    return EXIT_CODES[found.verdict]


def _print_pass(found: SearchResult, targets: Sequence[str], arguments: Arguments, drawing: Drawing) -> None:
    largest = f"every error is at most {found.largest_error:.1e}" if found.largest_error else "all exact"
    low, high = drawing.interval or (min(x for x in SHORT if x > 0 or not drawing.positive), max(SHORT))
    entries = "entries as described" if drawing.signature.endswith(".toml") else f"entries {low:g} to {high:g}"
    print_verdict(
        Verdict.PASS,
        f"{targets[-1]}: {found.drawn} cases drawn from {arguments.signature}, sizes 1 to {drawing.max_side}, "
        f"{entries}, seed {drawing.seed}; {largest}",
    )


def _headline(found: SearchResult, signature: str) -> str:
    cases = f"{found.drawn} case{'s' * (found.drawn != 1)} drawn from {signature}"
    if found.verdict is Verdict.FAIL:
        return f"A wrong gradient after {cases}; in {found.shrinking} more it shrank to this:\n"
    return f"{found.inconclusive} of {cases} are undecided, no other is wrong; the smallest of them:\n"


def _doing(so_far: SearchResult) -> str:
    return f"cases, {so_far.shrinking} to shrink a failure" if so_far.shrinking else "cases"


def _as_data(
    found: SearchResult, case: DrawnCase | None, targets: Sequence[str], signature: str, seed: int
) -> dict[str, Any]:
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
        "case": None if case is None else {"args": _literals(case.args), "report": case.report.to_dict()},
    }


def _literals(args: Any) -> Any:
    if isinstance(args, dict):
        return {name: literal(part) for name, part in args.items()}
    return [literal(part) for part in args]
