"""Scores, Hessians and losses of statsmodels and scikit-learn, losses of boosting libraries, autograd and JAX."""

import warnings

import numpy as np
import pytest

import gradcheck as gc

RNG = np.random.default_rng(0)
N = 40
X = np.column_stack([np.ones(N), RNG.standard_normal((N, 2))])
COUNTS = RNG.poisson(np.exp(X @ [0.3, 0.4, -0.2])).astype(float)
BINARY = (X @ [0.1, 1.0, -0.5] + RNG.standard_normal(N) > 0).astype(float)
CLASSES = np.digitize(X[:, 1], [-0.5, 0.5])
REAL = X @ [1.0, 2.0, -1.0] + RNG.standard_normal(N)

MODELS = {
    "Logit": (lambda sm: sm.Logit(BINARY, X), 3),
    "Probit": (lambda sm: sm.Probit(BINARY, X), 3),
    "Poisson": (lambda sm: sm.Poisson(COUNTS, X), 3),
    "GLM inverse Gaussian": (
        lambda sm: sm.GLM(COUNTS + 1, X, family=sm.families.InverseGaussian(sm.families.links.Log())),
        3,
    ),
    "NegativeBinomialP": (lambda sm: sm.NegativeBinomialP(COUNTS, X), 4),
    "GeneralizedPoisson": (lambda sm: sm.GeneralizedPoisson(COUNTS, X), 4),
    "MNLogit": (lambda sm: sm.MNLogit(CLASSES, X), 6),
    "GLM gamma": (lambda sm: sm.GLM(COUNTS + 1, X, family=sm.families.Gamma(sm.families.links.Log())), 3),
    "GLM binomial": (lambda sm: sm.GLM(BINARY, X, family=sm.families.Binomial()), 3),
    "GLM of least squares": (lambda sm: sm.OLS(REAL, X), 3),
}


