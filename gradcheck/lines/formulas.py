"""Named lines that compute: the forward pass, the gradients, and parts of them with other values put in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gradcheck.arrays import ROUNDOFF, WIDER, cast, dtype_name, is_array, is_floating, library_of, namespace
from gradcheck.errors import ArgumentError
from gradcheck.lines.line import GRADIENT_PREFIX, NAMESPACE, Line
from gradcheck.lines.order import check_forward, check_gradient, either, inputs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence


class Formulas:
    """The lines of a derivation, in order, and what they compute; see `gradcheck.Derivation` for the parameters."""

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
