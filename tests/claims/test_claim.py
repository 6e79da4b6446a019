import math
from typing import NamedTuple

import numpy as np
import pytest

from gradcheck import arrays
from gradcheck.claims.claim import Given
from gradcheck.claims.gradient import GradientClaim
from gradcheck.claims.point import argument_names, caller, check_point
from gradcheck.claims.returned import by_argument, checked
from gradcheck.claims.tree import Missing, Tree, is_leaf
from gradcheck.errors import ArgumentError, WrongClaim


class Layer(NamedTuple):
    w: object
    b: object


X = np.array([1.0, 2.0])
W = np.array([[1.0, 2.0], [3.0, 4.0]])
COUNTS = np.array([1, 2])
NESTED = ({"w": W, "layers": [Layer(X, 0.5), Layer(X + 1, COUNTS)]}, X, "relu")
NAMES = ("p.w", "p.layers.0.w", "p.layers.0.b", "p.layers.1.w", "x")


def tree(arguments=NESTED, names=("p", "x", "mode")):
    return Tree.of(arguments, names)


# Trees ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "leaf"), [(X, True), (0.5, True), (0.5j, True), (1, False), (True, False), (COUNTS, False), ("x", False)]
)
def test_floating_arrays_and_floats_are_what_a_claim_can_be_made_about(x, leaf):
    assert is_leaf(x) is leaf


def test_nested_arguments_are_named_by_their_path():
    assert tree().names == NAMES
    assert Tree.of({"a": X, "b": [W, COUNTS]}, ()).names == ("a", "b.0")


def test_leaves_go_back_to_where_they_came_from():
    p, x, mode = tree().fill([10 * W, 1.0, 2.0, 3.0, 4.0])
    assert np.array_equal(p["w"], 10 * W)
    assert p["layers"] == [Layer(1.0, 2.0), Layer(3.0, COUNTS)]
    assert isinstance(p["layers"][0], Layer)
    assert (x, mode) == (4.0, "relu")


def test_arguments_in_a_dict_are_passed_by_name_and_can_be_had_by_position():
    named = Tree.of({"a": X, "mode": "relu"}, ())
    assert caller(lambda a, mode, power: (a, mode, power), named, {"power": 2})([3.0]) == (3.0, "relu", 2)
    assert named.positional([3.0]) == (3.0, "relu")
    assert tree().positional([W, 1.0, 2.0, 3.0, 4.0])[1:] == (4.0, "relu")
    assert caller(lambda a, b, power: (a, b, power), tree((X, 3), ("a", "b")), {"power": 2})([5.0]) == (5.0, 3, 2)


def test_a_structure_like_the_arguments_is_read_leaf_by_leaf():
    gradient = ({"w": 1, "layers": [(2, 3), Layer(4, None)]}, 5, None)
    assert tree().leaves(gradient) == [1, 2, 3, 4, 5]


def test_none_for_a_branch_claims_nothing_of_its_leaves():
    assert tree().leaves(({"w": 1, "layers": None}, 5, None)) == [1, None, None, None, 5]
    assert tree().leaves((None, 5, None)) == [None, None, None, None, 5]


@pytest.mark.parametrize(
    ("gradient", "words"),
    [
        (({"w": 1, "v": 2}, 5, None), "the gradient of p has an entry 'v' that is no argument"),
        (({"w": 1, "layers": [(2, 3)]}, 5, None), "the gradient of p.layers has 1 entries, wanted 2 entries: one each"),
        (({"w": 1, "layers": 7}, 5, None), "the gradient of p.layers has int, wanted 2 entries: one each"),
    ],
)
def test_a_structure_unlike_the_arguments_is_a_wrong_claim(gradient, words):
    with pytest.raises(WrongClaim, match=words):
        tree().leaves(gradient)


def test_a_gradient_for_integers_is_refused_and_none_is_fine():
    with pytest.raises(
        ArgumentError, match="is claimed for n, of dtype int64, wanted a floating dtype: cast the argument"
    ):
        tree((X, COUNTS), ("x", "n")).leaves((1, 2))
    assert tree((X, COUNTS), ("x", "n")).leaves((1, None)) == [1]


