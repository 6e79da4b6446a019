"""A run's three files: data for the next comparison, a text, and a page with pictures."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import TYPE_CHECKING

from gradcheck.bench.markdown import as_markdown
from gradcheck.bench.saved import as_json
from gradcheck.reports import files

if TYPE_CHECKING:
    from pathlib import Path

    from gradcheck.bench.results import Results


def write(results: Results, directory: Path, command: str) -> list[Path]:
    """Write bench.json, bench.md and, where Matplotlib and Jinja2 are installed, bench.html; return their paths.

    `command` is said to repeat the run.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / "bench.json", directory / "bench.md"]
    files.write(paths[0], json.dumps(as_json(results), ensure_ascii=False) + "\n")
    files.write(paths[1], as_markdown(results, command))
    if find_spec("matplotlib") is not None and find_spec("jinja2") is not None:
        from gradcheck.bench.page import page  # noqa: PLC0415  only where pictures can be drawn

        paths.append(directory / "bench.html")
        files.write(paths[2], page(results, command))
    return paths
