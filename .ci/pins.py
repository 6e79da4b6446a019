"""Write constraints.txt: the newest release of everything that CI installs, as pip resolves it today."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TORCH = "2.13.0"  # the release that CI has at hand for Python 3.11
WANTED = [
    ".[torch,jax,dask,public,test,docs]",
    f"torch=={TORCH}",
    "build",
    "cosmic-ray",
    "hatchling",
    "import-linter",
    "mypy",
    "ruff",
]
HEADER = """\
# What CI installs, pinned. Written by `tox -e pins`; every pin must exist for each supported Python.
# Torch is pinned for CI's Python only: elsewhere the newest release for that Python is meant.
"""
MARKERS = {"torch": '; python_version == "3.11"'}
NOT_OURS = ("gradcheck", "cuda-", "nvidia-", "triton")  # what a CUDA build of Torch brings is its own affair


def resolve(requirements: list[str]) -> dict[str, str]:
    """Return name -> version of the requirements and all they need, in a Python with nothing installed."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--dry-run",
        "--ignore-installed",
        "--report",
        "-",
    ]
    out = subprocess.run([*command, *requirements], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    chosen = (item["metadata"] for item in json.loads(out)["install"])
    # A local version (2.13.0+cpu) says which build this machine has, not which release is meant.
    return {re.sub(r"[-_.]+", "-", m["name"]).lower(): m["version"].partition("+")[0] for m in chosen}


def main() -> None:
    """Resolve and write."""
    resolved = resolve(WANTED)
    versions = {name: version for name, version in resolved.items() if not name.startswith(NOT_OURS)}
    pins = "".join(f"{name}=={version}{MARKERS.get(name, '')}\n" for name, version in sorted(versions.items()))
    (ROOT / "constraints.txt").write_text(HEADER + pins, encoding="utf-8")
    print(f"constraints.txt: {len(versions)} pins")


if __name__ == "__main__":
    main()
