"""A vjp or jvp that is wrong through some entries of the output: they are named, in slopes that do not grow."""

import numpy as np
import pytest

import gradcheck as gc

RNG = np.random.default_rng(0)
X, W = RNG.standard_normal((6, 5)), RNG.standard_normal((4, 5))


def f(x, w):
    return np.tanh(x @ w.T)


def vjp_with(change):
    def pulled(c, x, w):
        g = c * (1 - f(x, w) ** 2)
        g = change(g.copy())
        return g @ w, g.T @ x

    return pulled


def jvp_with(change):
    def pushed(v, x, w):
        return change((1 - f(x, w) ** 2) * (v[0] @ w.T + x @ v[1].T))

    return pushed


def zeroed(*index):
    def change(g):
        g[index] = 0
        return g

    return change


def scaled(*index):
    def change(g):
        g[index] *= -1
        return g

    return change


ALL = slice(None)
CASES = [
    (zeroed(3), "output[3, :]"),
    (scaled(ALL, 2), "output[:, 2]"),
    (scaled(4, 1), "output[4, 1]"),
    (zeroed(slice(4, 6)), "output[(4, 5), :]"),
    (zeroed(-1), "output[5, :]"),
]


@pytest.mark.parametrize("form", ["vjp", "jvp"])
@pytest.mark.parametrize(("change", "told"), CASES)
def test_the_entries_of_the_output_are_named(form, change, told):
    claim = {"vjp": vjp_with, "jvp": jvp_with}[form](change)
    report = gc.check(f, args=(X, W), **{form: claim})
    assert [str(a.verdict) for a in report] == ["FAIL", "FAIL"]
    for argument in report:
        assert f"the part through {told} is wrong, that through all other entries of output is right" in (
            argument.where_text
        )


def test_the_mistake_is_named_for_the_part_through_them():
    report = gc.check(f, vjp=vjp_with(scaled(ALL, 2)), args=(X, W))
    assert "through output[:, 2] every entry is -1 x the true gradient: the sign is flipped" in report["w"].advice


def test_of_several_outputs_the_one_and_its_entries():
    def two(x):
        return {"a": np.sin(x), "b": x**2}

    def pulled(c, x):
        b = 2 * x * c["b"]
        b[1, 3] *= 2
        return c["a"] * np.cos(x) + b

    report = gc.check(two, vjp=pulled, args=(X,))
    assert "the part through output.b[1, 3] is wrong" in report[0].where_text


def test_what_is_wrong_through_every_output_says_nothing_of_them():
    for wrong in (vjp_with(lambda g: 1.5 * g), vjp_with(lambda g: g * (1 + RNG.random(g.shape)))):
        report = gc.check(f, vjp=wrong, args=(X, W))
        assert all("the part through" not in a.where_text for a in report)


def test_halving_costs_no_more_slopes_for_a_long_output():
    n = 100_000

    def wrong(c, x):
        c = c.copy()
        c[70_123] = 0
        return np.cos(x) * c

    x = RNG.standard_normal(n)
    report = gc.check(np.sin, vjp=wrong, args=(x,))
    assert "output[70123]" in report[0].where_text
    assert report.evaluations < 250
    assert report.gradient_evaluations < 100


def test_the_outputs_of_a_torch_function_have_their_names():
    torch = pytest.importorskip("torch")

    class Two(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return x @ w, x.sum()

        @staticmethod
        def backward(ctx, d, _):
            x, w = ctx.saved_tensors
            return d @ w.T, x.T @ d

    report = gc.check(Two.apply, inputs=(torch.tensor(X), torch.tensor(W.T)))
    assert "the part through output.1 is wrong, that through all other outputs is right" in report[0].where_text