@pytest.mark.parametrize(("constant", "kind"), [(3, "an int"), ("mean", "a str"), ({1, 2}, "a set")])
def test_a_gradient_for_what_is_no_array_is_refused_and_not_passed_over(constant, kind):
    with pytest.raises(ArgumentError, match=f"is claimed for n, {kind}, wanted a floating dtype"):
        tree((X, constant), ("x", "n")).leaves((1, 2))


# What is given, and changed in the arrays -------------------------------------------------------------------------


def test_what_is_not_given_is_the_usual():
    assert Given() == Given(None, None, {}, 0, {})


def test_the_point_is_written_back_into_the_arrays_that_were_passed_and_no_more_is_written(monkeypatch):
    w, x = W.copy(), X.copy()
    claim = GradientClaim(lambda p: np.sum(p["w"]) + p["b"], lambda p: p, Given(({"w": w, "x": x, "b": 0.5},)))
    written = []
    monkeypatch.setattr(arrays, "written", lambda array, values: written.append((array, values)))
    claim.restore()
    assert written == []
    w[0, 1] = 7
    claim.restore()
    ((array, values),) = written
    assert array is w
    assert np.array_equal(values, W)


# Names ---------------------------------------------------------------------------------------------------------


def two(x, /, w, *rest, scale=1.0, **more):
    del x, w, rest, scale, more


@pytest.mark.parametrize(
    ("function", "count", "names", "found"),
    [
        (two, 2, None, ("x", "w")),
        (two, 4, None, ("x", "w", "arg2", "arg3")),
        (dict.fromkeys, 1, None, ("iterable",)),
        (min, 2, None, ("arg0", "arg1")),  # a built-in without a signature
        (two, 2, ["a", "b"], ("a", "b")),
    ],
)
def test_arguments_are_named_by_the_caller_else_by_the_signature_else_by_number(function, count, names, found):
    assert argument_names(function, count, names) == found


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", "b", "c"]])
def test_names_that_do_not_fit_are_refused(names):
    with pytest.raises(ArgumentError, match="wanted 2 different names, one for each argument"):
        argument_names(two, 2, names)


# What a gradient function returns ------------------------------------------------------------------------------

PAIR = Tree.of((X, W), ("x", "w"))
ONE = Tree.of((X,), ("x",))
BY_NAME = Tree.of({"x": X, "w": W}, ())
PARAMETERS = Tree.of(({"x": X, "w": W},), ("params",))


@pytest.mark.parametrize(
    ("where", "result", "found"),
    [
        (PAIR, ("gx", "gw"), ("gx", "gw")),
        (PAIR, ["gx", "gw"], ("gx", "gw")),
        (PAIR, ("gx", None), ("gx", None)),
        (PAIR, {"w": "gw", "x": "gx"}, ("gx", "gw")),
        (PAIR, {"w": "gw", "x": None}, (None, "gw")),
        (ONE, "gx", ("gx",)),
        (ONE, ("gx",), ("gx",)),
        (ONE, {"x": "gx"}, ("gx",)),
        (ONE, [1.0, 2.0], ([1.0, 2.0],)),
        (BY_NAME, {"w": "gw", "x": "gx"}, ("gx", "gw")),
        (BY_NAME, ("gx", "gw"), ("gx", "gw")),
        (BY_NAME, {"w": "gw", "x": None}, (None, "gw")),
        (PARAMETERS, {"w": "gw", "x": "gx"}, ("gx", "gw")),
        (PARAMETERS, ({"w": "gw", "x": "gx"},), ("gx", "gw")),
    ],
)
def test_a_gradient_may_come_as_array_tuple_list_or_dict(where, result, found):
    assert by_argument(result, where) == found


def test_a_list_of_one_array_is_one_gradient_and_a_list_of_numbers_an_array():
    assert by_argument([X], ONE)[0] is X
    single = Tree.of((np.array([1.0]),), ("x",))
    assert by_argument([np.float64(3.0)], single) == ([3.0],)
    row = Tree.of((X[None],), ("x",))
    (found,) = by_argument([X], row)
    assert np.array_equal(checked(found, X[None], "x"), X[None])  # a list of rows


