"""Laws of Jacobians, Hessians, manifolds and models: right ones pass cheaply, wrong ones are named where they are."""

import itertools
import re

import minpack_problems
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import aslinearoperator

import gradcheck as gc
import gradcheck.scipy as problems
from gradcheck import manifolds

MOST = 80  # evaluations of a right one
seeds = st.integers(0, 2**16)
sizes = st.integers(1, 9)
LAYOUTS = {"dense": np.asarray, "csr": sparse.csr_array, "operator": aslinearoperator}


def spent(report):
    return report.evaluations + report.contract_evaluations


# Jacobians --------------------------------------------------------------------------------------------------------


def drawn_function(data, m, n, seed):
    """Return x, a function of n numbers with m outputs, and its Jacobian."""
    rng = np.random.default_rng(seed)
    a, x = rng.standard_normal((m, n)) / np.sqrt(n), rng.uniform(-1, 1, n)  # no tanh is saturated
    scale = 10.0 ** rng.uniform(-4, 4, m) if data.draw(st.booleans(), label="rows of any size") else np.ones(m)
    q = rng.standard_normal((m, n, n))
    kind = data.draw(st.sampled_from(["tanh", "exp", "quadratic", "linear"]), label="kind")
    value, jac = {
        "tanh": (lambda x: np.tanh(a @ x), lambda x: (1 - np.tanh(a @ x) ** 2)[:, None] * a),
        "exp": (lambda x: np.exp(a @ x / n), lambda x: np.exp(a @ x / n)[:, None] * a / n),
        "quadratic": (lambda x: q @ x @ x, lambda x: (q + np.swapaxes(q, 1, 2)) @ x),
        "linear": (lambda x: a @ x + 1, lambda x: a + 0 * x),
    }[kind]
    return x, lambda x: scale * value(x), lambda x: scale[:, None] * jac(x)


@given(sizes, sizes, seeds, st.sampled_from(list(LAYOUTS)), st.data())
def test_a_right_jacobian_passes_cheaply(m, n, seed, layout, data):
    x, f, jac = drawn_function(data, m, n, seed)
    report, other = (gc.check(f, jac=lambda x: LAYOUTS[layout](jac(x)), args=(x,), seed=s) for s in (seed, seed + 1))
    assert report, str(report)
    assert other, str(other)
    # Of a thousand draws one weighs the outputs so that their slopes cancel to a thousandth: then more is asked for.
    assert min(spent(report), spent(other)) <= MOST


