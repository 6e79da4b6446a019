import numpy as np
import pytest

import gradcheck as gc
from gradcheck.claims.outputs import cotangent
from gradcheck.slopes.streams import Purpose, stream


def numbers(generator):
    return tuple(generator.standard_normal(4).tolist())


def test_a_stream_is_repeated_by_its_key_and_by_no_other():
    seeds = [0, 1, 2**64, 2**64 + 1]
    keys = [(s, p, a, n) for s in seeds for p in Purpose for a in (0, 1, 101) for n in (0, 1, 101)]
    assert len({numbers(stream(*key)) for key in keys}) == len(keys)
    assert numbers(stream(7, Purpose.NOISE, 2, 5)) == numbers(stream(7, Purpose.NOISE, 2, 5))


@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_no_stream_is_one_that_data_is_drawn_from(seed):
    theirs = [
        np.random.default_rng(seed),
        np.random.default_rng((seed, 0)),
        np.random.default_rng((seed, 0, 0)),
        *np.random.default_rng(seed).spawn(2),
    ]
    ours = [stream(seed, Purpose.DIRECTION, *place) for place in ((), (0,), (0, 0), (0, 1))]
    assert not {numbers(g) for g in theirs} & {numbers(g) for g in ours}


def test_no_direction_of_any_argument_is_the_cotangent_of_a_vjp():
    """Keyed by numbers chosen apart, the probes of argument 101 and the cotangent were the same draws."""
    args = tuple(np.full(3, 1.0 + i / 128) for i in range(104))

    def vjp(c, *args):
        return tuple(c * 2 * x if i == 101 else 0 * x for i, x in enumerate(args))

    report = gc.check(lambda *args: args[101] ** 2, vjp=vjp, args=args)
    assert report.verdict is gc.Verdict.PASS
    given = cotangent(args[0], stream(0, Purpose.COTANGENT, 0))
    for number in range(64):
        assert not np.allclose(stream(0, Purpose.DIRECTION, 101, number).standard_normal(3), given, rtol=2.0**-6)


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
