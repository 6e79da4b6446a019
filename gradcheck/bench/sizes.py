"""The sizes that are timed, and the arithmetic that each needs."""

from __future__ import annotations

import numpy as np

from gradcheck.two_layer_relu.problem import Problem, Shape, draw

SHAPES = {
    "tiny": Shape(4, 8, 8, 2),
    "seed": Shape(64, 1000, 100, 10),
    "single": Shape(1, 1000, 100, 10),
    "tall": Shape(4096, 64, 64, 8),
    "medium": Shape(256, 1024, 1024, 256),
    "large": Shape(1024, 2048, 2048, 512),
}
# A GPU is not busy with the above.
CUDA_SHAPES = {
    "wide": Shape(4096, 4096, 4096, 1024),
    "huge": Shape(8192, 8192, 8192, 2048),
}


def flop(shape: Shape) -> int:
    """Count the floating-point operations of the five products: a product (a, b)·(b, c) has 2·a·b·c.

    x·w1 and xᵀ·grad_h have 2·n·d_in·h each; h·w2, hᵀ·grad_y_pred and grad_y_pred·w2ᵀ have 2·n·h·d_out each.
    """
    return 4 * shape.n * shape.d_in * shape.h + 6 * shape.n * shape.h * shape.d_out


def elements_moved(shape: Shape) -> int:
    """Count the numbers that the five products read and write at least, each operand once per product."""
    n, d_in, h, d_out = shape
    outer, inner = n * d_in + d_in * h + n * h, n * h + h * d_out + n * d_out
    return 2 * outer + 3 * inner


def scaled(shape: Shape, dtype: str, seed: int = 0) -> Problem:
    """Draw a problem whose weights are divided by √fan-in: its loss stays finite at every shape and dtype."""
    problem = draw(shape, seed, "float64")
    w1, w2 = problem.w1 / np.sqrt(shape.d_in), problem.w2 / np.sqrt(shape.h)
    return Problem(*(array.astype(dtype) for array in (problem.x, problem.y, w1, w2)))
