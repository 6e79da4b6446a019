"""How wrong a hand-derived gradient is at most, where, and which mistake it is."""

from importlib.metadata import PackageNotFoundError, version

from gradcheck.certificate import Interval, Verdict
from gradcheck.check import assert_gradient, check, check_module
from gradcheck.derivation import Derivation
from gradcheck.errors import ArgumentError, DivergenceError, GradcheckError, GradientError, UnsupportedError
from gradcheck.report import ArgumentReport, Kink, Report
from gradcheck.slope import Slope

try:
    __version__ = version("gradcheck")
except PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0+unknown"

__all__ = [
    "ArgumentError",
    "ArgumentReport",
    "Derivation",
    "DivergenceError",
    "GradcheckError",
    "GradientError",
    "Interval",
    "Kink",
    "Report",
    "Slope",
    "UnsupportedError",
    "Verdict",
    "assert_gradient",
    "check",
    "check_module",
]
