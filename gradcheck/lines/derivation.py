"""A derivation as named lines: the forward pass, and one line per gradient of the written mathematics."""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

from gradcheck.arrays import ROUNDOFF, WIDER, cast, dtype_name, is_array, is_floating, library_of, namespace
from gradcheck.errors import ArgumentError
from gradcheck.lines.judge import judge
from gradcheck.lines.line import GRADIENT_PREFIX, NAMESPACE, Line
from gradcheck.lines.order import check_forward, check_gradient, either, inputs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from gradcheck.lines.judge import DerivationReport


class Derivation:
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

    def __init__(
        self,
        forward: Mapping[str, Callable[..., Any]],
        gradient: Mapping[str, Callable[..., Any]],
        *,
        inputs: Sequence[str] | None = None,
        kinks: Sequence[str] = (),
        name: str = "derivation",
    ) -> None:
        for what, table in (("forward", forward), ("gradient", gradient)):
            if not isinstance(table, Mapping):
                raise ArgumentError(f"{what} is a {type(table).__name__}, wanted a dict of lines by name")
        for what, names in (("inputs", inputs), ("kinks", kinks)):
            if isinstance(names, str):
                raise ArgumentError(f"{what} is {names!r}, wanted a sequence of names, such as ({names!r},)")
        if not forward:
            raise ArgumentError("the forward pass has no line: write at least the loss")
        self.name = name
        self.forward_lines = tuple(Line(n, f, f"forward line {n!r}") for n, f in forward.items())
        self.gradient_lines = tuple(Line(n, f, f"gradient line {n!r}") for n, f in gradient.items())
        self.inputs = inputs_of(self.forward_lines, inputs)
        check_forward(self.forward_lines, self.inputs)
        check_gradient(self.gradient_lines, self.variables, self.loss_name)
        self.kinks = tuple(kinks)
        for kink in self.kinks:
            if kink not in self.variables:
                raise ArgumentError(f"kinks names {kink!r}, which is no variable here: {either(self.variables)}")

    @property
    def loss_name(self) -> str:
        """The name of the last forward line, the loss."""
        return self.forward_lines[-1].name

    @property
    def variables(self) -> tuple[str, ...]:
        """The inputs, then the forward lines."""
        return (*self.inputs, *(line.name for line in self.forward_lines))

    @property
    def claimed(self) -> tuple[str, ...]:
        """The inputs that have a gradient line, in the order of `inputs`."""
        written = {line.name for line in self.gradient_lines}
        return tuple(name for name in self.inputs if name in written)

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """The derivation as text: `(name, text)` of every line in order, gradients as `grad_<name>`."""
        return (
            *((line.name, line.expression) for line in self.forward_lines),
            *((GRADIENT_PREFIX + line.name, line.expression) for line in self.gradient_lines),
        )

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

    def values(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inputs, `xp`, and every forward value: all that a line can read, gradients aside.

        Raises
        ------
        ArgumentError
            An input is missing or unknown, the arrays are of two libraries, or the loss is not a scalar.

        """
        known = {NAMESPACE: self._namespace(inputs), **inputs}
        for line in self.forward_lines:
            known[line.name] = line(known)
        shape = getattr(known[self.loss_name], "shape", ())
        if tuple(shape) != ():
            raise ArgumentError(
                f"the last forward line, {self.loss_name!r}, has shape {tuple(shape)}; it is the loss and "
                "must be a scalar: sum it"
            )
        return known

    def forward(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the value of every forward line, by name. Raises as `values` does."""
        known = self.values(inputs)
        return {line.name: known[line.name] for line in self.forward_lines}

    def loss(self, inputs: Mapping[str, Any]) -> Any:
        """Return the loss, a scalar of the inputs' library. Raises as `values` does."""
        return self.values(inputs)[self.loss_name]

    def backward(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the value of every gradient line, by the name of its variable. Raises as `values` does."""
        known = self.values(inputs)
        for line in self.gradient_lines:
            known[GRADIENT_PREFIX + line.name] = line(known)
        return {line.name: known[GRADIENT_PREFIX + line.name] for line in self.gradient_lines}

    def gradient(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the claimed gradient of every input that has a line, each of its input's shape."""
        values = self.backward(inputs)
        return {name: values[name] for name in self.claimed}

    def as_functions(
        self, held: Mapping[str, Any] | None = None
    ) -> tuple[Callable[..., Any], Callable[..., tuple[Any, ...]]]:
        """Return `(loss, gradient)`, functions of the claimed inputs in the order of `claimed`.

        Parameters
        ----------
        held : mapping of str to array, optional
            Values for the inputs that have no gradient line, such as targets. Unless every input has one,
            needed. More than these may be held; they are then no arguments.

        Returns
        -------
        loss : callable
            `loss(*args)`, a scalar.
        gradient : callable
            `gradient(*args)`, a tuple of arrays shaped like `args`.

        Raises
        ------
        ArgumentError
            An input without a gradient line is not held, or a held name is no input.

        """
        constants = dict(held or {})
        for name in constants:
            if name not in self.inputs:
                raise ArgumentError(f"held names {name!r}, which is no input of {self.name}: {either(self.inputs)}")
        for name in self.inputs:
            if name not in constants and name not in self.claimed:
                raise ArgumentError(f"input {name!r} has no gradient line: give its value in held={{{name!r}: ...}}")
        free = tuple(name for name in self.claimed if name not in constants)

        def loss(*args: Any) -> Any:
            return self.loss(_point(constants, free, args))

        def gradient(*args: Any) -> tuple[Any, ...]:
            claims = self.gradient(_point(constants, free, args))
            return tuple(claims[name] for name in free)

        return loss, gradient

    def kink_of(self, held: Mapping[str, Any] | None = None) -> Callable[..., tuple[Any, ...]] | None:
        """Return the function of the arguments of `as_functions(held)` that gives the variables of `kinks`.

        None if the derivation names no kink. What `gradcheck.check` takes as `kink_of`.
        """
        if not self.kinks:
            return None
        constants = dict(held or {})
        free = [name for name in self.claimed if name not in constants]

        def kink_of(*args: Any) -> tuple[Any, ...]:
            known = self.values(_point(constants, free, args))
            return tuple(known[name] for name in self.kinks)

        return kink_of

    def recompute(
        self, known: Mapping[str, Any], name: str, value: Any, *, held: Collection[str] = ()
    ) -> dict[str, Any]:
        """Return the variables that change when `name` takes another value, with their new values.

        Parameters
        ----------
        known : mapping of str to array
            What `values` returned.
        name : str
            An input or a forward line; its own line is not run, everything it feeds is.
        value : array
            The new value.
        held : collection of str
            Variables whose readers keep seeing the value in `known`: they are computed, and go no further.

        """
        fresh = {name: value}
        for line in self.forward_lines:
            changed = {p: fresh[p] for p in line.parameters if p in fresh and p not in held}
            if changed:
                fresh[line.name] = line({**known, **changed})
        return fresh

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

    def _namespace(self, inputs: Mapping[str, Any]) -> Any:
        """Return the array namespace of the inputs, after checking that they are the ones wanted."""
        missing = [name for name in self.inputs if name not in inputs]
        unknown = [name for name in inputs if name not in self.inputs]
        if missing or unknown:
            told = [f"{', '.join(missing)} missing"] if missing else []
            told += [f"{', '.join(unknown)} unknown"] if unknown else []
            raise ArgumentError(f"{self.name} takes the inputs {', '.join(self.inputs)}: {'; '.join(told)}")
        arrays = [value for value in inputs.values() if is_array(value)]
        libraries = sorted({library_of(array) for array in arrays})
        if len(libraries) != 1:
            raise ArgumentError(
                f"the inputs of {self.name} are arrays of {' and '.join(libraries) or 'no known library'}: "
                "pass arrays of one, NumPy or Torch"
            )
        return namespace(arrays[0])


def _point(held: Mapping[str, Any], free: Sequence[str], args: Sequence[Any]) -> dict[str, Any]:
    """Return all inputs by name; what is held in float32 follows arguments given in float64."""
    names = [dtype_name(x) for x in args if is_floating(x)]
    widest = min(names, key=ROUNDOFF.__getitem__, default=None)
    constants = {
        name: cast(x, widest) if widest and is_floating(x) and WIDER.get(dtype_name(x)) == widest else x
        for name, x in held.items()
    }
    return constants | dict(zip(free, args, strict=True))
