"""`adjoint=`: a linear function and its adjoint; what is not linear has none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck as gc
from gradcheck.errors import ArgumentError

RNG = np.random.default_rng(5)
A = RNG.standard_normal((4, 3))
X = RNG.standard_normal(3)


def check(f=lambda x: A @ x, adjoint=lambda y: A.T @ y, args=(X,), **options):
    return gc.check(f, adjoint=adjoint, args=args, **options)


PAIRS = {
    "a matrix": (lambda x: A @ x, lambda y: A.T @ y, (X,)),
    "a sum": (np.cumsum, lambda y: np.cumsum(y[::-1])[::-1], (X,)),
    "an FFT": (np.fft.fft, lambda y: len(y) * np.fft.ifft(y), (X + 1j * X[::-1],)),
    "two arguments": (lambda a, b: A @ a - 3 * b, lambda y: (A.T @ y, -3 * y), (X, np.zeros(4))),
    "several outputs": (lambda x: (A @ x, x.sum()), lambda y: A.T @ y[0] + y[1] * np.ones(3), (X,)),
    "by name": (lambda u: {"out": A @ u}, lambda y: {"u": A.T @ y["out"]}, {"u": X}),
    "at zero": (lambda x: A @ x, lambda y: A.T @ y, (np.zeros(3),)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_right_adjoint_passes(name):
    assert check(*PAIRS[name]).verdict is gc.Verdict.PASS


def test_a_wrong_adjoint_fails_and_its_mistake_is_named():
    report = check(adjoint=lambda y: 2 * (A.T @ y))
    assert report.verdict is gc.Verdict.FAIL
    assert "every entry is 2 x the true gradient" in report[0].advice
    assert check(np.cumsum, np.cumsum).verdict is gc.Verdict.FAIL
    assert check(np.fft.fft, np.fft.ifft, (X + 1j * X,)).verdict is gc.Verdict.FAIL


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x: A @ x + 1, "it is 2 in norm where all arguments that the adjoint is claimed for are 0"),
        (lambda x: np.abs(A @ x), "f(x + v) and f(x) + f(v) differ by"),
        (lambda x: A @ x + 1e-3 * x.sum() ** 3, "judge it with vjp="),
    ],
    ids=["an offset", "a kink", "a cube"],
)
def test_what_is_not_linear_has_no_adjoint(f, says):
    report = check(f)
    assert report.verdict is gc.Verdict.FAIL
    assert "the function is not linear" in report.complaint
    assert says in report.complaint


def test_an_adjoint_that_is_not_linear_is_told_as_one():
    assert "the adjoint squares the cotangent" in check(adjoint=lambda y: y[0] * (A.T @ y)).complaint
    assert "the adjoint is not linear in the cotangent" in check(adjoint=lambda y: A.T @ y + 1).complaint


def test_f_need_be_linear_only_in_what_an_adjoint_is_claimed_for():
    f = lambda x, w: w**2 * (A @ x)  # noqa: E731
    assert check(f, lambda y: (A.T @ (4 * y), None), (X, 2.0)).unchecked == ("w (no gradient claimed)",)
    assert check(f, lambda y: A.T @ (4 * y), (X, 2.0), only=["x"]).verdict is gc.Verdict.PASS


def test_kwargs_are_passed_to_both():
    report = check(lambda x, scale: scale * (A @ x), lambda y, scale: scale * (A.T @ y), kwargs={"scale": 3})
    assert report.verdict is gc.Verdict.PASS


def test_a_function_that_raises_elsewhere_is_no_linear_one():
    def only_here(x):
        if not np.array_equal(x, X):
            raise ValueError("not there")
        return A @ x

    assert "raised ValueError at another point, and a linear function takes any" in check(only_here).complaint


def test_it_is_one_form_among_the_others():
    with pytest.raises(ArgumentError, match="vjp= and adjoint= were passed, wanted one form of claim"):
        check(vjp=lambda c, x: A.T @ c)  # noqa: ARG005
    with pytest.raises(ArgumentError, match="adjoint is a ndarray, wanted a function"):
        check(adjoint=A.T)


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1), st.booleans())
def test_any_matrix_and_its_conjugate_transpose(rows, columns, seed, is_complex):
    rng = np.random.default_rng(seed)
    matrix, x = rng.standard_normal((rows, columns)), rng.standard_normal(columns)
    if is_complex:
        matrix, x = matrix + 1j * rng.standard_normal((rows, columns)), x + 1j * rng.standard_normal(columns)
    assert check(lambda x: matrix @ x, lambda y: matrix.conj().T @ y, (x,)).verdict is gc.Verdict.PASS
    wrong = matrix.conj().T.copy()
    wrong[0, 0] *= 1.01
    assert check(lambda x: matrix @ x, lambda y: wrong @ y, (x,)).verdict is not gc.Verdict.PASS
