"""Outputs, cotangents, arguments and gradients of any structure; what is not judged is named."""

import dataclasses
import traceback
from typing import Any, NamedTuple

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.errors import ArgumentError

X = np.array([0.5, -1.5, 2.0])
Y = np.array([1.0, 0.25, -0.5])


class State(NamedTuple):
    h: Any
    steps: Any


@dataclasses.dataclass
class Record:
    h: Any
    label: str


STRUCTURES = {
    "nested tuples": (lambda a, b, c: (a, (b, c)), lambda d: (d[0], d[1][0], d[1][1])),
    "dict": (lambda a, b, c: {"a": a, "b": b, "c": c}, lambda d: (d["a"], d["b"], d["c"])),
    "dict of lists": (lambda a, b, c: {"a": [a, b], "c": c}, lambda d: (*d["a"], d["c"])),
    "a named tuple": (lambda a, b, c: (State(a, 3), [b, c]), lambda d: (d[0].h, *d[1])),
    "a record": (lambda a, b, c: (Record(a, "x"), b, c), lambda d: (d[0].h, d[1], d[2])),
}


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("wrong", [None, 0, 1, 2])
def test_nested_outputs_are_judged_whole_and_cotangents_have_their_structure(name, wrong):
    pack, unpack = STRUCTURES[name]
    factors = [1.0 if i != wrong else 1.1 for i in range(3)]

    def f(x):
        return pack(x**2, np.sin(x), 3 * x.sum())

    def vjp(d, x):
        da, db, dc = unpack(d)
        return factors[0] * 2 * x * da + factors[1] * np.cos(x) * db + factors[2] * 3 * dc

    assert str(gc.check(f, vjp=vjp, args=(X,)).verdict) == ("PASS" if wrong is None else "FAIL")


@pytest.mark.parametrize("size", [1e-9, 1e-4, 1e4, 1e9])
def test_an_output_is_not_drowned_by_larger_ones(size):
    def f(x):
        return size * np.sin(x), x**2

    def vjp(d, x):
        return 1.01 * size * np.cos(x) * d[0] + 2 * x * d[1]

    def jvp(t, x):
        return size * np.cos(x) * t, 2.02 * x * t

    assert gc.check(f, vjp=vjp, args=(X,)).verdict is gc.Verdict.FAIL
    assert gc.check(f, jvp=jvp, args=(X,)).verdict is gc.Verdict.FAIL
    assert gc.check(f, vjp=lambda d, x: vjp((d[0] / 1.01, d[1]), x), args=(X,))


@pytest.mark.parametrize("wrong", [None, 0, 1, 2])
def test_an_entry_of_an_output_is_not_drowned_by_larger_ones(wrong):
    size = np.array([1e8, 1.0, 1e-7])
    factor = np.where(np.arange(3) == wrong, 1.01, 1.0)

    def f(x):
        return size * np.array([np.sin(x[0]) * x[1], x[1] ** 2 * x[2], x[2] ** 3 * x[0]])

    def jac(x):
        return (size * factor)[:, None] * np.array(
            [
                [np.cos(x[0]) * x[1], np.sin(x[0]), 0],
                [0, 2 * x[1] * x[2], x[1] ** 2],
                [x[2] ** 3, 0, 3 * x[2] ** 2 * x[0]],
            ]
        )

    for claim in ({"vjp": lambda d, x: jac(x).T @ d}, {"jvp": lambda t, x: jac(x) @ t}, {"jac": jac}):
        assert str(gc.check(f, args=(X,), **claim).verdict) == ("PASS" if wrong is None else "FAIL")


def test_outputs_of_which_nothing_is_known_are_named():
    report = gc.check(lambda x: (x**2, object()), vjp=lambda d, x: 2 * x * d[0], args=(X,))
    assert report
    assert report.notes == ("not checked: output.1, an object",)


@pytest.mark.parametrize(
    ("vjp", "words"),
    [
        (
            lambda d, x: 2 * x * d[0] + d[1] + d[2],
            r"passed the cotangent as \(array \(3,\), \(array \(3,\), array \(3,\)\)\)",
        ),
        (lambda d, x: x * d["0"], r"raised TypeError .*the structure of f's output, and would work with \{"),
    ],
)
def test_a_vjp_that_expects_another_structure_is_the_callers_error(vjp, words):
    with pytest.raises(ArgumentError, match=words):
        gc.check(lambda x: (x**2, (x, 2 * x)), vjp=vjp, args=(X,))


def test_a_vjp_that_takes_its_cotangent_last_is_told_the_order():
    a = np.arange(12.0).reshape(4, 3)
    with pytest.raises(ArgumentError, match=r"would work with it behind them: wanted vjp\(vector, \*args\)"):
        gc.check(lambda x: a @ x, vjp=lambda x, d: a.T @ d + 0 * x, args=(X,))


def test_a_vjp_that_is_broken_in_any_structure_is_wrong():
    def vjp(*_):
        raise ValueError("no")

    assert "the gradient raised ValueError: no" in gc.check(lambda x: (x, x), vjp=vjp, args=(X,)).complaint


def test_a_jvp_that_expects_a_tuple_is_the_callers_error():
    def jvp(tangents, x):
        (dx,) = tangents
        return 2 * x * dx

    with pytest.raises(
        ArgumentError, match=r"it is passed the tangents as array \(3,\).* would work with \(array \(3,\),\)"
    ):
        gc.check(lambda x: x**2, jvp=jvp, args=(X,))


