"""Jacobians and Hessians: right ones pass in every layout, wrong ones are named by row and column."""

import re

import numpy as np
import pytest
from scipy import optimize, sparse
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import gradcheck as gc
import gradcheck.scipy
from gradcheck.errors import ArgumentError

RNG = np.random.default_rng(0)
A = RNG.standard_normal((5, 4))
X = RNG.standard_normal(4)
B = RNG.standard_normal((6, 4))


def f(x):
    return np.tanh(A @ x)


def jac(x):
    return (1 - np.tanh(A @ x) ** 2)[:, None] * A


LAYOUTS = {
    "dense": jac,
    "lists": lambda x: jac(x).tolist(),
    "csr": lambda x: sparse.csr_matrix(jac(x)),
    "coo array": lambda x: sparse.coo_array(jac(x)),
    "operator": lambda x: aslinearoperator(jac(x)),
    "at the point only": jac(X),
    "a dict": lambda x: {"x": jac(x)},
    "a tuple of one": lambda x: (jac(x),),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_right_jacobian_passes_in_every_layout(layout):
    report = gc.check(f, jac=LAYOUTS[layout], args=(X,))
    assert report
    assert report.evaluations + report.contract_evaluations <= 80
    assert report.notes == ()


def planted(change):
    def wrong(x):
        j = jac(x).copy()
        change(j)
        return j

    return wrong


def scaled(index, factor):
    def change(j):
        j[index] *= factor

    return change


@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_matrix, aslinearoperator])
@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        (scaled((3, 1), 1.5), (3, 1), r"one entry is wrong: J\[3, 1\]"),
        (scaled((0, 0), -1.0), (0, 0), r"one entry is wrong: J\[0, 0\]"),
        (scaled(2, 0.5), (2, None), "row 2 of J is wrong, all other rows are right"),
        (scaled((slice(None), 1), 3.0), (None, 1), "column 1 of J is wrong in every row, all else is right"),
        (scaled((slice(1, 3), 2), 2.0), None, "column 2 of J is wrong in rows 1 to 2, all else is right"),
        (scaled(slice(1, 4), 0.0), None, "rows 1 to 3 of J are wrong, all other rows are right"),
    ],
)
def test_a_wrong_jacobian_is_named_by_row_and_column(change, where, words, layout):
    wrong = planted(change)
    report = gc.check(f, jac=lambda x: layout(wrong(x)), args=(X,))
    assert report.verdict is gc.Verdict.FAIL
    assert report[0].where == where
    assert re.search(words, report[0].where_text)
    worst = report[0].worst[0]
    assert worst.claimed == pytest.approx(wrong(X)[worst.index], rel=1e-6, abs=1e-12)
    assert worst.measured == pytest.approx(jac(X)[worst.index], rel=1e-4)
    assert f"J[{worst.index[0]}, {worst.index[1]}] claimed" in str(report)


def test_a_transposed_or_negative_jacobian_is_called_so():
    def square(x):
        return np.tanh(A[:4] @ x)

    def right(x):
        return (1 - square(x) ** 2)[:, None] * A[:4]

    report = gc.check(square, jac=lambda x: right(x).T, args=(X,))
    assert report[0].mistakes[0] == "transposed"
    assert report[0].advice == "J is transposed: rows are outputs, columns are entries of x"
    assert "sign is flipped" in gc.check(square, jac=lambda x: -right(x), args=(X,))[0].advice
    assert "it is transposed; rows are outputs" in gc.check(f, jac=lambda x: jac(x).T, args=(X,)).complaint


def test_a_small_row_beside_large_ones_is_judged_by_its_own_size():
    scale = 10.0 ** np.array([-8, 0, 7, 3, -3])

    def wrong(x):
        j = scale[:, None] * jac(x)
        j[0] *= 1.01
        return j

    assert gc.check(lambda x: scale * f(x), jac=lambda x: scale[:, None] * jac(x), args=(X,))
    report = gc.check(lambda x: scale * f(x), jac=wrong, args=(X,))
    assert report[0].where == (0, None)


