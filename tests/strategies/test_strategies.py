"""Strategies: each hard case is drawn, and failures shrink to small shapes and simple numbers."""

import contextlib

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import find as find_any
from hypothesis import strategies as st

from gradcheck import ArgumentError
from gradcheck.strategies.described import between
from gradcheck.strategies.drawn import PROFILES, SHORT, arrays_for, numbers, register_profiles, shapes_for
from gradcheck.two_layer_relu.boundary_problems import boundary_problems

# The same cases each time: a test of what is drawn is not to depend on the day.
SEARCH = settings(
    max_examples=2000, database=None, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
UNSHRUNK = settings(SEARCH, phases=[Phase.generate])
DTYPES = ["float32", "float64"]


def find(strategy, condition, how=SEARCH):
    return find_any(strategy, condition, settings=how)


def drawn(strategy, count=100):
    """What the first `count` draws of a fixed seed are."""
    found = []

    @settings(max_examples=count, database=None, deadline=None, derandomize=True)
    @given(strategy)
    def collect(value):
        found.append(value)

    collect()
    return found


# Numbers --------------------------------------------------------------------------------------------------


def is_negative_zero(x):
    return x == 0 and np.signbit(x)


HARD = {
    "zero": lambda x, _: x == 0 and not np.signbit(x),
    "negative zero": lambda x, _: is_negative_zero(x),
    "one ulp above 1": lambda x, d: x == np.nextafter(np.ones((), d), np.array(2, d)),
    "one ulp below 1": lambda x, d: x == np.nextafter(np.ones((), d), np.array(0, d)),
    "positive subnormal": lambda x, d: 0 < x < np.finfo(d).tiny,
    "negative subnormal": lambda x, d: -np.finfo(d).tiny < x < 0,
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", HARD)
def test_a_hard_number_is_drawn(case, dtype):
    found = find(arrays_for("(n)", dtype=dtype), lambda args: any(HARD[case](x, dtype) for x in args[0]))
    assert found[0].dtype == dtype
    assert len(found[0]) == 1  # and shrinks to it alone


def test_numbers_without_the_boundary_are_short_and_never_zero():
    assert all(x in SHORT and x != 0 for x in drawn(numbers(boundary=False)))
    assert all(len(repr(abs(x))) <= 6 for x in SHORT)
    assert all(np.float32(x) == x for x in SHORT)


def test_the_simplest_number_comes_first():
    assert SHORT[:4] == [1.0, -1.0, 2.0, -2.0]
    assert find(numbers(boundary=False), lambda x: 0 < x < 1) == 0.5
    assert find(numbers(), lambda x: x < 0) == -1.0


# Arrays ---------------------------------------------------------------------------------------------------


def test_equal_names_have_equal_sizes_and_numbers_are_fixed():
    for x, w, b in drawn(arrays_for("(n,d),(d,3),()->()")):
        assert x.shape[1] == w.shape[0]
        assert w.shape[1] == 3
        assert b.shape == ()


def test_a_dimension_that_may_be_left_out_is():
    sizes = {len(shapes[1]) for shapes in drawn(shapes_for("(m?,n),(n,p?)->(m?,p?)"))}
    assert sizes == {1, 2}


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("one sample", lambda s: s["n"] == 1 and s["d"] > 1 and s["h"] > 1),
        ("one inner size", lambda s: s["d"] == 1 and s["n"] > 1 and s["h"] > 1),
        ("odd and not 1", lambda s: s["n"] % 2 == 1 and s["n"] > 1),
        ("even", lambda s: s["h"] % 2 == 0),
        ("all 1", lambda s: set(s.values()) == {1}),
        ("all larger", lambda s: min(s.values()) > 1),
        ("square", lambda s: s["n"] == s["d"] > 1),
        ("no two equal", lambda s: len(set(s.values())) == 3),
    ],
)
def test_the_default_number_of_cases_meets_every_kind_of_size_more_than_once(name, condition):
    sizes = [{"n": x[0], "d": x[1], "h": w[1]} for x, w in drawn(shapes_for("(n,d),(d,h)->()"), count=50)]
    assert sum(condition(s) for s in sizes) >= 1, name


def test_shapes_shrink_to_ones():
    assert find(shapes_for("(n,d),(d,h)->()"), lambda _: True) == ((1, 1), (1, 1))
    assert find(shapes_for("(n,d),(d,h)->()"), lambda s: s[0][0] % 2 == 0) == ((2, 1), (1, 1))


def test_arrays_shrink_to_ones():
    x, w = find(arrays_for("(n,d),(d)"), lambda args: args[0].shape[0] >= 3)
    assert x.tolist() == [[1.0], [1.0], [1.0]]
    assert w.tolist() == [1.0]


def test_a_tie_is_drawn_and_shrinks():
    (x,) = find(arrays_for("(n)"), lambda args: len(set(args[0])) < args[0].size)
    assert x.tolist() == [1.0, 1.0]


def test_both_dtypes_are_drawn_where_either_is_asked_for():
    both = arrays_for("(n),(n)", dtype=st.sampled_from(DTYPES))
    kinds = {tuple(str(a.dtype) for a in args) for args in drawn(both)}
    assert kinds == {("float32", "float32"), ("float64", "float64")}


