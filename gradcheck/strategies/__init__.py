"""Inputs drawn by Hypothesis from the shapes of a function's arguments.

In reading order: `signature` reads ``(n,d),(d,k)->()``, `drawn` draws numbers, shapes and arrays, `described` reads
what a TOML file says of each argument, `kernel_inputs` draws what provokes kernels.
"""

from gradcheck.strategies.drawn import PROFILES, arrays_for, numbers, register_profiles, shapes_for
from gradcheck.strategies.kernel_inputs import KINDS, provoking, straddling

__all__ = [
    "KINDS",
    "PROFILES",
    "arrays_for",
    "numbers",
    "provoking",
    "register_profiles",
    "shapes_for",
    "straddling",
]
