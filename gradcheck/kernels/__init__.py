"""Kernels: a backward pass in the precision that it runs in, against a reference.

In reading order: `check_kernel` is what a user calls, `options` how to judge, `flow` goes from inputs to a report. Who
is asked: `leaves` are the inputs, `programs` what has outputs and gradients (`modules` of Torch, `libraries` between
two of them), `answer` takes in what it returns, `cotangents` is what is pulled back, `twice` the backward as a kernel
of its own. The truth: `reference` in float64 and in the kernel's precision, `widened` against its own casts, `noisy`
by random rounding, `differences` and `certificate` by slopes, `kink` at a tie.

The verdict: `trial` is the kernel's answers, `evidence` brings all arrays together as `matrix`, `sums` adds them up by
groups, `statistics` are ratios of these, `rule` the limits, `result_report` the report on a result. `names` and
`place` tell mistake and place, `planted` proves power, `heat` is the picture.
"""

from gradcheck.kernels.check_kernel import assert_kernel, check_kernel

__all__ = ["assert_kernel", "check_kernel"]
