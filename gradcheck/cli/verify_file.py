"""`gradcheck verify FILE.py`: run the file's functions under `@given`, which assert what they draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gradcheck.cli.progress import progress
from gradcheck.cli.show import EXIT_CODES, print_report, print_verdict, result_console, write_json
from gradcheck.errors import ArgumentError, UnsupportedError
from gradcheck.search.user_functions import import_file
from gradcheck.verdicts.certificate import Verdict
from gradcheck.verdicts.report import GradientError

try:
    import hypothesis
except ModuleNotFoundError as error:
    raise UnsupportedError(
        "Drawing inputs needs Hypothesis, which is not installed: run `pip install 'gradcheck[hypothesis]'`."
    ) from error

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def verify_file(path: Path, *, max_examples: int, seed: int, json_path: Path | None) -> int:
    """Run every function under `@given`, print a verdict for each with its smallest failing case, and return the code.

    Raises
    ------
    ArgumentError
        If the file cannot be run, or has no such function.

    """
    settings = hypothesis.settings
    phases = [phase for phase in hypothesis.Phase if phase is not hypothesis.Phase.explain]  # lines of ours
    settings.register_profile(
        "gradcheck verify", max_examples=max_examples, deadline=None, database=None, phases=phases
    )
    before = settings.get_current_profile_name()
    settings.load_profile("gradcheck verify")  # for what the file's own @settings leave open
    try:
        module = import_file(path)
        given = {name: thing for name, thing in vars(module).items() if getattr(thing, "is_hypothesis_test", False)}
        if not given:
            raise ArgumentError(
                f"{str(path)!r} has no function under @given: write one that calls gradcheck.assert_gradient, or name "
                "the functions as package.module:loss package.module:gradient"
            )
        with progress(len(given), "functions") as show:
            verdicts = {}
            for done, (name, function) in enumerate(given.items()):
                show(done, f"functions, now {name}")
                verdicts[name] = _run(name, function, seed)
    finally:
        settings.load_profile(before)
    verdict = Verdict.worst(list(verdicts.values()))
    if json_path is not None:
        data = {"verdict": str(verdict), "functions": {name: str(each) for name, each in verdicts.items()}}
        write_json(json_path, data)
    return EXIT_CODES[verdict]


def _run(name: str, function: Callable[[], None], seed: int) -> Verdict:
    """Run one function on drawn cases and print what came out."""
    try:
        hypothesis.seed(seed)(function)()
    except Exception as error:  # noqa: BLE001  whatever a user's test raises is its result
        found, verdict = _first(error), Verdict.FAIL
        if isinstance(found, GradientError):
            verdict = found.report.verdict
        print_verdict(verdict, f"{name}, shrunk to the smallest case:")
        if isinstance(found, GradientError):
            print_report(result_console(), found.report)
        else:
            click.echo(f"{type(found).__name__}: {found}")
        for note in getattr(found, "__notes__", ()):
            click.echo(note)
        click.echo()
        return verdict
    print_verdict(Verdict.PASS, name)
    return Verdict.PASS


def _first(error: Exception) -> Exception:
    """Return the first failure: a wrong gradient before one that is undecided."""
    if not isinstance(error, ExceptionGroup):
        return error
    found = [_first(each) for each in error.exceptions]
    wrong = [e for e in found if isinstance(e, GradientError) and e.report.verdict is Verdict.FAIL]
    return [*wrong, *found][0]
