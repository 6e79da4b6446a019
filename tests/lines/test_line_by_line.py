"""Which line is wrong: wrong lines are named, right lines are not, whatever stands above them."""

import json
import pickle

import numpy as np
import pytest

from gradcheck.derivations import two_layer_relu
from gradcheck.errors import ArgumentError
from gradcheck.lines.derivation import Derivation
from gradcheck.verdicts.certificate import Verdict

NETWORK = two_layer_relu.derivation


def numpy_inputs():
    return two_layer_relu.draw(seed=0)


def torch_inputs():
    torch = pytest.importorskip("torch")
    return {name: torch.tensor(value) for name, value in two_layer_relu.draw(seed=0).items()}


LIBRARIES = pytest.mark.parametrize("draw", [numpy_inputs, torch_inputs], ids=["numpy", "torch"])


def wrong_lines(report):
    return [line.name for line in report.lines if line.verdict is not Verdict.PASS]


@LIBRARIES
def test_a_right_derivation_passes_line_by_line_and_as_a_whole(draw):
    report = NETWORK.check(draw())
    assert report.verdict is Verdict.PASS
    assert report
    assert report.first_wrong is None
    assert [line.name for line in report.lines] == ["y_pred", "w2", "h_relu", "h", "w1"]
    assert [line.upstream for line in report.lines] == ["none", "true", "true", "true", "true"]
    assert report.whole.verdict is Verdict.PASS


@LIBRARIES
@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("y_pred", lambda y_pred, y: y_pred - y),
        ("w2", lambda h, grad_y_pred: h.T @ grad_y_pred),
        ("h_relu", lambda grad_y_pred, w2: -grad_y_pred @ w2.T),
        ("h", lambda grad_h_relu: grad_h_relu),
        ("w1", lambda x, grad_h_relu: x.T @ grad_h_relu),
    ],
    ids=["factor", "wrong array", "sign", "mask missing", "mask skipped"],
)
def test_the_spoiled_line_is_the_one_named(draw, name, wrong):
    report = NETWORK.replace(**{name: wrong}).check(draw())
    assert report.verdict is Verdict.FAIL
    assert not report
    assert report.first_wrong == name
    assert wrong_lines(report) == [name]
    assert report.whole.verdict is Verdict.FAIL


def test_torch_parameters_may_require_gradients_and_keep_theirs():
    inputs = torch_inputs()
    for name in ("w1", "w2"):
        inputs[name].requires_grad_()
    assert NETWORK.check(inputs).verdict is Verdict.PASS
    assert inputs["w1"].requires_grad
    assert inputs["w1"].grad is None


def test_of_two_wrong_lines_both_are_wrong_and_the_first_is_named():
    report = NETWORK.plant("w1", np.negative).plant("h_relu", np.negative).check(numpy_inputs())
    assert report.first_wrong == "h_relu"
    assert wrong_lines(report) == ["h_relu", "w1"]
    assert [line.upstream for line in report.lines] == ["none", "true", "true", "random", "random"]


def test_a_gradient_of_zero_above_hides_no_wrong_line_below():
    report = NETWORK.plant("y_pred", np.zeros_like).plant("w1", np.negative).check(numpy_inputs())
    assert wrong_lines(report) == ["y_pred", "w1"]


# --- the graph, not the line, says which paths count


# L = sum(a b), a = x^2, b = 3 x: x is used twice, dL/dx = 2 x dL/da + 3 dL/db.
TWICE = Derivation(
    forward={
        "a": lambda x: x**2,
        "b": lambda x: 3 * x,
        "loss": lambda xp, a, b: xp.sum(a * b),
    },
    gradient={
        "a": lambda b: b,
        "b": lambda a: a,
        "x": lambda x, grad_a, grad_b: 2 * x * grad_a + 3 * grad_b,
    },
)
POINT = {"x": np.array([0.5, -1.5, 2.0])}


def test_a_variable_that_is_used_twice_needs_both_paths():
    assert TWICE.check(POINT).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "forgetful",
    [lambda x, grad_a: 2 * x * grad_a, lambda grad_b: 3 * grad_b],
    ids=["b forgotten", "a forgotten"],
)
def test_a_forgotten_path_is_a_wrong_line(forgetful):
    assert wrong_lines(TWICE.replace(x=forgetful).check(POINT)) == ["x"]


