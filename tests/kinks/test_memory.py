"""The most memory that a check holds where many entries, or all, are at kinks: at most 12 times the argument's."""

import tracemalloc

import numpy as np
import pytest

import gradcheck as gc

PASS, FAIL = gc.Verdict.PASS, gc.Verdict.FAIL
SIZE = 100_000
WEIGHTS = np.random.default_rng(1).standard_normal(SIZE)


def rectifiers(at_zero, weights=1.0):
    return (
        lambda x: np.sum(weights * np.maximum(x, 0)),
        lambda x: weights * np.where(x > 0, 1.0, at_zero * (x == 0)),
        np.zeros(SIZE),
    )


def a_fifth_of_rectifiers():
    x = np.where(np.arange(SIZE) % 5 == 0, 0.0, WEIGHTS)
    return lambda x: np.sum(np.maximum(x, 0)), lambda x: 1.0 * (x > 0), x


def absolute_values():
    return lambda x: np.sum(np.abs(x)), np.sign, np.zeros(SIZE)


def total_variation():
    def gradient(x):
        rises = np.sign(np.diff(x))
        out = np.zeros_like(x)
        out[1:] += rises
        out[:-1] -= rises
        return out

    return lambda x: np.sum(np.abs(np.diff(x))), gradient, np.ones(SIZE)


