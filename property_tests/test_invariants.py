"""What holds for every call, whatever is passed, whatever surrounds it, and whichever call changes something."""

# ruff: noqa: S311  draws for tests, no secrets

import asyncio
import concurrent.futures
import hashlib
import os
import random
import select
import signal
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import fuzz
import fuzz_ends
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck as gc
import gradcheck.scipy as problems

SEEDS = st.integers(0, 2**48)


@pytest.fixture(scope="module", autouse=True)
def imported():
    """What is imported at first use may add filters: not what a check does."""
    for number in range(30):
        fuzz.breach(fuzz.drawn(random.Random(number)))


def test_every_function_of_the_package_is_drawn():
    functions = {x for x in (getattr(gc, name) for name in gc.__all__) if callable(x) and not isinstance(x, type)}
    assert fuzz.torch is None or functions | {getattr(problems, name) for name in problems.__all__} <= fuzz.DRAWN


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("drawn", [fuzz.drawn, fuzz_ends.drawn], ids=["anything", "the ends of the floats"])
@settings(deadline=None)
@given(seed=SEEDS)
def test_a_call_is_a_report_or_a_sentence_and_changes_nothing(drawn, seed):
    call = drawn(random.Random(seed))
    assert fuzz.breach(call) is None, call.words


@pytest.mark.filterwarnings("default")
@settings(deadline=None)
@given(SEEDS, st.sampled_from(fuzz.OPTIONS))
def test_an_option_with_anything_is_a_report_or_a_sentence(seed, name):
    draw = random.Random(seed)
    args, options = draw.choice(fuzz.CHECKS)(draw)
    value = fuzz.odd_values(draw)
    call = fuzz.Call(f"{name}={fuzz.kind_of(value)}", gc.check, args, {**options, name: value})
    assert fuzz.breach(call) is None, call.words


@pytest.mark.filterwarnings("default")
@settings(deadline=None)
@given(SEEDS)
def test_whichever_call_changes_what_it_is_passed_it_is_as_before(seed):
    draw = random.Random(seed)
    build = draw.choice([*fuzz.CHECKS, *fuzz.TORCH_CHECKS])
    args, options = build(draw)
    places = [*range(len(args)), *options]
    place = draw.choice([p for p in places if callable(args[p] if isinstance(p, int) else options[p])])
    if isinstance(place, int):
        args = (*args[:place], fuzz.mutating(draw, args[place]), *args[place + 1 :])
    else:
        options = {**options, place: fuzz.mutating(draw, options[place])}
    call = fuzz.Call(f"{build.__name__} {place}", gc.check, args, options)
    assert fuzz.breach(call) is None, call.words


def test_what_a_call_changes_in_an_integer_array_is_put_back_and_said():
    table, data = np.array([0, 1]), np.array([3])

    def f(x, table, data):
        value = float(np.sum(x[table] ** 2))
        data += 1
        return value

    report = gc.check(f, lambda x, *_, **__: (2 * x, None), (np.array([0.5, -1.0]), table), kwargs={"data": data})
    assert data == [3]
    assert any("kwargs.data" in note for note in report.notes)
    assert report.verdict is gc.Verdict.PASS


@pytest.mark.skipif(fuzz.torch is None, reason="Torch is not installed")
def test_what_a_call_changes_in_a_tensor_of_inference_mode_is_put_back():
    torch = fuzz.torch
    with torch.inference_mode():
        x = torch.ones(3, dtype=torch.float64)
        shift = torch.zeros(3, dtype=torch.int64)

    def f(x, shift):
        with torch.inference_mode():
            shift += 1
        return (x**2).sum()

    report = gc.check(f, lambda x, _: (2 * x, None), (x, shift))
    assert report.verdict is gc.Verdict.PASS
    assert not shift.any()
    assert any("args.1" in note for note in report.notes)


