"""Layer normalisation: every sample is normalised over its own features, then scaled and shifted.

Shapes: x (n, d), gamma (d,), beta (d,), target (n, d), eps a positive scalar ().

    mu      = sum_j x_ij / d                          (n, 1)
    var     = sum_j (x_ij - mu_i)^2 / d               (n, 1)
    inv_std = (var + eps)^(-1/2)                      (n, 1)
    x_hat   = (x - mu) inv_std                        (n, d)
    y       = gamma x_hat + beta                      (n, d)
    L       = sum (y - target)^2 / 2

Backwards, with G_v for dL/dv. G_y = y - target; gamma and beta are shared by the samples, so G_gamma sums
G_y x_hat and G_beta sums G_y over them; G_x_hat = G_y gamma. x acts on x_hat in three ways: itself, through
mu and through inv_std. In row i, with dx the change of x and <.> the mean over the d features,

    d mu = <dx>,   d var = 2 <(x - mu) dx>,   d inv_std = -inv_std^3 d var / 2 = -inv_std^2 <x_hat dx>,
    d x_hat = inv_std (dx - <dx> - x_hat <x_hat dx>) .

The bracket is a symmetric map of dx, hence its own transpose:

    G_x = inv_std (G_x_hat - <G_x_hat> - x_hat <G_x_hat x_hat>) .

Source: Ba, Kiros & Hinton, "Layer Normalization", arXiv:1607.06450, section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.lines.derivation import Derivation

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

derivation = Derivation(
    name="layer_norm",
    inputs=("x", "gamma", "beta", "target", "eps"),
    forward={
        "mu": lambda xp, x: xp.sum(x, axis=1, keepdims=True) / x.shape[1],
        "var": lambda xp, x, mu: xp.sum((x - mu) ** 2, axis=1, keepdims=True) / x.shape[1],
        "inv_std": lambda xp, var, eps: 1 / xp.sqrt(var + eps),
        "x_hat": lambda x, mu, inv_std: (x - mu) * inv_std,
        "y": lambda gamma, x_hat, beta: gamma * x_hat + beta,
        "loss": lambda xp, y, target: xp.sum((y - target) ** 2) / 2,
    },
    gradient={
        "y": lambda y, target: y - target,
        "gamma": lambda xp, grad_y, x_hat: xp.sum(grad_y * x_hat, axis=0),
        "beta": lambda xp, grad_y: xp.sum(grad_y, axis=0),
        "x_hat": lambda grad_y, gamma: grad_y * gamma,
        "x": lambda xp, grad_x_hat, x_hat, inv_std: (
            inv_std
            * (
                grad_x_hat
                - xp.sum(grad_x_hat, axis=1, keepdims=True) / x_hat.shape[1]
                - x_hat * xp.sum(grad_x_hat * x_hat, axis=1, keepdims=True) / x_hat.shape[1]
            )
        ),
    },
)


def draw(seed: int = 0, dtype: DTypeLike = "float64") -> dict[str, NDArray[np.generic]]:
    """Return small standard normal x (4, 5), gamma (5,), beta (5,), target (4, 5), and eps = 2^-10."""
    rng = np.random.default_rng(seed)
    shapes = {"x": (4, 5), "gamma": (5,), "beta": (5,), "target": (4, 5)}
    inputs = {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
    return inputs | {"eps": np.asarray(2.0**-10, dtype=dtype)}