def test_a_batched_jacobian_has_one_matrix_for_each_sample():
    def batched(b):
        return np.sin(b @ A.T)

    def blocks(b):
        return np.cos(b @ A.T)[:, :, None] * A

    assert gc.check(batched, jac=blocks, args=(B,))
    report = gc.check(lambda b: batched(b) + b.sum(), jac=lambda b: blocks(b) + 1, args=(B,))  # samples are not apart
    assert report.verdict is gc.Verdict.FAIL


def test_several_arguments_have_one_matrix_each_or_one_for_all():
    def product(a, b):
        return a * b

    for both in (
        lambda a, b: (np.diag(b), np.diag(a)),
        lambda a, b: {"a": np.diag(b), "b": sparse.diags(a)},
        lambda a, b: np.hstack([np.diag(b), np.diag(a)]),
        lambda a, b: sparse.hstack([sparse.diags(b), sparse.diags(a)]),
    ):
        assert gc.check(product, jac=both, args=(X, X + 1))
    assert gc.check(product, jac=lambda _, b: np.diag(b), args=(X, X + 1), only=["a"])
    assert gc.check(product, jac=lambda _, b: (np.diag(b), None), args=(X, X + 1)).unchecked == (
        "b (no gradient claimed)",
    )
    report = gc.check(product, jac=lambda a, b: (np.diag(b), np.diag(a) * 1.5), args=(X, X + 1))
    assert [str(a.verdict) for a in report] == ["PASS", "FAIL"]
    assert report["b"].worst[0].label.startswith("J(b)[")


def test_several_outputs_have_a_row_of_blocks_each():
    def two(x):
        return {"s": np.sin(x), "t": np.array([x.sum(), x @ x])}

    def right(x):
        return {"s": np.diag(np.cos(x)), "t": np.vstack([np.ones(4), 2 * x])}

    assert gc.check(two, jac=right, args=(X,))
    report = gc.check(two, jac=lambda x: right(x) | {"t": np.vstack([np.ones(4), x])}, args=(X,))
    assert report[0].where_text == "row 1 of J(output.t) is wrong, all other rows are right"


def test_blocks_of_nested_outputs_and_arguments_are_nested_alike():
    def nested(x):
        return {"a": np.sin(x), "b": {"c": x @ x, "d": (2 * x, x[0])}}

    def right(x):
        return {"a": np.diag(np.cos(x)), "b": {"c": 2 * x, "d": (2 * np.eye(4), np.eye(4)[0])}}

    assert gc.check(nested, jac=right, args=(X,))
    wrong = right(X)
    wrong["b"]["c"] = X
    assert "J(output.b.c)" in gc.check(nested, jac=wrong, args=(X,))[0].where_text

    def layers(params):
        return np.tanh(params[0]["w"] * X + params[1]["w"])

    def of_layers(params):
        d = 1 - layers(params) ** 2
        return [{"w": np.diag(d * X)}, {"w": np.diag(d)}]

    report = gc.check(layers, jac=of_layers, args=([{"w": X + 1}, {"w": X - 1}],))
    assert [a.name for a in report] == ["params.0.w", "params.1.w"]
    assert report


def test_a_holomorphic_function_has_a_complex_jacobian():
    z = X + 1j * X[::-1]
    assert gc.check(lambda z: (A @ z) ** 2, jac=lambda z: 2 * (A @ z)[:, None] * A, args=(z,))
    assert gc.check(lambda z: (A @ z) ** 2, jac=lambda z: 2 * np.conj(A @ z)[:, None] * A, args=(z,)).verdict is (
        gc.Verdict.FAIL
    )
    assert gc.check(lambda x: np.exp(1j * x), jac=lambda x: np.diag(1j * np.exp(1j * x)), args=(X,))


def test_a_pattern_that_misses_an_entry_is_a_finding_of_its_own():
    pattern = np.ones((5, 4))
    assert gc.check(f, jac=jac, args=(X,), sparsity=pattern)
    pattern[3, 1] = 0
    report = gc.check(f, jac=jac, args=(X,), sparsity=sparse.csr_matrix(pattern))
    assert report.complaint.startswith(f"the declared sparsity pattern misses J[3, 1], which is {jac(X)[3, 1]:.6g}")
    with pytest.raises(ArgumentError, match="sparsity= is the pattern of a Jacobian: pass it with jac=, or alone"):
        gc.check(np.sum, np.ones_like, (X,), sparsity=pattern)


