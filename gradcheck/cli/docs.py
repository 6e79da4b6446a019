"""`gradcheck docs [PAGE]`: the documentation as text, which the wheel holds beside the package."""

from __future__ import annotations

from pathlib import Path

import click

from gradcheck.cli.show import result_console
from gradcheck.errors import ArgumentError

PACKAGE = Path(__file__).parents[1]
FOLDERS = (PACKAGE / "docs", PACKAGE.parent / "docs")  # of the wheel, of a checkout
# The pages that are read as text: a line each. Others are made of directives, which the build fills in.
PAGES = {
    "first-steps": "from an empty folder to a wrong gradient found",
    "coming-from": "you know torch's, SciPy's or JAX's check",
    "symptoms": "wrong gradients, and what the report says of them",
    "when-it-fails": "every line of a report; what to do",
    "your-own-gradient": "vjp, jvp, Jacobian, Torch, JAX, pytest",
    "your-own-kernel": "kernels in low precision",
    "command-line": "the commands and their options",
    "kinks": "ReLU at 0, ties, conventions",
    "line-by-line": "which line of a backward pass is wrong",
    "how-it-decides": "where every number of a verdict comes from",
    "exact-arithmetic": "slopes without any error, for NumPy code",
    "conventions": "what libraries answer at a kink",
    "kill-table": "which planted mistakes are caught",
    "glossary": "the words",
    "when-it-breaks": "interrupts, full disks, broken files",
    "comparison": "other tools, and what they have",
    "derivation-two-layer-relu": "the network's gradients, derived",
    "design": "how the package is divided",
}


@click.command()
@click.argument("page", required=False, type=click.Choice(list(PAGES)), metavar="[PAGE]")
def docs(page: str | None) -> None:
    """Show a page of the documentation; without PAGE, list them."""
    folder = next((folder for folder in FOLDERS if (folder / "kinks.md").is_file()), None)
    if folder is None:
        raise ArgumentError(f"the documentation is not installed: wanted it in {FOLDERS[0]}")
    if page is not None:
        click.echo_via_pager((folder / f"{page}.md").read_text(encoding="utf-8"))
        return
    width = max(map(len, PAGES))
    console = result_console()
    for name, about in PAGES.items():
        console.print(f"{name:{width}}  {about}", highlight=False, markup=False)
    console.print(f"\nAs files: {folder}", highlight=False, markup=False, soft_wrap=True)
