"""Do the printed runs look like ours? Train 1,000 seeds a backend and rank every printed loss among them.

    python docs/runs/reference_runs.py              # ten minutes on two cores, then the picture
    python docs/runs/reference_runs.py --picture    # only the picture, from the stored range

The random draws of the printed runs are unknown, so that nothing but their distribution can be compared. The
number of seeds was chosen before any run was looked at. Stored beside this file, for `numpy_float64` and
`torch_float32`:

    printed_*.txt   the losses of the printed run: step, loss
    range_*.csv     per step: the smallest loss, five quantiles and the largest over all seeds
    rank_*.csv      per printed loss: how many of our seeds have a smaller loss at that step
    spot_*.csv      the losses of the first ten seeds at some steps, for tests to reproduce
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from picture import draw_picture
from threadpoolctl import threadpool_limits

from gradcheck.two_layer_relu.problem import Shape, draw
from gradcheck.two_layer_relu.training import descend, prepare

HERE = Path(__file__).parent
RUNS = {"numpy_float64": ("numpy", "float64"), "torch_float32": ("torch", "float32")}
SEEDS = 1000
STEPS = 500
QUANTILES = (0.025, 0.25, 0.5, 0.75, 0.975)
COLUMNS = ("step", "min", *(f"q{quantile}" for quantile in QUANTILES), "max")
SPOT_SEEDS = 10
SPOT_STEPS = (0, 1, 5, 10, 20, 46, 100, 200, 300, 499)


def train_seeds(run: str, seeds: int) -> np.ndarray:
    """Return the losses (seeds, steps) of the full-size network, one thread."""
    os.nice(10)
    backend, dtype = RUNS[run]
    losses = np.empty((seeds, STEPS))
    with threadpool_limits(1):  # Torch's OpenMP threads are limited by the same call
        for seed in range(seeds):
            problem = prepare(draw(Shape(), seed, dtype), backend=backend)
            losses[seed] = list(descend(problem, steps=STEPS))
    return losses


def store(run: str, losses: np.ndarray) -> None:
    """Write the range, the ranks and the spot values of one backend's losses (seeds, steps)."""
    quantiles = np.quantile(losses, QUANTILES, axis=0)
    table = np.vstack([np.arange(STEPS), losses.min(axis=0), quantiles, losses.max(axis=0)]).T
    write_csv(f"range_{run}.csv", COLUMNS, table)

    steps, printed = read_printed(run)
    rank = (losses[:, steps] < printed).sum(axis=0)
    write_csv(f"rank_{run}.csv", ("step", "printed", f"rank_of_{len(losses)}"), np.vstack([steps, printed, rank]).T)

    spots = [(seed, step, losses[seed, step]) for seed in range(SPOT_SEEDS) for step in SPOT_STEPS]
    write_csv(f"spot_{run}.csv", ("seed", "step", "loss"), np.array(spots), digits=17)


def read_printed(run: str) -> tuple[np.ndarray, np.ndarray]:
    """Read the printed run: its steps, as integers, and its losses."""
    steps, losses = np.loadtxt(HERE / f"printed_{run}.txt").T
    return steps.astype(int), losses


def read_csv(name: str) -> dict[str, np.ndarray]:
    """Read one of the stored tables: its columns by name."""
    with (HERE / name).open(encoding="utf-8") as file:
        header = file.readline().strip().split(",")
        return dict(zip(header, np.loadtxt(file, delimiter=",").T, strict=True))


def write_csv(name: str, header: tuple[str, ...], table: np.ndarray, *, digits: int = 8) -> None:
    """Write one table with a line of names."""
    rows = [",".join(f"{number:.{digits}g}" for number in row) for row in table]
    (HERE / name).write_text("\n".join([",".join(header), *rows]) + "\n", encoding="utf-8")


def main() -> None:
    """Train, store, draw, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--picture", action="store_true", help="only draw the picture from the stored range")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="seeds a backend (default: %(default)s)")
    parser.add_argument("--raw", type=Path, help="also write every loss to this .npz file (8 MB)")
    options = parser.parse_args()

    if not options.picture:
        with ProcessPoolExecutor(len(RUNS)) as pool:
            results = {run: pool.submit(train_seeds, run, options.seeds) for run in RUNS}
        losses = {run: result.result() for run, result in results.items()}
        if options.raw:
            np.savez(options.raw, **losses)
        for run in RUNS:
            store(run, losses[run])
    for run in RUNS:
        report(run)
    tables = {run: (read_csv(f"range_{run}.csv"), *read_printed(run)) for run in RUNS}
    draw_picture(tables, HERE / "reference_runs.png")


def report(run: str) -> None:
    """Print where the printed run lies among ours."""
    ranks = read_csv(f"rank_{run}.csv")
    name = next(column for column in ranks if column.startswith("rank_of_"))
    seeds, rank = int(name.removeprefix("rank_of_")), ranks[name].astype(int)
    outside = ranks["step"][(rank == 0) | (rank == seeds)].astype(int).tolist()
    print(
        f"{run}: {rank.size} printed losses, ranks {rank.min()} to {rank.max()} of {seeds} seeds, "
        f"outside the range at steps {outside or 'none'}"
    )


if __name__ == "__main__":
    main()
