"""Claims in a few bits an entry, moves drawn anew and sides in a bit each, against plain arrays of the same."""

from dataclasses import replace

import numpy as np
import pytest

from gradcheck.kinks.bits import Bits
from gradcheck.kinks.moves import Coarse, Drawn, InOrder, Mixed, Moves, Put
from gradcheck.kinks.packed import BLOCK, TWO, Few, Packed, parts
from gradcheck.kinks.sides import Sides

COUNT = BLOCK + 41  # one more than a multiple of eight
SOME = np.array([0, 7, 8, 9, BLOCK - 1, BLOCK, COUNT - 1])


def drawn_claims(levels, claims=6, seed=0, *, opposite=False):
    """Claims of which each entry has one of so many values, or the opposite of one."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((levels, COUNT))
    each = [values[rng.integers(levels, size=COUNT), np.arange(COUNT)] for _ in range(claims)]
    return [claim * rng.choice([-1.0, 1.0], COUNT) for claim in each] if opposite else each


@pytest.mark.parametrize("most", [1, 2, 3, 8, 300])
def test_small_numbers_are_kept_in_as_many_bits_as_they_need(most):
    rng = np.random.default_rng(most)
    wanted, bits = rng.integers(0, most, COUNT).astype(np.int16), Bits(COUNT)
    for part in parts(COUNT):
        bits[part] = wanted[part]
    assert len(bits.planes) == int(wanted.max()).bit_length()
    assert all(plane.nbytes == BLOCK // 8 + 6 for plane in bits.planes)  # 41 entries in 6 bytes
    assert (bits[:] == wanted).all()
    assert (bits[SOME] == wanted[SOME]).all()
    assert (bits[3:21] == wanted[3:21]).all()
    wanted[SOME] = np.arange(len(SOME))
    bits[SOME] = wanted[SOME]
    assert (bits[:] == wanted).all()


@pytest.mark.parametrize("most", [1, 3])
def test_complements_take_one_more_bit(most):
    rng = np.random.default_rng(most)
    wanted, bits = rng.integers(-most - 1, most + 1, COUNT).astype(np.int16), Bits(COUNT)
    bits[:BLOCK] = np.abs(wanted[:BLOCK]) // 2
    assert bits.below is None
    for part in parts(COUNT):
        bits[part] = wanted[part]
    assert len(bits.planes) == most.bit_length()
    assert bits.nbytes == (most.bit_length() + 1) * (BLOCK // 8 + 6)
    assert (bits[:] == wanted).all()
    assert (bits[SOME] == wanted[SOME]).all()
    assert (bits[3:21] == wanted[3:21]).all()
    for numbers in (np.full(len(SOME), -1 - most), np.zeros(len(SOME), dtype=int)):
        wanted[SOME] = numbers
        bits[SOME] = wanted[SOME]
        assert (bits[:] == wanted).all()


def test_a_value_of_a_few_entries_is_none_elsewhere():
    few = Few(COUNT, np.array([8, BLOCK]), np.array([1.0, 2.0]))
    few.add(np.array([COUNT - 1, 7]), np.array([4.0, 3.0]))
    assert np.array_equal(few[SOME], [np.nan, 3.0, 1.0, np.nan, np.nan, 2.0, 4.0], equal_nan=True)
    assert np.array_equal(few[6:10], [np.nan, 3.0, 1.0, np.nan], equal_nan=True)
    assert list(np.flatnonzero(~np.isnan(few[:]))) == [7, 8, BLOCK, COUNT - 1]


@pytest.mark.parametrize("opposite", [False, True])
@pytest.mark.parametrize("levels", [1, 2, 3, 5])
def test_packed_claims_are_those_that_were_kept(levels, opposite):
    claims, packed = drawn_claims(levels, opposite=opposite), Packed(COUNT)
    for claim in claims:
        packed.append(claim)
    assert len(packed) == len(claims)
    assert len(packed.levels) == min(levels, len(claims))
    for number, claim in enumerate(claims):
        assert np.array_equal(packed[number], claim)
        assert np.array_equal(packed.part(number, SOME), claim[SOME])
        assert np.array_equal(packed.part(number, slice(8, 30)), claim[8:30])
    low, high = packed.range()
    assert np.array_equal(low, np.min(claims, axis=0))
    assert np.array_equal(high, np.max(claims, axis=0))
    packed.put(1, SOME, claims[2][SOME] + 10)
    assert np.array_equal(packed[1][SOME], claims[2][SOME] + 10)
    assert np.array_equal(packed[2], claims[2])


@pytest.mark.parametrize("opposite", [False, True])
@pytest.mark.parametrize("levels", [1, 2, 3, 9])
def test_several_claims_in_a_few_entries_are_looked_up_at_once(levels, opposite):
    claims, packed = drawn_claims(levels, claims=12, opposite=opposite), Packed(COUNT)
    for claim in claims:
        packed.append(claim)
    for entries in (SOME, np.arange(COUNT)):
        numbers = [11, 0, 3, 3]
        assert np.array_equal(packed.several(numbers, entries), np.array(claims)[numbers][:, entries])
    packed.widen(claims[0] + 1)
    with pytest.raises(LookupError):
        packed.several([0, 12], SOME)


def test_a_range_that_is_just_enough_is_widened_no_more():
    packed, enough = Packed(COUNT), 2.0
    for value in (0.0, 2.0):
        packed.append(np.full(COUNT, value))
    packed.widen(np.full(COUNT, 5.0), enough)
    assert {float(end) for ends in packed.range() for end in ends} == {0.0, 2.0}
    packed.widen(np.full(COUNT, 5.0), np.nextafter(enough, 3))
    assert packed.range()[1].min() == 5.0


def test_a_third_value_is_kept_where_it_is_and_as_an_array_where_most_entries_have_it():
    packed = Packed(COUNT)
    for value in (0.0, 1.0):
        packed.append(np.full(COUNT, value))
    third = np.zeros(COUNT)
    third[SOME] = 5.0
    packed.append(third)
    assert isinstance(packed.levels[TWO], Few)
    assert list(packed.levels[TWO].entries) == list(SOME)
    assert np.array_equal(packed[2], third)
    packed.append(np.full(COUNT, 5.0))
    assert isinstance(packed.levels[TWO], np.ndarray)
    assert np.array_equal(packed[2], third)
    assert (packed[3] == 5.0).all()


@pytest.mark.parametrize("kept", [Few, np.ndarray])
def test_a_third_value_is_an_array_where_more_than_two_thirds_have_it(kept):
    packed, count = Packed(COUNT), 2 * COUNT // 3
    for value in (0.0, 1.0):
        packed.append(np.full(COUNT, value))
    packed.append(np.where(np.arange(COUNT) < count + (kept is np.ndarray), 5.0, 0.0))
    assert isinstance(packed.levels[TWO], kept)
    assert packed[2].sum() == 5.0 * (count + (kept is np.ndarray))


def test_values_that_are_near_are_one_and_no_others():
    packed = Packed(COUNT, 1e-3)
    for value in (1.0, 1.0009, 1.0011):
        packed.append(np.full(COUNT, value))
    assert [packed[k][0] for k in range(3)] == [1.0, 1.0, 1.0011]


def test_of_some_claims_the_range_alone_is_kept():
    packed = Packed(COUNT)
    packed.append(np.ones(COUNT))
    packed.widen(np.where(np.arange(COUNT) == 7, 3.0, 1.0))
    packed.widen(np.where(np.arange(COUNT) == 7, 2.0, 1.0))
    low, high = packed.range()
    assert (low == 1).all()
    assert (high == np.where(np.arange(COUNT) == 7, 3.0, 1.0)).all()
    with pytest.raises(LookupError):
        packed.part(1)
    with pytest.raises(LookupError):
        packed.put(1, SOME, np.ones(len(SOME)))


def test_a_range_widens_on_both_sides_and_by_no_value_within_it_or_near_its_ends():
    packed = Packed(COUNT, 0.25)
    packed.append(np.full(COUNT, 1.0))
    packed.append(np.full(COUNT, 2.0))
    claim = np.full(COUNT, 1.5)
    claim[SOME] = [0.0, 0.75, 0.5, 2.25, 2.5, 1e300, -3.0]  # 0.75 and 2.25 are as far off as values that are one
    packed.widen(claim)
    low, high = packed.range()
    wanted = np.full((2, COUNT), [[1.0], [2.0]])
    wanted[0, SOME] = [0.0, 1.0, 0.5, 1.0, 1.0, 1.0, -3.0]
    wanted[1, SOME] = [2.0, 2.0, 2.0, 2.0, 2.5, 1e300, 2.0]
    assert np.array_equal([low, high], wanted)
    assert np.array_equal(packed.range(SOME), wanted[:, SOME])
    assert list(packed.levels[TWO].entries) == [0, 8, BLOCK - 1, BLOCK, COUNT - 1]


def test_a_value_and_its_opposite_are_one_number():
    rng = np.random.default_rng(0)
    claim, packed = rng.standard_normal(COUNT), Packed(COUNT, 1e-9)
    packed.append(claim)
    packed.append(np.where(np.arange(COUNT) == 7, claim, -claim) + 1e-10)
    assert len(packed.levels) == 1
    assert packed.of_values == claim.nbytes
    # which claims have it or its opposite in which entries, and whether any has the one, and the other
    assert packed.nbytes == claim.nbytes + 3 * (BLOCK // 8 + 6)
    low, high = packed.range()
    assert np.array_equal(high, np.where(np.arange(COUNT) == 7, claim, np.abs(claim)))
    assert np.array_equal(low, np.where(np.arange(COUNT) == 7, claim, -np.abs(claim)))
    assert np.array_equal(packed.range(SOME), [low[SOME], high[SOME]])
    packed.put(1, SOME, claim[SOME] + 1)
    assert np.array_equal(packed.range(SOME), [claim[SOME], claim[SOME] + 1])
    assert np.array_equal(packed[0], claim)


def test_the_opposite_of_a_value_widens_a_range():
    packed = Packed(COUNT)
    packed.append(np.ones(COUNT))
    packed.widen(np.where(np.arange(COUNT) == 7, -1.0, 1.0))
    assert len(packed.levels) == 1
    assert np.array_equal(packed.range()[0], np.where(np.arange(COUNT) == 7, -1.0, 1.0))
    assert (packed.range()[1] == 1).all()


def test_values_of_ranges_alone_are_let_go_of():
    claims, packed = drawn_claims(3, claims=4), Packed(COUNT)
    packed.append(claims[0])
    packed.widen(claims[1] + 10)
    packed.widen(np.where(np.arange(COUNT) == 7, -claims[0], claims[0]))
    packed.append(claims[2])
    assert len(packed.levels) == 3
    packed.trim()
    assert len(packed.levels) == 3  # of the last claim
    assert np.array_equal(packed.range(), [np.minimum(claims[0], claims[2]), np.maximum(claims[0], claims[2])])
    packed.append(claims[3])  # in the room of the second one
    assert len(packed.levels) == 3
    for number, claim in ((0, claims[0]), (3, claims[2]), (4, claims[3])):
        assert np.array_equal(packed[number], claim)
    alone = Packed(COUNT)
    alone.append(claims[0])
    alone.widen(claims[1] + 10)
    alone.trim()
    assert len(alone.levels) == len(alone.opposite) == 1


def test_a_range_of_no_claims_begins_with_the_first_that_widens_it():
    packed = Packed(COUNT)
    assert np.isnan(packed.range(SOME)).all()
    packed.widen(np.arange(COUNT, dtype=float))
    assert np.array_equal(packed.range(), [np.arange(COUNT)] * 2)


@pytest.mark.parametrize("opposite", [False, True])
@pytest.mark.parametrize("levels", [2, 4])
def test_chosen_claims_and_those_of_more_entries(levels, opposite):
    claims, packed = drawn_claims(levels, opposite=opposite), Packed(COUNT)
    for claim in claims:
        packed.append(claim)
    chosen = packed.chosen([0, 4])
    assert [np.array_equal(chosen[k], claims[n]) for k, n in enumerate((0, 4))] == [True, True]
    places, others = 2 * np.arange(COUNT), np.full(2 * COUNT, -7.0)
    wider = chosen.wider(2 * COUNT, places, others)
    assert np.array_equal(wider[1][places], claims[4])
    assert (wider[1][places + 1] == -7).all()
    assert np.array_equal([end[places] for end in wider.range()], packed.range())
    assert np.array_equal(packed[4], claims[4])  # which others may still hold
    none = Packed(0)
    none.append(np.zeros(0))
    wide = none.wider(3, np.zeros(0, dtype=int), np.ones(3))
    assert (wide[0] == 1).all()
    wide.append(-np.ones(3))
    assert np.array_equal(wide.range(), [-np.ones(3), np.ones(3)])


def test_a_drawn_move_is_the_same_each_time():
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state
    plain = rng.standard_normal(COUNT)
    move = Drawn(np.random.PCG64, state, COUNT)
    assert np.array_equal(move(), plain)
    assert np.array_equal(move(), plain)
    assert move == Drawn(np.random.PCG64, state, COUNT, 1.0)
    assert np.array_equal(Drawn(np.random.PCG64, state, COUNT, -1.0)(), -plain)
    assert np.array_equal(replace(move, times=-8.0)(), -8 * plain)
    assert np.array_equal(replace(move, times=-8.0, sizes=True)(), -8 * np.abs(plain))
    plain[SOME] = np.arange(len(SOME))
    changed = replace(move, entries=SOME, values=np.arange(len(SOME), dtype=float))
    assert np.array_equal(changed(), plain)
    assert np.array_equal(np.concatenate([values for _, values in changed.by_parts()]), plain)


def test_entries_rise_as_they_fall():
    falls, rises = (InOrder(COUNT, sign, lambda: np.random.default_rng(3))() for sign in (1.0, -1.0))
    assert np.array_equal(falls, -rises)
    assert (np.diff(falls) < 0).mean() > 0.9
    assert len(np.unique(falls)) == COUNT


def test_a_move_that_others_are_made_of_is_changed_alone():
    moves = Moves()
    moves.append(np.ones(4))
    moves.append(np.full(4, 2.0))
    moves.append(Mixed(np.array([0, 0, 0, 1]), [moves.made(0), moves.made(1)]))
    assert [list(move) for move in moves] == [[1] * 4, [2] * 4, [1, 1, 1, 2]]
    own = moves.own(0)
    own[:] = 9
    moves.put(0, np.array([2]), np.array([5.0]))
    assert [list(move) for move in moves] == [[1, 1, 5, 1], [2] * 4, [1, 1, 1, 2]]


def test_a_move_is_put_over_another_one_in_its_own_precision():
    drawn = Drawn(np.random.PCG64, np.random.default_rng(0).bit_generator.state, COUNT)
    values = np.full(COUNT, np.nan, dtype=np.float32)
    values[SOME] = 1 / 3
    move = Put(drawn, values)
    expected = drawn().astype(np.float32)
    expected[SOME] = np.float32(1 / 3)
    assert np.array_equal(move(), expected.astype(np.float64))
    assert move().dtype == np.float64
    assert move.nbytes == 4 * COUNT


def test_a_coarse_move_is_near_and_ties_nothing():
    drawn = Drawn(np.random.PCG64, np.random.default_rng(0).bit_generator.state, COUNT)
    values = np.full(COUNT, np.nan)
    values[:4000] = np.repeat([0.55, -1.0, 1.0, 1 / 3], 1000)
    move = Coarse(drawn, values)
    made = move()
    assert np.array_equal(made, move())
    assert np.array_equal(made[4000:], drawn()[4000:])
    for k, value in enumerate((1, -1, 1, 0)):
        mine = slice(1000 * k, 1000 * (k + 1))
        assert np.allclose(made[mine], value + drawn()[mine] / 16, atol=0, rtol=1e-15)
    assert len(np.unique(made)) == COUNT
    assert move.nbytes == -(-COUNT // 4)


def test_moves_know_what_is_kept_of_them():
    moves = Moves()
    moves.append(np.zeros(COUNT))
    moves.append(np.zeros(COUNT, dtype=np.float32))
    drawn = Drawn(np.random.PCG64, np.random.default_rng(0).bit_generator.state, COUNT)
    moves.append(drawn)
    assert moves.nbytes == 12 * COUNT
    assert moves[1].dtype == moves.own(1).dtype == np.float64
    moves.put(2, SOME, np.ones(len(SOME), dtype=np.float32))
    assert moves.nbytes == 16 * COUNT
    first = moves.made(2)
    moves.put(2, SOME[:1], np.full(1, 2.0, dtype=np.float32))
    assert moves.nbytes == 16 * COUNT  # one put over another is one
    assert first()[SOME[0]] == 1.0  # and what was made of it stays as it was
    assert list(moves[2][SOME[:2]]) == [2.0, 1.0]


def test_values_that_no_claim_has_any_more_are_let_go_of():
    rng = np.random.default_rng(0)
    packed = Packed(COUNT)
    for _ in range(4):
        packed.append(rng.standard_normal(COUNT))
    before = packed.nbytes
    kept = [packed[k] for k in (0, 1, 3)]
    for _ in range(20):
        values = rng.standard_normal(len(SOME))
        packed.put(2, SOME, values)
        assert np.array_equal(packed.part(2, SOME), values)
    assert packed.nbytes <= 1.1 * before
    assert all(np.array_equal(packed[k], claim) for k, claim in zip((0, 1, 3), kept, strict=True))
    few = Few(COUNT, SOME[:3], np.ones(3))
    few.add(SOME[1:5], np.arange(4.0))
    assert list(few[SOME[:5]]) == [1.0, 0.0, 1.0, 2.0, 3.0]
    assert len(few.entries) == 5


@pytest.mark.parametrize("claims", [1, 5, 8, 9, 17])
def test_sides_are_numbered_as_their_columns_are_equal_or_opposite(claims):
    rng = np.random.default_rng(claims)
    matrix = rng.random((claims, 300)) < 0.5
    matrix[:, 1], matrix[:, 2] = matrix[:, 0], ~matrix[:, 0]
    sides = Sides(300, matrix)
    assert len(sides) == claims
    assert all(np.array_equal(sides[k], matrix[k]) for k in range(claims))
    assert np.array_equal(sides.part(0, np.array([2, 5])), matrix[0, [2, 5]])
    number = sides.numbered()
    assert number[0] == number[1] == number[2]
    same = (matrix ^ matrix[0])[:, :, None] == (matrix ^ matrix[0])[:, None, :]
    assert np.array_equal(number[:, None] == number[None, :], same.all(axis=0))
    assert set(number) == set(range(number.max() + 1))
    assert np.array_equal(sides.changed, (matrix != matrix[0]).any(axis=0))
    both = sides.numbered(Sides(300, ~matrix))
    assert np.array_equal(both[:300], both[300:])
    filled = Sides(300)
    filled.put(slice(0, 300), matrix)
    assert np.array_equal(filled.numbered(), number)


def test_a_value_stays_as_long_as_a_claim_has_its_opposite():
    rng = np.random.default_rng(1)
    claim, packed = rng.standard_normal(COUNT), Packed(COUNT)
    packed.append(claim)
    packed.append(-claim)
    packed.append(claim + 3)
    packed.put(0, SOME, claim[SOME] + 5)
    packed.put(2, SOME, claim[SOME] + 7)
    assert np.array_equal(packed[1], -claim)
    assert list(packed.part(0, SOME)) == list(claim[SOME] + 5)
    assert list(packed.part(2, SOME)) == list(claim[SOME] + 7)
    assert len(packed.levels) == 3
    assert np.array_equal(packed.range(SOME)[0], np.minimum(-claim[SOME], claim[SOME] + 5))
    assert np.array_equal(packed.range(SOME)[1], np.maximum(-claim[SOME], claim[SOME] + 7))


@pytest.mark.parametrize("seed", range(6))
def test_the_range_is_that_of_the_claims_whatever_was_put_where(seed):
    rng = np.random.default_rng(seed)
    claims, packed = rng.integers(-3, 4, (5, COUNT)).astype(float), Packed(COUNT)
    for claim in claims:
        packed.append(claim)
    for _ in range(40):
        number, some = rng.integers(len(claims)), rng.choice(COUNT, 300, replace=False)
        claims[number, some] = rng.integers(-3, 4, len(some))
        packed.put(number, some, claims[number, some])
    wanted = [claims.min(axis=0), claims.max(axis=0)]
    assert np.array_equal(packed.range(), wanted)
    some = packed.chosen([1, 3])
    some.trim()  # which is all that is left of them
    assert np.array_equal(some.range(), [claims[[1, 3]].min(axis=0), claims[[1, 3]].max(axis=0)])
    places = np.sort(rng.choice(2 * COUNT, COUNT, replace=False)).astype(np.int32)
    wide, others = np.full((2, 2 * COUNT), 5.0), np.full(2 * COUNT, 5.0)
    wide[:, places] = some.range()
    assert np.array_equal(some.wider(2 * COUNT, places, others).range(), wide)


def test_levels_that_no_claim_has_are_let_go_of_the_last_first():
    claims, packed = drawn_claims(2, claims=2), Packed(COUNT)
    packed.append(claims[0])
    packed.append(-claims[1])
    own, opposite = packed.own[0], packed.opposite[0]
    packed.widen(claims[0] + 10)
    packed.widen(claims[0] + 20)
    some = packed.chosen([0])
    some.trim()
    assert len(some.levels) == 1
    assert some.own == [own]
    assert some.opposite == [opposite]


def test_a_claim_in_no_entry_has_none():
    packed = Packed(0)
    packed.append(np.zeros(0))
    assert packed[0].shape == (0,)
