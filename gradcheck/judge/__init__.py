"""From a claim to a report: contract, slopes, verdict, mistake and place.

In reading order: `flow` goes from a claim to a report, `rounded` finds out what f rounds to inside, `one_argument`
gives the verdict on one argument, `lost_digits` asks before a FAIL whether f can show what is claimed, `unseen_kink`
whether a kink nearer than any step may explain it, `nearby` names a mistake beside a kink, `tolerance` sees a solver's
tolerance in a claim that is off by very little everywhere.
"""

from gradcheck.judge.flow import judge

__all__ = ["judge"]