def test_none_for_a_nested_argument_leaves_the_next_gradient_to_the_next_argument():
    nested = Tree.of(([X, X], X), ("p", "x"))
    assert by_argument((None, X), nested)[2] is X
    assert by_argument((None, X), nested)[:2] == (None, None)


def test_a_list_that_is_longer_than_a_nested_argument_is_no_gradient_of_it():
    with pytest.raises(WrongClaim, match="returned 3 entries, wanted 2"):
        by_argument((X, X, X), Tree.of(([X, X], W), ("p", "w")))


def test_a_dict_of_gradients_is_matched_to_nested_arguments_by_their_own_names():
    nested = Tree.of(({"w": W}, COUNTS, X), ("params", "n", "x"))
    assert by_argument({"params": {"w": "gw"}, "x": "gx"}, nested) == ("gw", "gx")


@pytest.mark.parametrize(
    ("where", "result", "words"),
    [
        (PAIR, "gx", "the gradient returned a str, wanted 2: one per argument"),
        (PAIR, ("gx",), "returned 1 entries, wanted 2: one per argument in order, None where no claim is made"),
        (PAIR, {"x": "gx", "v": "gv"}, "has an entry 'v', wanted names among"),
        (BY_NAME, "gx", r"returned a str, wanted a dict with keys \['x', 'w'\]"),
        (BY_NAME, ("gx",), "returned 1 entries, wanted 2"),
        (PAIR, {"w": "gw"}, "no gradient for x: return None for it if none is claimed"),
        (BY_NAME, {"w": "gw"}, "no gradient for x"),
        (PARAMETERS, {"w": "gw"}, "no gradient for params.x"),
        (BY_NAME, {"v": "gv"}, "has an entry 'v' that is no argument"),
    ],
)
def test_gradients_that_cannot_be_matched_to_arguments_are_wrong_claims(where, result, words):
    with pytest.raises(WrongClaim, match=words):
        by_argument(result, where)


# One gradient --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gradient", "argument"),
    [
        (X, X),
        (X.astype(np.float32), X),
        ([1.0, 2.0], X),
        (np.float64(1.0), np.float64(2.0)),
        (1.5, np.float64(2.0)),
        (1, np.float64(2.0)),
        (1.5, 2.5),
        (X * 1j, X * 1j),
        (X, X * 1j),
        (np.zeros((0, 3)), np.zeros((0, 3))),
    ],
)
def test_a_gradient_that_fits_its_argument_is_taken(gradient, argument):
    assert np.array_equal(checked(gradient, argument, "x"), gradient)


def test_none_claims_nothing():
    assert checked(None, X, "x") is None


@pytest.mark.parametrize(
    ("gradient", "argument", "words"),
    [
        ("gx", X, "the gradient of x is a str, wanted an array like x"),
        (X, W, r"the gradient of x has shape \(2,\), wanted \(2, 2\), the shape of x"),
        (X[None], X, r"has shape \(1, 2\), wanted \(2,\)"),
        (1.5, X, r"has shape \(\), wanted \(2,\)"),
        (COUNTS, X, "the gradient of x has dtype int64, wanted a floating dtype"),
        (X * 1j, X, "the gradient of x is complex, wanted float64: take the real part"),
        (1j, np.float64(1.0), "the gradient of x is complex"),
        (np.array([1.0, math.nan]), X, r"the gradient of x is nan at \(1,\), wanted finite numbers"),
        (np.array([[1.0, 2.0], [-math.inf, 4.0]]), W, r"the gradient of x is -inf at \(1, 0\)"),
    ],
)
def test_a_gradient_that_does_not_fit_is_a_wrong_claim_in_one_sentence(gradient, argument, words):
    with pytest.raises(WrongClaim, match=words) as caught:
        checked(gradient, argument, "x")
    assert "\n" not in str(caught.value)


