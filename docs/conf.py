"""How the documentation is built: `tox -e docs`. Everything a page needs is in the page's own folder."""

import re
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "gradcheck"
release = installed_version("gradcheck")
version = release
html_title = f"gradcheck {release}"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "mathml",
]
exclude_patterns = ["_build"]

# Text: Markdown, with maths between dollars and links to headings.
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
# A page may be absent from the tree of contents only by saying so, but a chapter may still be empty.
suppress_warnings = ["toc.empty_glob"]

# API: the docstrings, in NumPy's style; a type of another library is text, a name of ours must exist.
autosummary_generate = False
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_rtype = False
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!gradcheck\.).*")]

# Pages: readable without a network. The theme's fonts are the reader's own.
html_theme = "furo"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["gradcheck.css"]
html_copy_source = False
html_show_sourcelink = False
pygments_style = "tango"
pygments_dark_style = "monokai"


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
        raise RuntimeError(
            "pages must be readable offline, but these fetch from elsewhere:\n" + "\n".join(found)
        )


def setup(app):
    """Add the last check of the build."""
    app.connect("build-finished", _without_network)
