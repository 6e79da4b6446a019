"""Whether the wheel, as installed in this Python, is whole: light to import, typed, with its licence."""

from __future__ import annotations

import sys
from importlib.metadata import files, metadata
from importlib.util import find_spec

import gradcheck

HEAVY = {"click", "hypothesis", "matplotlib", "pytest", "rich", "torch"}
DATA = (
    "reports/page.css",
    "reports/page.html",
    "reports/page_parts.html",
    "reports/report.html",
    "reports/broken.html",
    "py.typed",
    "reports/sweep.html",
    "docs/when-it-fails.md",
)
WANTED = (*(f"gradcheck/{name}" for name in DATA), "gradcheck_command.py", "pytest_gradcheck.py")


def faults() -> list[str]:
    """Return what is wrong, a line each."""
    found = [f"import gradcheck loads {name}" for name in sorted(HEAVY & sys.modules.keys())]
    if find_spec("torch") is not None:
        found.append("Torch is installed here, so that nothing shows that gradcheck works without it")
    shipped = {str(path) for path in files("gradcheck") or ()}
    found += [f"{path} is not in the wheel" for path in WANTED if path not in shipped]
    if not any(path.endswith("/licenses/LICENSE") for path in shipped):
        found.append("the licence is not in the wheel")
    found += [f"{path} is in the wheel" for path in sorted(shipped) if path.startswith(("tests", "docs", "property"))]
    if metadata("gradcheck")["License-Expression"] != "MIT":
        found.append("the metadata do not say MIT")
    if "site-packages" not in str(gradcheck.__file__):
        found.append(f"this is the checkout, not the wheel: {gradcheck.__file__}")
    return found


if __name__ == "__main__":
    problems = faults()
    print("\n".join(problems) or f"installed and whole: {gradcheck.__file__}")
    sys.exit(bool(problems))
