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
    paths = [directory / "bench.json", directory / "bench.md"]
    paths[0].write_text(json.dumps(as_json(results), ensure_ascii=False) + "\n", encoding="utf-8")
    paths[1].write_text(as_markdown(results, command), encoding="utf-8")
    if find_spec("matplotlib") is not None and find_spec("jinja2") is not None:
        from gradcheck.bench.page import page  # noqa: PLC0415  only where pictures can be drawn

        paths.append(directory / "bench.html")
        paths[2].write_text(page(results, command), encoding="utf-8")
    return paths