@pytest.mark.parametrize("spoiled", ["a", "b"])
def test_a_forgotten_path_is_found_below_a_wrong_line_too(spoiled):
    report = TWICE.plant(spoiled, np.negative).replace(x=lambda x, grad_a: 2 * x * grad_a).check(POINT)
    assert wrong_lines(report) == [spoiled, "x"]


def test_a_path_may_be_folded_into_the_formula():
    # dL/dx = 2 x dL/da + 3 a, the second path written straight to the loss.
    assert TWICE.replace(x=lambda x, grad_a, a: 2 * x * grad_a + 3 * a).check(POINT).verdict is Verdict.PASS


def test_a_line_may_go_straight_to_the_loss():
    assert TWICE.replace(x=lambda x: 9 * x**2).check(POINT).verdict is Verdict.PASS  # L = 3 x^3


def test_a_gradient_may_be_read_past_the_next_variable():
    # c = a + x feeds the loss alone; x reads grad_c for both its ways to c, skipping grad_a.
    skipping = Derivation(
        forward={"a": lambda x: x**2, "c": lambda a, x: a + x, "loss": lambda xp, c: xp.sum(c**3)},
        gradient={
            "c": lambda c: 3 * c**2,
            "a": lambda grad_c: grad_c,
            "x": lambda x, grad_c: (2 * x + 1) * grad_c,
        },
    )
    assert skipping.check(POINT).verdict is Verdict.PASS
    assert wrong_lines(skipping.replace(x=lambda x, grad_c: 2 * x * grad_c).check(POINT)) == ["x"]
    # reading both: what comes through a is in grad_a, what comes directly in grad_c
    both = skipping.replace(x=lambda x, grad_a, grad_c: 2 * x * grad_a + grad_c)
    assert both.check(POINT).verdict is Verdict.PASS


def test_a_variable_that_reaches_nothing_has_gradient_zero():
    idle = Derivation(
        forward={"unused": lambda v: 2 * v, "loss": lambda xp, x, unused: xp.sum(x**2) + 0 * xp.sum(unused)},
        gradient={"x": lambda x: 2 * x, "unused": lambda unused: 0 * unused, "v": lambda v: 0 * v},
    )
    inputs = POINT | {"v": np.array([1.0, 2.0])}
    assert idle.check(inputs).verdict is Verdict.PASS
    assert wrong_lines(idle.replace(v=lambda v: v).check(inputs)) == ["v"]


# L = sum (x w + b)^2 entrywise: p = x w, s = p + b, so dL/dp = dL/ds = dL/db.
SIBLINGS = Derivation(
    forward={"p": lambda x, w: x * w, "s": lambda p, b: p + b, "loss": lambda xp, s: xp.sum(s**2)},
    gradient={
        "s": lambda s: 2 * s,
        "p": lambda grad_s: grad_s,
        "b": lambda grad_p: grad_p,
        "w": lambda x, grad_b: x * grad_b,
    },
    name="siblings",
)
SIBLING_INPUTS = {"x": np.array([0.5, -1.5]), "w": np.array([1.0, 2.0]), "b": np.array([-2.0, 0.25])}


def test_a_line_may_borrow_the_gradient_of_a_variable_it_does_not_feed():
    assert SIBLINGS.check(SIBLING_INPUTS).verdict is Verdict.PASS


def test_what_is_borrowed_from_a_wrong_line_cannot_be_judged_yet():
    report = SIBLINGS.plant("p", np.negative).check(SIBLING_INPUTS)
    assert report.verdict is Verdict.FAIL
    assert report.first_wrong == "p"
    assert [line.verdict.value for line in report.lines] == ["PASS", "FAIL", "INCONCLUSIVE", "INCONCLUSIVE"]
    assert report["b"].problem == "it reads the gradient of p, to be put right first"


# --- kinks