N = 30
BAND = sparse.diags_array([np.ones(N - 1), np.ones(N), np.ones(N - 1)], offsets=[-1, 0, 1])


def chain(x):
    y = 3 * x + np.sin(x)
    y[1:] += x[:-1] ** 2
    y[:-1] += x[1:] * x[:-1]
    return y


@pytest.mark.parametrize("layout", [sparse.csr_array, lambda s: s.toarray().tolist()])
@pytest.mark.parametrize("missing", [None, (0, 1), (7, 8), (29, 29)])
def test_a_pattern_alone_is_judged_by_the_matrix_that_is_differenced_with_it(missing, layout):
    pattern = BAND.tolil()
    if missing is not None:
        pattern[missing] = 0
    x = RNG.standard_normal(N)
    for report in (
        gc.check(chain, sparsity=layout(pattern), args=(x,)),
        gradcheck.scipy.least_squares(chain, x, jac_sparsity=layout(pattern)),
    ):
        assert bool(report) is (missing is None)
        assert "in 18 calls of f" in report.notes[0]
        if missing is not None:
            told = f"the declared sparsity pattern misses J[{missing[0]}, {missing[1]}], which is "
            assert report[0].advice.startswith(told)
            assert report[0].where[0] == missing[0]


def test_a_pattern_and_a_matrix_that_miss_the_same_entry():
    pattern = BAND.tolil()
    pattern[7, 8] = 0
    x = RNG.standard_normal(N)

    def wrong(x):
        diagonal = 3 + np.cos(x) + np.append(x[1:], 0)
        found = sparse.diags_array([2 * x[:-1], diagonal, x[:-1]], offsets=[-1, 0, 1]).tolil()
        found[7, 8] = 0
        return found.tocsr()

    report = gc.check(chain, jac=wrong, args=(x,), sparsity=pattern)
    assert report[0].where == (7, 8)
    assert "the declared sparsity pattern misses J[7, 8]" in report[0].advice


def test_an_operator_whose_rmatvec_is_no_adjoint_is_told_so():
    def operator(x):
        j = jac(x)
        return LinearOperator((5, 4), matvec=lambda v: j @ v, rmatvec=lambda c: 2 * j.T @ c, dtype=float)

    assert "rmatvec is not the adjoint of matvec" in gc.check(f, jac=operator, args=(X,)).complaint


@pytest.mark.parametrize("bad", ["2-point", True])
def test_what_scipy_takes_for_no_jacobian_is_refused(bad):
    with pytest.raises(ArgumentError, match="claims nothing, wanted a function that returns the Jacobian"):
        gc.check(f, jac=bad, args=(X,))


@pytest.mark.parametrize("wrong", [None, (70_123, 5), "column"])
def test_a_large_sparse_least_squares_problem_costs_no_more_slopes(wrong):
    m, n = 100_000, 10_000
    s = sparse.random_array((m, n), density=1e-4, rng=np.random.default_rng(1), format="csr")
    s = (s + sparse.coo_array((np.ones(m), (np.arange(m), np.arange(m) % n)), shape=(m, n))).tocsr()
    x = np.random.default_rng(2).standard_normal(n)

    def matrix(x):
        j = (sparse.diags_array(1 - np.tanh(s @ x) ** 2) @ s).tocsc()
        if wrong == "column":
            j.data[j.indptr[7] : j.indptr[8]] *= 1.5
        elif wrong is not None:
            j = j + sparse.coo_array(([0.5], ([wrong[0]], [wrong[1]])), shape=(m, n))
        return j.tocsr()

    report = gc.check(lambda x: np.tanh(s @ x), jac=matrix, args=(x,))
    if wrong is None:
        assert report
        assert report.evaluations + report.contract_evaluations <= 80
    else:
        assert report[0].where == (wrong if wrong != "column" else (None, 7))
        assert report.evaluations < 250


