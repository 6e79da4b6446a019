import math
from fractions import Fraction

import numpy as np
import pytest

from gradcheck import arrays
from gradcheck.slopes.direction import BLOCK, Scale, draw, inner, placed, scale_of
from gradcheck.slopes.streams import Purpose, stream

COARSEST = -2  # of the ladder's steps


def key(seed, argument, number):
    return stream(seed, Purpose.DIRECTION, argument, number)


def test_the_size_of_an_argument_is_its_root_mean_square():
    assert scale_of(np.array([3.0, -4.0, 0.0, 5.0])).value == pytest.approx(math.sqrt(50 / 4), rel=1e-15)


@pytest.mark.parametrize("x", [np.zeros(3), np.zeros((0, 2)), np.zeros(())])
def test_an_argument_without_a_size_is_probed_at_size_one(x):
    assert scale_of(x).value == 1.0


def test_the_size_of_huge_and_tiny_arguments_neither_overflows_nor_vanishes():
    assert scale_of(np.array([3e300, 4e300])).value == pytest.approx(math.sqrt(12.5) * 1e300, rel=1e-14)
    assert scale_of(np.array([3e-300, 4e-300])).value == pytest.approx(math.sqrt(12.5) * 1e-300, rel=1e-14)


def test_complex_arguments_are_sized_by_their_moduli():
    assert scale_of(np.array([3 + 4j, -5j])).value == pytest.approx(5.0, rel=1e-15)


def test_entries_that_span_far_are_scaled_one_by_one_by_no_more_than_the_median_or_a_thousand_times_themselves():
    x = np.array([1e-6, 1e-2, -1.0, 1e3, 1e6, 0.0])
    assert scale_of(x).value.tolist() == pytest.approx([1e-3, 1.0, 1.0, 1e3, 1e6, 1.0], rel=1e-15)


def test_one_small_entry_among_many_of_a_size_does_not_split_the_scale():
    x = np.ones(100)
    x[7] = 1e-9
    assert isinstance(scale_of(x).value, float)


def test_the_norm_of_a_gradient_is_the_standard_deviation_of_what_it_predicts():
    g = np.array([3.0, -4.0])
    assert Scale(2.0).norm(g) == pytest.approx(10.0, rel=1e-15)
    assert Scale(np.array([1.0, 10.0])).norm(g) == pytest.approx(math.hypot(3, 40), rel=1e-15)
    assert Scale(np.array([1.0, 10.0])).norm(np.array([3j, 4.0])) == pytest.approx(math.hypot(3, 40), rel=1e-15)

    x = np.array([1.0, 2.0])
    predicted = [inner(g, draw(x, Scale(np.array([1.0, 10.0])), key(0, 0, k)))[0] for k in range(4000)]
    # the sample deviation of 4000 normal numbers is off by 1/sqrt(8000) = 1.1 % on average; four times that
    assert np.std(predicted) == pytest.approx(math.hypot(3, 40), rel=0.045)


def test_the_same_key_draws_the_same_direction_and_another_key_another():
    x, scale = np.array([0.3, -1.2, 2.0]), Scale(1.0)
    assert np.array_equal(draw(x, scale, key(7, 0, 1)), draw(x, scale, key(7, 0, 1)))
    for other in (key(8, 0, 1), key(7, 1, 1), key(7, 0, 2)):
        assert not np.array_equal(draw(x, scale, key(7, 0, 1)), draw(x, scale, other))


def test_a_stretched_direction_is_the_same_one_longer():
    x = np.full(50, 3.0)
    plain, longer = (draw(x, Scale(1.0), key(0, 0, 0), stretch=s) for s in (1.0, 1.5))
    assert np.allclose(longer, 1.5 * plain, rtol=0, atol=2.0**-15)


def test_a_tangent_restricts_directions():
    x = np.array([[2.0, 0.5], [0.5, 3.0]])
    v = draw(x, Scale(1.0), key(0, 0, 0), tangent=lambda v: (v + v.T) / 2)
    assert v[0, 1] == v[1, 0] != 0


def test_complex_directions_move_both_parts():
    v = draw(np.array([1 + 1j, 2 - 1j]), Scale(1.0), key(0, 0, 0))
    assert v.dtype == np.complex128
    assert np.all(v.real != 0)
    assert np.all(v.imag != 0)


