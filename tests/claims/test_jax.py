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
