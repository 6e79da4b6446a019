"""What may stand in args, and what it is called."""

import functools

import numpy as np
import pytest

import gradcheck as gc
from gradcheck import arrays
from gradcheck.claims.point import all_numbers, finite_point, point, readable, title_of, tree_names
from gradcheck.claims.tree import DEEPEST, Tree
from gradcheck.errors import ArgumentError

X = np.array([1.0, 2.0])


def f(x):
    return x


class Owner:
    @classmethod
    def apply(cls, x):
        return x

    @classmethod
    def advance(cls, x):
        return x

    @classmethod
    def zoom(cls, x):
        return x


def apply(x):
    return x


@pytest.mark.parametrize(
    ("function", "title"),
    [
        (f, "f"),
        (lambda x: x, "f"),
        (apply, "apply"),
        (Owner.apply, "Owner"),  # as a torch.autograd.Function is called
        (Owner.advance, "advance"),
        (Owner.zoom, "zoom"),
        (Owner().zoom, "zoom"),
        (functools.partial(f), "partial"),
        (np.sum, "sum"),
    ],
)
def test_a_function_is_called_by_its_name(function, title):
    assert title_of(function) == title


def deep(levels):
    return functools.reduce(lambda inner, _: [inner], range(levels), 1.0)


def test_a_list_of_numbers_is_one_however_nested_up_to_a_depth():
    assert all_numbers([1, 2.5, 3j, np.float32(1)])
    assert all_numbers([[1, 2], [3, 4]])
    assert not all_numbers([])
    assert not all_numbers([1, []])
    assert not all_numbers([1, "a"])
    assert not all_numbers([X])
    assert all_numbers(deep(DEEPEST))
    assert not all_numbers(deep(DEEPEST + 1))


def test_a_list_that_holds_itself_is_none_of_numbers():
    endless = [1.0]
    endless.append(endless)
    assert not all_numbers(endless)


def test_a_list_of_numbers_is_told_how_it_becomes_an_array():
    with pytest.raises(ArgumentError) as told:
        point(([1.0, 2.0, 3.0, 4.0],), f, None)
    assert str(told.value) == ("argument 0 is a list of numbers, wanted an array: pass np.asarray([1.0, 2.0, 3.0]...)")


def test_values_that_cannot_be_read_are_told_by_name(monkeypatch):
    def unreadable(_):
        raise RuntimeError("on a device that is gone")

    monkeypatch.setattr(arrays, "to_numpy", unreadable)
    with pytest.raises(ArgumentError, match="the values of w, a ndarray, cannot be read: pass a plain array"):
        readable(X, "w")


def test_the_first_entry_that_is_not_finite_is_named():
    finite_point([X], ["x"])
    with pytest.raises(ArgumentError, match=r"w is nan at \(1, 0\), wanted finite numbers"):
        finite_point([X, np.array([[1.0, 2.0], [np.nan, np.inf]])], ["x", "w"])


def test_a_wrapped_function_has_the_names_of_its_arguments_unless_the_caller_gives_others():
    tree = Tree.of((X, X), ("a", "b"))
    assert tree_names(tree, None) == ("a", "b")
    assert tree_names(tree, ["c", "d"]) == ["c", "d"]
    assert tree_names(Tree.of({"a": X}, ()), None) is None


def test_leaves_are_copies_and_a_number_is_an_array_of_its_own():
    tree, leaves = point({"x": X, "scale": 0.5, "z": 1j, "n": 3}, f, None)
    assert tree.names == ("x", "scale", "z")
    assert leaves[0] is not X
    assert np.array_equal(leaves[0], X)
    assert [leaf.dtype for leaf in leaves] == [np.float64, np.float64, np.complex128]
    assert leaves[1:] == (0.5, 1j)


def test_a_decorated_function_has_the_names_of_the_one_inside():
    def loss(w, b):
        return np.sum(w * b)

    @functools.wraps(loss)
    def counted(*args):
        return loss(*args)

    x = np.array([0.5, -1.5])
    assert [found.name for found in gc.check(counted, lambda *args: args[::-1], (x, x + 1))] == ["w", "b"]


def test_a_coroutine_beside_a_gradient_is_told_too():
    async def loss(x):
        return np.sum(x**2)

    with pytest.raises(gc.ArgumentError, match="is asynchronous, wanted a function"):
        gc.check(lambda x: (loss(x), 2 * x), args=(np.array([0.5, -1.5]),))
