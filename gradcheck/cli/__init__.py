"""The command line: one command a file, each loaded only when it is called.

A command is a file: `check`, `kernel`, `docs`, `train`, `bench`, and `verify` with `verify_functions`, `verify_file`,
`verify_networks` (its tables: `network_table`), `verify_exact` and `verify_sweep`, which `subcommands` chooses from.
What they share: `options` in groups, `shape` and `point` read what is typed, `show` and `progress` print, `threads` and
`memory` ask the machine, `interrupts` and `user_warnings` see to Ctrl-C and to warnings.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import traceback
from importlib import metadata

import click

from gradcheck.cli.interrupts import INTERRUPTED, Interrupts
from gradcheck.cli.user_warnings import counted_warnings
from gradcheck.errors import GradcheckError
from gradcheck.reports.words import visible
from gradcheck.search.user_functions import raised

# One command a file, named like it; its line in `gradcheck --help` is here, so that help loads no command.
COMMANDS = {
    "check": "Check your gradient at one point, given as a file.",
    "kernel": "Hold a kernel against its reference, in the precision it runs in.",
    "verify": "Check your gradient on drawn inputs; or those of the two networks.",
    "bench": "Time the networks and the checks.",
    "train": "Train a two-layer network and show its loss.",
    "docs": "Read a page of the documentation, such as: gradcheck docs kinks.",
}

# 0 and 1 are a command's own: PASS and FAIL. 70 is EX_SOFTWARE of sysexits.h; the last two are what a shell reports for
# SIGINT and SIGPIPE.
USAGE, FAULT, PIPE_CLOSED = 2, 70, 141


class LazyGroup(click.Group):
    """A group that imports `gradcheck.cli.NAME` when NAME is called, and ends every failure in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Return the names of the commands, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command's module and return its object of the same name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"gradcheck.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the table of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; turn what can go wrong outside it into one line and an exit code."""
        if sys.stdout is None:
            click.echo("gradcheck: standard output is closed, and a verdict could not be read", err=True)
            raise click.exceptions.Exit(USAGE)
        for stream in (sys.stdout, sys.stderr):  # what an encoding has not is shown by its escape
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        with Interrupts() as interrupts:
            try:
                with counted_warnings():
                    super().invoke(ctx)
                sys.stdout.flush()
            except BaseException as error:
                raise _ending(error, interrupted=interrupts.seen > 0) from error
            if interrupts.seen:
                raise _ending(KeyboardInterrupt(), interrupted=True)
        return None


def _ending(error: BaseException, *, interrupted: bool) -> BaseException:
    """Say in a line what ended the command, and return what click turns into its exit code."""
    if interrupted or isinstance(error, KeyboardInterrupt):
        return _said("interrupted", INTERRUPTED)
    if isinstance(error, (click.ClickException, click.exceptions.Exit, click.Abort)):
        return error
    if isinstance(error, OSError):  # a closed pipe, a full disk, a file that may not be written
        _silence_stdout()
    if isinstance(error, BrokenPipeError):
        return click.exceptions.Exit(PIPE_CLOSED)
    said = _sentence(error)
    if said is None:  # a fault of this program is no verdict on a gradient
        traceback.print_exception(error)
        return click.exceptions.Exit(FAULT)
    return _said(said, USAGE)


def _sentence(error: BaseException) -> str | None:
    """Return what the caller should know, or None where this program is to blame."""
    if isinstance(error, (GradcheckError, OSError)):
        return " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return f"out of memory: {error or 'pass smaller shapes'}"
    if not isinstance(error, Exception):  # sys.exit() in code that is called here says nothing about a gradient
        return f"{raised(error)}: your code may not end the command, which has no verdict yet"
    return None


def _said(sentence: str, code: int) -> click.exceptions.Exit:
    click.echo(f"gradcheck: {visible(sentence)}", err=True)
    return click.exceptions.Exit(code)


def _silence_stdout() -> None:
    """Let what is still buffered for a closed pipe go nowhere, or Python complains about it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def _version() -> str:
    try:
        return metadata.version("gradcheck")
    except metadata.PackageNotFoundError:
        return "unknown (not installed)"


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 right, 1 wrong, 2 usage or an argument that cannot be used, 3 inconclusive, 70 a fault.",
)
@click.version_option(_version(), prog_name="gradcheck")
def main() -> None:
    """Say whether a hand-derived gradient is right, where it is not, and which mistake it is.

    Of your own, with loss(x, w) and gradient(x, w) in mine.py:

    \b
      gradcheck verify mine:loss mine:gradient --signature "(n,d),(d,k)->()"
      gradcheck check mine:loss mine:gradient --point data.npz
    """  # noqa: D301  the backspace itself keeps click from filling the paragraph
