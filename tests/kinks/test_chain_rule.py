"""What a chain rule gives at a kink and no subgradient is: accepted where it is shown to come from one."""

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.derivations.two_layer_relu import derivation

PASS, FAIL = gc.Verdict.PASS, gc.Verdict.FAIL
X = np.array([[1.0], [-1.0]])
INPUTS = {"x": X, "y": -X, "w1": np.zeros((1, 1)), "w2": np.ones((1, 1))}  # the two samples' kinks cancel


def test_a_derivation_whose_lines_are_right_may_give_it():
    plain = derivation.check(INPUTS)
    assert plain.verdict is FAIL
    assert all(line.verdict is PASS for line in plain.lines)
    report = derivation.check(INPUTS, kink="chain-rule")
    assert report.verdict is PASS
    assert "accepted: the derivation, line by line, gives this value" in " ".join(report.whole["w1"].notes)


def test_a_derivation_with_a_wrong_line_may_not():
    wrong = derivation.replace(
        h=lambda xp, grad_h_relu, h: xp.where(h < 0, 0.0, xp.where(h == 0, 1.2, 1.0) * grad_h_relu)
    )
    report = wrong.check(INPUTS, kink="chain-rule")
    assert report.verdict is FAIL
    assert "accepted" not in str(report.whole)


def torch_case():
    torch = pytest.importorskip("torch")

    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.relu(x) - torch.relu(-x)

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * torch.where(x == 0, 0.0, 1.0)

    return torch, Own, torch.zeros(3, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("summed", [True, False])
def test_torchs_own_graph_may_give_it(summed):
    torch, _, x = torch_case()

    def f(x):
        y = torch.relu(x) - torch.relu(-x)
        return y.sum() if summed else y

    plain = gc.check(f, inputs=(x,))
    assert plain.verdict is FAIL
    assert plain[0].reason.endswith(
        "Torch's chain rule gives it, by one convention for each kink: kink='chain-rule' accepts that"
    )
    report = gc.check(f, inputs=(x,), kink="chain-rule")
    assert report.verdict is PASS
    assert "accepted: Torch's chain rule gives this value" in " ".join(report[0].notes)


@pytest.mark.parametrize(("value", "verdict"), [(3.0, PASS), (3.25, FAIL), (-3.0, FAIL)])
def test_torchs_own_graph_gives_that_value_alone(value, verdict):
    torch, _, x = torch_case()

    def f(x):
        return (torch.relu(x) - torch.relu(-x) + 3 * x).sum()

    def gradient(x):
        return torch.where(x == 0, value, 4.0)

    assert gc.check(f, gradient, (x,), kink="chain-rule").verdict is verdict
    plain = gc.check(f, gradient, (x,))[0]
    assert plain.verdict is FAIL
    assert ("kink='chain-rule' accepts that" in plain.reason) is (verdict is PASS)


def test_what_is_coarse_next_to_the_point_is_not_accepted():
    torch, _, x = torch_case()

    def f(x):
        return (torch.relu(x) - torch.relu(-x)).sum()

    reached = gc.check(f, inputs=(x,), kink="chain-rule")[0].error.high
    assert reached > 0
    assert gc.check(f, inputs=(x,), kink="chain-rule", rtol=reached).verdict is PASS
    assert gc.check(f, inputs=(x,), kink="chain-rule", rtol=reached / 1e3).verdict is not PASS


def test_a_side_that_is_required_is_not_talked_out_of():
    torch, _, x = torch_case()
    report = gc.check(lambda x: (torch.relu(x) - torch.relu(-x)).sum(), inputs=(x,), kink="right")
    assert report.verdict is FAIL
    assert "chain-rule" not in report[0].reason


def test_a_backward_of_ones_own_shows_nothing():
    _, own, x = torch_case()
    assert "accepts that" not in gc.check(lambda x: own.apply(x).sum(), inputs=(x,))[0].reason
    report = gc.check(lambda x: own.apply(x).sum(), inputs=(x,), kink="chain-rule")
    assert report.verdict is FAIL
    assert "here none does" in report[0].reason


def test_numpy_code_shows_nothing_and_what_is_wrong_beside_the_point_is_told_no_such_thing():
    def f(x):
        return np.sum(np.maximum(x, 0) - np.maximum(-x, 0))

    report = gc.check(f, lambda x: np.where(x == 0, 0.0, 1.0), (np.zeros(2),), kink="chain-rule")
    assert report.verdict is FAIL
    assert "here none does" in report[0].reason
    wrong = gc.check(f, lambda x: np.where(x == 0, 0.0, 1.5), (np.zeros(2),), kink="chain-rule")
    assert wrong.verdict is FAIL
    assert "chain-rule" not in wrong[0].reason
