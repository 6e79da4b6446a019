"""Sphinx renders maths to MathML while it builds: no script, no font and no network in the page.

`math-core` is strict: an unknown command or a misplaced `&` is a warning with its file and line, so that the
strict build stops there, where a lenient converter would print the raw source into the page.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

_CONVERTER = LatexToMathML(fancy_error=False)
_LOGGER = logging.getLogger(__name__)


def to_mathml(latex: str, *, display: bool) -> str:
    r"""Render LaTeX source; raise `math_core.LatexError` where it cannot.

    Several lines (``\\``) outside an environment are aligned at their ``&``, as in Sphinx's other renderers.
    """
    if display and r"\\" in latex and r"\begin{" not in latex:
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
    return _CONVERTER.convert_with_local_state(latex, displaystyle=display)


def _render(node: nodes.Element, *, display: bool) -> str:
    latex = node.astext()
    try:
        return to_mathml(latex, display=display)
    except LatexError as error:
        _LOGGER.warning("maths %r: %s", latex, error, location=node, type="mathml")
        return f"<code>{escape(latex)}</code>"


def _inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(_render(node, display=False))
    raise nodes.SkipNode


def _displayed(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(translator.starttag(node, "div", CLASS="math-display"))
    translator.body.append(_render(node, display=True))
    if node.get("number"):
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})</span>')
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer, to be chosen with ``html_math_renderer = "mathml"``."""
    app.add_html_math_renderer("mathml", (_inline, None), (_displayed, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
