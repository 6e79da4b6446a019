"""The documentation's own extensions: a wrong line and a link that leads nowhere stop the build."""

import html
import importlib
import io
import re
import sys
from pathlib import Path

import pytest

from gradcheck.derivations import linear

sphinx = pytest.importorskip("sphinx.application")
docutils = pytest.importorskip("sphinx.util.docutils")
pytest.importorskip("myst_parser")

EXTENSIONS = Path(__file__).parents[2] / "docs" / "_ext"
CONF = """
extensions = ["myst_parser", "verdicts"]
html_theme = "basic"
"""


@pytest.fixture
def extension(monkeypatch):
    """Import one of the documentation's extensions, as its conf.py does."""
    monkeypatch.syspath_prepend(str(EXTENSIONS))
    yield importlib.import_module
    for name in ("links", "verdicts"):
        sys.modules.pop(name, None)


def write(folder, **pages):
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<!DOCTYPE html><html><body>{body}</body></html>", encoding="utf-8")


def test_links_that_lead_to_pages_and_places_are_fine(extension, tmp_path):
    write(
        tmp_path,
        a='<h1 id="top">A</h1><a href="b.html#low-er">b</a><a href="#top">up</a><a href="https://nowhere.test">out</a>',
        b='<h2 id="low-er">B</h2><a href="a.html">a</a>',
    )
    assert extension("links").broken(tmp_path) == []


@pytest.mark.parametrize("link", ["b.html#gone", "#gone", "gone.html", "folder/gone.png"])
def test_a_link_that_leads_nowhere_is_seen(extension, tmp_path, link):
    write(tmp_path, a=f'<a href="{link}">x</a>', b="<h2 id='here'>B</h2>")
    assert extension("links").broken(tmp_path) == [f"a.html: {link}"]


def build(folder):
    """Build a page with the verdicts of the linear layer; return its text and the warnings."""
    (folder / "conf.py").write_text(CONF, encoding="utf-8")
    page = "# Page\n\n```{verdicts} linear\n:derived:\n```\n"
    (folder / "index.md").write_text(page, encoding="utf-8")
    said = io.StringIO()
    with docutils.docutils_namespace():
        app = sphinx.Sphinx(folder, folder, folder / "out", folder / "tree", "html", status=None, warning=said)
        app.build()
    shown = html.unescape(re.sub(r"<[^>]+>", "", (folder / "out" / "index.html").read_text(encoding="utf-8")))
    return shown, said.getvalue()


def test_a_page_shows_each_line_with_the_verdict_of_this_build(extension, tmp_path):
    extension("verdicts")
    page, warnings = build(tmp_path)
    assert warnings == ""
    assert "Linear least squares with a bias" in page
    assert "grad_w = x.T @ grad_y_pred" in page
    assert page.count("PASS, at most ") >= 6


def test_a_wrong_line_is_a_warning_that_names_it(extension, tmp_path, monkeypatch):
    extension("verdicts")
    spoilt = linear.derivation.replace(w=lambda x, grad_y_pred: -x.T @ grad_y_pred)
    monkeypatch.setattr(linear, "derivation", spoilt)
    page, warnings = build(tmp_path)
    assert "the first is 'w'" in warnings
    assert "FAIL" in page