def assert_exact(x, v, name):
    """x + 2^k·v, computed in its dtype, is the sum of the two numbers: no rounding at any step of the ladder."""
    values, move = arrays.to_numpy(x).ravel(), arrays.to_numpy(v).ravel()
    for k in (arrays.FINEST[name], (arrays.FINEST[name] + COARSEST) // 2, COARSEST):
        for sign in (1, -1):
            moved = arrays.to_numpy(arrays.shifted(x, math.ldexp(sign, k), v)).ravel()
            wanted = [Fraction(a) + sign * Fraction(b) * Fraction(2) ** k for a, b in zip(values, move, strict=True)]
            assert [Fraction(m) for m in moved] == wanted


# Entries of [1, 1.5) moved by at most a quarter of 2: no binade is left through its upper end, where an entry's last
# bits would have to go.
@pytest.mark.parametrize("size", [2.0**-8, 1.0, 2.0**10])
@pytest.mark.parametrize("name", ["float64", "float32", "float16"])
def test_every_step_moves_every_entry_exactly(name, size):
    x = (size * np.array([1.0, 1.1, 1.2, 1.3, 1.4, 1.45, -1.25, -1.0])).astype(name)
    v = placed(x, size * np.array([0.7, -1.3, 1.9, 0.001, -0.4, 0.2, 1.1, -1.7]))
    assert_exact(x, v, name)


@pytest.mark.parametrize("name", ["float64", "float32", "float16", "bfloat16"])
def test_every_step_moves_every_entry_of_a_tensor_exactly(name):
    torch = pytest.importorskip("torch")
    x = torch.tensor([1.0, 1.1, 1.2, -1.3, 1.4, 0.0], dtype=torch.float64).to(getattr(torch, name))
    v = placed(x, np.array([0.7, -1.3, 1.9, 0.25, -0.4, 1.1]))
    assert_exact(x, v, name)


def test_directions_round_away_no_more_than_the_dtype_asks():
    x = np.array([1.0, 1.4])
    wanted = np.array([0.123456789, 1.23456789])
    # multiples of 2^-52 (the spacing of [1, 2)) times 2^34: rounded to within half of 2^-18
    assert np.max(np.abs(placed(x, wanted) - wanted)) <= 2.0**-19


def test_an_entry_far_smaller_than_its_step_is_off_by_its_own_rounding_only():
    x = np.array([1e-12, 0.1])
    v = placed(x, np.array([1.7, 1.3]))
    moved = arrays.shifted(x, 2.0**-2, v)
    off = [abs(Fraction(m) - Fraction(a) - Fraction(b) / 4) for m, a, b in zip(moved, x, v, strict=True)]
    assert all(o <= Fraction(float(np.spacing(abs(m)))) / 2 for o, m in zip(off, moved, strict=True))


def test_complex_directions_are_exact_in_each_part():
    x = np.array([1.1 - 1.3j, -1.2 + 1.4j])
    v = placed(x, np.array([0.7 + 1.1j, -1.3 - 0.2j]))
    for part in (np.real, np.imag):
        assert_exact(np.ascontiguousarray(part(x)), np.ascontiguousarray(part(v)), "float64")


def test_arrays_longer_than_a_block_are_rounded_to_their_last_entry():
    x = np.full((2, BLOCK), 1.25)
    v = placed(x, np.full((2, BLOCK), 1 / 3))
    assert np.all(v == v[0, 0])
    assert v[0, 0] == round(2**18 / 3) / 2**18


def test_subnormal_arguments_get_steps_that_exist():
    v = placed(np.array([5e-324, 1e-310]), np.array([5e-324, 1e-310]))
    assert np.all(np.isfinite(v))
    assert np.all(v * 2.0 ** arrays.FINEST["float64"] * 2.0**34 == v)


def test_the_product_with_a_direction_is_within_its_own_bound_of_the_exact_one():
    rng = np.random.default_rng(3)
    for n in (1, 7, 1000):
        g, v = 1e8 * rng.standard_normal(n), rng.standard_normal(n)
        g[-1] = -float(np.sum(g[:-1] * v[:-1]) / v[-1])  # cancels: the product is round-off, all of it
        value, bound = inner(g, v)
        exact = sum((Fraction(a) * Fraction(b) for a, b in zip(g, v, strict=True)), Fraction(0))
        assert abs(Fraction(value) - exact) <= Fraction(bound)
        assert bound <= 2.0**-53 * 40 * float(np.sum(np.abs(g * v)))


def test_complex_gradients_predict_by_the_real_part_of_the_conjugate_product():
    value, _ = inner(np.array([2 + 3j]), np.array([5 - 7j]))
    assert value == 2 * 5 + 3 * -7


def test_subnormal_entries_count_as_zero():
    assert scale_of(np.array([5e-324, -1e-310])).value == 1.0
    assert scale_of(np.array([1e-45, 0.0]), normal=2.0**-126).value == 1.0
    assert scale_of(np.array([1e-45, 0.0])).value == pytest.approx(1e-45 / math.sqrt(2), rel=1e-15)
    x = np.array([5e-324, 1e-3, 1e6, 1.0, 1.0])
    assert scale_of(x).value.tolist() == pytest.approx([1.0, 1e0, 1e6, 1.0, 1.0], rel=1e-15)


@pytest.mark.parametrize(("gradient", "size"), [(1e108, 1e80), (1e-90, 1e-80), (1e-110, 1e115), (1e119, 1e119)])
def test_a_norm_of_products_whose_squares_are_no_numbers_is_one(gradient, size):
    scale = Scale(np.array([3 * size, size]))
    assert scale.norm(np.array([gradient, 4 * gradient])) == pytest.approx(5 * gradient * size, rel=1e-14)
