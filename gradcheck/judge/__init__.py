"""From a claim to a report: the contract, the slopes of each argument, the verdict, the mistake and its place.

In reading order: `flow` goes from a claim to a report, `one_argument` gives the verdict on one argument, `nearby`
names a mistake beside a kink, `tolerance` sees a solver's tolerance in a claim that is off by very little everywhere.
"""

from gradcheck.judge.flow import judge

__all__ = ["judge"]
