"""Why a claim is off that is no mistake: a solver's tolerance, which ``rtol=`` allows for, or random numbers in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcheck.verdicts import reasons
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from gradcheck.verdicts.report import ArgumentReport
    from gradcheck.verdicts.trial import Trial

TINY = 1e-6  # a relative error that no slip of a pen makes everywhere: iterations stop at it, an eps is as small
SMALL = 1e-3  # where no mistake explains it either: what solve_ivp stops at by default
NOTICED = 2.0**-40  # of a claim: round-off of sums in another order is less
FRESH = "some directions disagree, and fresh ones do not repeat it: pass probes=16, or another seed"


def differs(trial: Trial) -> str:
    """Return a sentence if the claim differs from call to call, the user's function and not arrays; empty elsewhere."""
    claim, repeat, norm = trial.gradient.claim, trial.jitter_next_to_kink, trial.claimed_norm
    if claim.at_point_only or claim.own_error > 0 or not norm or not repeat > NOTICED * norm:
        return ""
    return f"differs from call to call by {repeat / norm:.1e} of its size"


def allowed_for(argument: ArgumentReport, trial: Trial) -> ArgumentReport:
    """Return the report of what is no PASS with why that may be no mistake, and what allows for it."""
    error = argument.error
    # the jitter of a claim that is random is no less: it is called for that too
    own = not trial.random and 16 * trial.jitter_next_to_kink > trial.jitter  # a random f is told so already
    if argument.verdict is Verdict.INCONCLUSIVE and own and differs(trial):
        return argument.with_(
            reason=f"the gradient {differs(trial)}: a random batch, or dropout inside it? Let it draw the same at each "
            "call"
        )
    if argument.verdict is Verdict.PASS or not error.relative or not error.high < SMALL:
        return argument
    enough = float(f"{2 * error.high:.0e}")
    if argument.verdict is Verdict.INCONCLUSIVE and argument.reason in (reasons.ONE, FRESH):
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