def test_torch_tensors_are_drawn():
    torch = pytest.importorskip("torch")
    (x,) = find(arrays_for("(n,2)", dtype="float32", library="torch"), lambda _: True)
    assert isinstance(x, torch.Tensor)
    assert x.dtype == torch.float32
    assert tuple(x.shape) == (1, 2)


def test_elements_can_be_chosen():
    positive = arrays_for("(n)", elements=st.sampled_from([0.5, 4.0]))
    assert {x for (array,) in drawn(positive) for x in array} == {0.5, 4.0}


BAD = {
    "dtype": (lambda: arrays_for("(n)", dtype="int8"), "dtype is 'int8', wanted one of"),
    "library": (lambda: arrays_for("(n)", library="jax"), "library is 'jax', wanted one of"),
    "sides": (lambda: arrays_for("(n)", min_side=3, max_side=2), "min_side=3 and max_side=2"),
    "signature": (lambda: arrays_for("n->()"), "wanted the shape of every argument"),
    "kind": (lambda: boundary_problems(kinds=["nought"]), "kinds is 'nought', wanted one of"),
    "places": (lambda: boundary_problems(places=[(0, -1)]), r"wanted pairs \(sample, unit\)"),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_a_bad_option_is_refused_before_anything_is_drawn(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()


# Networks on the boundary ---------------------------------------------------------------------------------


def hidden(problem):
    return problem.x @ problem.w1


NEAR = {
    "exactly 0": (["zero"], lambda p: (hidden(p) == 0).any()),
    "0 and not 0 in one column": (
        ["zero"],
        lambda p: ((hidden(p) == 0).any(axis=0) & (hidden(p) != 0).any(axis=0)).any(),
    ),
    "two zeros in one column": (["zero"], lambda p: ((hidden(p) == 0).sum(axis=0) > 1).any()),
    "two zeros in one row": (["zero"], lambda p: ((hidden(p) == 0).sum(axis=1) > 1).any()),
    "all of h at 0": (["zero"], lambda p: (hidden(p) == 0).all() and hidden(p).size > 1),
    "one ulp of 1 above 0": (["ulp"], lambda p: (hidden(p) == np.finfo(p.x.dtype).eps).any()),
    "one ulp of 1 below 0": (["ulp"], lambda p: (hidden(p) == -np.finfo(p.x.dtype).eps / 2).any()),
    "a subnormal above 0": (
        ["subnormal"],
        lambda p: ((hidden(p) > 0) & (hidden(p) < np.finfo(p.x.dtype).tiny)).any(),
    ),
    "a subnormal below 0": (
        ["subnormal"],
        lambda p: ((hidden(p) < 0) & (hidden(p) > -np.finfo(p.x.dtype).tiny)).any(),
    ),
    "a weight of -0": (["signed zero"], lambda p: ((p.w1 == 0) & np.signbit(p.w1)).any()),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", NEAR)
def test_a_hidden_unit_next_to_the_boundary_is_drawn(case, dtype):
    kinds, condition = NEAR[case]
    assert hidden(find(boundary_problems(kinds=kinds, dtype=dtype), condition, UNSHRUNK)).dtype == dtype
    find(boundary_problems(dtype=dtype), condition, UNSHRUNK)  # among all kinds as well


def test_the_smallest_boundary_problem_is_one_sample_and_one_unit():
    problem = find(boundary_problems(dtype="float64"), lambda _: True)
    assert [array.shape for array in problem] == [(1, 1), (1, 1), (2, 1), (1, 1)] or problem.x.shape == (1, 2)
    assert hidden(problem).tolist() == [[0.0]]


def test_chosen_places_are_0_and_no_others():
    places = [(0, 1), (2, 1), (1, 0)]
    for problem in drawn(boundary_problems(places=places, kinds=["zero"])):
        zero = [tuple(map(int, place)) for place in np.argwhere(hidden(problem) == 0)]
        assert sorted(zero) == sorted(places)


def test_boundary_problems_can_be_torch():
    torch = pytest.importorskip("torch")
    problem = find(boundary_problems(library="torch", kinds=["zero"], dtype="float32"), lambda _: True)
    assert problem.x.dtype == torch.float32
    assert (problem.x @ problem.w1 == 0).any()


def test_profiles_are_quick_thorough_and_debug():
    assert set(PROFILES) == {"quick", "thorough", "debug"}
    assert PROFILES["quick"].max_examples < PROFILES["thorough"].max_examples
    assert all(profile.deadline is None for profile in PROFILES.values())


def test_profiles_are_loaded_by_their_names_once_they_are_registered():
    register_profiles()
    for name in ("quick", "thorough", "debug"):
        assert settings.get_profile(name) is PROFILES[name]


@pytest.mark.parametrize(("low", "high"), [(0.0, 5e-324), (0.0, 1e-323), (-5e-324, 5e-324), (1.0, 1.0 + 2.0**-52)])
def test_an_interval_of_next_to_no_floats_has_numbers_inside_or_says_so(low, high):
    with contextlib.suppress(ArgumentError):
        assert all(low < x < high for x in between(low, high))
