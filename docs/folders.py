"""Draw the package's folders, top to bottom as imports go, with an arc from each folder to those it imports.

`python docs/folders.py` writes docs/_static/folders.svg anew; a test holds it current. Arcs to arrays and errors, which
nearly every folder has, are left out. The order is that of the layers
contract in pyproject.toml, which import-linter keeps.
"""

from __future__ import annotations

import ast
import re
import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gradcheck"
PICTURE = ROOT / "docs" / "_static" / "folders.svg"
ROW, BOX, LEFT = 30, 24, 720  # heights of a row and of its box; the width of a box, beside which the arcs are


def layers() -> list[str]:
    """Return the folders from top to bottom."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    rows = next(c["layers"] for c in contracts if c["type"] == "layers")
    return [name.strip("() ") for row in rows for name in re.split(r"[|:]", row)]


def files(folder: str) -> list[Path]:
    """Return the modules of a folder, one for a folder that is a single file."""
    path = PACKAGE / folder
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def question(folder: str) -> str:
    """Return the first sentence of a folder's docstring."""
    path = PACKAGE / folder / "__init__.py"
    text = ast.get_docstring(ast.parse((path if path.exists() else files(folder)[0]).read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].replace("`", "").split())


def imported(folder: str, folders: list[str]) -> set[str]:
    """Return the other folders that the modules of a folder name in an import, also inside a function or for types."""
    found = set()
    for path in files(folder):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "gradcheck":
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gradcheck."):
                found.add(str(node.module).split(".")[1])
            elif isinstance(node, ast.Import):
                found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("gradcheck.")}
    return found & set(folders) - {folder}


def picture() -> str:
    """Return the picture as SVG: arcs to the right go down, arcs to the left would go up."""
    folders = layers()
    place = {folder: ROW * n + ROW // 2 for n, folder in enumerate(folders)}
    width, height = LEFT + 40 + ROW * len(folders) // 2, ROW * len(folders) + 8
    font = 'font-family="system-ui, sans-serif" font-size="12"'
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" {font}>',
        "<title>The folders of the package, and which imports which</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for folder in folders:
        for other in sorted(imported(folder, folders) - {"arrays", "errors"}, key=place.__getitem__):
            y, end = place[folder], place[other]
            reach = 8 + abs(end - y) / 2
            out.append(
                f'<path d="M{LEFT} {y} C{LEFT + reach:g} {y} {LEFT + reach:g} {end} {LEFT} {end}" fill="none" '
                f'stroke="{"#5b7fa6" if end > y else "#b3541e"}" stroke-opacity="0.55"/>'
            )
    for folder in folders:
        y = place[folder]
        out.append(f'<rect x="4" y="{y - BOX // 2}" width="{LEFT - 4}" height="{BOX}" rx="4" fill="#eef2f6"/>')
        out.append(f'<text x="12" y="{y + 4}" font-weight="600" fill="#1c2733">{escape(folder)}</text>')
        words = question(folder)
        shown = words if len(words) <= 90 else words[:87].rsplit(" ", 1)[0] + " ..."
        out.append(f'<text x="128" y="{y + 4}" fill="#33404d">{escape(shown)}</text>')
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    print(PICTURE.relative_to(ROOT))
