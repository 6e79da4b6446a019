"""Measuring: operations counted by hand, samples paired round by round, variants that take the same step, plans."""

import itertools
import math
import re
import warnings

import numpy as np
import pytest

from gradcheck.bench import run
from gradcheck.bench.environment import environment
from gradcheck.bench.results import Results, TimedCase
from gradcheck.bench.sizes import SHAPES, elements_moved, flop, scaled
from gradcheck.bench.timing import calls_per_sample, interleaved, pinned, rounds_for, seconds_on_cpu
from gradcheck.bench.variants import FLOOR, VARIANTS, make, prepared
from gradcheck.errors import ArgumentError, UnsupportedError
from gradcheck.two_layer_relu import numpy_core
from gradcheck.two_layer_relu.problem import Shape

TINY = SHAPES["tiny"]


def test_operations_and_numbers_moved_are_those_counted_by_hand():
    # (2,3)·(3,5): 60, twice; (2,5)·(5,7), (5,2)·(2,7), (2,7)·(7,5): 140 each.
    shape = Shape(2, 3, 5, 7)
    assert flop(shape) == 2 * 60 + 3 * 140
    # x, w1, h: 6 + 15 + 10, twice; h, w2, y_pred: 10 + 35 + 14, three times.
    assert elements_moved(shape) == 2 * 31 + 3 * 59


@pytest.mark.parametrize("shape", [shape for shape in SHAPES.values() if flop(shape) < 10**9], ids=str)
def test_the_loss_of_a_timed_problem_is_of_the_size_of_its_outputs_whatever_the_shape(shape):
    problem = scaled(shape, "float32")
    loss = float(numpy_core.loss(*problem))
    assert 0.1 < loss / (shape.n * shape.d_out) < 10


# Timing ---------------------------------------------------------------------------------------------------


def test_entries_of_one_round_were_taken_together_and_every_step_is_in_each_round():
    ran = []
    now = itertools.count()

    def clock(step, calls):
        step()
        return next(now) + 1e-2 * calls

    steps = {name: (lambda name=name: ran.append(name)) for name in "abc"}
    samples, calls = interleaved(steps, clock, budget=0.0)
    rounds = len(samples["a"])
    timed = ran[-3 * rounds :]
    assert {len(found) for found in samples.values()} == {rounds}
    assert all(set(timed[3 * r : 3 * r + 3]) == set("abc") for r in range(rounds))
    # The clock counts up at each sample: what stands in one row of the samples are consecutive numbers.
    for together in zip(*samples.values(), strict=True):
        assert round(max(together) - min(together)) == 2
    assert set(calls) == set("abc")


def test_the_order_within_rounds_changes():
    ran = []
    steps = {name: (lambda name=name: ran.append(name)) for name in "abcd"}
    samples, _ = interleaved(steps, lambda step, _calls: step() or 1.0, budget=0.0)
    rounds = len(samples["a"])
    timed = ran[-4 * rounds :]
    assert len({tuple(timed[4 * r : 4 * r + 4]) for r in range(rounds)}) > 1


def test_a_sample_has_so_many_calls_that_it_lasts_two_milliseconds():
    assert calls_per_sample(lambda: None, lambda _step, calls: calls / 2**20) == math.ceil(2e-3 * 2**20)
    assert calls_per_sample(lambda: None, lambda _step, calls: 1.0 * calls) == 1


def test_rounds_are_odd_at_least_5_and_no_more_than_61():
    assert [rounds_for(1.0, 0.0), rounds_for(1.0, 10.0), rounds_for(1e-9, 10.0)] == [5, 11, 61]


def test_on_one_thread_the_clock_counts_what_this_thread_computes_and_no_waiting():
    import time  # noqa: PLC0415

    assert seconds_on_cpu(1)(lambda: time.sleep(0.05), 1) < 0.04
    assert seconds_on_cpu(2)(lambda: time.sleep(0.05), 1) >= 0.05


def test_pools_are_pinned_for_a_while():
    torch = pytest.importorskip("torch")
    from threadpoolctl import threadpool_info  # noqa: PLC0415

    before = torch.get_num_threads()
    with pinned(1, torch_too=True):
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


# Variants -------------------------------------------------------------------------------------------------

COMPILED = pytest.param("torch", "compiled", marks=pytest.mark.thorough)  # seconds
ONE_STEP = [
    COMPILED if variant == "compiled" else (library, variant)
    for library, variants in VARIANTS.items()
    for variant in variants
    if not variant.startswith(FLOOR) and variant != "graph"  # for CUDA, tested with it
]


def taken(library, variant, problem, lr=1e-3):
    """The weights after one step of that variant, as NumPy arrays, and the loss."""
    if library == "torch":
        pytest.importorskip("torch")
    own = prepared(problem, library)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch.compile's, of its own parts
            found = make(library, variant, own, lr)()
    except UnsupportedError as error:
        pytest.skip(str(error))
    if library == "numpy":
        return [own.w1, own.w2], found
    return [w.detach().numpy() for w in (own.w1, own.w2)], None if found is None else found.detach()


@pytest.mark.parametrize(("library", "variant"), ONE_STEP)
def test_every_variant_takes_the_same_step(library, variant):
    problem = scaled(TINY, "float64")
    want = prepared(problem, "numpy")
    loss = numpy_core.step(*want, 1e-3)
    got, got_loss = taken(library, variant, problem)
    assert float(got_loss) == pytest.approx(float(loss), rel=1e-13)  # sums of 8 terms: a few dozen roundings
    for name, one, other in zip(("w1", "w2"), got, want[2:], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-15, err_msg=name)
        assert not np.array_equal(one, getattr(problem, name))


