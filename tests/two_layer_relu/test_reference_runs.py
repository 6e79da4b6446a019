"""The printed runs lie in the stored range of our runs, and the stored range is what our code computes."""

from pathlib import Path

import numpy as np
import pytest

from gradcheck.two_layer_relu.problem import Shape, draw
from gradcheck.two_layer_relu.training import train

RUNS = Path(__file__).parents[2] / "docs" / "runs"
QUANTILES = ["min", "q0.025", "q0.25", "q0.5", "q0.75", "q0.975", "max"]
each_run = pytest.mark.parametrize("run", ["numpy_float64", "torch_float32"])


def table(name):
    with (RUNS / name).open(encoding="utf-8") as file:
        return dict(zip(file.readline().strip().split(","), np.loadtxt(file, delimiter=",").T, strict=True))


def spots(run):
    """The stored losses of ten seeds: {step: losses by seed}."""
    stored = table(f"spot_{run}.csv")
    return {step: stored["loss"][stored["step"] == step] for step in np.unique(stored["step"]).astype(int)}


def sensitivity(step):
    """How much round-off moves the loss of a step: the largest relative distance of float32 from float64.

    Both run the same seeds, from data that differ by a float32 rounding. Ten seeds see a large part of it.
    """
    narrow, wide = spots("torch_float32")[step], spots("numpy_float64")[step]
    return (abs(narrow - wide) / wide).max()


@each_run
def test_every_printed_loss_is_within_our_range_at_its_step(run):
    ours = table(f"range_{run}.csv")
    steps, printed = np.loadtxt(RUNS / f"printed_{run}.txt").T
    at = steps.astype(int)
    assert len(at) >= 80
    assert (ours["min"][at] < printed).all()
    assert (printed < ours["max"][at]).all()


@each_run
def test_the_stored_ranks_agree_with_the_stored_quantiles(run):
    ours, ranks = table(f"range_{run}.csv"), table(f"rank_{run}.csv")
    steps, printed = np.loadtxt(RUNS / f"printed_{run}.txt").T
    np.testing.assert_array_equal(ranks["step"], steps)
    np.testing.assert_allclose(ranks["printed"], printed, rtol=1e-7)  # stored with 8 digits
    for quantile in QUANTILES[1:-1]:
        below = printed < ours[quantile][steps.astype(int)]
        rank = float(quantile[1:]) * 1000
        assert (ranks["rank_of_1000"][below] <= rank).all()
        assert (ranks["rank_of_1000"][~below] >= rank - 1).all()  # a quantile may lie between two ranks


@each_run
def test_the_stored_quantiles_are_in_order_and_hold_the_stored_seeds(run):
    ours = table(f"range_{run}.csv")
    assert len(ours["step"]) == 500
    assert (np.diff(np.array([ours[name] for name in QUANTILES]), axis=0) >= 0).all()
    for step, losses in spots(run).items():
        assert (losses >= ours["min"][step] * (1 - 1e-7)).all()  # the range is stored with 8 digits
        assert (losses <= ours["max"][step] * (1 + 1e-7)).all()


# Another BLAS adds in another order. In float32 that is a change of the size of the distance between the
# stored float32 and float64 losses, and in float64 of one 2^29 times smaller, as its unit of round-off is.
# 10 times it is allowed, since one change of round-off may be larger than another. Beyond step 200 float32
# comes to its floor, where round-off is all that is left.
SPOT_CHECKS = [("numpy_float64", 500, 10 / 2**29), ("torch_float32", 201, 10)]


@pytest.mark.parametrize(("run", "steps", "factor"), SPOT_CHECKS, ids=["numpy", "torch"])
@pytest.mark.parametrize("seed", [0, 7])
def test_a_seed_trains_again_to_its_stored_losses(run, steps, factor, seed):
    backend, dtype = run.split("_")
    if backend == "torch":
        pytest.importorskip("torch")
    losses, _ = train(draw(Shape(), seed, dtype), steps=steps, backend=backend)
    stored = {step: values for step, values in spots(run).items() if step < steps}
    assert len(stored) >= 8
    for step, values in stored.items():
        allowed = factor * sensitivity(step)
        assert abs(losses[step] - values[seed]) <= allowed * values[seed], f"step {step}"
        if step <= 46:  # ... which tells the seeds apart
            others = np.delete(values, seed)
            assert (abs(others - values[seed]) > allowed * values[seed]).all(), f"step {step}"
