"""After the build, every link within the documentation must lead to a page and a place that are there.

Sphinx checks the links it resolves itself; this reads the pages as a browser does, so that a raw link, a link of the
theme or a heading that was renamed is seen as well. What lies outside is not asked for: the check needs no network.
"""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from sphinx.errors import ExtensionError

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class _Page(HTMLParser):
    """The places of a page, and where its links lead."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        given = dict(attrs)
        self.places |= {value for key in ("id", "name") if (value := given.get(key))}
        self.links += [value for key in ("href", "src") if (value := given.get(key))]


def broken(folder: Path) -> list[str]:
    """Return the links between the pages of a folder that lead nowhere, as ``page: link``."""
    folder = folder.resolve()
    pages = {path: _Page(path) for path in sorted(folder.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = target.exists() and (
                not parts.fragment or target not in pages or unquote(parts.fragment) in pages[target].places
            )
            if not there:
                found.append(f"{path.relative_to(folder)}: {link}")
    return found


def _check(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and (found := broken(Path(app.outdir))):
        raise ExtensionError("links that lead nowhere:\n" + "\n".join(found))


def setup(app: Sphinx) -> dict[str, Any]:
    """Check when all pages are written."""
    app.connect("build-finished", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
