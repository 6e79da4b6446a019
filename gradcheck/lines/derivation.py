"""A derivation as named lines: the forward pass, and one line per gradient of the written mathematics."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from gradcheck.errors import ArgumentError
from gradcheck.lines.formulas import Formulas
from gradcheck.lines.judge import judge
from gradcheck.lines.order import either

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gradcheck.lines.report import DerivationReport


class Derivation(Formulas):
    """A function and its hand-derived gradient, as two ordered tables of named lines.

    Every line is a function whose parameters are filled by name, as pytest fills fixtures: inputs, forward
    values, in gradient lines also `grad_<name>` (the gradient of the loss with respect to `<name>`), and
    `xp`, the array namespace of the inputs. One text so serves NumPy, Torch and NumPy object arrays of
    exact numbers.

    Parameters
    ----------
    forward : mapping of str to callable
        The forward pass in order; a line reads inputs and the lines above it. The last line is the loss, a
        scalar. A name that no line computes is an input.
    gradient : mapping of str to callable
        For a variable (an input or a forward line), the gradient of the loss with respect to it, of the
        variable's shape. A line reads inputs, any forward value, and `grad_<name>` of gradient lines above
        it.
    inputs : sequence of str, optional
        The inputs in the order `as_functions` takes them. By default in the order the forward lines read
        them.
    kinks : sequence of str
        The variables at whose zeros the loss has a kink, such as the argument of a ReLU.
    name : str
        How reports call the derivation.

    Raises
    ------
    ArgumentError
        A line reads what it may not read, lines are out of order, or a gradient is of a name that does not
        exist.

    Examples
    --------
    >>> import numpy as np
    >>> square = Derivation(
    ...     forward={"y": lambda x, w: x @ w, "loss": lambda xp, y: xp.sum(y**2)},
    ...     gradient={"y": lambda y: 2 * y, "w": lambda x, grad_y: x.T @ grad_y},
    ... )
    >>> x, w = np.array([[1.0, 2.0], [0.0, 3.0]]), np.array([[1.0], [-1.0]])
    >>> print(square.loss({"x": x, "w": w}))
    10.0
    >>> print(square.gradient({"x": x, "w": w})["w"].ravel())
    [ -2. -22.]

    """

    def __repr__(self) -> str:
        counts = f"{len(self.forward_lines)} forward, {len(self.gradient_lines)} gradient lines"
        return f"<Derivation {self.name}: {counts}>"

    def __str__(self) -> str:
        """Return the derivation as it is written, one line each."""
        width = max(len(name) for name, _ in self.lines)
        return "\n".join(f"{name:<{width}} = {text}" for name, text in self.lines)

    def replace(self, **gradient: Callable[..., Any]) -> Derivation:
        """Return a copy in which the named gradient lines are other functions, in the same places.

        Raises
        ------
        ArgumentError
            A name has no gradient line.

        """
        lines = {line.name: line.function for line in self.gradient_lines}
        for name in gradient:
            if name not in lines:
                raise ArgumentError(f"there is no gradient line {name!r} to replace: {either(lines)}")
        forward = {line.name: line.function for line in self.forward_lines}
        return Derivation(forward, lines | gradient, inputs=self.inputs, kinks=self.kinks, name=self.name)

    def plant(self, name: str, change: Callable[[Any], Any]) -> Derivation:
        """Return a copy in which the gradient line `name` gives `change(value)`: a mistake put in on purpose.

        Raises
        ------
        ArgumentError
            `name` has no gradient line.

        """
        right = {line.name: line.function for line in self.gradient_lines}.get(name)
        if right is None:
            raise ArgumentError(
                f"there is no gradient line {name!r} to plant a mistake in: "
                f"{either(line.name for line in self.gradient_lines)}"
            )

        @wraps(right)
        def wrong(**values: Any) -> Any:
            return change(right(**values))

        wrong.__name__ = getattr(change, "__name__", "change")
        return self.replace(**{name: wrong})

    def check(self, inputs: Mapping[str, Any], *, seed: int = 0, **options: Any) -> DerivationReport:
        """Judge every gradient line by itself with true upstream values, then the whole.

        Parameters
        ----------
        inputs : mapping of str to array
            The point, small and well scaled: every line is measured on its own.
        seed : int
            Of the directions and of the stand-ins for unknown upstream gradients.
        **options
            Passed to `gradcheck.check` for every line and for the whole (`rtol`, `confidence`, `probes`,
            ...).

        Returns
        -------
        DerivationReport
            `.verdict`, `.first_wrong`, `.lines`, `.whole`; see `gradcheck.lines.judge` for how a line is
            judged.

        Raises
        ------
        ArgumentError
            As `values` and `gradcheck.check` do.

        """
        return judge(self, inputs, seed=seed, **options)
