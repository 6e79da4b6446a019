"""Batch normalisation in training: every feature is normalised over the batch, then scaled and shifted.

Shapes: x (n, d), gamma (d,), beta (d,), target (n, d), eps a positive scalar ().

    mu    = sum_i x_ij / n                            (d,)
    var   = sum_i (x_ij - mu_j)^2 / n                 (d,)
    x_hat = (x - mu) / sqrt(var + eps)                (n, d)
    y     = gamma x_hat + beta                        (n, d)
    L     = sum (y - target)^2 / 2

Backwards, with G_v for dL/dv, one variable at a time as the paper has it. G_y = y - target; G_gamma and
G_beta sum G_y x_hat and G_y over the batch; G_x_hat = G_y gamma. Then

    G_var = sum_i G_x_hat (x - mu) (-1/2) (var + eps)^(-3/2)
    G_mu  = sum_i G_x_hat (-1) / sqrt(var + eps)  +  G_var sum_i (-2) (x - mu) / n
    G_x   = G_x_hat / sqrt(var + eps)  +  G_var 2 (x - mu) / n  +  G_mu / n

for mu feeds x_hat and var, and x feeds x_hat, var and mu. (The last sum in G_mu is zero, as mu is the mean;
it is kept, for it is part of the chain rule.)

Source: Ioffe & Szegedy, "Batch Normalization", ICML 2015, arXiv:1502.03167, section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.lines.derivation import Derivation

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

derivation = Derivation(
    name="batch_norm",
    inputs=("x", "gamma", "beta", "target", "eps"),
    forward={
        "mu": lambda xp, x: xp.sum(x, axis=0) / x.shape[0],
        "var": lambda xp, x, mu: xp.sum((x - mu) ** 2, axis=0) / x.shape[0],
        "x_hat": lambda xp, x, mu, var, eps: (x - mu) / xp.sqrt(var + eps),
        "y": lambda gamma, x_hat, beta: gamma * x_hat + beta,
        "loss": lambda xp, y, target: xp.sum((y - target) ** 2) / 2,
    },
    gradient={
        "y": lambda y, target: y - target,
        "gamma": lambda xp, grad_y, x_hat: xp.sum(grad_y * x_hat, axis=0),
        "beta": lambda xp, grad_y: xp.sum(grad_y, axis=0),
        "x_hat": lambda grad_y, gamma: grad_y * gamma,
        "var": lambda xp, grad_x_hat, x, mu, var, eps: (
            -xp.sum(grad_x_hat * (x - mu), axis=0) / (2 * (var + eps) * xp.sqrt(var + eps))
        ),
        "mu": lambda xp, grad_x_hat, grad_var, x, mu, var, eps: (
            -xp.sum(grad_x_hat, axis=0) / xp.sqrt(var + eps) - grad_var * xp.sum(2 * (x - mu), axis=0) / x.shape[0]
        ),
        "x": lambda xp, grad_x_hat, grad_var, grad_mu, x, mu, var, eps: (
            grad_x_hat / xp.sqrt(var + eps) + grad_var * 2 * (x - mu) / x.shape[0] + grad_mu / x.shape[0]
        ),
    },
)


def draw(seed: int = 0, dtype: DTypeLike = "float64") -> dict[str, NDArray[np.generic]]:
    """Return small standard normal x (5, 3), gamma (3,), beta (3,), target (5, 3), and eps = 2^-10."""
    rng = np.random.default_rng(seed)
    shapes = {"x": (5, 3), "gamma": (3,), "beta": (3,), "target": (5, 3)}
    inputs = {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
    return inputs | {"eps": np.asarray(2.0**-10, dtype=dtype)}
