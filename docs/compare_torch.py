"""How large an error can a check miss? One wrong entry of a Jacobian: torch.autograd.gradcheck beside gradcheck.

The function maps n numbers to n numbers and is zero everywhere, or the identity; its backward is right but for one
entry of the Jacobian, which is off by e. Printed is the smallest e that is caught (bisection): the absolute e for the
zero function, where no relative tolerance plays a part, and for the identity.
"""

import contextlib
import warnings

import torch
from torch.autograd.gradcheck import GradcheckError

import gradcheck as gc

CAUGHT, MISSED = 1e3, 1e-12


def claim(n, slope, e):
    class Linear(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):  # noqa: ARG004  Torch's signature
            return slope * x

        @staticmethod
        def backward(ctx, grad_output):  # noqa: ARG004
            wrong = torch.zeros(n, dtype=grad_output.dtype)
            wrong[0] = e * grad_output[0]
            return slope * grad_output + wrong

    return Linear.apply


def torch_misses(n, slope, e, *, fast):
    x = torch.linspace(0.5, 1.5, n, dtype=torch.float64, requires_grad=True)
    with contextlib.suppress(GradcheckError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.autograd.gradcheck(claim(n, slope, e), (x,), fast_mode=fast)
    return False


def ours_misses(n, slope, e):
    x = torch.linspace(0.5, 1.5, n, dtype=torch.float64, requires_grad=True)
    return gc.check(claim(n, slope, e), inputs=(x,)).verdict is gc.Verdict.PASS


def smallest(misses):
    low, high = MISSED, CAUGHT
    for _ in range(30):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if misses(middle) else (low, middle)
    return high


def said(value):
    return "not run" if value is None else f"< {value:.0e}" if value < 1.01 * MISSED else f"{value:.1e}"


print("smallest error of one Jacobian entry that is caught")
print(f"{'function':10} {'n':>5} {'torch, slow':>12} {'torch, fast':>12} {'gradcheck':>12}")
for label, slope in (("zero", 0.0), ("identity", 1.0)):
    for n in (4, 16, 64, 256):
        found = [
            smallest(lambda e, n=n, s=slope: torch_misses(n, s, e, fast=False)) if n <= 64 else None,
            smallest(lambda e, n=n, s=slope: torch_misses(n, s, e, fast=True)),
            smallest(lambda e, n=n, s=slope: ours_misses(n, s, e)),
        ]
        print(f"{label:10} {n:5}" + "".join(f" {said(value):>12}" for value in found))