# Hessians ------------------------------------------------------------------------------------------------------

XR = np.array([1.3, 0.7, 0.8, 1.9, 1.2])


@pytest.mark.parametrize(
    "hess", [optimize.rosen_hess, lambda x: sparse.csr_matrix(optimize.rosen_hess(x)), optimize.rosen_hess(XR)]
)
def test_a_right_hessian_and_its_products_pass(hess):
    report = gc.check(optimize.rosen, optimize.rosen_der, (XR,), hess=hess, hessp=optimize.rosen_hess_prod)
    assert report
    assert [a.name for a in report] == ["x", "H", "H·p"]


def test_an_entry_of_a_hessian_is_named_and_that_it_is_not_symmetric():
    def wrong(x):
        h = optimize.rosen_hess(x)
        h[3, 2] *= 1.2
        return h

    report = gc.check(optimize.rosen, optimize.rosen_der, (XR,), hess=wrong)
    assert str(report["x"].verdict) == "PASS"
    assert report["H"].where == (3, 2)
    assert report["H"].advice == "not symmetric: H[2, 3] is -320, H[3, 2] is -384"
    assert report["H"].worst[0].measured == pytest.approx(-320, rel=1e-6)


def test_products_with_a_hessian_must_be_symmetric_and_linear():
    def call(hessp):
        return gc.check(optimize.rosen, optimize.rosen_der, (XR,), hessp=hessp)

    lower = np.tril(np.ones((5, 5)))
    assert "hessp is not symmetric" in call(lambda x, p: optimize.rosen_hess_prod(x, p) + lower @ p).complaint
    assert "hessp is not linear in p" in call(lambda x, p: optimize.rosen_hess_prod(x, p) * (1 + p @ p)).complaint
    report = call(lambda x, p: 2 * optimize.rosen_hess_prod(x, p))
    assert "a factor 2 too many" in report["H·p"].advice


S = RNG.standard_normal((8, 3))


def loss(a, b):
    return np.sum(np.exp(S @ a * b)) + np.sum(a**4) * b


def gradient(a, b):
    e = np.exp(S @ a * b)
    return S.T @ e * b + 4 * a**3 * b, np.sum(e * (S @ a)) + np.sum(a**4)


def hessian(a, b):
    u = S @ a
    e = np.exp(u * b)
    mixed = S.T @ (e + e * b * u) + 4 * a**3
    return ((S.T * e * b * b) @ S + np.diag(12 * a**2 * b), mixed), (mixed, np.sum(e * u * u))


POINT = (np.array([0.1, 0.2, 0.3]), 0.5)


def test_blocks_of_a_hessian_are_named_by_their_arguments():
    assert gc.check(loss, gradient, POINT, hess=hessian)

    def joined(a, b):
        (p, q), (r, s) = hessian(a, b)
        return np.block([[p, q[:, None]], [r[None], np.array([[s]])]])

    assert gc.check(loss, gradient, POINT, hess=joined)

    def diagonal(a, b):
        (p, q), (r, s) = hessian(a, b)
        return (p, 0 * q), (0 * r, s)

    report = gc.check(loss, gradient, POINT, hess=diagonal)
    assert report["H in b"].where_text.startswith("the block H(a × b) is claimed zero")
    assert report["H in a"].where_text.startswith("the block H(b × a) is claimed zero")


@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_data_among_the_arguments_have_no_part_in_a_hessian(factor):
    def value(w, s):
        return np.sum(np.exp(s @ w))

    def slope(w, s):
        return s.T @ np.exp(s @ w)

    def hess(w, s):
        return factor * s.T @ (np.exp(s @ w)[:, None] * s)

    report = gc.check(value, slope, (POINT[0], S), hess=hess, hessp=lambda w, p, s: hess(w, s) @ p)
    assert [a.name for a in report] == ["w", "H", "H·p"]
    assert bool(report) is (factor == 1)
    assert report.unchecked == ("s (no gradient claimed)",)


