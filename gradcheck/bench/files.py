"""A run's three files: data for the next comparison, a text, and a page with pictures."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import TYPE_CHECKING

from gradcheck.bench.markdown import as_markdown
from gradcheck.bench.saved import as_json

if TYPE_CHECKING:
    from pathlib import Path

    from gradcheck.bench.results import Results

__all__ = ["write"]


def write(results: Results, directory: Path, command: str) -> list[Path]:
    """Write bench.json, bench.md and, where Matplotlib and Jinja2 are installed, bench.html; return their paths.

    `command` is said to repeat the run.
    """
    directory.mkdir(parents=True, exist_ok=True)
    contents = {
        "bench.json": json.dumps(as_json(results), ensure_ascii=False) + "\n",
        "bench.md": as_markdown(results, command),
    }
    if find_spec("matplotlib") is not None and find_spec("jinja2") is not None:
        from gradcheck.bench.page import page  # noqa: PLC0415  only where pictures can be drawn

        contents["bench.html"] = page(results, command)
    paths = [directory / name for name in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        path.write_text(content, encoding="utf-8")
    return paths