@pytest.mark.parametrize(("library", "variant"), [("numpy", FLOOR), ("numpy", "floor_dot"), ("torch", FLOOR)])
def test_a_floor_leaves_the_problem_as_it_is(library, variant):
    problem = scaled(TINY, "float64")
    (w1, w2), _ = taken(library, variant, problem)
    np.testing.assert_array_equal(w1, problem.w1)
    np.testing.assert_array_equal(w2, problem.w2)


def test_an_unknown_variant_is_refused_by_name():
    with pytest.raises(ArgumentError, match=r"variant is 'quick' of 'numpy', wanted one of"):
        make("numpy", "quick", scaled(TINY, "float64"))


@pytest.mark.thorough
def test_more_shapes_can_be_compiled_than_dynamo_keeps_of_one_function():
    torch = pytest.importorskip("torch")
    limit = torch._dynamo.config.recompile_limit
    torch._dynamo.config.recompile_limit = 1
    try:
        for n in (2, 3):
            taken("torch", "compiled", scaled(Shape(n, 3, 2, 2), "float64"))
    finally:
        torch._dynamo.config.recompile_limit = limit


# Plans and runs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shapes": ("small",)}, r"shape is 'small', wanted one of tiny, seed"),
        ({"shapes": ("huge",)}, r"shape is 'huge'"),  # a GPU's
        ({"dtypes": ("float16",)}, r"dtype is 'float16', wanted one of float32, float64, tf32, bfloat16"),
        ({"libraries": ("jax",)}, r"library is 'jax', wanted one of numpy, torch"),
        ({"threads": 0}, r"threads is 0, wanted at least 1"),
    ],
    ids=str,
)
def test_a_plan_with_an_unknown_word_is_refused_by_name(options, said):
    with pytest.raises(ArgumentError, match=said):
        run.Plan(**options)


def test_what_cannot_run_is_left_out_with_the_reason():
    plan = run.Plan(("tiny",), ("float32", "tf32", "bfloat16"), ("numpy",))
    found, skipped = run.cases(plan)
    assert [str(case) for case in found] == ["tiny-float32-numpy"]
    assert dict(skipped) == {
        "tf32 in numpy on cpu": "NumPy has no tf32",
        "bfloat16 in numpy on cpu": "NumPy has no bfloat16",
    }


def test_torch_on_a_device_that_is_not_here_is_left_out_and_numpy_timed_all_the_same():
    pytest.importorskip("torch")
    from gradcheck.two_layer_relu.cuda import why_no_cuda  # noqa: PLC0415  it needs Torch

    if not why_no_cuda():
        pytest.skip("there is a CUDA device")
    found, skipped = run.cases(run.Plan(("tiny",), ("float64",), device="cuda"))
    assert [case.library for case in found] == ["numpy"]
    assert skipped == [("torch on cuda", why_no_cuda())]


def quick_plan(**options):
    return run.Plan(**{"shapes": ("tiny",), "dtypes": ("float64",), "quick": True, "checks": False, **options})


@pytest.fixture(scope="module")
def quick_run():
    """The results of a run, what its progress said, and how long it said it would take."""
    results, said, seconds = Results(), [], []
    run.run(quick_plan(libraries=("numpy",)), results, lambda *what: said.append(what), seconds.append)
    return results, said, seconds


def test_a_run_times_every_variant_of_a_case_in_the_same_rounds(quick_run):
    results, said, seconds = quick_run
    (case,) = results.cases()
    timings = results.of(case)
    assert set(timings) == set(VARIANTS["numpy"])
    assert len({len(timing.seconds) for timing in timings.values()}) == 1
    assert results.ratio(case, FLOOR).median == 1
    assert results.ratio(case, "textbook").median > 1
    assert said == [(0, "tiny-float64-numpy")]
    assert len(seconds) == 1
    assert 0 < seconds[0] < 60


def test_the_environment_says_what_decides_a_timing(quick_run):
    found = quick_run[0].environment
    assert found["threads"] == 1
    assert found["cores"] >= 1
    assert found["cpu"]
    assert found["versions"]["numpy"] == np.__version__
    assert any(re.search(r", 1 threads$", pool) for pool in found["blas"])
    assert found["peak"]["float64-numpy"]["gflops"] > 0


def test_the_environment_does_not_name_the_machine():
    import platform  # noqa: PLC0415

    assert platform.node() not in str(environment(1, torch_too=False)).split()


def test_an_interrupted_run_keeps_what_it_measured():
    results = Results()

    def interrupt(done, _what):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.run(quick_plan(libraries=("numpy",), dtypes=("float32", "float64")), results, interrupt, lambda _: None)
    assert [case.dtype for case in results.cases()] == ["float32"]
    assert results.environment["peak"]


def test_the_estimate_grows_with_the_work():
    plan = quick_plan(libraries=("numpy",))
    found, _ = run.cases(plan)
    longer = quick_plan(libraries=("numpy",), shapes=("tiny", "large"))
    assert run.estimate(plan, found, 100.0) < run.estimate(longer, run.cases(longer)[0], 100.0)


def test_torch_compile_and_graphs_are_left_out_of_a_quick_run_on_a_cpu_with_the_reason():
    pytest.importorskip("torch")
    found, skipped = run.steps(TimedCase("tiny", TINY, "float64", "torch"), quick_plan())
    assert set(found) == {FLOOR, "fast", "textbook", "autograd"}
    assert {what.rpartition(" ")[2] for what, _ in skipped} == {"graph", "compiled"}
