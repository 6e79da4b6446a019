"""What goes wrong on the caller's side, as exceptions that say what was passed, what was wanted, what to do."""

from __future__ import annotations


class GradcheckError(Exception):
    """Base of every exception that gradcheck raises on purpose."""


class ArgumentError(GradcheckError, ValueError):
    """The caller passed something that cannot be checked; the message is one sentence with the next step."""


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
