"""Mistakes planted in the lines of a derivation: what they do to the gradient, and that they are recognised."""

import numpy as np
import pytest

from gradcheck.derivations import ALL
from gradcheck.lines.mistakes import NAMES, recognise, spoiled

NETWORK = ALL["two_layer_relu"]


def planted(problem, name, line):
    """Return the gradients of a problem with a mistake in one of its lines: one for each way to plant it there."""
    module = ALL[problem]
    inputs = module.draw(0)
    found = [s for s in spoiled(module.derivation, inputs, module.draw(1)) if (s.name, s.line) == (name, line)]
    return inputs, [s.derivation.gradient(inputs) for s in found]


def test_a_missing_mask_lets_every_unit_through():
    inputs, (wrong,) = planted("two_layer_relu", "mask missing", "h")
    known = NETWORK.derivation.backward(inputs)
    np.testing.assert_array_equal(wrong["w1"], inputs["x"].T @ known["h_relu"])


def test_an_inverted_mask_lets_the_others_through():
    inputs, (wrong,) = planted("two_layer_relu", "mask inverted", "h")
    known, h = NETWORK.derivation.backward(inputs), NETWORK.derivation.forward(inputs)["h"]
    np.testing.assert_array_equal(wrong["w1"], inputs["x"].T @ np.where(h > 0, 0, known["h_relu"]))


def test_a_dropped_sample_is_one_term_less():
    inputs, (wrong,) = planted("two_layer_relu", "last sample dropped", "w1")
    known = NETWORK.derivation.backward(inputs)
    np.testing.assert_allclose(wrong["w1"], inputs["x"][:-1].T @ known["h"][:-1], rtol=1e-12)


def test_a_dropped_path_is_one_use_forgotten():
    _, gradients = planted("attention", "path dropped", "x")
    right = ALL["attention"].derivation.gradient(ALL["attention"].draw(0))["x"]
    # each of the three uses is forgotten once, so the three wrong ones hold every use twice
    np.testing.assert_allclose(sum(g["x"] for g in gradients), 2 * right, rtol=1e-12)


def test_a_missing_reduction_has_the_upstream_shape():
    _, (wrong,) = planted("linear", "reduction missing", "b")
    assert wrong["b"].shape == (5, 2)


@pytest.mark.parametrize("name", NAMES)
def test_each_mistake_is_recognised_where_it_was_planted(name):
    count = 0
    for module in ALL.values():
        inputs, earlier = module.draw(0), module.draw(1)
        for s in spoiled(module.derivation, inputs, earlier):
            if s.name == name and count < 5:
                try:
                    wrong = s.derivation.gradient(inputs)
                except ValueError:
                    continue  # a missing reduction further down: the shapes no longer fit
                assert f"{name} in grad_{s.line}" in recognise(module.derivation, inputs, wrong, earlier)
                count += 1
    assert count > 0


def test_a_right_gradient_and_one_of_another_kind_are_not_recognised():
    inputs = NETWORK.draw(0)
    right = NETWORK.derivation.gradient(inputs)
    assert recognise(NETWORK.derivation, inputs, right, NETWORK.draw(1)) == ()
    assert recognise(NETWORK.derivation, inputs, {k: g + 1 for k, g in right.items()}, NETWORK.draw(1)) == ()


def test_the_derivation_itself_stays_right():
    inputs = NETWORK.draw(0)
    before = NETWORK.derivation.gradient(inputs)
    for s in spoiled(NETWORK.derivation, inputs, NETWORK.draw(1)):
        s.derivation.gradient(inputs)
    after = NETWORK.derivation.gradient(inputs)
    assert all(np.array_equal(before[k], after[k]) for k in before)
