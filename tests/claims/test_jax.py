"""JAX arrays come through the array-API door: a custom_vjp is judged like any other claim."""

import numpy as np
import pytest

import gradcheck as gc

jax = pytest.importorskip("jax")
jnp = jax.numpy


@pytest.fixture(params=[False, True], ids=["float32", "float64"])
def x(request):
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", request.param)
    yield jnp.asarray(np.array([[0.5, -1.25, 2.0], [1.5, 0.75, -0.5]]))
    jax.config.update("jax_enable_x64", before)


def squared_tanh(factor):
    """Return Σ tanh(x)² with a hand-written backward that is right for factor 2."""

    @jax.custom_vjp
    def f(x):
        return jnp.sum(jnp.tanh(x) ** 2)

    f.defvjp(lambda x: (f(x), x), lambda x, g: (g * factor * jnp.tanh(x) * (1 - jnp.tanh(x) ** 2),))
    return f


def test_a_right_custom_vjp_passes(x):
    f = squared_tanh(2)
    assert gc.check(f, jax.grad(f), (x,), rtol=0.05).verdict is gc.Verdict.PASS


def test_a_missing_factor_fails_and_is_named(x):
    f = squared_tanh(1)
    report = gc.check(f, jax.grad(f), (x,))
    assert report.verdict is gc.Verdict.FAIL
    assert "factor" in report[0].mistakes[0]


def test_a_pullback_of_an_array_valued_function_passes(x):
    def f(x):
        return jnp.sin(x) * 2

    report = gc.check(f, vjp=lambda c, x: jax.vjp(f, x)[1](c)[0], args=(x,), rtol=0.05)
    assert report.verdict is gc.Verdict.PASS


@pytest.mark.usefixtures("x")
def test_complex_gradients_are_in_jaxs_own_convention():
    def f(z):
        return jnp.sum(jnp.abs(z) ** 2 * jnp.array([1.0, 2.0]))

    z = jnp.asarray([1 + 2j, 0.5 - 1j])
    assert gc.check(f, jax.grad(f), (z,), rtol=0.05).verdict is gc.Verdict.PASS
    conjugated = gc.check(f, lambda z: jax.grad(f)(z).conj(), (z,), rtol=0.05)
    assert conjugated.verdict is gc.Verdict.FAIL


def coupled(x):
    return jnp.mean((jnp.tanh(x @ jnp.array([[0.5], [-1.0], [0.75]])) + x) ** 2)


LOSSES = {
    "gelu": lambda x: jnp.mean(jax.nn.gelu(x)),
    "log_softmax": lambda x: -jnp.mean(jax.nn.log_softmax(x)[:, 0]),
    "softmax": lambda x: jnp.sum(jax.nn.softmax(x) ** 2),
    "logsumexp": lambda x: jnp.sum(jax.nn.logsumexp(x, axis=1)),
    "relu": lambda x: jnp.sum(jax.nn.relu(x) ** 2),
    "a matmul": coupled,
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_in_float32_are_decided(x, name):
    f = LOSSES[name]
    for seed in range(4):
        assert gc.check(f, jax.grad(f), (x,), seed=seed).verdict is gc.Verdict.PASS
        wrong = gc.check(f, lambda x: 1.05 * jax.grad(f)(x), (x,), seed=seed)
        assert wrong.verdict is gc.Verdict.FAIL


def test_a_stop_gradient_is_the_identity_that_it_is_as_a_function(x):
    def f(x):
        return jnp.sum(jnp.tanh(x) * jax.lax.stop_gradient(x))

    def right(x):
        return jnp.tanh(x) + x * (1 - jnp.tanh(x) ** 2)

    assert gc.check(f, right, (x,)).verdict is gc.Verdict.PASS
    assert gc.check(f, jax.grad(f), (x,)).verdict is gc.Verdict.FAIL
    assert gc.check(jax.jit(f), right, (x,)).verdict is gc.Verdict.PASS


def test_a_stop_gradient_that_is_all_of_f_and_one_in_a_loop(x):
    assert gc.check(lambda x: jnp.sum(jax.lax.stop_gradient(x)), jnp.ones_like, (x,)).verdict is gc.Verdict.PASS

    @jax.jit  # or each call would compile the loop anew
    def looped(x):
        return jnp.sum(jax.lax.fori_loop(0, 2, lambda _, y: y * jax.lax.stop_gradient(jnp.cos(x)), x))

    right = gc.check(looped, lambda x: jnp.cos(x) ** 2 - x * jnp.sin(2 * x), (x,))
    assert right.verdict is not gc.Verdict.FAIL
    assert gc.check(looped, jax.jit(jax.grad(looped)), (x,)).verdict is not gc.Verdict.PASS
