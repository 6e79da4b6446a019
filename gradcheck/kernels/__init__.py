"""Kernels: a backward pass in the precision that it runs in, against a reference."""

from gradcheck.kernels.check_kernel import assert_kernel, check_kernel

__all__ = ["assert_kernel", "check_kernel"]