def test_a_gradient_of_another_library_or_device_is_a_wrong_claim():
    torch = pytest.importorskip("torch")
    with pytest.raises(WrongClaim, match="the gradient of x is a numpy array, wanted torch"):
        checked(X, torch.tensor(X), "x")
    with pytest.raises(WrongClaim, match="the gradient of x is a torch array, wanted numpy"):
        checked(torch.tensor(X), X, "x")
    with pytest.raises(WrongClaim, match="the gradient of x is masked at some entries"):
        checked(np.ma.array(X, mask=[True, False]), X, "x")
    with pytest.raises(WrongClaim, match="the gradient of x is on meta, wanted cpu"):
        checked(torch.tensor(X, device="meta"), torch.tensor(X), "x")


# The point -----------------------------------------------------------------------------------------------------


def test_a_point_of_one_library_is_taken():
    check_point([X, W, 0.5, np.float64(1.0)], ["x", "w", "a", "b"])
    check_point([X, X * 1j], ["x", "z"])  # complex128 is float64 twice
    check_point([X.astype(np.float32), 0.5, X], ["x", "a", "b"])  # each moves in its own dtype


@pytest.mark.parametrize(
    ("leaves", "words"),
    [
        ([X, np.array([1.0, math.nan])], r"w is nan at \(1,\), wanted finite numbers: check at another point"),
        ([math.inf, X], r"x is inf at \(\), wanted finite numbers"),
    ],
)
def test_a_point_that_cannot_be_checked_is_refused(leaves, words):
    with pytest.raises(ArgumentError, match=words):
        check_point(leaves, ["x", "w"])


def test_a_point_of_two_libraries_or_devices_is_refused():
    torch = pytest.importorskip("torch")
    with pytest.raises(ArgumentError, match=r"more than one library \(x: numpy, w: torch\): pass them all in one"):
        check_point([X, torch.tensor(W)], ["x", "w"])


# Where a gradient stands in the arguments -----------------------------------------------------------------------


def test_a_gradient_that_is_given_for_more_entries_than_there_are_is_a_wrong_claim():
    with pytest.raises(WrongClaim, match=r"the gradient of p\.layers has 3 entries, wanted 2 entries: one each"):
        tree().leaves(({"w": 1, "layers": [(2, 3), (4, None), 5]}, 5, None))


def test_an_entry_that_is_missing_is_named_by_its_path():
    with pytest.raises(Missing, match=r"no gradient for p\.w: return None for it if none is claimed"):
        tree().leaves(({"layers": None}, 5, None))
    with pytest.raises(Missing, match=r"^no gradient for a: "):
        Tree.of({"a": X, "z": X}, ()).leaves({"z": X})
    zoo = Tree.of(({"a": X, "z": X},), ("zoo",))  # a name that sorts behind "the arguments"
    with pytest.raises(Missing, match=r"^no gradient for zoo.a: "):
        zoo.leaves(({"z": X},))


def test_what_is_asked_is_what_it_is_inside_of_too():
    nested = tree()
    assert nested.asked("p.layers.0.w")
    assert nested.asked("p.layers.0")
    assert nested.asked("p.layers")
    assert nested.asked("p")
    assert not nested.asked("p.lay")
    only = nested.restricted(["p.layers.1"])
    assert [only.asked(name) for name in ("p", "p.layers", "p.layers.0", "p.layers.1", "p.w", "x")] == [
        *(True, True, False, True, False, False)
    ]
    with pytest.raises(ArgumentError, match=r"only= names 'q', which is no argument: there are p.w, "):
        nested.restricted(["q"])


def test_arrays_and_numbers_that_are_no_leaves_are_told_with_their_kind():
    assert tree().others() == [("p.layers.1.b", "int64")]
    assert Tree.of((3, True, X, {"n": COUNTS}), ("a", "b", "x", "c")).others() == [("a", "int"), ("c.n", "int64")]


def test_constants_are_changed_and_leaves_are_not():
    changed = Tree.of(({"w": W, "n": COUNTS}, [X, Layer(COUNTS, "relu")], 3), ("p", "q", "k")).with_constants(
        lambda array: array + 10
    )
    p, (x, layer), k = changed.template
    assert p["w"] is W
    assert p["n"].tolist() == [11, 12]
    assert x is X
    assert layer.w.tolist() == [11, 12]
    assert (layer.b, k) == ("relu", 3)


