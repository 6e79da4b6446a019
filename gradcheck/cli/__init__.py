"""The command line: the group, which loads a command only when it is called, and its exit codes."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from importlib import metadata

import click

from gradcheck.errors import GradcheckError

__all__ = ["COMMANDS", "main"]

# One command a file, named like it; its line in `gradcheck --help` is here, so that help loads no command.
COMMANDS = {
    "verify": "Check the hand gradients of the two-layer networks.",
    "train": "Train a two-layer network and show its loss.",
    "bench": "Time the networks and the checks.",
}

# 0 and 1 are a command's own: PASS and FAIL. 70 is EX_SOFTWARE of sysexits.h; the last two are what a shell reports for
# SIGINT and SIGPIPE.
USAGE, FAULT, INTERRUPTED, PIPE_CLOSED = 2, 70, 130, 141


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
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except GradcheckError as error:
            click.echo(f"gradcheck: {' '.join(str(error).split())}", err=True)
            raise click.exceptions.Exit(USAGE) from error
        except KeyboardInterrupt as error:
            click.echo("gradcheck: interrupted", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from error
        except BrokenPipeError as error:
            _silence_stdout()
            raise click.exceptions.Exit(PIPE_CLOSED) from error
        except OSError as error:  # a full disk, a file that may not be written
            click.echo(f"gradcheck: {error}", err=True)
            _silence_stdout()
            raise click.exceptions.Exit(USAGE) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # a fault of this program is no verdict on a gradient
            traceback.print_exc()
            raise click.exceptions.Exit(FAULT) from error
        return result


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
    """Say whether a hand-derived gradient is right, where it is not, and which mistake it is."""
