"""How the documentation is built: `tox -e docs`. Everything a page needs is in the page's own folder."""

import re
import sys
from importlib.metadata import version as installed_version
from importlib.resources import files
from pathlib import Path

from sphinx.errors import ExtensionError

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "gradcheck"
copyright = "the gradcheck authors"  # noqa: A001  Sphinx's name
release = installed_version("gradcheck")
version = release
html_title = f"gradcheck {release}"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "links",
    "mathml",
    "verdicts",
]
exclude_patterns = ["_build"]

# Text: Markdown, with maths between dollars and links to headings.
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# API: the docstrings, in NumPy's style; a type of another library is text, a name of ours must exist.
autosummary_generate = False
autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!gradcheck\.).*")]

# Pages: readable without a network. Text is in the reader's own fonts. Braces, roots and hats need a font
# made for maths, which few systems have: STIX Two (SIL Open Font License) comes from a package that ships it.
html_theme = "furo"
html_math_renderer = "mathml"
html_static_path = ["_static", str(files("ziamath.fonts") / "STIXTwoMath-Regular.ttf")]
html_css_files = ["gradcheck.css"]
html_copy_source = False
html_show_sourcelink = False
pygments_style = "tango"
pygments_dark_style = "github-dark"


def _without_network(_app, exception):
    """Fail the build if a page would fetch anything from elsewhere: a script, a style, a font, a picture."""
    if exception is not None:
        return
    fetched = re.compile(
        r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["'](?:https?:)?//[^"']+"""
        r"""|<link\b[^>]*\brel=["'](?:stylesheet|preload|icon)["'][^>]*\bhref=["'](?:https?:)?//[^"']+"""
        r"""|(?:@import|url\()\s*["']?(?:https?:)?//[^"')]+"""
    )
    found = [
        f"{path}: {match[0]}"
        for kind in ("*.html", "*.css")
        for path in sorted(Path(_app.outdir).rglob(kind))
        for match in fetched.finditer(path.read_text(encoding="utf-8"))
    ]
    if found:
        raise ExtensionError("pages must be readable offline, but these fetch from elsewhere:\n" + "\n".join(found))


def _keep_bars(_app, _what, _name, _obj, _options, lines):
    """Let |x| in a docstring be an absolute value, not a substitution; `code` stays as it is."""
    for number, line in enumerate(lines):
        if not line.lstrip().startswith(">>>"):
            parts = re.split(r"(`[^`]*`)", line)
            lines[number] = "".join(part if part.startswith("`") else part.replace("|", r"\|") for part in parts)


def setup(app):
    """Add the last check of the build, and the docstrings' bars."""
    app.connect("autodoc-process-docstring", _keep_bars)
    app.connect("build-finished", _without_network)
