"""Scores, Hessians and losses of statsmodels and scikit-learn, and losses that boosting libraries take."""

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
