"""A derivation's lines with their verdicts, judged while the documentation is built; a wrong line stops the build.

In a page: a block ``{verdicts} two_layer_relu``, with a name of `gradcheck.derivations.ALL`; its option ``:derived:``
shows the written derivation, the module's docstring, above the table.
"""

from __future__ import annotations

import inspect
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from gradcheck import Verdict
from gradcheck.derivations import ALL

if TYPE_CHECKING:
    from sphinx.application import Sphinx

    from gradcheck.lines.report import DerivationReport

_LOGGER = logging.getLogger(__name__)


class Verdicts(SphinxDirective):
    """Judge one derivation, on NumPy and on Torch where it is installed, and show a row for each gradient line."""

    required_arguments = 1
    option_spec: ClassVar = {"derived": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Return the table, and the derivation if it is asked for."""
        name = self.arguments[0]
        if name not in ALL:
            raise self.error(f"{name!r} is no derivation; there are {', '.join(ALL)}")
        self.env.note_dependency(ALL[name].__file__)
        reports = judge(name)
        for library, report in reports.items():
            if report.verdict is not Verdict.PASS:
                _LOGGER.warning("%s on %s: %s", name, library, report, location=self.get_location(), type="verdicts")
        written = str(inspect.getdoc(ALL[name])) if "derived" in self.options else ""
        derived = [nodes.literal_block(written, written, language="text", classes=["derived"])] if written else []
        return [*derived, *self.parse_text_to_nodes(table(reports))]


def judge(name: str) -> dict[str, DerivationReport]:
    """Return the reports of a derivation's lines, by the array library that computed them."""
    derivation, inputs = ALL[name].derivation, ALL[name].draw()
    reports = {"NumPy": derivation.check(inputs)}
    if find_spec("torch") is not None:
        import torch  # noqa: PLC0415  the documentation is built without it as well

        reports["Torch"] = derivation.check({name: torch.as_tensor(x) for name, x in inputs.items()})
    return reports


def table(reports: dict[str, DerivationReport]) -> str:
    """Return the verdicts as a table in Markdown: a line a row, a library a column."""
    rows = [["line", *reports], ["---"] * (1 + len(reports))]
    for lines in zip(*(report.lines for report in reports.values()), strict=True):
        text = " ".join(lines[0].text.split()).replace("|", r"\|")
        rows.append([f"`{text}`", *(_found(line.verdict, line.report) for line in lines)])
    whole = [_found(report.verdict, report.whole) for report in reports.values()]
    rows.append(["**all lines together**", *whole])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _found(verdict: Verdict, report: Any) -> str:
    if report is None:
        return str(verdict)
    error = max((argument.error for argument in report), key=lambda found: (found.relative, found.high))
    return f"{verdict}, {'at most ' if error.relative else 'zero to ±'}{error.high:.1e}"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the block."""
    app.add_directive("verdicts", Verdicts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