def test_a_gradient_that_is_none_in_another_call_breaks_its_contract():
    calls = []

    def gradient(x):
        calls.append(x)
        return 1.0 * (x > 0) if len(calls) == 1 else None

    report = gc.check(lambda x: np.maximum(x, 0).sum(), gradient, (np.array([0.0, 1.0]),))
    assert report.verdict is gc.Verdict.FAIL
    assert "the gradient of x is None in another call, and an array in the first" in report.complaint


@pytest.mark.parametrize("axes", [33, 64])  # numpy.nditer ends at 32, numpy.ravel_multi_index at 63
@pytest.mark.parametrize("oracle", [None, "exact"])
def test_as_many_axes_as_numpy_has_change_no_verdict(axes, oracle):
    x = np.array([0.0, 0.0]).reshape(2, *[1] * (axes - 1))
    kink = gc.check(lambda x: np.abs(x).sum(), np.sign, (x,), oracle=oracle)
    flat = gc.check(lambda x: np.abs(x).sum(), np.sign, (x.ravel(),), oracle=oracle)
    assert kink.verdict is flat.verdict is gc.Verdict.PASS
    assert gc.check(lambda x: np.sum(x**2 + x), lambda x: 2 * x + 1.01, (x,), oracle=oracle).verdict is gc.Verdict.FAIL
    wrong = gc.check(np.sin, jac=lambda x: np.diag(1.01 * np.cos(x.ravel())), args=(x,), oracle=oracle)
    assert wrong.verdict is gc.Verdict.FAIL


# --- The same bytes in any surroundings -----------------------------------------------------------------------------

DRAWS = range(3)


def _double_backward(draw):
    args, options = fuzz._inputs(draw)
    return args, {**options, "order": 2}


def _autograd(draw):
    args, options = fuzz._torch_gradient(draw)
    return args, {**options, "oracle": "autograd"}


def _wrong(draw):
    (f, _, args), options = fuzz._kink(draw)
    return (f, lambda x: 0.5 * (x >= 0), args), options


BUILDERS = [*dict.fromkeys(fuzz.CHECKS), *fuzz.TORCH_CHECKS, _wrong]
BUILDERS += [] if fuzz.torch is None else [_double_backward, _autograd]


def told(build, number):
    """Return what a call of one form reports, in both its forms."""
    args, options = build(random.Random(number))
    report = gc.check(*args, **options)
    return str(report) + report.to_json()


def every():
    return [told(build, number) for build in BUILDERS for number in DRAWS]


@pytest.fixture(scope="module")
def usual():
    return every()


def numpy_raises():
    return np.errstate(all="raise")


def torch_modes():
    torch = fuzz.torch
    if torch is None:
        return []
    return [
        torch.inference_mode, torch.no_grad, lambda: torch.autocast("cpu", dtype=torch.bfloat16), torch.enable_grad,
        torch.random.fork_rng,
    ]  # fmt: skip


@pytest.mark.parametrize("mode", [numpy_raises, *torch_modes()])
def test_a_mode_of_the_caller_changes_no_byte(usual, mode):
    with mode():
        found = every()
    assert found == usual


def test_warnings_as_errors_change_no_byte(usual):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = every()
    assert found == usual


@pytest.mark.skipif(fuzz.torch is None, reason="Torch is not installed")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_torchs_default_dtype_changes_no_byte(usual, dtype):
    torch = fuzz.torch
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        found = every()
    finally:
        torch.set_default_dtype(before)
    assert found == usual


def test_threads_that_check_at_once_change_no_byte_and_leave_no_filter(usual):
    before = list(warnings.filters)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: every(), range(4)))
    assert found == [usual] * 4
    assert warnings.filters == before


def test_checks_inside_an_event_loop_change_no_byte(usual):
    async def both():
        return await asyncio.gather(asyncio.to_thread(every), asyncio.to_thread(every))

    assert asyncio.run(both()) == [usual] * 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of Python 3.12 on, where there are threads
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # of JAX, where it is loaded
def test_a_forked_child_gives_the_same_bytes(usual):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, hashlib.sha256("".join(every()).encode()).digest())
        finally:
            os._exit(0)
    os.close(writing)
    try:
        answered, _, _ = select.select([reading], [], [], 300)
        found = os.read(reading, 64) if answered else b"no answer"
    finally:
        os.kill(child, signal.SIGKILL)  # whether it has ended, or waits for a thread that it has not
        os.waitpid(child, 0)
        os.close(reading)
    assert found == hashlib.sha256("".join(usual).encode()).digest()


