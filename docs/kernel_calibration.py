"""Print how often rules for kernels reject right ones, and how many wrong ones they catch, on the same kernels.

``python docs/kernel_calibration.py [SEEDS]``: the families of property_tests/kernel_families.py and of
more_kernel_families.py in float32, bfloat16 and float16, under inputs of seven kinds, with seeds that the limits of
gradcheck were not set on. A run is a kernel on one draw of inputs, rejected if any of its outputs or gradients is.
A mistake that changes no bit on these inputs (a clamp that none of them reaches) is none, and not counted.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "property_tests"))

import kernel_families as families
import more_kernel_families as more

from gradcheck import arrays
from gradcheck.kernels.cotangents import Drawn
from gradcheck.kernels.evidence import Evidence, KernelResult
from gradcheck.kernels.leaves import read
from gradcheck.kernels.programs import TorchProgram
from gradcheck.kernels.reference import find
from gradcheck.kernels.result_report import judge

if TYPE_CHECKING:
    from gradcheck.kernels.answer import Answer

FIRST_SEED = 1000  # the limits were set on seeds below 100
Rule = Callable[[np.ndarray, np.ndarray, np.ndarray, str], bool]


def flash_attention(kernel: np.ndarray, truth: np.ndarray, low: np.ndarray, _: str) -> bool:
    return np.max(np.abs(kernel - truth)) <= 2 * np.max(np.abs(low - truth)) + 1e-5


def root_mean_square(kernel: np.ndarray, truth: np.ndarray, low: np.ndarray, _: str) -> bool:
    return np.mean((kernel - truth) ** 2) ** 0.5 <= 2 * np.mean((low - truth) ** 2) ** 0.5 + 1e-7


def close(rtol: float, atol: float) -> Rule:
    return lambda kernel, _, low, __: bool(np.allclose(kernel, low, rtol=rtol, atol=atol))


def assert_close(kernel: np.ndarray, _: np.ndarray, low: np.ndarray, dtype: str) -> bool:
    rtol, atol = {"float32": (1.3e-6, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float16": (1e-3, 1e-5)}[dtype]
    return bool(np.allclose(kernel, low, rtol=rtol, atol=atol))


def relative_norm(kernel: np.ndarray, _: np.ndarray, low: np.ndarray, __: str) -> bool:
    return np.mean((kernel - low) ** 2) ** 0.5 <= 0.005 * np.mean(low**2) ** 0.5 or np.max(np.abs(kernel - low)) <= 0.3


RULES: dict[str, Rule] = {
    "max error <= 2 x the reference's": flash_attention,
    "RMS error <= 2 x the reference's": root_mean_square,
    "torch.testing.assert_close, defaults": assert_close,
    "atol = rtol = 1e-2": close(1e-2, 1e-2),
    "atol = rtol = 1e-1": close(1e-1, 1e-1),
    "RMS 0.5 %, or max error <= 0.3": relative_norm,
}
OURS = "gradcheck.check_kernel"


def evidence(family: families.Family, inputs: tuple[Any, ...], seed: int) -> Evidence:
    asked = read(family.reference, inputs, None, None, None)
    drawn = Drawn(seed)
    values = [np.array(arrays.to_numpy(x)) for x in asked.leaves]
    reference, truth = find(family.reference, asked, values, drawn.draw)
    found = Evidence(asked, drawn, reference, values, truth)
    found.low = reference.low(drawn.given())
    found.jitter(2, seed)
    return found


def ours(found: Evidence, answer: Any, seed: int) -> bool:
    if not any(judge(result, 1.0).wrong for result in found.results(answer)):
        return True
    found.jitter(8, seed)  # as check_kernel does before it says FAIL
    return not any(judge(result, 1.0).wrong for result in found.results(answer))


def theirs(rule: Rule, results: list[KernelResult]) -> bool:
    results = [r for r in results if r.matrices.low]  # an operation that does not exist in low precision

    def read_all(matrix: Any) -> np.ndarray:
        return np.nan_to_num(matrix.read(0, matrix.rows))

    return all(
        rule(read_all(r.matrices.kernel), read_all(r.matrices.truth), read_all(r.matrices.low[0]), r.dtype)
        for r in results
    )


def equal(one: Answer, other: Answer) -> bool:
    """Tell whether two answers are the same to the bit."""
    pairs = zip(
        [*(y for _, y in one.outputs), *one.gradients], [*(y for _, y in other.outputs), *other.gradients], strict=True
    )
    return all((a is None and b is None) or arrays.same(a, b) for a, b in pairs)


def runs(seeds: range) -> Iterator[tuple[str, bool, dict[str, bool]]]:
    """Yield each run: the family, whether the kernel is right, and which rules accept it."""
    for seed in seeds:
        for name, family in (families.SET_ON | families.PROVED_ON | more.MORE).items():
            for dtype in families.DTYPES:
                inputs = families.drawn(family, dtype, seed)
                found = evidence(family, inputs, seed)
                plain = next(iter(family.right.values()), None)
                same = None if plain is None else TorchProgram(plain, name).run(found.inputs, found.drawn.given())
                honest = {s: families.honest(family.reference, dtype, s, seed) for s in (0.0, 0.3, 0.7)}
                for right, kernels in ((True, honest | family.right), (False, family.wrong)):
                    for kernel in kernels.values():
                        answer = TorchProgram(kernel, name).run(found.inputs, found.drawn.given())
                        if not right and same is not None and equal(answer, same):
                            continue
                        results = found.results(answer)
                        if right and not all(
                            np.isfinite(r.matrices.kernel.read(0, r.matrices.rows)).all() for r in results
                        ):
                            continue  # an intermediate that overflows in float16 is no right kernel
                        accepted = {rule: theirs(test, results) for rule, test in RULES.items()}
                        yield name, right, {**accepted, OURS: ours(found, answer, seed)}


def main(count: int) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    total: Counter[bool] = Counter()
    rejected: Counter[tuple[str, bool]] = Counter()
    missed: Counter[str] = Counter()
    for name, right, accepted in runs(range(FIRST_SEED, FIRST_SEED + count)):
        total[right] += 1
        for rule, fine in accepted.items():
            rejected[rule, right] += not fine
        if accepted[OURS] != right:
            missed[f"{name}, {'rejected' if right else 'missed'}"] += 1
    print(f"{'rule':38} {'right, rejected':>17} {'wrong, caught':>17}")
    for rule in [*RULES, OURS]:
        alarms, caught = rejected[rule, True], rejected[rule, False]
        print(f"{rule:38} {alarms:6} of {total[True]:6}  {caught:6} of {total[False]:6}")
    for what, times in missed.most_common():
        print(f"  {OURS}: {what} {times}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
