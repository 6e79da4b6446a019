"""Print the verdicts on right and wrong gradients in the corners of property_tests/corners.py.

``python docs/corners.py [DRAWS]``: so many draws of each class.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np

import gradcheck as gc

sys.path.insert(0, str(Path(__file__).parents[1] / "property_tests"))
from corners import RIGHT, WRONG, drawn

DRAWS = int(sys.argv[1]) if len(sys.argv) > 1 else 100


def count(table, kind):
    """Count the verdicts on a class."""
    rng, found = np.random.default_rng(33), Counter()
    for _ in range(DRAWS):
        case = drawn(table, kind, rng)
        numbers = [case.f(*case.args), *(part for g in case.gradient(*case.args) for part in np.ravel(g))]
        if np.all(np.isfinite(np.asarray(numbers, dtype=np.float64))):
            report = gc.check(case.f, case.gradient, case.args, seed=found.total())
            found[str(report.verdict)] += 1
    return found


with np.errstate(all="ignore"):
    for word, table in (("right", RIGHT), ("wrong", WRONG)):
        for kind in table:
            found = count(table, kind)
            told = ", ".join(f"{found[verdict]:5d} {verdict}" for verdict in ("PASS", "FAIL", "INCONCLUSIVE"))
            print(f"{word}: {kind:26s}{told}")