PROGRAM = textwrap.dedent("""
    import hashlib, sys
    sys.path.insert(0, {folder!r})
    import test_invariants
    print(hashlib.sha256("".join(test_invariants.every()).encode()).hexdigest())
""")


@pytest.mark.parametrize(
    ("flags", "environment"),
    [
        (["-O"], {}), (["-OO"], {}), (["-W", "error::RuntimeWarning"], {}), ([], {"PYTHONHASHSEED": "1"}),
        ([], {"PYTHONHASHSEED": "77"}), ([], {"LC_ALL": "C"}), ([], {"LC_ALL": "tr_TR.UTF-8"}),
    ],
)  # fmt: skip
@pytest.mark.thorough
def test_another_interpreter_gives_the_same_bytes(usual, flags, environment):
    program = PROGRAM.format(folder=str(Path(fuzz.__file__).parent))
    found = subprocess.run(
        [sys.executable, *flags, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.strip() == hashlib.sha256("".join(usual).encode()).hexdigest(), found.stderr[-2000:]


# --- Scale ----------------------------------------------------------------------------------------------------------


def scaled(build, number, k):
    """Return a call of one form with a wrong claim, with f and its claim times 2^k."""
    args, options = build(random.Random(number))
    c = 2.0**k

    def times(function, factor):
        def product(*args, **kwargs):
            return _times(function(*args, **kwargs), factor)

        return product

    if build is fuzz._backward:
        return (times(args[0], c),), {**options, "backward": times(options["backward"], 1.01)}
    first, *rest = args
    wrong = [times(r, 1.01 * c) if callable(r) else r for r in rest]
    # a vjp is linear in the cotangent, which is of the same size: it grows as f does
    claims = {key: times(v, 1.01 * c) if callable(v) else v for key, v in options.items()}
    return (times(first, c), *wrong), claims


def _times(x, c):
    if x is None:
        return None
    if isinstance(x, tuple) and len(x) == 2 and isinstance(x[1], dict):  # (out, cache)
        return (c * x[0], x[1] | {"x": x[1]["x"] * c})
    if isinstance(x, tuple | list):
        return type(x)(_times(part, c) for part in x)
    if isinstance(x, dict):
        return {key: _times(part, c) for key, part in x.items()}
    return c * x


FORMS = [build for build in dict.fromkeys(fuzz.CHECKS) if build is not fuzz._kwargs]


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(FORMS), st.integers(0, 2**16), st.integers(-900, 900))
def test_a_power_of_two_on_f_and_its_claim_turns_no_fail_into_a_pass(build, number, k):
    args, options = scaled(build, number, 0)
    if gc.check(*args, **options).verdict is not gc.Verdict.FAIL:
        return
    args, options = scaled(build, number, k)
    try:
        verdict = gc.check(*args, **options).verdict
    except gc.ArgumentError as error:
        assert "finite" in str(error) or "0" in str(error)  # noqa: PT017  or it is judged
        return
    assert verdict is not gc.Verdict.PASS


@settings(deadline=None, max_examples=40)
@given(st.integers(-900, 900), st.integers(0, 2**16), st.sampled_from([None, "exact"]))
def test_a_power_of_two_on_the_arguments_turns_no_fail_into_a_pass(k, seed, oracle):
    x = np.random.default_rng(seed).standard_normal(3)
    c = 2.0**k

    def f(y):
        return np.sum((y / c) ** 3)

    def wrong(y):
        return 1.01 * 3 * (y / c) ** 2 / c

    try:
        report = gc.check(f, wrong, (x * c,), oracle=oracle)
    except gc.GradcheckError:
        return
    assert report.verdict is not gc.Verdict.PASS