def test_kinks_that_cancel_leave_every_line_right_and_the_whole_wrong():
    # The two samples' kinks lie at w1 = 0 together: L = (relu(w) + 1)^2 + (relu(-w) - 1)^2 = 2 + 2 w + w^2
    # on both sides, of slope 2. The chain rule with relu'(0) = 1 says 4, with every line as it should be.
    inputs = {"x": [[1.0], [-1.0]], "y": [[-1.0], [1.0]], "w1": [[0.0]], "w2": [[1.0]]}
    point = {name: np.array(value) for name, value in inputs.items()}
    assert NETWORK.gradient(point)["w1"].tolist() == [[4.0]]
    report = NETWORK.check(point)
    assert report.first_wrong is None
    assert report.whole["w1"].verdict is Verdict.FAIL
    assert "no gradient line of 5 is wrong by itself, but the whole is no gradient" in str(report)
    assert "  the whole, w1: wrong by " in str(report)


def at_the_boundary():
    # h = x w1 = (1 - 1, 2 - 1/2; -1 + 2, -2 + 1) = (0, 1.5; 1, -1): one entry is exactly 0
    inputs = {
        "x": [[1.0, -1.0], [-1.0, 2.0]],
        "w1": [[1.0, 2.0], [1.0, 0.5]],
        "w2": [[1.5], [-0.5]],
        "y": [[0.25], [-3.0]],
    }
    return {name: np.array(value) for name, value in inputs.items()}


@pytest.mark.parametrize(
    ("at_zero", "verdict", "convention"),
    [(1, "PASS", "right"), (0, "PASS", "left"), (0.25, "PASS", "other"), (2, "FAIL", "other")],
)
def test_at_a_kink_the_line_is_judged_by_its_kink_variable(at_zero, verdict, convention):
    def masked(xp, h, grad_h_relu):
        return xp.where(h < 0, 0, xp.where(h == 0, at_zero * grad_h_relu, grad_h_relu))

    report = NETWORK.replace(h=masked).check(at_the_boundary())
    assert NETWORK.forward(at_the_boundary())["h"][0, 0] == 0
    assert report["h"].verdict.value == verdict
    assert report["h"].report[0].kink.convention == convention
    assert wrong_lines(report) == ([] if verdict == "PASS" else ["h"])
    assert report.whole["w1"].kink is not None


# --- lines that give nothing to measure


def test_a_line_that_raises_is_wrong_and_says_how():
    report = NETWORK.replace(w1=lambda x, grad_h: x @ grad_h).check(numpy_inputs())
    assert wrong_lines(report) == ["w1"]
    assert report["w1"].problem.startswith("it raised ValueError: matmul")
    assert report.whole is None


def test_a_line_of_the_wrong_shape_is_wrong_and_says_so():
    report = NETWORK.replace(w1=lambda x, grad_h: grad_h.T @ x).check(numpy_inputs())
    assert wrong_lines(report) == ["w1"]
    assert report["w1"].problem == "it has shape (5, 3), w1 has shape (3, 5)"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            lambda *, grad_h_relu, h: np.multiply(grad_h_relu, h >= 0, out=grad_h_relu),
            "it changes grad_h_relu in place",
        ),
        (lambda: None, "it is a NoneType, wanted an array like h"),
        (lambda h: h.tolist(), "it is a list, wanted an array like h"),
    ],
    ids=["in place", "none", "list"],
)
def test_a_line_that_is_no_new_array_is_wrong_and_says_so(wrong, words):
    report = NETWORK.replace(h=wrong).check(numpy_inputs())
    assert report.first_wrong == "h"
    assert report["h"].problem.startswith(words)


def misused(forward=None, inputs=None, gradient=None):
    lines = {"h": lambda x, w: x * w, "loss": lambda xp, h: xp.sum(h**2)} | (forward or {})
    d = Derivation(lines, {"h": lambda h: 2 * h, "w": lambda x, grad_h: x * grad_h} if gradient is None else gradient)
    return d.check({"x": np.array([1.0, -2.0]), "w": np.array([0.5, 3.0])} if inputs is None else inputs)