@pytest.mark.parametrize("name", MODELS)
def test_score_and_hessian_of_a_model_of_statsmodels(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sm = pytest.importorskip("statsmodels.api")
        make, size = MODELS[name]
        model = make(sm)
        fixed = {"scale": 1.0} if name.startswith("GLM") else {}  # the profiled likelihood has other derivatives
        params = np.random.default_rng(1).uniform(0.1, 0.5, size)

        def loglike(p):
            return float(model.loglike(p, **fixed))

        def score(p):
            return model.score(p, **fixed)

        def hessian(p):
            return model.hessian(p, **fixed)

        def wrong(p):
            h = np.array(hessian(p))
            h[0, 1] *= 1.3
            return h

        report = gc.check(loglike, score, (params,), hess=hessian)
        assert report, str(report)
        report = gc.check(loglike, score, (params,), hess=wrong)
    assert str(report[0].verdict) == "PASS"
    assert report["H"].where == (0, 1)
    assert report["H"].advice.startswith("not symmetric")


def by_second_differences(f, x, h=1e-4):
    e = np.eye(x.size) * h
    found = [[f(x + a + b) - f(x + a - b) - f(x - a + b) + f(x - a - b) for b in e] for a in e]
    return np.array(found) / (4 * h * h)


@pytest.mark.parametrize("name", ["NegativeBinomial nb2", "NegativeBinomial nb1", "NegativeBinomial geometric", "OLS"])
def test_a_hessian_of_statsmodels_is_called_right_exactly_where_second_differences_say_so(name):
    """In 0.15 the row and column of alpha are wrong, and the Hessian of the profiled likelihood of least squares."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sm = pytest.importorskip("statsmodels.api")
        kind, _, method = name.partition(" ")
        model = sm.OLS(REAL, X) if kind == "OLS" else sm.NegativeBinomial(COUNTS, X, loglike_method=method)
        params = np.random.default_rng(1).uniform(0.1, 0.5, 3 + (method in ("nb1", "nb2")))

        def loglike(p):
            return float(model.loglike(p))

        measured = by_second_differences(loglike, params)
        claimed = np.asarray(model.hessian(params))
        report = gc.check(loglike, model.score, params, hess=model.hessian)
    right = np.allclose(measured, claimed, rtol=1e-3, atol=1e-3 * np.abs(measured).max())
    assert str(report[0].verdict) == "PASS"
    assert (str(report["H"].verdict) == "PASS") is right, str(report)
    if not right and method:
        assert report["H"].where_text == "row 3 and column 3 of H are wrong, all else is right"


LOSSES = ["HalfSquaredError", "HalfPoissonLoss", "HalfGammaLoss", "HalfBinomialLoss", "ExponentialLoss", "HuberLoss"]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_gradient_and_diagonal_hessian_of_a_loss_of_scikit_learn(name, factor):
    losses = pytest.importorskip("sklearn._loss")
    loss = getattr(losses, name, None) or getattr(__import__("sklearn._loss.loss", fromlist=[name]), name)
    loss = loss(quantile=0.8, delta=1.0) if name == "HuberLoss" else loss()
    raw = np.random.default_rng(2).standard_normal(12)
    y = {"HalfBinomialLoss": BINARY, "ExponentialLoss": BINARY, "HalfGammaLoss": COUNTS + 1}.get(name, COUNTS)[
        :12
    ].copy()

    def value(raw):
        return float(np.sum(loss.loss(y_true=y, raw_prediction=raw.copy())))

    def both(raw):
        g, h = loss.gradient_hessian(y_true=y, raw_prediction=raw.copy())
        return np.array(g), factor * np.array(h) * np.ones_like(g)

    if name == "HuberLoss":
        assert gc.check(value, lambda raw: both(raw)[0], (raw,))
        return
    report = gc.check(value, both, (raw,), hess=True)
    assert bool(report) is (factor == 1), str(report)


# HIPS autograd, and JAX --------------------------------------------------------------------------------------------


def test_gradients_jacobians_and_hessians_of_autograd():
    autograd = pytest.importorskip("autograd")
    anp = pytest.importorskip("autograd.numpy")

    def loss(w, b):
        return anp.mean(anp.logaddexp(0, -(2 * BINARY - 1) * (anp.dot(X, w) + b)))

    w, b = np.array([0.3, -0.2, 0.5]), 0.1
    assert gc.check(loss, autograd.grad(loss, (0, 1)), (w, b))
    assert gc.check(loss, autograd.grad(loss), (w, b), only=["w"])

    def of_w(w):
        return loss(w, b)

    assert gc.check(of_w, autograd.grad(of_w), w, hess=autograd.hessian(of_w))
    assert gc.check(of_w, autograd.grad(of_w), w, hessp=autograd.hessian_vector_product(of_w))
    assert gc.check(lambda w: anp.tanh(anp.dot(X, w)), autograd.jacobian(lambda w: anp.tanh(anp.dot(X, w))), w)


@pytest.mark.parametrize("right", [True, False])
def test_a_primitive_of_autograd_with_a_vjp_of_ones_own(right):
    autograd = pytest.importorskip("autograd")
    anp = pytest.importorskip("autograd.numpy")
    extend = pytest.importorskip("autograd.extend")

    @extend.primitive
    def log_sum_exp(x):
        return np.log(np.sum(np.exp(x - x.max()))) + x.max()

    extend.defvjp(
        log_sum_exp, lambda out, x: lambda g: g * np.exp(x - out) if right else np.full(x.shape, g) * np.exp(x)
    )

    def loss(x):
        return log_sum_exp(2 * x) + anp.sum(x**2)

    assert bool(gc.check(loss, autograd.grad(loss), np.array([0.5, -1.0, 0.25]))) is right


@pytest.mark.parametrize("right", [True, False])
def test_a_custom_jvp_of_jax_is_judged_as_it_is(right):
    jax = pytest.importorskip("jax")
    with jax.enable_x64(new_val=True):

        @jax.custom_jvp
        def f(x, w):
            return jax.numpy.sin(x) * w

        @f.defjvp
        def _(primals, tangents):
            (x, w), (dx, dw) = primals, tangents
            moved = jax.numpy.cos(x) * w * dx
            return f(x, w), moved + jax.numpy.sin(x) * dw if right else moved

        x, w = jax.numpy.asarray(X[0]), jax.numpy.asarray(X[1])
        report = gc.check(f, args=(x, w))
        forward = gc.check(f, jvp=lambda t, *args: jax.jvp(f, args, tuple(t))[1], args=(x, w))
    for found in (report, forward):
        assert [str(a.verdict) for a in found] == ["PASS", "PASS" if right else "FAIL"]