def test_a_missing_key_is_a_fail_and_none_is_not():
    def loss(a, b):
        return np.sum(a**2) + np.sum(b**2)

    report = gc.check(loss, lambda a, _: {"a": 2 * a}, (X, Y))
    assert report.complaint == "no gradient for b: return None for it if none is claimed"
    report = gc.check(loss, lambda a, _: {"a": 2 * a, "b": None}, (X, Y))
    assert report
    assert report.unchecked == ("b (no gradient claimed)",)
    assert "unchecked: b (no gradient claimed)" in str(report)
    nested = gc.check(lambda p: loss(p["a"], p["b"]), lambda p: {"a": 2 * p["a"]}, ({"a": X, "b": Y},))
    assert nested.complaint == "no gradient for p.b: return None for it if none is claimed"


def test_integer_arguments_are_listed_as_not_checked():
    report = gc.check(lambda w, rows: np.sum(w[rows] ** 2), lambda w, _: (2 * w, None), (X, np.array([0, 1, 2])))
    assert report.unchecked == ("rows (int64)",)


@pytest.mark.parametrize("only", ["a", ["a"], ("a",)])
@pytest.mark.parametrize("returned", [lambda g: (g, None), lambda g: g, lambda g: (g,), lambda g: {"a": g}])
def test_only_picks_the_arguments_to_judge(only, returned):
    report = gc.check(lambda a, b: np.sum(a**2 * b), lambda a, b: returned(2 * a * b), (X, Y), only=only)
    assert report
    assert [a.name for a in report] == ["a"]
    assert report.unchecked == ("b (not in only=)",)


def test_only_may_name_a_branch_and_must_name_an_argument():
    p = {"a": X, "b": Y}
    report = gc.check(
        lambda p, s: s * np.sum(p["a"] ** 2 * p["b"]),
        lambda p, s: ({"a": 2 * s * p["a"] * p["b"], "b": s * p["a"] ** 2}, 17.0),
        (p, 0.5),
        only=["p"],
    )
    assert report
    assert len(report) == 2
    with pytest.raises(ArgumentError, match=r"only= names 'q', which is no argument: there are p\.a, p\.b, s"):
        gc.check(lambda p, s: 0.0, lambda p, s: None, (p, 0.5), only=["q"])  # noqa: ARG005
    jvp = gc.check(lambda a, b: a * b, jvp=lambda t, _, b: t[0] * b, args=(X, Y), only=["a"])
    assert [a.name for a in jvp] == ["a"]


class Model:
    def __init__(self):
        self.W = np.array([[1.0, 2.0], [0.5, -1.0]])

    def loss(self, W):
        self.W[...] = W
        return np.sum(self.W**3)

    def gradient(self, W):
        self.W[...] = W
        return 3 * self.W**2


def test_a_function_that_writes_into_the_array_it_was_called_with_is_judged_on_copies():
    model = Model()
    before = model.W.copy()
    assert gc.check(model.loss, model.gradient, (model.W,))
    assert np.array_equal(model.W, before)
    assert gc.check(model.loss, lambda W: 2 * model.gradient(W), (model.W,)).verdict is gc.Verdict.FAIL
    assert np.array_equal(model.W, before)


def test_a_step_where_the_shape_of_the_output_changes_is_outside_the_domain():
    x = np.array([0.3, -0.8, 1e-7, 2.0])
    report = gc.check(lambda x: x[x > 0] ** 2, vjp=_scatter, args=(x,))
    assert report.verdict is not gc.Verdict.FAIL
    x = np.array([0.3, -0.8, 2.0])
    assert gc.check(lambda x: x[x > 0] ** 2, vjp=_scatter, args=(x,))


def _scatter(d, x):
    g = np.zeros_like(x)
    g[x > 0] = 2 * x[x > 0] * d
    return g


def test_masked_entries_of_the_output_are_no_claim():
    mask = np.array([0.0, -np.inf, 0.0])

    def f(x, mask):
        return x + mask - np.log(np.sum(np.exp(x + mask)))

    def vjp(d, x, mask):
        p = np.exp(x + mask - np.log(np.sum(np.exp(x + mask))))
        return np.where(np.isinf(mask), 0, d) - p * np.sum(np.where(np.isinf(mask), 0, d)), None

    report = gc.check(f, vjp=vjp, args=(X, mask))
    assert report
    assert report.notes == ("not checked: output where it is infinite (1 of 3 entries)",)


def test_a_gradient_that_raises_ends_the_exception_chain_in_the_users_line():
    def gradient(_):
        raise RuntimeError("user line")

    with pytest.raises(gc.GradientError) as caught:
        gc.assert_gradient(lambda x: np.sum(x**2), gradient, (X,))
    last = traceback.extract_tb(caught.value.__cause__.__traceback__)[-1]
    assert last.name == "gradient"


def test_a_gradient_with_other_parameters_is_the_callers_error():
    with pytest.raises(ArgumentError, match="the gradient cannot be called with what it is given"):
        gc.check(lambda x: np.sum(x**2), lambda x, y: x, (X,))  # noqa: ARG005
    with pytest.raises(ArgumentError, match="f cannot be called with what it is given"):
        gc.check(lambda x, y: (np.sum(x**2), x), args=(X,))  # noqa: ARG005
