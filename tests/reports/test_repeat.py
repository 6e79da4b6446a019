"""A failure is repeated, to the last bit, by the program that its report writes; and it says where its claim is."""

import functools
import subprocess
import sys

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.reports.repeat import SAVE, Call, source

FUNCTIONS = """
import numpy as np

def loss(x, w):
    return np.sum((x @ w) ** 2)

def gradient(x, w):
    return 2 * x @ w @ w.T, x.T @ (x @ w)

def squares(x):
    return (x**2).sum()

def half(x):
    return x * 1

def outer(x):
    return x**2

def outer_vjp(cotangent, x):
    return cotangent * x

class Within:
    @staticmethod
    def half(x):
        return x * 1
"""


@pytest.fixture(params=["functions_to_repeat", "class", "np", "a-b"])
def module(request, tmp_path, monkeypatch):
    """A module of the user's, whatever its name is."""
    (tmp_path / f"{request.param}.py").write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__(request.param)
    sys.modules.pop(request.param)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "functions_of_mine.py").write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__("functions_of_mine")
    sys.modules.pop("functions_of_mine")


def run(path):
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False, cwd=path.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


def repeated(report, tmp_path):
    """Write the program, run it, and return what it printed."""
    path = tmp_path / "again.py"
    report.save(path)
    return run(path)


def test_a_program_repeats_the_failure_whatever_the_module_is_called(module, tmp_path):
    report = gc.check(module.loss, module.gradient, (np.full((2, 3), 0.1), np.arange(6.0).reshape(3, 2)), seed=5)
    assert report.repeat == SAVE
    assert repeated(report, tmp_path) == f"{report}\n"
    assert not (tmp_path / "again.npz").exists()


RNG = np.random.default_rng(0)
ARGUMENTS = {
    "large": (RNG.standard_normal((20, 10)),),
    "by name": {"x": RNG.standard_normal(100)},
    "float32": (RNG.standard_normal(100).astype(np.float32),),
    "complex": (RNG.standard_normal(3) + 1j,),
    "not contiguous": (RNG.standard_normal((30, 20)).T[::2],),
    "scalar": (np.float64(0.1),),
}


@pytest.mark.parametrize("args", ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_are_kept_to_the_last_bit(mine, tmp_path, args):
    f, claim = (mine.squares, mine.half)
    if "complex" in str(getattr(args[0], "dtype", "") if isinstance(args, tuple) else ""):
        report = gc.check(mine.outer, vjp=mine.outer_vjp, args=args)
    else:
        report = gc.check(f, claim, args)
    assert report.verdict is gc.Verdict.FAIL
    assert repeated(report, tmp_path) == f"{report}\n"


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("size", [3, 100])
def test_tensors_are_kept_too(mine, tmp_path, dtype, size):
    torch = pytest.importorskip("torch")
    x = torch.randn(size, generator=torch.Generator().manual_seed(0)).to(getattr(torch, dtype))
    report = gc.check(mine.squares, mine.half, (x,))
    assert report.verdict is not gc.Verdict.PASS
    assert repeated(report, tmp_path) == f"{report}\n"


def test_options_are_repeated_of_whatever_type_they_are(mine, tmp_path):
    report = gc.check(
        mine.squares,
        mine.half,
        (np.ones(2),),
        names=["a b"],
        rtol=np.float32(1e-3),
        confidence=0.99,
        probes=np.int8(6),
        max_evaluations=200,
    )
    assert repeated(report, tmp_path) == f"{report}\n"


def test_what_cannot_be_imported_is_named(tmp_path):
    report = gc.check(lambda x: np.sum(x**2), np.copy, (np.ones(2),))
    assert report.repeat == "gradcheck.check(..., seed=0)"
    with pytest.raises(gc.UnsupportedError, match="f cannot be imported by name: define it at the top of a module"):
        report.save(tmp_path / "again.py")
    assert list(tmp_path.iterdir()) == []


def test_a_pass_and_a_report_read_back_have_no_call(mine, tmp_path):
    passed = gc.check(mine.squares, lambda x: 2 * x, (np.ones(2),))
    again = gc.Report.from_json(gc.check(mine.squares, mine.half, (np.ones(2),)).to_json())
    for report in (passed, again):
        with pytest.raises(gc.UnsupportedError, match="does not know the call"):
            report.save(tmp_path / "again.py")


def test_the_source_of_a_claim_is_its_file_and_line(mine):
    line = FUNCTIONS.splitlines().index("def half(x):") + 1
    report = gc.check(mine.squares, mine.half, (np.ones(2),))
    assert report.source == f"functions_of_mine.py:{line}, half"
    assert gc.check(mine.outer, vjp=mine.outer_vjp, args=(np.ones(2),)).source.endswith(", outer_vjp")
    assert gc.check(mine.squares, functools.partial(mine.half), (np.ones(2),)).source == report.source
    assert gc.check(mine.squares, np.abs, (np.ones(2),)).source == ""
    static = gc.check(mine.squares, mine.Within.half, (np.ones(2),))
    assert static.source.endswith(", half")
    assert static.repeat == SAVE


def test_the_source_of_an_autograd_function_is_its_backward():
    torch = pytest.importorskip("torch")

    class Half(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return (x**2).sum()

        @staticmethod
        def backward(ctx, cotangent):
            return cotangent * ctx.saved_tensors[0]

    report = gc.check(Half.apply, inputs=(torch.ones(3, dtype=torch.float64),))
    assert report.source.endswith(", backward")


class Hostile:
    """A claim that answers no question."""

    def __call__(self, x):
        return x

    def __getattr__(self, name):
        raise RuntimeError(name)


def test_a_claim_that_answers_no_question_costs_the_program_only():
    report = gc.check(lambda x: np.sum(x**2), Hostile(), (np.ones(2),))
    assert report.verdict is gc.Verdict.FAIL
    assert report.repeat == "gradcheck.check(..., seed=0)"


def test_a_cycle_of_wrapped_functions_has_no_source():
    def f(x):
        return x

    f.__wrapped__ = f
    assert source(Call("check", {"f": f})) == ""
