import numpy as np
import pytest

import gradcheck as gc
from gradcheck.slopes.streams import stream


def numbers(generator):
    return tuple(generator.standard_normal(4).tolist())


def test_a_stream_is_repeated_by_its_key_and_by_no_other():
    keys = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (7, 2, 5)]
    assert len({numbers(stream(*key)) for key in keys}) == len(keys)
    assert numbers(stream(7, 2, 5)) == numbers(stream(7, 2, 5))


@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_no_stream_is_one_that_data_is_drawn_from(seed):
    theirs = [
        np.random.default_rng(seed),
        np.random.default_rng((seed, 0)),
        np.random.default_rng((seed, 0, 0)),
        *np.random.default_rng(seed).spawn(2),
    ]
    ours = [stream(seed), stream(seed, 0), stream(seed, 0, 0), stream(seed, 0, 1)]
    assert not {numbers(g) for g in theirs} & {numbers(g) for g in ours}


@pytest.mark.parametrize("seed", range(8))
def test_the_interval_holds_for_data_drawn_with_the_same_seed(seed):
    x = np.random.default_rng(seed).standard_normal(10_000)

    def one_wrong(x):
        g = 2 * x
        g[123] *= 1.5
        return g

    report = gc.check(lambda x: float(x @ x), one_wrong, (x,), seed=seed)[0]
    error = abs(x[123]) / np.linalg.norm(2 * x)
    assert report.verdict is gc.Verdict.FAIL
    assert report.error.low <= error <= report.error.high
    assert report.where == (123,)
