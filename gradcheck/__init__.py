"""How wrong a hand-derived gradient is at most, where, and which mistake it is."""

# To read the code, begin with check.py: what the user passes becomes a claim there. judge/flow.py goes from the claim
# to the report, and reports/text.py prints it. The __init__ of each folder says what the folder decides, and lists its
# files in reading order. docs/design.md (`gradcheck docs design`) follows one call through all of them.

from gradcheck.check import assert_gradient, check, check_module
from gradcheck.errors import ArgumentError, DivergenceError, GradcheckError, UnsupportedError
from gradcheck.kernels import assert_kernel, check_kernel
from gradcheck.lines.derivation import Derivation
from gradcheck.model import check_model
from gradcheck.slopes.slope import Slope
from gradcheck.verdicts.certificate import Interval, Verdict
from gradcheck.verdicts.report import ArgumentReport, GradientError, Kink, Report

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
    "assert_kernel",
    "check",
    "check_kernel",
    "check_model",
    "check_module",
]


def __getattr__(name: str) -> str:
    """Return the version when it is asked for: reading the metadata takes longer than importing the package."""
    if name != "__version__":
        raise AttributeError(f"module 'gradcheck' has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  see above

    try:
        return version("gradcheck")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0+unknown"