def test_blocks_of_very_different_size_are_judged_by_their_own():
    def value(a, b):
        return 1e8 * np.sum(a**4) + 1e-6 * np.sum(b**3)

    def slope(a, b):
        return 4e8 * a**3, 3e-6 * b**2

    def hess(a, b, factor=1.0):
        return (np.diag(12e8 * a**2), np.zeros((3, 3))), (np.zeros((3, 3)), factor * np.diag(6e-6 * b))

    a = POINT[0]
    assert gc.check(value, slope, (a, a + 1), hess=hess)
    report = gc.check(value, slope, (a, a + 1), hess=lambda a, b: hess(a, b, 1.01))
    assert [str(r.verdict) for r in report] == ["PASS", "PASS", "PASS", "FAIL"]


def test_a_block_is_named_by_its_rows_and_the_entries_of_one():
    def wrong(x):
        j = jac(x).copy()
        j[1:4, 1:3] *= -1
        return j

    report = gc.check(f, jac=wrong, args=(X,))
    text = report[0].where_text
    assert text.startswith("rows 1 to 3 of J are wrong, all other rows are right; in row ")
    assert "wrong at (1,), (2,), all else is right" in text


def test_products_take_a_tuple_like_the_arguments():
    def hessp(a, b, p):
        (aa, ab), (ba, bb) = hessian(a, b)
        return aa @ p[0] + ab * p[1], ba @ p[0] + bb * p[1]

    assert gc.check(loss, gradient, POINT, hessp=hessp)


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_boosting_objectives_return_gradient_and_diagonal_together(factor):
    y = np.array([0.0, 1.0, 1.0, 0.0])

    def objective(m):
        p = 1 / (1 + np.exp(-m))
        return p - y, factor * p * (1 - p)

    report = gc.check(
        lambda m: np.sum(np.logaddexp(0, m) - y * m), objective, (np.array([0.3, -0.2, 1.0, 2.0]),), hess=True
    )
    assert bool(report) is (factor == 1)


def test_a_diagonal_in_the_place_of_a_full_hessian_is_said_to_be_one():
    m, labels = RNG.standard_normal((4, 3)), np.array([0, 1, 2, 1])

    def value(m):
        return np.sum(np.log(np.sum(np.exp(m), axis=1)) - m[np.arange(4), labels])

    def both(m):
        p = np.exp(m) / np.sum(np.exp(m), axis=1, keepdims=True)
        return p - np.eye(3)[labels], p * (1 - p)

    report = gc.check(value, both, m, hess=True)
    assert [str(a.verdict) for a in report] == ["PASS", "FAIL"]
    assert report["H"].next.startswith("H is claimed as a diagonal, an array like m")


def test_a_hessian_without_a_gradient_says_what_to_pass():
    with pytest.raises(ArgumentError, match="hess= and hessp= are judged against the gradient"):
        gc.check(optimize.rosen, args=(XR,), hess=optimize.rosen_hess)


def test_a_gauss_newton_approximation_is_asked_whether_it_is_meant():
    def half(x):
        return np.sum(f(x) ** 2) / 2

    report = gc.check(half, lambda x: jac(x).T @ f(x), (X,), hess=lambda x: jac(x).T @ jac(x))
    assert report.verdict is gc.Verdict.FAIL
    assert "if H is meant as the Gauss-Newton approximation" in report["H"].next
    assert gc.check(half, lambda x: jac(x).T @ f(x), (X,), hess=lambda x: jac(x).T @ jac(x), rtol=10.0)


def test_a_hessian_beside_a_wrong_gradient_is_said_to_be_judged_against_that():
    report = gc.check(lambda x: np.sum(x**4), lambda x: 3 * x**3, (X,), hess=lambda x: np.diag(12 * x**2))
    assert any("judged as the Jacobian of the gradient that is claimed" in note for note in report.notes)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_matrix_in_the_argument_s_own_dtype_is_judged_by_its_digits(dtype):
    a, x = A.astype(dtype), X.astype(dtype)
    j = ((1 - np.tanh(a @ x) ** 2)[:, None] * a).astype(dtype)
    assert gc.check(lambda x: np.tanh(A.astype(x.dtype) @ x), jac=j, args=(x,))
    j[3, 1] *= 2
    assert gc.check(lambda x: np.tanh(A.astype(x.dtype) @ x), jac=j, args=(x,))[0].where == (3, 1)


