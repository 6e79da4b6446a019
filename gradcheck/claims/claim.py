"""A claim: a scalar function, what is said to be its gradient, and the point; every form people write, brought to one.

Whatever the form, in the end there is φ's function f(arguments) → float and claimed(arguments) → one array for each
argument (None where nothing is claimed). Arguments may be nested in dicts, lists and tuples: their leaves are flat.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.errors import ArgumentError, GradcheckError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


class WrongClaim(GradcheckError):  # noqa: N818  a verdict on the claim, not an error of the program
    """The claim itself is malformed (a gradient of the wrong shape, a NaN in it): a FAIL with this sentence."""


@dataclass(frozen=True)
class Tree:
    """How nested arguments are flattened: the leaves that are floating arrays, with their names."""

    template: Any
    names: tuple[str, ...]
    labels: tuple[str, ...] = ()

    @staticmethod
    def of(arguments: Any, names: Sequence[str]) -> Tree:
        """Return the tree of `arguments`, a tuple (named by `names`) or a dict (named by its keys)."""
        if isinstance(arguments, dict):
            return Tree(arguments, tuple(_names(arguments, "")))
        found: list[str] = []
        for name, argument in zip(names, arguments, strict=True):
            found.extend(_names(argument, name))
        return Tree(arguments, tuple(found), tuple(names))

    def leaves(self, structure: Any) -> list[Any]:
        """Return the entries of `structure` at this tree's leaves; None where it has None."""
        labels = self.labels or tuple(f"argument {i}" for i in range(len(self.template)))
        if isinstance(self.template, dict):
            return list(_leaves(self.template, structure, "the arguments"))
        return [
            leaf
            for child, part, label in zip(self.template, structure, labels, strict=True)
            for leaf in _leaves(child, part, label)
        ]

    def positional(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Return the arguments as a tuple, with their leaves replaced."""
        filled = self.fill(leaves)
        return tuple(filled.values()) if isinstance(filled, dict) else tuple(filled)

    def fill(self, leaves: Sequence[Any]) -> Any:
        """Return the arguments with their leaves replaced."""
        return _fill(self.template, iter(leaves))


def _is_node(x: Any) -> bool:
    return isinstance(x, dict | list | tuple)


def _children(x: Any) -> list[tuple[str, Any]]:
    if isinstance(x, dict):
        return [(str(key), x[key]) for key in x]
    if hasattr(x, "_fields"):
        return list(zip(x._fields, x, strict=True))
    return [(str(i), item) for i, item in enumerate(x)]


def is_leaf(x: Any) -> bool:
    """Tell whether x is something a claim can be made about: a floating array or a Python float."""
    return arrays.is_floating(x) or type(x) in (float, complex)


def _names(x: Any, prefix: str) -> Iterator[str]:
    if _is_node(x):
        for key, child in _children(x):
            yield from _names(child, f"{prefix}.{key}" if prefix else key)
    elif is_leaf(x):
        yield prefix


def _leaves(template: Any, structure: Any, what: str) -> Iterator[Any]:  # noqa: C901  one branch for each nesting
    if not _is_node(template):
        if is_leaf(template):
            yield structure
        elif structure is not None:
            kind = f"of dtype {arrays.dtype_name(template)}" if arrays.is_array(template) else _a(template)
            raise ArgumentError(
                f"a gradient is claimed for {what}, {kind}, wanted a floating dtype: cast the argument, or return "
                "None for it"
            )
        return
    children = _children(template)
    if structure is None:
        for _, child in children:
            yield from _leaves(child, None, what)
        return
    if isinstance(template, dict) and isinstance(structure, dict):
        unknown = set(structure) - set(template)
        if unknown:
            raise WrongClaim(f"the gradient of {what} has an entry {min(map(str, unknown))!r} that is no argument")
        for key, child in template.items():
            yield from _leaves(child, structure.get(key), str(key) if what == "the arguments" else f"{what}.{key}")
        return
    if not _is_node(structure) or len(structure) != len(children):
        got = f"{len(structure)} entries" if _is_node(structure) else type(structure).__name__
        raise WrongClaim(f"the gradient of {what} has {got}, wanted {len(children)} entries: one each")
    for (_, child), part in zip(children, structure, strict=True):
        yield from _leaves(child, part, what)


def _a(x: Any) -> str:
    kind = type(x).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _fill(template: Any, leaves: Iterator[Any]) -> Any:
    if not _is_node(template):
        return _tracked(next(leaves), template) if is_leaf(template) else template
    filled = [_fill(child, leaves) for _, child in _children(template)]
    if isinstance(template, dict):
        return dict(zip(template, filled, strict=True))
    return type(template)(*filled) if hasattr(template, "_fields") else type(template)(filled)


def _tracked(leaf: Any, template: Any) -> Any:
    """Return the leaf, as a Torch leaf of its own where the argument requires a gradient: inside, autograd may run."""
    if getattr(template, "requires_grad", False) and arrays.is_torch(leaf):
        ours = leaf.requires_grad and leaf is not template  # a leaf that the autograd oracle follows
        return leaf if ours else leaf.detach().requires_grad_()
    return leaf


@dataclass(frozen=True)
class Claim:
    """What is on trial.

    Attributes
    ----------
    function : callable
        Leaves → the scalar f as a Python float.
    claimed : callable
        Leaves → one array (or None) for each leaf.
    leaves : tuple of array
        The point.
    names : tuple of str
        A name for each leaf.
    predicted : callable or None
        For a claim that maps tangents (a jvp): (leaves, index, direction) → the slope it predicts. The claimed arrays
        do not exist then.
    title : str
        What to call the whole.
    output_dtype : callable
        Leaves → the dtype name of what f computes, before it becomes a float.
    linear : callable or None
        Leaves → a sentence if the claim is not linear in its cotangent or tangent, for forms that have one.
    arguments : callable or None
        Leaves → the arguments as the user's functions take them by position.
    raw : callable or None
        Leaves → the scalar f as the user's library returns it, for oracles that look inside.
    notes : tuple of str
        What the reader of the report should know about how the claim was brought to this form.

    """

    function: Callable[[Sequence[Any]], float]
    claimed: Callable[[Sequence[Any]], tuple[Any, ...]]
    leaves: tuple[Any, ...]
    names: tuple[str, ...]
    title: str
    output_dtype: Callable[[Sequence[Any]], str]
    predicted: Callable[[Sequence[Any], int, Any], float] | None = None
    linear: Callable[[Sequence[Any]], str | None] | None = None
    arguments: Callable[[Sequence[Any]], tuple[Any, ...]] | None = None
    raw: Callable[[Sequence[Any]], Any] | None = None
    notes: tuple[str, ...] = field(default=())


def argument_names(function: Callable[..., Any], count: int, names: Sequence[str] | None) -> tuple[str, ...]:
    """Return a name for each positional argument: as given, else from the signature, else arg0, arg1, ..."""
    if names is not None:
        if isinstance(names, str) or not all(isinstance(name, str) for name in names) or len(set(names)) != count:
            raise ArgumentError(f"names= has {names!r}, wanted {count} different names, one for each argument")
        return tuple(names)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return tuple(positional[i] if i < len(positional) else f"arg{i}" for i in range(count))


def caller(function: Callable[..., Any], tree: Tree, kwargs: Mapping[str, Any]) -> Callable[[Sequence[Any]], Any]:
    """Return leaves → function(arguments), by position or (arguments in a dict) by name."""
    if isinstance(tree.template, dict):
        return lambda leaves: function(**tree.fill(leaves), **kwargs)
    return lambda leaves: function(*tree.fill(leaves), **kwargs)


def by_argument(result: Any, tree: Tree) -> tuple[Any, ...]:
    """Return what a gradient function returned as one array or None for each leaf.

    Raises
    ------
    WrongClaim
        If there are too many or too few, or a name that is no argument.

    """
    template = tree.template
    if isinstance(template, dict):
        if not isinstance(result, dict):
            if isinstance(result, tuple | list) and len(result) == len(template):
                return tuple(tree.leaves(dict(zip(template, result, strict=True))))
            raise WrongClaim(f"the gradient returned {type(result).__name__}, wanted a dict with keys {list(template)}")
        return tuple(tree.leaves(result))
    top = tree.labels
    if isinstance(result, dict) and not (len(template) == 1 and isinstance(template[0], dict)):
        unknown = [key for key in result if key not in top]
        if unknown:
            raise WrongClaim(f"the gradient has an entry {unknown[0]!r}, wanted names among {list(top)}")
        return tuple(tree.leaves(tuple(result.get(name) for name in top)))
    # a tuple of one is one per argument, unless it is the list of entries of a nested argument itself
    alone = isinstance(result, tuple) and len(result) == 1 and (not _is_node(template[0]) or _is_node(result[0]))
    several = isinstance(result, tuple) and not _is_node(template[0]) and any(map(arrays.is_array, result))
    if len(template) == 1 and not (alone or several or _list_of_one(result, template[0])):
        result = (result,)
    if not isinstance(result, tuple | list):
        raise WrongClaim(f"the gradient returned one {type(result).__name__}, wanted {len(template)}: one per argument")
    if len(result) != len(template):
        raise WrongClaim(
            f"the gradient returned {len(result)} entries, wanted {len(template)}: one per argument in order, "
            "None where no claim is made"
        )
    return tuple(tree.leaves(tuple(result)))


def _reduction(got: tuple[int, ...], want: tuple[int, ...]) -> str:
    """Return which axes to sum over, if an argument of shape `want` was broadcast to `got`; empty if it was not."""
    extra = len(got) - len(want)
    if extra < 0 or any(w not in (1, g) for g, w in zip(got[extra:], want, strict=True)):
        return ""
    axes = [*range(extra), *(extra + k for k, (g, w) in enumerate(zip(got[extra:], want, strict=True)) if g != w)]
    return f": the reduction is missing, sum over {'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"


def _list_of_one(result: Any, argument: Any) -> bool:
    """Tell whether `result` is a list of one array like the argument, and not the numbers of a gradient."""
    return (
        isinstance(result, list)
        and len(result) == 1
        and arrays.is_array(result[0])
        and arrays.is_array(argument)
        and arrays.shape_of(result[0]) == arrays.shape_of(argument)
    )


def checked(gradient: Any, argument: Any, name: str) -> Any:  # noqa: C901  one branch for each breach
    """Return a claimed gradient if it fits its argument.

    Raises
    ------
    WrongClaim
        If its type, shape, dtype or device is another, or an entry is NaN or infinite.

    """
    if gradient is None:
        return None
    if not arrays.is_array(gradient) and isinstance(gradient, float | int | complex | list):
        gradient = np.asarray(gradient, dtype=np.complex128 if isinstance(gradient, complex) else np.float64)
    if not arrays.is_array(gradient):
        raise WrongClaim(f"the gradient of {name} is {_a(gradient)}, wanted an array like {name}")
    if np.ma.is_masked(gradient):
        raise WrongClaim(f"the gradient of {name} is masked at some entries, wanted a number for each")
    if type(argument) in (float, complex):
        argument = np.asarray(argument)
    want, got = arrays.shape_of(argument), arrays.shape_of(gradient)
    if want != got:
        raise WrongClaim(
            f"the gradient of {name} has shape {got}, wanted {want}, the shape of {name}{_reduction(got, want)}"
        )
    if arrays.library_of(gradient) != arrays.library_of(argument):
        raise WrongClaim(
            f"the gradient of {name} is a {arrays.library_of(gradient)} array, wanted {arrays.library_of(argument)}"
        )
    if arrays.dtype_name(gradient) not in arrays.ROUNDOFF:
        raise WrongClaim(f"the gradient of {name} has dtype {arrays.dtype_name(gradient)}, wanted a floating dtype")
    if arrays.is_complex(gradient) and not arrays.is_complex(argument):
        raise WrongClaim(f"the gradient of {name} is complex, wanted {arrays.dtype_name(argument)}: take the real part")
    if arrays.device_of(gradient) != arrays.device_of(argument):
        raise WrongClaim(
            f"the gradient of {name} is on {arrays.device_of(gradient)}, wanted {arrays.device_of(argument)}"
        )
    values = arrays.to_numpy(gradient)
    if not np.all(np.isfinite(values)):
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise WrongClaim(f"the gradient of {name} is {values[index]} at {index}, wanted finite numbers")
    if arrays.is_complex(gradient) and arrays.library_of(argument) == "jax":
        return gradient.conj()  # JAX gives df/da - i df/db
    return gradient


def readable(x: Any, name: str) -> None:
    """Raise ArgumentError if x is no plain dense array whose entries can be read and moved one by one."""
    if isinstance(x, np.ma.MaskedArray):
        raise ArgumentError(f"{name} is a masked array, wanted a plain one: pass {name}.filled(...) or its entries")
    if arrays.is_torch(x) and (str(x.layout) != "torch.strided" or x.is_nested or x.device.type == "meta"):
        kind = "nested" if x.is_nested else f"on {x.device}" if x.device.type == "meta" else f"of layout {x.layout}"
        raise ArgumentError(f"{name} is {kind}, wanted a dense tensor: pass its values, and build the rest inside f")
    try:
        arrays.to_numpy(x)
    except Exception as error:
        raise ArgumentError(f"the values of {name}, {_a(x)}, cannot be read: pass a plain array") from error


def finite_point(leaves: Sequence[Any], names: Sequence[str]) -> None:
    """Raise ArgumentError if an argument is NaN or infinite somewhere."""
    for leaf, name in zip(leaves, names, strict=True):
        values = arrays.to_numpy(leaf) if arrays.is_array(leaf) else np.asarray(leaf)
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            index = tuple(int(i) for i in bad[0])
            raise ArgumentError(f"{name} is {values[index]} at {index}, wanted finite numbers: check at another point")


def check_point(leaves: Sequence[Any], names: Sequence[str]) -> None:
    """Raise ArgumentError unless every argument is finite, and all are of one library, one device and one dtype."""
    finite_point(leaves, names)
    for what, read in (("library", arrays.library_of), ("device", arrays.device_of)):
        kinds = {name: read(x) for x, name in zip(leaves, names, strict=True) if arrays.is_array(x)}
        if len(set(kinds.values())) > 1:
            raise ArgumentError(f"the arguments are of more than one {what} ({_listed(kinds)}): pass them all in one")
    widths = {
        name: arrays.dtype_name(x).replace("complex128", "float64").replace("complex64", "float32")
        for x, name in zip(leaves, names, strict=True)
        if arrays.is_array(x) and arrays.shape_of(x)
    }
    if len(set(widths.values())) > 1:
        raise ArgumentError(f"the arguments are of more than one dtype ({_listed(widths)}): cast them all to one")


def _listed(kinds: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {kind}" for name, kind in kinds.items())
