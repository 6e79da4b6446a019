"""Why a claim is off that is no mistake: a solver's tolerance, which ``rtol=`` allows for, or random numbers in it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradcheck.verdicts import reasons
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from gradcheck.verdicts.report import ArgumentReport
    from gradcheck.verdicts.trial import Trial

TINY = 1e-6  # a relative error that no slip of a pen makes everywhere: iterations stop at it, an eps is as small
SMALL = 1e-3  # where no mistake explains it either: what solve_ivp stops at by default
ONE_LINE = (
    "slopes over some steps disagree with the claim, and over others do not: noise in f, or a kink nearby? Check at "
    "another point, or pass rtol="
)
NOTICED = 2.0**-40  # of a claim: round-off of sums in another order is less
FRESH = "some directions disagree, and fresh ones do not repeat it: pass probes=16, or another seed"


def differs(trial: Trial) -> str:
    """Return a sentence if the claim differs from call to call, the user's function and not arrays; empty elsewhere."""
    claim, repeat, norm = trial.prediction.claim, trial.jitter_next_to_kink, trial.claimed_norm
    if claim.at_point_only or claim.own_error or not norm or not repeat > NOTICED * norm:
        return ""
    return f"differs from call to call by {repeat / norm:.1e} of its size"


def allowed_for(argument: ArgumentReport, trial: Trial) -> ArgumentReport:
    """Return the report of what is no PASS with why that may be no mistake, and what allows for it."""
    if argument.verdict is Verdict.INCONCLUSIVE:
        return argument.with_(reason=_why_undecided(argument, trial))
    if argument.verdict is Verdict.PASS or not _small(argument) or not _everywhere(argument):
        return argument
    if argument.error.high > TINY and argument.mistakes:
        return argument
    limit = TINY if argument.error.high < TINY else SMALL
    return argument.with_(
        next=f"below {limit:g} everywhere: a solver's tolerance, or a small eps that the gradient leaves out? "
        f"If so pass rtol={_enough(argument):g}"
    )


def _why_undecided(argument: ArgumentReport, trial: Trial) -> str:
    # the jitter of a claim that is random is no less: it is called for that too
    own = not trial.random and 16 * trial.jitter_next_to_kink > trial.jitter  # a random f is told so already
    if own and (said := differs(trial)):
        return f"the gradient {said}: a random batch, or dropout inside it? Let it draw the same at each call"
    if argument.reason not in (reasons.ONE, FRESH):
        return argument.reason
    if _small(argument):
        return (
            "slopes differ from the claim by more than their own errors, though by less than "
            f"{argument.error.high:.1e} of it: f moves by a solver's tolerance? Pass rtol={_enough(argument):g} if "
            "that is meant"
        )
    return ONE_LINE if math.prod(argument.shape) == 1 else argument.reason  # there is no other direction to ask for


def _small(argument: ArgumentReport) -> bool:
    return argument.error.relative and argument.error.high < SMALL


def _enough(argument: ArgumentReport) -> float:
    return float(f"{2 * argument.error.high:.0e}")


def _everywhere(argument: ArgumentReport) -> bool:
    """Tell whether no entry that was measured is off by more than a small part of itself."""
    if argument.where is not None and None in argument.where:
        return False
    return all(abs(w.claimed - w.measured) <= SMALL * max(abs(w.claimed), abs(w.measured)) for w in argument.worst)
