"""What was measured: samples of each variant of each case, paired round by round, and what they say."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from gradcheck.bench.sizes import flop
from gradcheck.bench.variants import FLOOR
from gradcheck.two_layer_relu.problem import Shape  # noqa: TC001  msgspec reads the types of fields

if TYPE_CHECKING:
    from collections.abc import Sequence

# What a saved run may hold, see `saved`: a second is one that a clock can tell, and a name one that can be printed.
Second = Annotated[float, msgspec.Meta(ge=1e-12, le=1e12)]
Size = Annotated[int, msgspec.Meta(ge=0, le=2**40)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[\w .,:+-]{1,80}$")]


@dataclass(frozen=True)
class Spread:
    """A median with the quartiles round it."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} [{self.low:.2f}-{self.high:.2f}]"


def quartiles(values: Sequence[float]) -> Spread:
    """Return the median and the quartiles of at least one value."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(middle, low, high)


@dataclass(frozen=True)
class TimedCase:
    """One group of variants that ran interleaved: they share everything but how the step is taken."""

    shape: Name
    sizes: Shape
    dtype: Name
    library: Name
    device: Name = "cpu"

    def __str__(self) -> str:
        return f"{self.shape}-{self.peak_key}"

    @property
    def peak_key(self) -> str:
        """What decides how fast it could be, whatever its shape."""
        return f"{self.dtype}-{self.library}" + ("" if self.device == "cpu" else f"-{self.device}")


@dataclass(frozen=True)
class Timing:
    """The samples of one variant: seconds per step, one a round, each a mean over `calls` steps."""

    case: TimedCase
    variant: str
    seconds: tuple[float, ...]
    calls: int

    @property
    def gflops(self) -> float:
        """Achieved speed in 10⁹ floating-point operations per second, those of the five products."""
        return flop(self.case.sizes) / statistics.median(self.seconds) / 1e9


@dataclass(frozen=True)
class CheckCost:
    """What one way to check a gradient of so many parameters took."""

    tool: str
    parameters: int
    evaluations: int
    gradients: int
    seconds: tuple[float, ...]
    peak_bytes: int | None
    argument_bytes: int
    verdict: str


@dataclass(frozen=True)
class ArgumentsCost:
    """What a check of many arguments took in each round, and Torch's fast mode where it is held against that."""

    case: Annotated[str, msgspec.Meta(max_length=80)]
    evaluations: Size
    seconds: Annotated[tuple[Second, ...], msgspec.Meta(min_length=1)]
    torch_fast: tuple[Second, ...]
    said: Annotated[str, msgspec.Meta(max_length=200)]

    @property
    def ratio(self) -> float | None:
        """The median ratio of the rounds; None where there is nothing to be held against."""
        pairs = zip(self.seconds, self.torch_fast, strict=False)
        return statistics.median(mine / fast for mine, fast in pairs) if self.torch_fast else None


@dataclass(frozen=True)
class Results:
    """Everything one run measured, and what it left out with the reason.

    Attributes
    ----------
    environment : dict
        See `environment.environment`.
    timings : list of Timing
    skipped : list of (str, str)
        What was left out, and why.
    checks : list of CheckCost
    precision : list of dict
        See `precision.gradient_errors`.
    arguments : list of ArgumentsCost

    """

    environment: dict[str, Any] = field(default_factory=dict)
    timings: list[Timing] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    checks: list[CheckCost] = field(default_factory=list)
    precision: list[dict[str, Any]] = field(default_factory=list)
    arguments: list[ArgumentsCost] = field(default_factory=list)

    def reasons(self) -> dict[str, list[str]]:
        """Return why something was left out, each reason once, with all that it concerns."""
        found: dict[str, list[str]] = {}
        for what, reason in self.skipped:
            found.setdefault(reason, []).append(what)
        return found

    def cases(self) -> list[TimedCase]:
        """Return the cases in the order in which they ran."""
        return list(dict.fromkeys(timing.case for timing in self.timings))

    def of(self, case: TimedCase) -> dict[str, Timing]:
        """Return the timings of one case by variant."""
        return {timing.variant: timing for timing in self.timings if timing.case == case}

    def ratio(self, case: TimedCase, variant: str, to: str = FLOOR) -> Spread | None:
        """Return how much longer `variant` takes than `to`, paired round by round; None where one did not run."""
        timings = self.of(case)
        if variant not in timings or to not in timings:
            return None
        pairs = zip(timings[variant].seconds, timings[to].seconds, strict=True)
        return quartiles([one / other for one, other in pairs])
