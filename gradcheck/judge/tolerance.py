"""A claim that is off by very little everywhere: most often a solver's tolerance, which ``rtol=`` allows for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcheck.verdicts import decide
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from gradcheck.verdicts.report import ArgumentReport

TINY = 1e-6  # a relative error that no slip of a pen makes everywhere: iterations stop at it, an eps is as small
SMALL = 1e-3  # where no mistake explains it either: what solve_ivp stops at by default
FRESH = "some directions disagree, and fresh ones do not repeat it: pass probes=16, or another seed"


def allowed_for(argument: ArgumentReport) -> ArgumentReport:
    """Return the report with the ``rtol=`` that would allow for its error, where that is small everywhere."""
    error = argument.error
    if argument.verdict is Verdict.PASS or not error.relative or not error.high < SMALL:
        return argument
    enough = float(f"{2 * error.high:.0e}")
    if argument.verdict is Verdict.INCONCLUSIVE and argument.reason in (decide.ONE, FRESH):
        return argument.with_(
            reason=f"slopes differ from the claim by more than their own errors, though by less than {error.high:.1e} "
            f"of it: f moves by a solver's tolerance? Pass rtol={enough:g} if that is meant"
        )
    if argument.verdict is not Verdict.FAIL or not _everywhere(argument):
        return argument
    if error.high > TINY and argument.mistakes:
        return argument
    return argument.with_(
        next=f"below {TINY if error.high < TINY else SMALL:g} everywhere: a solver's tolerance, or a small eps that "
        f"the gradient leaves out? If so pass rtol={enough:g}"
    )


def _everywhere(argument: ArgumentReport) -> bool:
    """Tell whether no entry that was measured is off by more than a small part of itself."""
    if argument.where is not None and None in argument.where:
        return False
    return all(abs(w.claimed - w.measured) <= SMALL * max(abs(w.claimed), abs(w.measured)) for w in argument.worst)
