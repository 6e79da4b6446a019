"""Break SOURCE in one place at a time and run TESTS against each mutant, in a copy of the checkout.

python .ci/mutants.py [--sample N] SOURCE TESTS...     (or: tox -e mutants -- SOURCE TESTS...)
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cosmic_ray.work_db import WorkDB, use_db

ROOT = Path(__file__).parent.parent
COPIED = ("gradcheck", "pytest_gradcheck.py", "tests", "property_tests", "docs", "pyproject.toml", "README.md")
CONFIG = """\
[cosmic-ray]
module-path = "{source}"
timeout = {timeout}
test-command = "{command}"
[cosmic-ray.distributor]
name = "local"
"""
PATIENCE = 5  # a mutant that takes so many times as long as the unbroken program loops for ever: killed
ANNOTATIONS = "core/ReplaceBinaryOperator_BitOr_"  # the | of "float | None", which nothing evaluates


def main(source: str, tests: list[str], sample: int | None) -> None:
    """Run cosmic-ray in the copy; print the survivors as diffs, and their share."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            _copy(ROOT / name, copy / name)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        began = time.monotonic()
        subprocess.run(command, cwd=copy, check=True)
        timeout = PATIENCE * (time.monotonic() - began)
        config = CONFIG.format(source=source, timeout=timeout, command=" ".join(command))
        (copy / "mutants.toml").write_text(config, encoding="utf-8")
        _run(copy, "cosmic_ray.cli", "init", "mutants.toml", "mutants.sqlite")
        _choose(copy / "mutants.sqlite", sample)
        _run(copy, "cosmic_ray.cli", "exec", "mutants.toml", "mutants.sqlite")
        _run(copy, "cosmic_ray.tools.report", "--show-diff", "--surviving-only", "mutants.sqlite")


def _run(folder: Path, module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=folder, check=True)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "_build"))
    elif source.exists():
        shutil.copy(source, target)


def _choose(session: Path, sample: int | None) -> None:
    """Keep a sample of the mutants, and none that breaks an annotation."""
    with use_db(str(session), WorkDB.Mode.open) as database:
        kept = [item for item in database.work_items if not item.mutations[0].operator_name.startswith(ANNOTATIONS)]
        kept.sort(key=lambda item: (item.mutations[0].operator_name, item.mutations[0].occurrence))
        if sample is not None and sample < len(kept):
            kept = random.Random(0).sample(kept, sample)  # noqa: S311  no secret
        database.clear()
        database.add_work_items(kept)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sample", type=int, metavar="N", help="N mutants of all that there are, the same N each time")
    parser.add_argument("source", metavar="SOURCE")
    parser.add_argument("tests", metavar="TESTS", nargs="+")
    given = parser.parse_args()
    main(given.source, given.tests, given.sample)
