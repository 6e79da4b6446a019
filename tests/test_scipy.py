"""Problems as SciPy takes them."""

import threading

import numpy as np
import pytest
from scipy import integrate, optimize, sparse

import gradcheck as gc
import gradcheck.scipy as problems
from gradcheck.errors import ArgumentError

X = np.array([1.3, 0.7, 0.8, 1.9, 1.2])


def curve(p, t, y):
    return p[0] * np.exp(-p[1] * t) - y


def curve_jac(p, t, y):  # noqa: ARG001  as SciPy calls it
    e = np.exp(-p[1] * t)
    return np.stack([e, -p[0] * t * e], axis=1)


T = np.linspace(0, 3, 20)


@pytest.mark.parametrize(
    "solver", [{}, {"method": "trust-ncg", "tol": 1e-8, "bounds": None, "options": {"disp": False}}]
)
def test_minimize_with_every_derivative(solver):
    report = problems.minimize(optimize.rosen, X.tolist(), jac=optimize.rosen_der, hess=optimize.rosen_hess, **solver)
    assert report
    assert [a.name for a in report] == ["x", "H"]
    assert problems.minimize(optimize.rosen, X, jac=optimize.rosen_der, hessp=optimize.rosen_hess_prod, seed=3)


def test_minimize_with_args_a_pair_and_constraints():
    def both(x, a):
        return a * x @ x, 2 * a * x

    ring = optimize.NonlinearConstraint(
        lambda x: x @ x, 0, 1, jac=lambda x: 2 * x, hess=lambda _, v: 2 * v[0] * np.eye(5)
    )
    assert problems.minimize(both, X, args=(2.0,), jac=True)
    assert problems.minimize(both, X, 2.0, jac=True, constraints=[ring, optimize.LinearConstraint(np.eye(5))])
    wrong = {"type": "eq", "fun": lambda x: x[0] ** 2 - x[1], "jac": lambda x: np.array([2 * x[0], 1, 0, 0, 0.0])}
    report = problems.minimize(both, X, args=(2.0,), jac=True, constraints=wrong)
    assert report.verdict is gc.Verdict.FAIL
    assert any("J[0, 1] claimed 1, measured -1" in str(a) for a in report)


def test_a_nonlinear_constraint_with_a_wrong_hessian():
    def fun(x):
        return np.array([x[0] * x[1], np.sin(x[2])])

    def jac(x):
        return np.array([[x[1], x[0], 0, 0, 0], [0, 0, np.cos(x[2]), 0, 0]])

    def hess(x, v):
        h = np.zeros((5, 5))
        h[0, 1] = h[1, 0] = v[0]
        h[2, 2] = -np.sin(x[2]) * v[1]
        return h

    assert problems.nonlinear_constraint(optimize.NonlinearConstraint(fun, 0, 1, jac=jac, hess=hess), X)
    wrong = optimize.NonlinearConstraint(fun, 0, 1, jac=jac, hess=lambda x, v: -hess(x, v))
    report = problems.nonlinear_constraint(wrong, X)
    assert [str(a.verdict) for a in report] == ["PASS", "FAIL"]


@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_matrix])
def test_least_squares_with_a_matrix(layout):
    y = curve([2.0, 0.7], T, 0) + 0.01
    p = [1.5, 0.5]
    assert problems.least_squares(curve, p, lambda *a: layout(curve_jac(*a)), args=(T, y), method="lm")
    report = problems.least_squares(curve, p, lambda *a: layout(curve_jac(*a) * [1, -1]), args=(T, y))
    assert report[0].where == (None, 1)
    with pytest.raises(ArgumentError, match="no derivative was passed, wanted jac= as a function"):
        problems.least_squares(curve, p, "2-point", args=(T, y))
    pattern = np.ones((20, 2))
    pattern[3, 1] = 0
    assert (
        "pattern misses J[3, 1]"
        in problems.least_squares(curve, p, curve_jac, jac_sparsity=pattern, args=(T, y)).complaint
    )


def test_root_takes_lists_and_pairs():
    def fun(x):
        return [x[0] + 0.5 * (x[0] - x[1]) ** 3 - 1.0, 0.5 * (x[1] - x[0]) ** 3 + x[1]]

    def jac(x):
        d = 1.5 * (x[0] - x[1]) ** 2
        return np.array([[1 + d, -d], [-d, 1 + d]])

    assert problems.root(fun, [0.3, 0.1], jac=jac, method="hybr")
    assert problems.root(lambda x: (fun(x), jac(x)), [0.3, 0.1], jac=True)
    report = problems.root(fun, [0.3, 0.1], jac=lambda x: jac(x) * [[1, 1], [-1, 1]])
    assert report[0].where == (1, 0)


