"""Break SOURCE in one place at a time and run TESTS against each mutant, in a copy of the checkout.

python .ci/mutants.py SOURCE TESTS...     (or: tox -e mutants -- SOURCE TESTS...)
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
COPIED = ("gradcheck", "tests", "property_tests", "docs", "pyproject.toml", "README.md")
CONFIG = """\
[cosmic-ray]
module-path = "{source}"
timeout = {timeout}
test-command = "{python} -m pytest -x -q -p no:cacheprovider {tests}"
[cosmic-ray.distributor]
name = "local"
"""
COMMANDS = (
    ("cosmic-ray", "init", "mutants.toml", "mutants.sqlite"),
    ("cosmic-ray", "baseline", "mutants.toml"),
    ("cosmic-ray", "exec", "mutants.toml", "mutants.sqlite"),
    ("cr-report", "--show-diff", "--surviving-only", "mutants.sqlite"),
)
SECONDS_PER_MUTANT = 120.0  # a mutant that loops for ever is killed then, and counts as killed


def main(source: str, tests: list[str]) -> None:
    """Run cosmic-ray in the copy; print the survivors as diffs, and their share."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            _copy(ROOT / name, copy / name)
        config = CONFIG.format(source=source, timeout=SECONDS_PER_MUTANT, python=sys.executable, tests=" ".join(tests))
        (copy / "mutants.toml").write_text(config, encoding="utf-8")
        for command in COMMANDS:
            subprocess.run(command, cwd=copy, check=True)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "_build"))
    elif source.exists():
        shutil.copy(source, target)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(f"usage: {__doc__}")
    main(sys.argv[1], sys.argv[2:])
