"""A complex step through NumPy code: what it follows, how closely, and what it refuses."""

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.errors import UnsupportedError
from gradcheck.oracles.complex_arrays import ComplexArray
from gradcheck.oracles.complex_run import imaginary, rounded

X = np.array([0.3, -1.2, 2.0])
V = np.array([1.0, -0.5, 0.25])
H = 2.0**-160


def slope(f, x=X, v=V):
    return imaginary(lambda leaves: f(*leaves), [x + 1j * H * v]) / H


@pytest.mark.parametrize(
    ("f", "gradient"),
    [
        (lambda x: np.sum(x**3), lambda x: 3 * x**2),
        (lambda x: np.abs(x).sum(), np.sign),
        (np.linalg.norm, lambda x: x / np.linalg.norm(x)),
        (np.var, lambda x: 2 * (x - x.mean()) / x.size),
        (lambda x: np.std(x, ddof=1), lambda x: (x - x.mean()) / (np.std(x, ddof=1) * (x.size - 1))),
        (lambda x: np.logaddexp(0, x).sum(), lambda x: 1 / (1 + np.exp(-x))),
        (np.logaddexp.reduce, lambda x: np.exp(x) / np.exp(x).sum()),
        (lambda x: np.logaddexp.reduce(np.append(x, 1e3)) + np.logaddexp(x[0], -1e3), lambda x: 0 * x + [1, 0, 0]),
        (
            lambda x: np.logaddexp.reduce(np.outer(x, [1, 2]), axis=1, keepdims=True).sum() / 3,
            lambda x: (1 + 1 / (1 + np.exp(-x))) / 3,
        ),
        (lambda x: np.logaddexp.reduce(np.outer(x, [1, 1]), axis=None), lambda x: np.exp(x) / np.exp(x).sum()),
        (lambda x: np.maximum(x, 0).sum() + np.clip(x, -1, 1).sum(), lambda x: 1.0 * (x > 0) + (abs(x) < 1)),
        (lambda x: np.where(x > 0, x**2, -x).sum(), lambda x: np.where(x > 0, 2 * x, -1)),
        (lambda x: np.sort(x)[-1] * x.max(), lambda x: np.array([0, 0, 2 * x.max()])),
        (lambda x: np.asarray(x)[0] * np.array([x[0], x[1]]).sum(), lambda x: np.array([2 * x[0] + x[1], x[0], 0])),
        (lambda x: np.linalg.solve(np.diag(x), np.ones(3)).sum(), lambda x: -1 / x**2),
        (lambda x: np.round(x).sum() + np.floor(x).sum(), np.zeros_like),
    ],
)
def test_a_slope_is_that_of_the_gradient_to_round_off(f, gradient):
    assert slope(f) == pytest.approx(float(gradient(X) @ V), rel=1e-13, abs=1e-15)


def test_nothing_cancels():
    assert slope(lambda x: 1.0 + 1e-30 * np.sum(x**3)) == pytest.approx(1e-30 * float(3 * X**2 @ V), rel=1e-13)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x.astype(np.float32)),
        lambda x: float(x[0]) * x[1],
        lambda x: np.abs(np.fft.fft(x)).sum(),
        lambda x: np.linalg.cholesky(np.diag(x**2))[0, 0],
        lambda x: np.abs(1j * x).sum(),
        lambda x: 0.0,  # noqa: ARG005
    ],
)
def test_what_would_lose_a_derivative_is_refused(f):
    with pytest.raises(UnsupportedError):
        slope(f)


def test_writing_into_a_plain_array_is_refused():
    def f(x):
        out = np.zeros(3)
        out[:] = x
        return out.sum()

    with pytest.raises(UnsupportedError):
        slope(f)


def test_numpy_is_left_as_it_was():
    before = np.asarray, np.array
    slope(lambda x: np.asarray(x).sum())
    assert (np.asarray, np.array) == before
    assert isinstance(np.asarray([1.0]), np.ndarray)


def test_what_is_rounded_is_told():
    assert rounded(lambda leaves: np.round(leaves[0]).sum(), [X]) == 3
    assert rounded(lambda leaves: np.round(leaves[0].sum()), [X]) == 1
    assert rounded(lambda leaves: leaves[0].sum(), [X]) == 0


def test_a_complex_array_looks_like_one_of_float64():
    array = ComplexArray(X)
    assert array.dtype == np.float64
    assert array.shape == (3,)
    assert len(array) == 3


def test_a_wrong_gradient_at_a_kink_is_not_decided_by_the_convention_of_the_code():
    report = gc.check(lambda x: 1e6 + 1e-12 * np.abs(x).sum(), lambda x: 1e-12 * np.ones_like(x), (np.zeros(3),))
    assert report.verdict is not gc.Verdict.FAIL