MISUSES = {
    "typo": (
        {"forward": {"h": lambda x, w: x * ww}},  # noqa: ARG005, F821  as typed by mistake
        "NameError: name 'ww' is not defined, raised in the forward line 'h': x \\* ww",
    ),
    "in place": (
        {"forward": {"loss": lambda h: np.multiply(h, h, out=h).sum()}},
        "the forward line 'loss' changes h in place: let it work on a copy",
    ),
    "nan": ({"forward": {"h": lambda x, w: x * w * np.nan}}, r"h is nan at \(0,\), wanted finite numbers"),
    "no dict": ({"inputs": [1]}, "inputs is a list, wanted a dict of arrays by name"),
    "no line": ({"gradient": {}}, "derivation has no gradient line: there is nothing to check"),
    "no lines": ({"gradient": [1]}, "gradient is a list, wanted a dict of lines by name"),
}


@pytest.mark.parametrize(("call", "words"), MISUSES.values(), ids=MISUSES)
def test_what_is_wrong_before_any_gradient_is_the_callers_error_in_one_sentence(call, words):
    with pytest.raises(ArgumentError, match=words) as caught:
        misused(**call)
    assert "\n" not in str(caught.value)


def test_names_are_not_letters_of_a_text():
    with pytest.raises(ArgumentError, match=r"kinks is 'x', wanted a sequence of names, such as \('x',\)"):
        Derivation({"loss": lambda x: x}, {"x": lambda: 1.0}, kinks="x")


def test_lines_below_one_that_raises_are_judged_all_the_same():
    broken = NETWORK.replace(y_pred=lambda y_pred, x: y_pred @ x)
    assert wrong_lines(broken.check(numpy_inputs())) == ["y_pred"]
    assert wrong_lines(broken.plant("h", np.negative).check(numpy_inputs())) == ["y_pred", "h"]


# --- the report


def test_the_report_is_short_however_many_lines_are_wrong():
    wrong = NETWORK
    for line in NETWORK.gradient_lines:
        wrong = wrong.plant(line.name, np.negative)
    text = str(wrong.check(numpy_inputs()))
    assert len(text.splitlines()) <= 12
    assert text.startswith("FAIL  two_layer_relu: 5 of 5 gradient lines wrong, the first is 'y_pred'")
    assert "1 more: w1" in text


def test_a_passing_report_names_the_lines_that_are_right():
    report = NETWORK.check(numpy_inputs(), seed=3)
    assert str(report) == (
        "PASS  two_layer_relu: all 5 gradient lines and the whole are right"
        f"    {report.evaluations} evaluations, seed 3\n"
        "  right: y_pred, w2, h_relu, h, w1"
    )


def test_the_report_pickles_and_becomes_json():
    report = NETWORK.plant("h", np.negative).check(numpy_inputs())
    again = pickle.loads(pickle.dumps(report))  # noqa: S301  # made one line above
    assert str(again) == str(report)
    data = json.loads(json.dumps(report.to_dict()))
    assert (data["verdict"], data["first_wrong"]) == ("FAIL", "h")
    assert data["lines"][3]["text"] == "grad_h = negative(xp.where(h < 0, 0, grad_h_relu))"


def test_a_check_repeats_with_its_seed():
    once, twice = (NETWORK.check(numpy_inputs(), seed=5) for _ in range(2))
    assert once.to_dict() == twice.to_dict()


def test_an_unknown_line_is_no_part_of_the_report():
    with pytest.raises(KeyError, match="loss"):
        NETWORK.check(numpy_inputs())["loss"]


def test_an_undecided_line_is_named_and_no_pass():
    noise = np.random.default_rng(0)
    noisy = Derivation(
        forward={
            "h": lambda x: 3 * x + 1e-3 * noise.standard_normal(x.shape),
            "loss": lambda h: np.sum(h**2),
        },
        gradient={"h": lambda h: 2 * h, "x": lambda grad_h: 3 * grad_h},
    )
    report = noisy.check({"x": np.array([0.5, -1.5, 2.0])})
    assert report.verdict is Verdict.INCONCLUSIVE
    assert str(report).startswith("INCONCLUSIVE  derivation: undecided: x ")
    assert wrong_lines(report) == ["x"]
