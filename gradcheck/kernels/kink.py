"""Where the reference has a kink at the inputs themselves: a tie of a maximum, a zero under a ReLU.

Several gradients are right there, and the kernel's need not be the reference's. The inputs are moved by 2^-40 of their
size: all up, all down, in rising and in falling order, at random. Where the reference's gradient then jumps is a kink,
and what it jumps to is a gradient that is right next to the point, and right at it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.errors import ArgumentError
from gradcheck.kernels.matrix import Matrix
from gradcheck.kernels.result_report import JudgedResult, judge
from gradcheck.slopes.streams import Purpose, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from gradcheck.kernels.answer import Answer
    from gradcheck.kernels.evidence import Evidence, KernelResult

TINY = 2.0**-40
RANDOM = 4
JUMP = 1e-4  # of the gradient's size: a smooth gradient moves by some 2^-40 of it
LARGE = 2**22  # entries of a result above which its kinks are not looked for


def answers_beside(evidence: Evidence, seed: int) -> list[Answer]:
    """Return the reference's answers at the points next to the inputs."""
    return [evidence.reference.truth(point, evidence.drawn.draw) for point in _points(evidence, seed)]


def _points(evidence: Evidence, seed: int) -> Iterator[list[NDArray[Any]]]:
    def moved(x: NDArray[Any], i: int, direction: NDArray[np.float64]) -> NDArray[Any]:
        smallest = arrays.SMALLEST[arrays.dtype_name(evidence.inputs.leaves[i])]
        return np.where(x == 0, smallest * direction, x + TINY * np.abs(x) * direction)

    values = list(enumerate(evidence.values))
    for sign in (1.0, -1.0):
        yield [moved(x, i, np.full(x.shape, sign)) for i, x in values]
    for sign in (1.0, -1.0):  # neighbouring entries of a tie differ by a rounding at least: 2^-40 of a rise of n steps
        yield [moved(x, i, sign * np.linspace(0.5, 1.0, max(x.size, 1)).reshape(x.shape)) for i, x in values]
    for number in range(RANDOM):
        rngs = [stream(seed, Purpose.TIES, i, number) for i, _ in values]
        yield [moved(x, i, rng.uniform(-1, 1, x.shape)) for (i, x), rng in zip(values, rngs, strict=True)]


def settle(
    judged: JudgedResult, evidence: Evidence, answers: list[Answer], factor: float
) -> tuple[JudgedResult, str, bool]:
    """Return the result judged again, a sentence about kinks, and whether it is only in doubt.

    It is right where each row of its matrix is one of the gradients next to the point; it is in doubt where all that
    speaks against it are entries at kinks.
    """
    result, matrices = judged.result, judged.result.matrices
    if matrices.size > LARGE:
        return judged, "", False
    near = _arrays(evidence, answers, result)
    truth, kernel = matrices.truth.read(0, matrices.rows), matrices.kernel.read(0, matrices.rows)
    finite = truth[np.isfinite(truth)]
    size = float(np.sqrt(np.mean(finite**2))) if finite.size else 1.0
    jumps = [np.nan_to_num(np.abs(n - truth)) > JUMP * (np.abs(truth) + size) for n in near]
    jumping = np.logical_or.reduce(jumps)
    if not jumping.any():
        return judged, "", False
    nearest = _nearest(kernel, truth, near)
    again = judge(_with_kernel(result, kernel - nearest + truth), factor)
    if not again.wrong:
        return again, f"the reference has a kink at these inputs, where {result.label} is another valid gradient", False
    if not judge(_with_kernel(result, np.where(jumping, truth, kernel)), factor).wrong:
        return (
            judged,
            (
                f"{result.label} differs only at kinks of the reference, where several gradients are right: move "
                "inputs off them (no ties, no zeros), or use the reference's convention"
            ),
            True,
        )
    return judged, "", False


def _arrays(evidence: Evidence, answers: list[Answer], result: KernelResult) -> list[NDArray[np.float64]]:
    """Return what the answers have in the place of a result."""
    found = []
    for answer in answers:
        results = replace(evidence, low=None, stored=None, moved=[]).results(answer, directions=False)
        same = next((r for r in results if (r.name, r.kind) == (result.name, result.kind)), None)
        if same is None:
            raise ArgumentError(
                f"the reference gives no {result.label} next to the inputs: let it return the same outputs"
            )
        found.append(same.matrices.kernel.read(0, same.matrices.rows))
    return found


def _nearest(
    kernel: NDArray[np.float64], truth: NDArray[np.float64], near: list[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return, row by row, the gradient (or the middle of two opposite ones) that the kernel is nearest to."""
    middles = [(a + b) / 2 for a, b in zip(near[::2], near[1::2], strict=True)]
    every = np.stack([truth, *near, *middles])
    distance = np.nan_to_num(((kernel - every) ** 2).sum(axis=2), nan=np.inf)
    return np.asarray(np.take_along_axis(every, np.argmin(distance, axis=0)[None, :, None], axis=0)[0])


def _with_kernel(result: KernelResult, kernel: NDArray[np.float64]) -> KernelResult:
    return replace(result, matrices=replace(result.matrices, kernel=Matrix(kernel)))