def planted(data, j):
    """Return a mistake in a matrix as a function of it, the entries it makes wrong, and what is said of it."""
    m, n = j.shape
    i, k = data.draw(st.integers(0, m - 1), label="row"), data.draw(st.integers(0, n - 1), label="column")
    wrong = np.zeros((m, n), dtype=bool)
    kind = data.draw(st.sampled_from(["entry", "row", "column", "block", "sign"]), label="mistake")
    if kind == "sign":
        wrong[:] = True
        return lambda j: -j, wrong, "sign"
    place = {
        "entry": (i, k),
        "row": (i, slice(None)),
        "column": (slice(None), k),
        "block": (slice(min(i, m // 2), m // 2 + 1), slice(min(k, n // 2), n // 2 + 1)),
    }[kind]
    wrong[place] = True
    factor = data.draw(st.sampled_from([0.0, -1.0, 2.0, 1.01]), label="factor")
    return lambda j: np.where(wrong, factor * j, j), wrong, kind


@given(st.integers(2, 8), st.integers(2, 8), seeds, st.sampled_from(list(LAYOUTS)), st.data())
def test_a_wrong_jacobian_is_named_by_row_and_column(m, n, seed, layout, data):
    x, f, jac = drawn_function(data, m, n, seed)
    change, wrong, kind = planted(data, jac(x))
    sizes = np.linalg.norm(jac(x), axis=1, keepdims=True)
    assume(np.all(np.abs(jac(x)) > 1e-2 * sizes))  # an error that is there
    report = gc.check(f, jac=lambda x: LAYOUTS[layout](change(jac(x))), args=(x,), seed=seed)
    found = report[0]
    assert found.verdict is gc.Verdict.FAIL
    rows = np.flatnonzero(wrong.any(axis=1))
    told = [int(row) for row in re.findall(r"\bJ\[(\d+), \d+\]", str(found))]
    assert set(told) <= set(rows.tolist()), (told, rows)  # every place that is named is wrong
    assert all(wrong[w.index] for w in found.worst)
    if kind == "sign":
        assert "sign is flipped" in found.advice
    elif wrong.sum() == 1:
        assert found.where == tuple(int(v) for v in np.argwhere(wrong)[0])
    elif rows.size == 1 and wrong.all(axis=1)[rows[0]]:
        assert found.where == (rows[0], None)
    elif wrong.all(axis=0).any() and wrong.any(axis=0).sum() == 1:
        assert found.where == (None, int(np.flatnonzero(wrong.any(axis=0))[0]))


@given(st.integers(2, 7), seeds, st.sampled_from(list(LAYOUTS)))
def test_a_transposed_square_one_is_called_so(n, seed, layout):
    rng = np.random.default_rng(seed)
    a, x = rng.standard_normal((n, n)), rng.standard_normal(n)
    report = gc.check(lambda x: np.sin(a @ x), jac=lambda x: LAYOUTS[layout]((np.cos(a @ x)[:, None] * a).T), args=(x,))
    assert report[0].mistakes[0] == "transposed"


@given(st.integers(2, 8), st.integers(2, 8), seeds, st.sampled_from(["vjp", "jvp"]), st.data())
def test_a_product_that_is_wrong_through_one_output_names_it(m, n, seed, form, data):
    x, f, jac = drawn_function(data, m, n, seed)
    row = data.draw(st.integers(0, m - 1), label="row")

    def wrong(x):
        j = np.array(jac(x))
        j[row] *= -1
        return j

    claim = {"vjp": lambda c, x: wrong(x).T @ c, "jvp": lambda v, x: wrong(x) @ v}[form]
    report = gc.check(f, args=(x,), seed=seed, **{form: claim})
    assert report[0].verdict is gc.Verdict.FAIL
    assert f"the part through output[{row}] is wrong" in report[0].where_text


@pytest.mark.parametrize("name", minpack_problems.PROBLEMS)
@pytest.mark.parametrize("away", [0.0, 0.1, 0.5])
def test_problems_of_least_squares_pass_cheaply_and_a_wrong_entry_is_found(name, away):
    r, jac, start = minpack_problems.PROBLEMS[name]()
    x = start + away * np.random.default_rng(1).standard_normal(start.size)
    report = problems.least_squares(r, x, jac)
    assert report, str(report)
    assert spent(report) <= MOST
    j = jac(x)
    sizes = np.abs(j) * np.maximum(np.abs(x), 1e-3)
    i, k = np.unravel_index(np.argmax(sizes / np.maximum(sizes.max(axis=1, keepdims=True), 1e-300)), j.shape)

    def wrong(x):
        found = np.array(jac(x))
        found[i, k] *= -1
        return found

    report = problems.least_squares(r, x, wrong)
    assert report[0].verdict is gc.Verdict.FAIL
    assert report[0].where is not None
    assert report[0].where[0] == i

    def half(x):
        return np.sum(r(x) ** 2) / 2

    report = gc.check(
        half,
        lambda x: jac(x).T @ r(x),
        x,
        hess=lambda x: jac(x).T @ jac(x),
        approximate="gauss-newton",
        residuals=r,
    )
    assert report, str(report)


# Hessians ---------------------------------------------------------------------------------------------------------


def drawn_loss(n, seed):
    """Return x, a scalar of n numbers, its gradient and Hessian."""
    rng = np.random.default_rng(seed)
    a, x = rng.standard_normal((n + 3, n)), rng.standard_normal(n)

    def f(x):
        return np.sum(np.logaddexp(0, a @ x)) + np.sum(x**4) / 4

    def gradient(x):
        return a.T @ (1 / (1 + np.exp(-a @ x))) + x**3

    def hessian(x):
        p = 1 / (1 + np.exp(-a @ x))
        return (a.T * p * (1 - p)) @ a + np.diag(3 * x**2)

    return x, f, gradient, hessian


@given(sizes, seeds, st.sampled_from(list(LAYOUTS)))
def test_a_right_hessian_passes_cheaply(n, seed, layout):
    x, f, gradient, hessian = drawn_loss(n, seed)
    report = gc.check(f, gradient, x, hess=lambda x: LAYOUTS[layout](hessian(x)), hessp=lambda x, p: hessian(x) @ p)
    assert report, str(report)
    assert spent(report) <= 3 * MOST


@given(st.integers(3, 7), seeds, st.sampled_from(["entry", "pair", "cross", "sign", "diagonal"]), st.data())
def test_a_wrong_hessian_is_named_as_a_symmetric_matrix_is_wrong(n, seed, kind, data):
    x, f, gradient, hessian = drawn_loss(n, seed)
    i, j = data.draw(st.permutations(range(n)), label="indices")[:2]

    def wrong(x):
        h = hessian(x)
        if kind == "sign":
            return -h
        if kind == "diagonal":
            return np.diag(np.diag(h))
        if kind == "cross":
            h[i] *= -1
            h[:, i] *= -1
            h[i, i] *= -1
            return h
        h[i, j] += 1
        h[j, i] += kind == "pair"
        return h

    report = gc.check(f, gradient, x, hess=wrong, seed=seed)
    assert str(report[0].verdict) == "PASS"
    found = report["H"]
    assert found.verdict is gc.Verdict.FAIL
    if kind == "entry":
        assert found.where == (i, j)
        assert found.advice.startswith(f"not symmetric: H[{max(i, j)}, {min(i, j)}]") or "not symmetric" in found.advice
    if kind == "pair":
        assert sorted(found.where) == sorted((i, j))
    if kind == "cross":
        assert found.where_text == f"row {i} and column {i} of H are wrong, all else is right"
    if kind == "sign":
        assert "sign is flipped" in found.advice


# Manifolds --------------------------------------------------------------------------------------------------------

GROUPS = {"SO3": manifolds.SO3, "SE3": manifolds.SE3, "UnitQuaternion": manifolds.UnitQuaternion}


def at_random(manifold, rng):
    start = {"SO3": np.eye(3), "SE3": np.eye(4), "UnitQuaternion": np.eye(4)[0]}[type(manifold).__name__]
    return manifold(start, 2 * rng.standard_normal(manifold.coordinates(start)))


@given(st.sampled_from(list(GROUPS)), st.sampled_from(["right", "left"]), st.sampled_from(["right", "left"]), seeds)
def test_a_linear_function_of_a_group_has_the_gradient_of_its_generators(name, side, claimed, seed):
    rng = np.random.default_rng(seed)
    group, other = GROUPS[name](side), GROUPS[name](claimed)
    x = at_random(group, rng)
    weights = rng.standard_normal(x.shape)

    def gradient(x):
        # d(x·(1 + G)) and d((1 + G)·x) for each generator G; a quaternion's is half a unit.
        if name == "UnitQuaternion":
            units = np.eye(4)[1:] / 2
            moves = [other.product(x, u) if claimed == "right" else other.product(u, x) for u in units]
        else:
            moves = [x @ g if claimed == "right" else g @ x for g in other.generators]
        return np.array([np.sum(weights * move) for move in moves])

    report = gc.check(lambda x: np.sum(weights * x), gradient, (x,), retract={"x": group}, seed=seed)
    if side == claimed:
        assert report, str(report)
        assert spent(report) <= MOST
    else:
        assert report[0].mistakes[0] == "the other side"
        assert f"pass side='{claimed}' to {name}" in report[0].advice


# Models -----------------------------------------------------------------------------------------------------------


class Network:
    """Layers of drawn widths, their parameters in a dict; `wrong` names one whose gradient is off by a factor."""

    def __init__(self, widths, seed, wrong=None, factor=1.0):
        rng = np.random.default_rng(seed)
        self.params = {}
        for k, (a, b) in enumerate(itertools.pairwise(widths)):
            self.params[f"W{k}"] = rng.standard_normal((a, b)) / np.sqrt(a)
            self.params[f"b{k}"] = rng.standard_normal(b) / 4
        self.wrong, self.factor, self.depth = wrong, factor, len(widths) - 1

    def activations(self, x):
        found = [x]
        for k in range(self.depth):
            found.append(np.tanh(found[-1] @ self.params[f"W{k}"] + self.params[f"b{k}"]))
        return found

    def loss(self, x):
        return np.sum(self.activations(x)[-1] ** 2) / 2

    def grad(self, x):
        h = self.activations(x)
        d, found = h[-1], {}
        for k in reversed(range(self.depth)):
            d = d * (1 - h[k + 1] ** 2)
            found |= {f"W{k}": h[k].T @ d, f"b{k}": d.sum(axis=0)}
            d = d @ self.params[f"W{k}"].T
        return {name: g * (self.factor if name == self.wrong else 1) for name, g in found.items()}


@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), seeds, st.booleans(), st.data())
def test_of_a_model_exactly_the_wrong_parameter_is_named(widths, seed, right, data):
    names = list(Network(widths, seed).params)
    wrong = None if right else data.draw(st.sampled_from(names), label="wrong")
    model = Network(widths, seed, wrong, data.draw(st.sampled_from([2.0, -1.0, 0.0, 1.01]), label="factor"))
    before = {name: x.copy() for name, x in model.params.items()}
    report = gc.check_model(
        model, (np.random.default_rng(seed).standard_normal((3, widths[0])),), grad="grad", seed=seed
    )
    assert [a.name for a in report if a.verdict is gc.Verdict.FAIL] == ([] if right else [wrong])
    assert right is bool(report)
    assert all(np.array_equal(before[name], x) for name, x in model.params.items())
