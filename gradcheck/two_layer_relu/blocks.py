"""How a fast core on a CPU divides many samples into blocks, whose lines stay in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcheck.two_layer_relu.problem import Shape

# Bytes of h in a block. The block's gradient, mask and x are of about that size, too, and a second-level cache holds
# four of them. Measured at n = 4096, d_in = h = 64: half as many or twice as many are slower.
BLOCK = 2**18


def blocks(shape: Shape, itemsize: int) -> list[slice]:
    """Divide the samples evenly into blocks of about BLOCK bytes of h, at least one block.

    A block adds (d_in + d_out)·h numbers to the sums of changes and makes rows·h of its own: eight times as many rows
    as d_in + d_out, and the sums are a small part.
    """
    rows = max(BLOCK // max(shape.h * itemsize, 1), 8 * (shape.d_in + shape.d_out), 1)
    count = max(-(-shape.n // rows), 1)
    edges = [shape.n * number // count for number in range(count + 1)]
    return [slice(*edges[number : number + 2]) for number in range(count)]