@pytest.mark.parametrize("lam", [0.3, -0.2])
def test_a_diagonal_that_is_wrong_and_a_multiple_of_the_identity(lam):
    def h(x):
        return jac(x).T @ jac(x)

    def of_h(v):
        return lambda x: h(x) + np.diag(v)

    call = (lambda x: (h(X) @ x) @ x / 2, lambda x: h(X) @ x, (X,))
    report = gc.check(*call, hess=of_h(np.full(4, lam))(X))
    assert report["H"].where_text == "the diagonal of H is wrong, all else is right"
    verb = "has, and should not have," if lam > 0 else "lacks"
    assert report["H"].advice.startswith(f"the claim {verb} {abs(lam):g} x the identity")
    report = gc.check(*call, hess=of_h(np.arange(1.0, 5))(X))
    assert report["H"].where_text == "the diagonal of H is wrong, all else is right"
    assert "identity" not in report["H"].advice


@pytest.mark.parametrize("form", ["jac", "vjp"])
def test_a_wrong_entry_beside_a_kink_is_named_by_row_and_column(form):
    x = np.array([0.0, 1.0, 2.0, 3.0])  # the kink is in the first output, the mistake in the second

    def kinked(x):
        return np.abs(np.array([x[0], x[1] * x[2], x[3]]))

    def of_kinked(x, factor):
        s = np.sign([x[0], x[1] * x[2], x[3]])
        return s[:, None] * np.array([[1, 0, 0, 0], [0, factor * x[2], x[1], 0], [0, 0, 0, 1]])

    def claim(factor):
        pulled = lambda c, x: of_kinked(x, factor).T @ c  # noqa: E731  one line for each form
        return {"jac": lambda x: of_kinked(x, factor)} if form == "jac" else {"vjp": pulled}

    assert gc.check(kinked, args=(x,), **claim(1.0))
    report = gc.check(kinked, args=(x,), **claim(1.5))
    assert report.verdict is gc.Verdict.FAIL
    said = "one entry is wrong: J[1, 1]" if form == "jac" else "the part through output[1] is wrong"
    assert said in report[0].where_text
    assert report[0].where_text.startswith("beside the kink: ")


# Arrays instead of functions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_gradient_may_be_given_as_arrays(dtype):
    x = X.astype(dtype)
    g = (3 * x**2).astype(dtype)
    assert gc.check(lambda x: np.sum(x**3), g, (x,))
    assert gc.check(lambda x: np.sum(x**3), {"x": g}, (x,))
    wrong = g.copy()
    wrong[2] *= 1.1
    assert gc.check(lambda x: np.sum(x**3), wrong, (x,))[0].where == (2,)


def test_arrays_claim_nothing_next_to_a_kink():
    report = gc.check(lambda x: np.sum(np.abs(x)), np.zeros(3), (np.zeros(3),))
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert "arrays claim nothing next to it: pass the gradient as a function" in report[0].reason


@pytest.mark.parametrize("verb", [gc.check, gradcheck.scipy.root])
def test_numbers_in_a_list_that_turn_complex_are_no_real_ones(verb):
    calls = [0]

    def turns(x):
        calls[0] += 1
        return [complex(entry, calls[0] > 4) for entry in f(x)]

    judged = (lambda: gc.check(turns, jac=jac, args=(X,))) if verb is gc.check else (lambda: verb(turns, X, jac=jac))
    try:  # warnings are errors here
        report = judged()
    except ArgumentError as error:
        assert "complex" in str(error)  # noqa: PT017  or it is judged
        return
    assert report.verdict is not gc.Verdict.PASS


def test_times_in_a_list_are_no_numbers():
    with pytest.raises(ArgumentError, match="returned no floating array"):
        gc.check(lambda _: [np.timedelta64(3, "s")], jac=jac, args=(X,))
