"""What an array-valued f returns: read, told, weighed with cotangents and put together again."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.claims import outputs
from gradcheck.claims.outputs import OtherShape
from gradcheck.errors import ArgumentError
from gradcheck.slopes.field import quiet

X, Y = np.array([1.0, 2.0]), np.array([[1.0, 2.0, 3.0]])


class Pair(NamedTuple):
    loss: object
    aux: object


@dataclasses.dataclass
class Record:
    loss: object
    count: object


def f(x):
    return x


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (X, "array (2,)"),
        ((X,), "(array (2,),)"),
        ((X, Y), "(array (2,), array (1, 3))"),
        ((), "()"),
        ([X], "[array (2,)]"),
        ({"a": X, "b": (Y,)}, "{'a': array (2,), 'b': (array (1, 3),)}"),
        (3, "int"),
    ],
)
def test_a_structure_is_told_as_python_writes_it(x, words):
    assert outputs.structure_in_words(x) == words


def test_outputs_are_named_by_their_place_and_whole_numbers_are_none():
    found = dict(outputs.named_arrays((X, {"a": 0.5, "n": 3}, Record(Y, 7), Pair(1j, "relu"))))
    assert list(found) == ["output.0", "output.1.a", "output.2.loss", "output.3.loss"]
    assert found["output.1.a"] == 0.5
    assert found["output.3.loss"] == 1j
    assert [part is x for part, x in zip(outputs.floating((X, 3, Y)), (X, Y), strict=True)] == [True, True]


def test_cotangents_stand_where_outputs_stood():
    template = (X, {"a": 0.5, "n": 3}, Record(Y, 7), Pair(1j, "relu"), [X, 2])
    first, second, third, fourth, fifth = outputs.structured(template, iter("abcde"))
    assert (first, second, third) == ("a", {"a": "b"}, Record("c", None))
    assert fourth == Pair("d", None)
    assert fifth == ["e"]


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ([1.0, 2.0], "f returned a list of numbers, wanted an array"),
        (3, r"f returned no floating array \(int\)$"),
        (iter(()), r"f returned no floating array \(tuple_iterator\): return a tuple of arrays"),
    ],
)
def test_what_f_returned_has_to_hold_a_floating_array(returned, words):
    with pytest.raises(ArgumentError, match=words):
        outputs.outputs(returned, f)


@pytest.mark.parametrize(
    ("returned", "dtype"),
    [([1, 2], np.float64), ([1.5, 2], np.float64), ([True, 2.0], np.float64), ([1, 2j], np.complex128)],
)
def test_a_list_of_numbers_becomes_an_array_where_solvers_take_one(returned, dtype):
    found = outputs.numbers_as_arrays(lambda: returned)()
    assert found.dtype == dtype
    assert found.tolist() == returned
    assert outputs.numbers_as_arrays(lambda: X)() is X


def test_what_nothing_is_known_of_is_named():
    assert list(outputs.passed_over((X, {"a": object(), "b": None}, Record({1, 2}, 3)))) == [
        "output.1.a, an object",
        "output.2.loss, a set",
    ]


# Cotangents -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_a_cotangent_is_gaussian_to_seven_bits(dtype):
    drawn = outputs.cotangent(np.zeros((40, 50), dtype), np.random.default_rng(0))
    rng = np.random.default_rng(0)
    parts = [drawn.real, drawn.imag] if dtype is np.complex128 else [drawn]
    for part in parts:
        exact = rng.standard_normal((40, 50))
        assert np.max(np.abs(part / exact - 1)) <= 2.0**-7  # half of the last bit kept, of a mantissa from 1/2 on
        assert np.max(np.abs(part / exact - 1)) > 2.0**-9
        mantissa = np.frexp(part)[0] * 2**7
        assert np.array_equal(mantissa, np.round(mantissa))


def test_nothing_is_claimed_of_a_mask_unless_there_is_nothing_else():
    rng = np.random.default_rng(0)
    assert (outputs.cotangent(np.array([1.0, -np.inf, 2.0]), rng) != 0).tolist() == [True, False, True]
    assert (outputs.cotangent(np.array([np.inf, np.inf]), rng) != 0).all()


def test_the_contraction_is_the_real_part_with_the_conjugate():
    assert outputs.contract([X, Y], [np.array([3.0, 4.0]), np.array([[1.0, 0.0, 2.0]])], f) == 11.0 + 7.0
    assert outputs.contract([np.array([1 + 2j])], [np.array([3 + 4j])], f) == 11.0


@pytest.mark.parametrize(
    ("values", "cotangent", "total"),
    [
        ([1.0, np.inf], [2.0, 0.0], 2.0),
        ([1.0, np.inf], [2.0, 3.0], np.inf),
        ([4.0, np.inf], [1.0, -1.0], -np.inf),
        ([1.0, -np.inf, 5.0], [2.0, 0.0, 3.0], 17.0),
    ],
)
def test_an_infinite_output_counts_where_something_is_claimed_of_it(values, cotangent, total):
    with quiet():
        assert outputs.contract([np.array(values)], [np.array(cotangent)], f) == total


@pytest.mark.parametrize("results", [[X], [X, Y, X], [X, X]])
def test_other_outputs_than_at_the_point_are_its_edge(results):
    with pytest.raises(OtherShape, match="f returned"):
        outputs.contract(results, [np.ones(2), np.ones((1, 3))], f)


def test_an_oracle_contracts_numbers_of_its_own():
    exact = np.array([1, 2], dtype=object)
    assert outputs.contract_inside([X, 5.0, exact], [np.array([3.0, 4.0]), 2.0, np.array([1.0, 1.0])]) == 11 + 10 + 3
    assert outputs.contract_inside([5.0, X], [2.0, np.array([3.0, 4.0])]) == 21
    assert outputs.contract_inside([np.array([1 + 2j])], [np.array([3 + 4j])]) == 11


def test_an_oracle_sees_its_own_numbers_and_floats_and_no_plain_values():
    own = object()
    exact, whole = np.array([1, 2], dtype=object), np.array([1, 2])
    found = outputs.inside((X, own, {"a": exact, "n": 3, "w": whole}, Record("relu", None), 0.5))
    assert [any(x is y for y in (X, own, exact)) for x in found] == [True, True, True, False]
    assert found[3] == 0.5


@pytest.mark.parametrize("plain", [3, True, None, "relu", b"x", np.array([1, 2])], ids=lambda x: type(x).__name__)
def test_plain_values_beside_an_output_are_no_obstacle_to_any_oracle(plain):
    torch = pytest.importorskip("torch")
    pytest.importorskip("flint")

    def claimed(tanh):
        return lambda c, x: c[0] * (1 - tanh(x) ** 2)

    for oracle in (None, "finite differences", "exact"):
        assert gc.check(lambda x: (np.tanh(x), plain), vjp=claimed(np.tanh), args=(X,), oracle=oracle), oracle
    assert gc.check(
        lambda x: (torch.tanh(x), plain), vjp=claimed(torch.tanh), args=(torch.tensor(X),), oracle="autograd"
    )


def test_a_cotangent_of_an_output_that_was_complex_is_its_real_part_where_it_is_real():
    assert outputs.in_dtype(np.array([1 + 2j]), np.zeros(1)).tolist() == [1.0]
    assert outputs.in_dtype(np.array([1 + 2j]), np.zeros(1, complex)).tolist() == [1 + 2j]
