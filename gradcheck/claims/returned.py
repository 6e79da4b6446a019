"""What a gradient function returned, brought to one array for each leaf that fits it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.tree import Missing, a_kind, is_leaf, is_node, items
from gradcheck.errors import WrongClaim

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gradcheck.claims.tree import Tree


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
            return tuple(tree.leaves(dict(zip(template, _in_order(result, list(template), tree), strict=True))))
        return tuple(tree.leaves({**_left_out(tree, list(template)), **result}))
    top = list(tree.labels)
    if isinstance(result, dict) and not (len(template) == 1 and isinstance(template[0], dict)):
        unknown = [key for key in result if key not in top]
        inside = [name for name, x in zip(top, template, strict=True) if isinstance(x, dict) and set(result) <= set(x)]
        if len(unknown) == len(result) and len(inside) == 1:  # the gradient of the parameters alone
            return tuple(tree.leaves(tuple(result if name in inside else None for name in top)))
        if unknown:
            raise WrongClaim(f"the gradient has an entry {unknown[0]!r}, wanted names among {top}")
        result = {**_left_out(tree, top), **result}
        for name in top:
            if name not in result and tree.asked(name):
                raise Missing(name)
        return tuple(tree.leaves(tuple(result.get(name) for name in top)))
    # a tuple of one is one per argument, unless it is the list of entries of a nested argument itself
    alone = isinstance(result, tuple) and len(result) == 1 and (not is_node(template[0]) or is_node(result[0]))
    several = isinstance(result, tuple) and not is_node(template[0]) and any(map(arrays.is_array, result))
    if len(template) == 1 and not (alone or several or _list_of_one(result, template[0])):
        result = (result,)
    if len(template) > 1 and (one := _of_one_nested(result, tree)) is not None:
        return tuple(tree.leaves(tuple(result if i == one else None for i, _ in enumerate(template))))
    return tuple(tree.leaves(_in_order(result, top, tree)))


def _of_one_nested(result: Any, tree: Tree) -> int | None:
    """Return which argument a gradient is nested like, if that is one alone, and it is not one for each."""
    if not is_node(result) or (len(result) == len(tree.template) and all(map(_alike, result, tree.template))):
        return None
    found = [i for i, x in enumerate(tree.template) if is_node(x) and _alike(result, x)]
    return found[0] if len(found) == 1 else None


def _alike(part: Any, argument: Any) -> bool:
    """Tell whether a gradient is nested as its argument is, with arrays of the same shapes."""
    if part is None:
        return True
    if not is_node(argument):
        return is_leaf(argument) and not is_node(part) and tuple(np.shape(part)) == tuple(np.shape(argument))
    if not is_node(part) or len(part) != len(argument) or isinstance(part, dict) != isinstance(argument, dict):
        return False
    if isinstance(argument, dict):
        return all(key in part and _alike(part[key], x) for key, x in argument.items())
    return all(map(_alike, part, argument))


def _in_order(result: Any, labels: Sequence[str], tree: Tree) -> tuple[Any, ...]:
    """Return one entry for each argument: as returned, or None beside those that cannot have one.

    Fewer than the arguments are those of ``only=``, of the floating ones, or of the arrays among these; one array alone
    may be that of the one argument of its shape.
    """
    several = isinstance(result, tuple | list)
    if not several and _of_numbers(result, labels, tree):
        return tuple(result)
    parts = tuple(result) if several else (result,)
    if several and len(parts) == len(labels):
        return parts
    for wanted in _choices(labels, tree, parts):
        if len(wanted) == len(parts) and (several or len(wanted) == 1):
            given = dict(zip(wanted, parts, strict=True))
            return tuple(given.get(label) for label in labels)
    hint = ", None where no claim is made, or pass only= with the names of those that it returns"
    if several:
        first = np.shape(parts[0]) if len(labels) == 1 and len(parts) == 2 else None
        if first is not None and first == np.shape(_top(tree)[0]):
            hint = ": if the second is the Hessian pass hess=True"
        raise WrongClaim(
            f"the gradient returned {len(parts)} entries, wanted {len(labels)}: one per argument in order{hint}"
        )
    by_name = f"a dict with keys {list(labels)}, or " if isinstance(tree.template, dict) else ""
    raise WrongClaim(f"the gradient returned {a_kind(result)}, wanted {by_name}{len(labels)}: one per argument{hint}")


def _of_numbers(result: Any, labels: Sequence[str], tree: Tree) -> bool:
    """Tell whether a gradient is one array with a number for each argument, all of which are numbers."""
    if not arrays.is_array(result) or len(labels) < 2 or arrays.shape_of(result) != (len(labels),):
        return False
    return all(
        is_leaf(x) and arrays.shape_of(np.asarray(x) if isinstance(x, float | complex) else x) == () for x in _top(tree)
    )


def _top(tree: Tree) -> list[Any]:
    return list(tree.template.values() if isinstance(tree.template, dict) else tree.template)


def _choices(labels: Sequence[str], tree: Tree, parts: Sequence[Any]) -> Iterator[list[str]]:
    """Yield the arguments that a gradient may be returned for, where it is not returned for all."""
    yield [label for label in labels if tree.asked(label)]
    top = _top(tree)
    held = {label: _arrays_in(x) for label, x in zip(labels, top, strict=True)}
    yield [label for label in labels if held[label] and tree.asked(label)]
    if len(parts) == 1 and arrays.is_array(parts[0]):
        shape = arrays.shape_of(parts[0])
        alike = [label for label, found in held.items() if len(found) == 1 and arrays.shape_of(found[0]) == shape]
        yield alike if len(alike) == 1 and shape else []


def _arrays_in(x: Any) -> list[Any]:
    if is_node(x):
        return [found for _, part in items(x) for found in _arrays_in(part)]
    return [x] if arrays.is_floating(x) else []


def _left_out(tree: Tree, labels: Sequence[str]) -> dict[str, None]:
    """Return None for each argument that ``only=`` leaves out."""
    return {} if tree.only is None else {label: None for label in labels if not tree.asked(label)}


def _reduction(got: tuple[int, ...], want: tuple[int, ...]) -> str:
    """Return which axes to sum over, if an argument of shape `want` was broadcast to `got`; empty if it was not."""
    extra = len(got) - len(want)
    if extra < 0 or any(w not in (1, g) for g, w in zip(got[extra:], want, strict=True)):
        return ""
    axes = [*range(extra), *(extra + k for k, (g, w) in enumerate(zip(got[extra:], want, strict=True)) if g != w)]
    return f": the reduction is missing, sum over {'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"


def on_a_manifold(argument: tuple[int, ...], columns: int) -> str:
    """Return a remark if an argument has the shape of a rotation or pose, and a derivative that of its coordinates."""
    known = {((3, 3), 3): "SO3", ((4, 4), 6): "SE3", ((4,), 3): "UnitQuaternion"}
    name = known.get((argument, columns))
    if name is None:
        return ""
    return f": in tangent coordinates? Pass retract= with gradcheck.manifolds.{name}() for the argument"


def _list_of_one(result: Any, argument: Any) -> bool:
    """Tell whether `result` is a list of one array like the argument, and not the numbers of a gradient."""
    return (
        isinstance(result, list)
        and len(result) == 1
        and arrays.is_array(result[0])
        and arrays.is_array(argument)
        and arrays.shape_of(result[0]) == arrays.shape_of(argument)
    )


def _plain(gradient: Any, argument: Any) -> bool:
    """Tell whether both are plain float64 arrays of one shape, the gradient finite: as they mostly are."""
    return (
        type(gradient) is type(argument) is np.ndarray
        and gradient.dtype == argument.dtype == np.float64
        and gradient.shape == argument.shape
        and arrays.all_finite(gradient)
    )


def fitting(gradient: Any, argument: Any, name: str) -> Any:
    """Return a claimed gradient if it fits its argument; what cannot be read (a nested tensor, a date) does not.

    Raises
    ------
    WrongClaim
        As `checked` does.

    """
    if _plain(gradient, argument):
        return gradient
    try:
        return checked(gradient, argument, name)
    except WrongClaim:
        raise
    except Exception as error:
        raise WrongClaim(
            f"the gradient of {name}, {a_kind(gradient)}, cannot be read as numbers ({type(error).__name__}: {error}), "
            f"wanted an array like {name}"
        ) from error


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
        gradient = arrays.of_numbers(gradient)
    if not arrays.is_array(gradient):
        raise WrongClaim(f"the gradient of {name} is {a_kind(gradient)}, wanted an array like {name}")
    if np.ma.is_masked(gradient):
        raise WrongClaim(f"the gradient of {name} is masked at some entries, wanted a number for each")
    if type(argument) in (float, complex):
        argument = np.asarray(argument)
    want, got = arrays.shape_of(argument), arrays.shape_of(gradient)
    if want != got:
        raise WrongClaim(
            f"the gradient of {name} has shape {got}, wanted {want}, the shape of {name}"
            f"{_reduction(got, want) or (on_a_manifold(want, got[0]) if len(got) == 1 else '')}"
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
    if not arrays.all_finite(values):
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise WrongClaim(f"the gradient of {name} is {values[index]} at {index}, wanted finite numbers")
    if arrays.is_complex(gradient) and arrays.library_of(argument) == "jax":
        return gradient.conj()  # JAX gives df/da - i df/db
    return gradient