# What a gradient function returned, brought to the arguments -----------------------------------------------------

ONE, TWO = Tree.of((X,), ("x",)), Tree.of((X, W), ("x", "w"))
BRANCH = Tree.of(({"w": W, "b": X}, X), ("p", "x"))
GX, GW = 10 * X, 10 * W


@pytest.mark.parametrize(
    ("returned", "arguments", "wanted"),
    [
        (GX, ONE, [GX]),
        ((GX,), ONE, [GX]),
        ([GX], ONE, [GX]),
        ([1.0, 2.0], ONE, [[1.0, 2.0]]),  # its entries
        ({"x": GX}, ONE, [GX]),
        ((GX, GW), TWO, [GX, GW]),
        ([GX, GW], TWO, [GX, GW]),
        ((GX, None), TWO, [GX, None]),
        ({"w": GW, "x": GX}, TWO, [GX, GW]),
        (({"w": GW, "b": GX}, GX), BRANCH, [GW, GX, GX]),
        ({"w": GW, "b": GX}, BRANCH, [GW, GX, None]),  # of the parameters alone
        ({"p": {"w": GW, "b": GX}, "x": None}, BRANCH, [GW, GX, None]),
        ([GW, GX, GW], Tree.of(([W, X, W], X), ("p", "x")), [GW, GX, GW, None]),  # as the one argument is nested
        (([GW, GX], GX), Tree.of(([W, X], X), ("p", "x")), [GW, GX, GX]),
        (GW, TWO, [None, GW]),  # of the one argument of its shape
        ((GX,), Tree.of((X, 3), ("x", "n")), [GX]),
        (np.array([1.0, 2.0]), Tree.of((0.5, 1.5), ("a", "b")), [1.0, 2.0]),
    ],
)
def test_what_a_gradient_function_returned_finds_its_arguments(returned, arguments, wanted):
    found = by_argument(returned, arguments)
    assert len(found) == len(wanted)
    assert all(np.array_equal(g, w) if w is not None else g is None for g, w in zip(found, wanted, strict=True))


@pytest.mark.parametrize(
    ("returned", "arguments", "words"),
    [
        ((GX, GX, GX), ONE, "the gradient returned 3 entries, wanted 1: one per argument in order, None where"),
        (
            (GX, np.eye(2)),
            ONE,
            "the gradient returned 2 entries, wanted 1: .*: if the second is the Hessian pass hess=True",
        ),
        ((GX, GX, GX), TWO, "the gradient returned 3 entries, wanted 2"),
        ((), TWO, "the gradient returned 0 entries, wanted 2"),
        (np.ones(7), TWO, "the gradient returned a ndarray, wanted 2: one per argument, None where"),
        ({"v": GX}, TWO, r"the gradient has an entry 'v', wanted names among \['x', 'w'\]"),
        ({"x": GX}, TWO, "no gradient for w"),
    ],
)
def test_what_fits_no_arguments_is_a_wrong_claim(returned, arguments, words):
    with pytest.raises(WrongClaim, match=words):
        by_argument(returned, arguments)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((5, 2), ": the reduction is missing, sum over axis 0$"),
        ((5, 4, 2), ": the reduction is missing, sum over axes 0, 1$"),
        ((3,), r"wanted \(2,\), the shape of x$"),
        ((2, 1), r"wanted \(2,\), the shape of x$"),
        ((), r"wanted \(2,\), the shape of x$"),
    ],
)
def test_a_reduction_that_is_missing_is_told_by_its_axes(shape, words):
    with pytest.raises(WrongClaim, match=words):
        checked(np.ones(shape), X, "x")


def test_a_reduction_over_an_axis_of_one_is_missing_without_further_axes():
    with pytest.raises(WrongClaim, match=r"has shape \(2, 3\), wanted \(2, 1\), .*: .*, sum over axis 1$"):
        checked(np.ones((2, 3)), np.ones((2, 1)), "x")
