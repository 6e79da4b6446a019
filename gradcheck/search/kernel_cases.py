"""The smallest sizes at which a kernel is wrong: cases drawn from a signature, and a failure shrunk size by size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.errors import ArgumentError, GradcheckError
from gradcheck.kernels import check_kernel
from gradcheck.kernels.libraries import to_library
from gradcheck.strategies.kernel_inputs import KINDS, next_to, provoking_values
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gradcheck.strategies.signature import Signature
    from gradcheck.verdicts.report import Report

BLOCKS = (16, 32, 64, 128, 256)
LARGEST = 40  # size drawn without blocks
MOST_ENTRIES = 2**20  # of an argument


@dataclass(frozen=True)
class KernelCase:
    """One case: its sizes, the kind of its values, and what the check says."""

    sizes: Mapping[str, int]
    kind: str
    report: Report


@dataclass
class KernelSearch:
    """What the drawn cases gave.

    Attributes
    ----------
    drawn, undecided, undefined : int
        Cases that were checked, those of them that are INCONCLUSIVE, and those that could not be checked.
    shown : KernelCase or None
        The one to look at: that which fails, shrunk; else the smallest undecided; else that with the largest error.
    why_undefined : str
        Why the last case could not be checked.
    """

    drawn: int = 0
    undecided: int = 0
    undefined: int = 0
    shown: KernelCase | None = None
    why_undefined: str = ""

    @property
    def verdict(self) -> Verdict:
        """FAIL where a case is wrong, PASS where all are right."""
        return self.shown.report.verdict if self.shown is not None else Verdict.INCONCLUSIVE

    def take(self, case: KernelCase) -> None:
        """Count a case, and keep it where it says more than the one that is kept."""
        self.drawn += 1
        self.undecided += case.report.verdict is Verdict.INCONCLUSIVE
        if self.shown is None or _weight(case) > _weight(self.shown):
            self.shown = case


def _weight(case: KernelCase) -> tuple[int, float]:
    """Return how much a case says beside others: by its verdict, then the smallest undecided, the worst that passes."""
    verdict = case.report.verdict
    if verdict is Verdict.PASS:
        ratios = [a.comparison.ratio for a in case.report.arguments if a.comparison is not None]
        return 0, max(ratios, default=0.0)
    return 1 + (verdict is Verdict.FAIL), -math.prod(case.sizes.values())


def search(
    kernel: Callable[..., Any],
    reference: Callable[..., Any],
    signature: Signature,
    *,
    max_examples: int = 30,
    seed: int = 0,
    dtype: str = "bfloat16",
    library: str = "torch",
    blocks: bool = False,
) -> KernelSearch:
    """Check drawn cases until one fails, and shrink its sizes.

    Parameters
    ----------
    kernel, reference, seed
        As for `check_kernel`.
    signature : Signature
        Shapes of the inputs.
    max_examples : int
        Cases to draw.
    dtype, library : str
        Of all inputs.
    blocks : bool
        Draw sizes next to 16, 32, 64, 128 and 256; else from 1 to 40.

    Raises
    ------
    ArgumentError
        If no case could be checked.

    """
    found = KernelSearch()
    rng = np.random.default_rng(seed)

    def judge(sizes: Mapping[str, int], kind: str) -> KernelCase | None:
        values = np.random.default_rng((seed, KINDS.index(kind)))
        inputs = tuple(
            to_library(provoking_values(shape, kind, values), library, dtype) for shape in signature.shapes(sizes)
        )
        try:
            return KernelCase(dict(sizes), kind, check_kernel(kernel, reference, inputs, seed=seed))
        except GradcheckError as error:
            found.why_undefined = str(error)
            return None

    for number in range(max_examples):
        sizes = _sizes(signature, rng, blocks=blocks)
        case = judge(sizes, KINDS[number % len(KINDS)])
        if case is None:
            found.undefined += 1
            continue
        found.take(case)
        if case.report.verdict is Verdict.FAIL:
            found.shown = _shrunk(case, judge)
            return found
    if not found.drawn:
        raise ArgumentError(f"no drawn case could be checked: {found.why_undefined}")
    return found


def _sizes(signature: Signature, rng: np.random.Generator, *, blocks: bool) -> dict[str, int]:
    """Draw a size for each name; small enough that no argument is too large."""
    while True:
        sizes = {}
        for name in signature.names:
            if blocks:
                block = int(rng.choice(BLOCKS))
                sizes[name] = int(rng.choice(next_to(block)))
            else:
                sizes[name] = int(rng.integers(1, LARGEST + 1))
        if all(np.prod(shape, dtype=float) <= MOST_ENTRIES for shape in signature.shapes(sizes)):
            return sizes


def _shrunk(case: KernelCase, judge: Callable[[Mapping[str, int], str], KernelCase | None]) -> KernelCase:
    """Return the failing case with each size as small as it fails, by halving the way to the largest that passes."""
    for name in list(case.sizes):
        low, high = 0, case.sizes[name]
        while high - low > 1:
            middle = (low + high) // 2
            smaller = judge({**case.sizes, name: middle}, case.kind)
            if smaller is not None and smaller.report.verdict is Verdict.FAIL:
                case, high = smaller, middle
            else:
                low = middle
    return case
