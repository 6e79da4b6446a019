"""What the caller does wrong, as exceptions that say what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LINE = 80  # characters of a value that a message shows
LONGEST = 1000  # characters of a message: what the user's code says may be of any length


def shown(x: object) -> str:
    """Return a value as a message shows it: whole where it is short, else its beginning and its type."""
    kind = type(x).__name__
    if isinstance(x, int) and not -(10**LINE) < x < 10**LINE:  # Python refuses to write those above 4,300 digits
        return f"an integer of {x.bit_length()} bits"
    try:
        text = printable(" ".join(repr(x).split()))
    except Exception:  # noqa: BLE001  whatever its class does there
        return f"{kind} (without a repr)"
    return text if len(text) <= LINE else f"{text[:60]}... ({kind})"


def printable(text: str) -> str:
    """Return a text that every file takes: a lone surrogate is written as its escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def check_choice(name: str, got: object, choices: Sequence[str]) -> None:
    """Refuse what is none of the choices."""
    if got not in choices:
        raise ArgumentError(f"{name} is {got!r}, wanted one of {', '.join(map(repr, choices))}")


class GradcheckError(Exception):
    """Base of every exception that gradcheck raises on purpose."""

    def __init__(self, message: object = "") -> None:
        text = printable(str(message))
        super().__init__(text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 4 :]}")


class ArgumentError(GradcheckError, ValueError):
    """The caller passed something that cannot be checked; the message is one sentence with the next step."""


class ArrayValued(ArgumentError):  # noqa: N818  what f is, not what went wrong
    """f returned an array where one number was wanted: its derivative is a matrix."""


class WrongClaim(GradcheckError):  # noqa: N818  a verdict on the claim, not an error of the program
    """The claim itself is malformed (a gradient of the wrong shape, a NaN in it): a FAIL with this sentence."""


class UnsupportedError(GradcheckError, TypeError):
    """Something cannot be run here (exactly, on this device, without a package); the message says what to use."""


class DivergenceError(GradcheckError, ArithmeticError):
    """Training left the finite numbers.

    Attributes
    ----------
    step : int
        The first step whose loss is not finite.
    losses : tuple of float
        The finite losses before it.

    """

    def __init__(self, message: str, *, step: int, losses: tuple[float, ...]) -> None:
        super().__init__(message)
        self.step = step
        self.losses = losses

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild with the keyword attributes, which the default drops."""
        return _rebuild_divergence, (str(self), self.step, self.losses)


def _rebuild_divergence(message: str, step: int, losses: tuple[float, ...]) -> DivergenceError:
    return DivergenceError(message, step=step, losses=losses)
