"""Where the fast NumPy step's time goes: each of its lines alone, as a share of the five products of the floor.

A line alone finds its arrays in the cache, which the step as a whole need not: the shares add up to less than the step.
"""

# ruff: noqa: SLF001  it looks inside

import statistics

import numpy as np

from gradcheck.bench.sizes import SHAPES, scaled
from gradcheck.bench.timing import interleaved, pinned, seconds_on_cpu
from gradcheck.bench.variants import FLOOR, make, prepared
from gradcheck.two_layer_relu.numpy_fast import Workspace

SECONDS = 3.0  # for the rounds of a shape and dtype


def lines(problem):
    """The lines of a step of one block by group and name, and the number of blocks."""
    workspace = Workspace(problem)
    workspace.step(0.0)
    block, (change_w1, change_w2) = workspace._blocks[0], workspace._changes
    _, _, w1, w2 = problem
    change_w1[...], change_w2[...] = 0, 0
    products = {
        "x w1": lambda: workspace._over_d_in(block.x, w1, block.hidden),
        "h w2": lambda: workspace._over_h(block.hidden, w2, block.residual),
        "hᵀ g": lambda: block.over_rows(block.hidden_T, block.residual, change_w2),
        "g w2ᵀ": lambda: workspace._over_d_out(block.residual, workspace._w2_T, block.hidden),
        "xᵀ g": lambda: block.over_rows(block.x_T, block.hidden, change_w1),
    }
    mask = {
        "h < 0": lambda: np.less(block.hidden, workspace._zero, block.negative),
        "not": lambda: np.logical_not(block.negative, block.negative),
        "as integers": lambda: np.copyto(block.passes, block.negative),
        "mask of h": lambda: np.multiply(block.hidden_bits, block.passes, block.hidden_bits),
        "mask of its gradient": lambda: np.multiply(block.hidden_bits, block.passes, block.hidden_bits),
    }
    residual = {
        "− y": lambda: np.subtract(block.residual, block.y, block.residual),
        "loss": lambda: block.residual_flat.dot(block.residual_flat),
        "times −2 lr": lambda: np.multiply(block.residual, workspace._minus_twice_lr, block.residual),
    }
    still = np.zeros_like(w1), np.zeros_like(w2)
    update = {"w1": lambda: np.add(w1, still[0], w1), "w2": lambda: np.add(w2, still[1], w2)}
    return {"products": products, "mask": mask, "residual": residual, "update": update}, len(workspace._blocks)


def main():
    """Print a row for each shape and dtype."""
    print(
        f"{'shape':7} {'dtype':8} {'blocks':>6} {'products':>9} {'mask':>6} {'residual':>9} {'update':>7}   whole step"
    )
    with pinned(1, torch_too=False), np.errstate(all="ignore"):
        for shape in ("seed", "tall", "medium"):
            for dtype in ("float32", "float64"):
                data = scaled(SHAPES[shape], dtype)
                groups, blocks = lines(prepared(data, "numpy"))
                steps = {(group, name): line for group, named in groups.items() for name, line in named.items()}
                steps |= {name: make("numpy", name, prepared(data, "numpy")) for name in (FLOOR, "fast")}
                samples, _ = interleaved(steps, seconds_on_cpu(1), SECONDS)
                floor = statistics.median(samples[FLOOR])
                shares = [
                    sum(statistics.median(samples[group, name]) for name in named)
                    * (1 if group == "update" else blocks)
                    / floor
                    for group, named in groups.items()
                ]
                whole = statistics.median(f / b for f, b in zip(samples["fast"], samples[FLOOR], strict=True))
                columns = " ".join(f"{share:{width}.3f}" for share, width in zip(shares, (9, 6, 9, 7), strict=True))
                print(f"{shape:7} {dtype:8} {blocks:6} {columns}   {whole:.2f}")


if __name__ == "__main__":
    main()
