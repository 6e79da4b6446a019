"""The hand gradients of the network against torch.autograd: how far apart, and how far round-off may put them.

Both compute the same sums of products, in another order perhaps. With rounding errors that are independent and of mean
zero, a sum of p products is off by at most γ̃_p·Σ|a_i b_i|, γ̃_p = exp(λ√p·u + p·u²/(1 − u)) − 1, each with probability
1 − 2·exp(−λ²(1 − u)²/2) (N. Higham and T. Mary, SIAM J. Sci. Comput. 41(5), 2019, theorem 2.4); λ = 8 makes the
exception 3·10⁻¹⁴. Where |h| is within its own bound, the two may mask differently: what passes there is added.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gradcheck.arrays import to_numpy
from gradcheck.two_layer_relu import numpy_core
from gradcheck.two_layer_relu.numpy_core import Gradients

if TYPE_CHECKING:
    from gradcheck.two_layer_relu.problem import Problem

LAMBDA = 8.0


@dataclass(frozen=True)
class Distance:
    """How far one argument's hand gradient is from autograd's.

    Attributes
    ----------
    error : float
        ‖hand − autograd‖/‖autograd‖; the absolute distance where autograd's is 0.
    allowed : float
        What round-off may put there, in the same measure.
    agrees : bool
        Whether every entry lies within its own bound.

    """

    error: float
    allowed: float
    agrees: bool


def autograd(problem: Problem) -> Gradients:
    """Differentiate the loss, written with Torch's own parts, by torch.autograd.

    The ReLU is ``where(h < 0, 0, h)``, whose backward takes relu'(0) = 1 in every Torch; that of ``clamp(min=0)`` took
    1 up to Torch 2.13 and takes 0 since.

    Parameters
    ----------
    problem : Problem
        Tensors of one floating-point dtype on one device; they are not changed.

    """
    import torch  # noqa: PLC0415  a second to import, and not always installed

    tracked = [tensor.detach().clone().requires_grad_() for tensor in problem]
    x, y, w1, w2 = tracked
    with torch.enable_grad():
        h = x @ w1
        loss = ((torch.where(h < 0, 0, h) @ w2 - y) ** 2).sum()
    return Gradients(*torch.autograd.grad(loss, tracked))


def distances(hand: Gradients, reference: Gradients, problem: Problem, *, exact: bool) -> dict[str, Distance]:
    """Compare two gradients of one problem, argument by argument.

    Parameters
    ----------
    hand, reference : Gradients
        Arrays of any library.
    problem : Problem
        NumPy arrays in the dtype that was computed in.
    exact : bool
        Whether every sum of this problem computes exactly (see `problem.boundary`): then nothing is allowed.

    """
    bounds = Gradients(*(np.zeros(array.shape) for array in problem)) if exact else allowed(problem)
    found = {}
    for name in Gradients._fields:
        ours, theirs, bound = (to_numpy(getattr(source, name)) for source in (hand, reference, bounds))
        size = float(np.linalg.norm(theirs)) or 1.0
        apart = np.abs(ours - theirs)
        error = float(np.linalg.norm(apart)) / size
        found[name] = Distance(error, float(np.linalg.norm(bound)) / size, bool((apart <= bound).all()))
    return found


def allowed(problem: Problem) -> Gradients:
    """Return, entry by entry, what two ways to round the same gradients may differ by, to first order in u.

    A running error analysis: every line's bound is that of the lines it reads, carried on by the absolute values of
    what it multiplies them with, plus that of its own sum.
    """
    x, y, w1, w2 = (array.astype("float64") for array in problem)
    n, d_in = x.shape
    hidden, d_out = w2.shape
    unit = float(np.finfo(problem.x.dtype).eps) / 2
    h, h_relu, y_pred = numpy_core.forward(x, w1, w2)
    grad = numpy_core.backward(x, y, w2, numpy_core.Forward(h, h_relu, y_pred))

    off_h = _gamma(d_in, unit) * (abs(x) @ abs(w1))
    off_y_pred = off_h @ abs(w2) + _gamma(hidden, unit) * (h_relu @ abs(w2))
    off_grad_y_pred = 2 * off_y_pred + 2 * unit * abs(grad.y_pred)
    off_w2 = off_h.T @ abs(grad.y_pred) + h_relu.T @ off_grad_y_pred
    off_w2 += _gamma(n, unit) * (h_relu.T @ abs(grad.y_pred))
    off_h_relu = off_grad_y_pred @ abs(w2).T + _gamma(d_out, unit) * (abs(grad.y_pred) @ abs(w2).T)
    masks_may_differ = abs(h) <= off_h
    off_grad_h = np.where(masks_may_differ, abs(grad.h_relu) + off_h_relu, (h > 0) * off_h_relu)
    off_w1 = abs(x).T @ off_grad_h + _gamma(n, unit) * (abs(x).T @ abs(grad.h))
    off_x = off_grad_h @ abs(w1).T + _gamma(hidden, unit) * (abs(grad.h) @ abs(w1).T)
    return Gradients(*(2 * off for off in (off_x, off_grad_y_pred, off_w1, off_w2)))  # each of the two may be off


def _gamma(roundings: int, unit: float) -> float:
    """Return γ̃_p(λ)."""
    return math.expm1(LAMBDA * math.sqrt(roundings) * unit + roundings * unit**2 / (1 - unit))