def test_root_with_columns_for_outputs():
    def fun(x):
        return np.array([x[0] ** 2 - x[1], x[0] + x[1] ** 3])

    def columns(x):
        return np.array([[2 * x[0], 1], [-1, 3 * x[1] ** 2]])

    assert problems.root(fun, [0.3, 0.4], jac=columns, method="lm", options={"col_deriv": True})
    assert problems.root(fun, [0.3, 0.4], jac=columns, method="lm")[0].mistakes[0] == "transposed"


def test_solve_ivp_with_args():
    def lotka(t, z, a, b):  # noqa: ARG001
        x, y = z
        return [a * x - b * x * y, -y + b * x * y]

    def jac(t, z, a, b):  # noqa: ARG001
        x, y = z
        return [[a - b * y, -b * x], [b * y, -1 + b * x]]

    call = {"args": (1.5, 0.8), "method": "Radau", "rtol": 1e-8}
    assert integrate.solve_ivp(lotka, (0, 1), [1.0, 2.0], jac=jac, **call).success
    assert problems.solve_ivp(lotka, (0, 1), [1.0, 2.0], jac=jac, **call)
    report = problems.solve_ivp(lotka, (0, 1), [1, 2], jac=lambda *a: np.transpose(jac(*a)), args=(1.5, 0.8))
    assert report[0].mistakes[0] == "transposed"


def test_an_option_of_neither_is_refused():
    with pytest.raises(ArgumentError, match="sead= is an option of neither gradcheck nor SciPy's minimize"):
        problems.minimize(optimize.rosen, X, jac=optimize.rosen_der, sead=3)


@pytest.mark.parametrize("seed", range(3))
def test_scipys_own_test_problems_pass(seed):
    x = np.random.default_rng(seed).uniform(-1.5, 1.5, 6)
    report = problems.minimize(
        optimize.rosen, x, jac=optimize.rosen_der, hess=optimize.rosen_hess, hessp=optimize.rosen_hess_prod
    )
    assert report
    assert report.evaluations + report.contract_evaluations <= 3 * 80


def test_curve_fit_and_what_is_not_there():
    def decay(t, a, b):
        return a * np.exp(-b * t)

    def jac(t, a, b):
        e = np.exp(-b * t)
        return np.stack([e, -a * t * e], axis=1)

    t = np.linspace(0, 3, 20)
    assert problems.curve_fit(decay, t, t, [1.5, 0.5], jac=jac, maxfev=5)
    assert problems.curve_fit(decay, t, t, jac=jac)
    assert problems.curve_fit(decay, t, t, [1.5, 0.5], jac=lambda *a: jac(*a) * [1, -1])[0].where == (None, 1)
    with pytest.raises(ArgumentError, match="no derivative was passed"):
        problems.curve_fit(decay, t, t)
    with pytest.raises(
        AttributeError, match=r"has no solve_bvp, only curve_fit, .* pass the functions to gradcheck\.check"
    ):
        problems.solve_bvp  # noqa: B018


def test_a_complex_start_of_time_is_read_without_a_warning():
    report = problems.solve_ivp(lambda _, y: -y, np.clongdouble(1), np.ones(2), jac=lambda *_: -np.eye(2))
    assert report.verdict is gc.Verdict.PASS


def test_what_would_yet_have_to_run_is_told_and_leaves_no_warning():
    async def later():
        return np.eye(2)

    with pytest.raises(ArgumentError, match="asynchronous"):
        problems.least_squares(lambda x: x, np.ones(2), jac=lambda _: later())
    with pytest.raises(ArgumentError, match="asynchronous"):
        gc.check(lambda x: x, adjoint=lambda y: (later(), y), args=(np.ones(2),))


@pytest.mark.parametrize(
    "problem",
    [
        lambda f: problems.minimize(f, np.ones(2), jac=None),
        lambda f: problems.minimize(f, np.ones(2), jac=True),
        lambda f: problems.root(f, np.ones(2), jac=True),
        lambda f: problems.root(f, np.ones(2), jac=lambda _: np.eye(2)),
        lambda f: problems.curve_fit(f, np.ones(2), np.ones(2), p0=[1.0], jac=lambda t, _: t[:, None]),
        lambda f: gc.check(np.sum, np.ones_like, (np.ones(2),), retract={"a": f}),
    ],
)
def test_a_function_that_would_yet_have_to_run_is_told_wherever_it_stands(problem):
    async def later():
        return 1.0

    with pytest.raises(ArgumentError, match="asynchronous"):
        problem(lambda *_: later())


def test_a_function_that_cannot_be_called_is_told_in_a_sentence():
    with pytest.raises(ArgumentError, match="wanted"):
        problems.minimize(threading.Lock(), np.ones(2), jac=None)