def row_maxima():
    rows = np.eye(8)
    return lambda x: x.max(axis=1).sum(), lambda x: rows[x.argmax(axis=1)], np.zeros((SIZE // 8, 8))


def every_tie_of_a_row():
    return (
        lambda x: x.max(axis=1).sum(),
        lambda x: 1.0 * (x == x.max(axis=1, keepdims=True)),
        np.zeros((SIZE // 8, 8)),
    )


def one_side_of_rows():
    """Wrong beside the kink as well."""
    return lambda x: x.max(axis=1).sum(), lambda x: np.eye(8)[np.zeros(len(x), dtype=int)], np.zeros((SIZE // 8, 8))


def no_variation():
    return lambda x: np.sum(np.abs(np.diff(x))), np.zeros_like, np.ones(SIZE)


def curved_rectifiers():
    def f(x):
        return np.sum(np.maximum(np.sin(x) + WEIGHTS * x, 0) + WEIGHTS * x * x)

    def gradient(x):
        return (np.sin(x) + WEIGHTS * x > 0) * (np.cos(x) + WEIGHTS) + 2 * WEIGHTS * x

    return f, gradient, np.zeros(SIZE)


def sort():
    """The claim has other values in every entry at each call."""

    def gradient(x):
        out = np.empty_like(x)
        out[np.argsort(x, kind="stable")] = WEIGHTS
        return out

    return lambda x: np.sort(x) @ WEIGHTS, gradient, np.zeros(SIZE)


def norm():
    def gradient(x):
        size = np.sqrt(np.sum(x * x))
        return x / size if size else np.zeros_like(x)

    return lambda x: np.sqrt(np.sum(x * x)), gradient, np.zeros(SIZE)


def moduli():
    def gradient(z):
        size = np.abs(z)
        size[size == 0] = 1
        return z / size

    return lambda z: np.sum(np.abs(z)), gradient, np.where(np.arange(SIZE) % 5 == 0, 0.0, WEIGHTS + 1j)


def moduli_of_rows(at_zero=(0.0, 0.0)):
    def gradient(x):
        size = np.sqrt(np.sum(x * x, axis=1, keepdims=True))
        at = size[:, 0] == 0
        size[at] = 1
        found = x / size
        found[at] = at_zero
        return found

    return lambda x: np.sum(np.sqrt(np.sum(x * x, axis=1))), gradient, np.zeros((SIZE // 2, 2))


def rows_of_maxima(size, shares):
    """A claim of its own share for each of the equal entries of a row."""
    rows = np.eye(size)

    def gradient(x):
        tied = (x == x.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True) > 1
        return np.where(tied, shares, rows[x.argmax(axis=1)])

    return lambda x: x.max(axis=1).sum(), gradient, np.zeros(shares.shape)


def shares(rows, size):
    return np.random.default_rng(3).dirichlet(np.ones(size), rows)


def all_of_one_row():
    own = shares(SIZE // 2, 2)
    own[7] = 1.0
    return rows_of_maxima(2, own)


def held(f, gradient, x, *, first=None, **passed):
    """Return the report of a check, after a `first` one, and the most memory that it held, as multiples of x's."""
    gc.check(f, gradient, (x if first is None else first,), **passed)  # what is imported late
    tracemalloc.start()
    try:
        report = gc.check(f, gradient, (x,), **passed)
        return report, tracemalloc.get_traced_memory()[1] / x.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "case",
    [
        rectifiers(0.0),
        rectifiers(0.5),
        rectifiers(1.0),
        rectifiers(0.0, WEIGHTS),
        a_fifth_of_rectifiers(),
        absolute_values(),
        row_maxima(),
        total_variation(),
        curved_rectifiers(),
        sort(),
        norm(),
        moduli(),
        moduli_of_rows(),
        rows_of_maxima(2, np.full((SIZE // 2, 2), 0.5)),
    ],
)
def test_a_check_at_a_hundred_thousand_kinks_holds_twelve_times_the_argument(case):
    report, most = held(*case)
    assert report.verdict is PASS
    assert report.gradient_evaluations <= 36
    assert most <= 12


@pytest.mark.parametrize(
    "case",
    [
        rectifiers(2.0),
        every_tie_of_a_row(),
        one_side_of_rows(),
        no_variation(),
        rows_of_maxima(2, np.ones((SIZE // 2, 2))),
        all_of_one_row(),
    ],
)
def test_so_does_one_of_a_wrong_gradient(case):
    report, most = held(*case)
    assert report.verdict is FAIL
    assert most <= 12


def test_so_does_one_of_a_share_of_its_own_at_each_kink():
    report, most = held(*rectifiers(np.random.default_rng(2).random(SIZE)))
    assert report.verdict is PASS
    assert most <= 12


def test_so_does_one_of_shares_of_its_own_in_each_row_of_two():
    report, most = held(*rows_of_maxima(2, shares(SIZE // 2, 2)))
    assert report.verdict is PASS
    assert most <= 12


@pytest.mark.parametrize(
    ("at_zero", "verdict"), [((0.3, -0.4), PASS), ((0.6, 0.8), PASS), ((1.0, 0.0), PASS), ((1.0, 1.0), FAIL)]
)
def test_rows_of_norms_have_other_values_in_every_claim(at_zero, verdict):
    """These take 12 times the argument beside what one call of the gradient takes."""
    case = moduli_of_rows(at_zero)
    report, most = held(*case)
    assert report.verdict is verdict
    assert most <= 12 + own_of(*case)


def own_of(_, gradient, x):
    """Return the memory that one call of a gradient takes, as multiples of the argument's."""
    tracemalloc.start()
    try:
        gradient(x + 1.0)
        return tracemalloc.get_traced_memory()[1] / x.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("own", [np.full((SIZE // 10, 10), 0.1), shares(SIZE // 10, 10), shares(SIZE // 32, 32)])
def test_so_do_very_many_rows_of_ten_and_more(own):
    """As many claims are kept as a row has corners."""
    report, most = held(*rows_of_maxima(own.shape[1], own))
    assert report.verdict is PASS
    assert report.gradient_evaluations <= 100
    assert most <= 12


def test_rows_of_sixty_four_take_as_much_beside_the_gradient_s_own():
    case = rows_of_maxima(64, shares(SIZE // 64, 64))
    report, most = held(*case)
    assert report.verdict is PASS
    assert most <= 12 + own_of(*case)


def test_so_does_one_whose_kink_variable_is_known():
    report, most = held(*absolute_values(), first=np.zeros(9_000), kink_of=lambda x: x)
    assert report.verdict is PASS
    assert report[0].kink.convention == "midpoint"
    assert len(report[0].kink.kinks) == 1_000
    assert most <= 12


@pytest.mark.parametrize("case", [rectifiers(0.0), row_maxima(), total_variation(), sort(), norm()])
def test_one_in_float32_holds_as_much_in_float64_in_which_it_is_judged(case):
    f, gradient, x = case
    report, most = held(f, gradient, x.astype(np.float32))
    assert report.verdict is PASS
    assert most <= 2 * 12


def test_so_does_one_of_a_torch_tensor():
    torch = pytest.importorskip("torch")
    x = torch.zeros(SIZE, dtype=torch.float64, requires_grad=True)
    gc.check(lambda x: torch.relu(x).sum(), inputs=(x,))  # what is imported late
    tracemalloc.start()
    try:
        assert gc.check(lambda x: torch.relu(x).sum(), inputs=(x,)).verdict is PASS
        assert tracemalloc.get_traced_memory()[1] <= 12 * x.numel() * x.element_size()
    finally:
        tracemalloc.stop()
