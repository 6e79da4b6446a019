import numpy as np
import pytest

from gradcheck.kinks import convention, naming
from gradcheck.kinks.walls import Wall
from tests.kinks.germs import near, of_walls, relu, rows

COLUMNS = np.array([[1.0, -2.0, 3.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 2.0, 1.0, -1.0]])


def named(gradient, here, labels=None, **options):
    return naming.named(near(gradient, here, opening=6, **options), labels)


def test_single_entries_are_named_with_bend_and_share():
    signs, shares = np.array([1.0, -2.0, 3.0]), np.array([1.0, 0.5, 0.25])
    kinks = named(lambda w: signs * relu(w), signs * shares)
    assert [list(kink.entries) for kink in kinks] == [[0], [1], [2]]
    assert [kink.wall.bend for kink in kinks] == [1, -1, 1]
    right = [k.wall.share if k.wall.normal[0] > 0 else 1 - k.wall.share for k in kinks]
    assert right == pytest.approx(shares)


@pytest.mark.parametrize("labels", [None, np.array([0, 0, 0, 1, 1, 1])])
@pytest.mark.parametrize("c", [(1.0, 1.0), (1.0, -1.0), (-2.0, -0.5)])
@pytest.mark.parametrize("shares", [(1.0, 0.0), (0.5, 0.25)])
def test_kinks_of_several_entries_are_named_where_they_change_sides_together(labels, c, shares):
    here = (np.array(c) * shares) @ COLUMNS
    kinks = named(of_walls(COLUMNS, c), here, labels)
    assert [list(kink.entries) for kink in sorted(kinks, key=lambda k: k.entries[0])] == [[0, 1, 2], [3, 4, 5]]
    for kink, normal, factor, share in zip(sorted(kinks, key=lambda k: k.entries[0]), COLUMNS, c, shares, strict=True):
        assert kink.wall.bend == np.sign(factor)
        mine = normal[kink.entries]
        assert np.abs(kink.wall.normal) == pytest.approx(np.abs(factor * mine))
        towards = kink.wall.normal @ mine > 0
        assert kink.wall.share == pytest.approx(share if towards else 1 - share)


def test_kinks_that_share_entries_are_told_apart_by_a_half_turn():
    normals, c = np.array([[1.0, 2.0, 1.0], [2.0, 1.0, -3.0]]), np.array([1.0, -2.0])
    kinks = named(of_walls(normals, c), (c * [1.0, 0.25]) @ normals)
    assert sorted(kink.wall.bend for kink in kinks) == [-1, 1]
    for kink in kinks:
        k = 0 if kink.wall.bend > 0 else 1
        towards = kink.wall.normal @ normals[k] > 0
        share = (1.0, 0.25)[k]
        assert kink.wall.share == pytest.approx(share if towards else 1 - share)


@pytest.mark.parametrize("normal", [(1.0, 2.0), (-1.0, -2.0), (1.0, -1.0), (0.1, 1.0), (1.0, 1.0, 1.0)])
@pytest.mark.parametrize("labels", [False, True])
def test_entries_of_one_kink_that_moved_alike_so_far_are_parted(normal, labels):
    for seed in range(20):
        found = near(of_walls([normal], [1.0]), 0.25 * np.array(normal), opening=1, seed=seed)
        (kink,) = naming.named(found, np.zeros(len(normal), dtype=int) if labels else None)
        assert list(kink.entries) == list(range(len(normal)))
        assert found.asked <= 12 + 2


@pytest.mark.parametrize("opening", [2, 3, 6])
@pytest.mark.parametrize("signs", [(1.0, 1.0, 1.0), (1.0, -1.0, 1.0)])
def test_an_end_of_a_chain_whose_own_moves_told_its_side_so_far_is_no_kink_by_itself(signs, opening):
    """Σ ±max(0, x_k - x_k+1): each entry but the ends is of two kinks, and an end of one with its neighbour."""
    normals = np.array([[1.0, -1.0, 0.0, 0.0], [0.0, 1.0, -1.0, 0.0], [0.0, 0.0, 1.0, -1.0]])
    for seed in range(20):
        found = near(of_walls(normals, signs), 0.25 * np.array(signs) @ normals, opening=opening, seed=seed)
        for kink in naming.named(found, None):
            shown = np.abs(kink.wall.normal) > convention.SHOWN
            assert np.count_nonzero(shown) == 2
            assert np.ptp(kink.entries[shown]) == 1


@pytest.mark.parametrize("count", [2, 5, 64, 100])
def test_entries_that_bend_alone_are_parted_in_as_many_claims_as_their_number_has_bits(count):
    signs = np.where(np.arange(count) % 3, 1.0, -1.0)
    found = near(lambda w: signs * relu(w), 0.25 * signs, opening=1)
    kept, asked = len(found.claims), found.asked
    kinks = naming.named(found, None)
    assert [list(kink.entries) for kink in kinks] == [[k] for k in range(count)]
    assert [kink.wall.bend for kink in kinks] == list(signs)
    assert found.asked - asked == (count - 1).bit_length()
    assert len(found.claims) == kept
    found.most = found.asked
    assert len(naming.named(found, None)) == count  # where nothing more may be asked for they are taken as they look
    assert len(naming.named(found, np.arange(count))) == count


@pytest.mark.parametrize(("count", "asked"), [(naming.KINKS, 10), (naming.KINKS + 1, 0)])
def test_of_more_entries_than_are_listed_none_are_parted(count, asked):
    found = near(relu, np.full(count, 0.25), opening=1)
    before = found.asked
    assert len(naming.named(found, None)) == naming.KINKS
    assert found.asked - before == asked


def test_pieces_that_meet_in_one_place_have_no_name():
    assert named(rows((1, 5)), np.full(5, 0.2)) == ()


def test_a_claim_that_is_not_along_the_jump_has_no_name():
    assert named(of_walls(COLUMNS[:1], [1.0]), np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])) == ()


def test_nothing_changes_nothing_is_named():
    found = near(lambda _: np.ones(3), np.ones(3))
    asked = found.asked
    assert naming.named(found, None) == ()
    assert found.asked == asked


def test_of_a_large_argument_no_claim_is_kept_for_the_names():
    gradient = of_walls(COLUMNS, (1.0, 1.0))
    found, small = (near(gradient, COLUMNS.sum(axis=0), opening=2) for _ in range(2))
    found.remake = lambda move: (move, gradient(move()))
    kept = len(found.claims)
    for one in (found, small):
        assert sorted(list(kink.entries) for kink in naming.named(one, None)) == [[0, 1, 2], [3, 4, 5]]
    assert len(found.claims) == kept
    assert found.asked == len(small.claims) == naming.ENOUGH


def test_the_same_entries_asked_of_blocks_cost_two_claims():
    found = near(of_walls(COLUMNS, (1.0, 1.0)), COLUMNS.sum(axis=0), opening=3)
    asked = found.asked
    assert len(naming.named(found, np.array([0, 0, 0, 1, 1, 1]))) == 2
    assert found.asked <= asked + 2


@pytest.mark.parametrize(
    ("share", "name"),
    [
        (1.0, "right"),
        (1 - 5e-6, "right"),
        (1 + 5e-6, "right"),
        (0.0, "left"),
        (0.5, "midpoint"),
        (0.3, "other"),
        (1 - 2e-5, "other"),
    ],
)
def test_a_share_has_a_name(share, name):
    assert convention.side(share) == name


def test_shares_snap_to_a_side_as_far_as_they_are_known():
    assert convention.snapped(0.98, 0.03) == 1.0
    assert convention.snapped(0.98, 0.01) == 0.98
    assert convention.snapped(np.array([0.02, 0.51, 0.3]), 0.03) == pytest.approx([0.0, 0.5, 0.3])
    assert convention.snapped(0.3, 0.4) == 0.3  # of which too little is known
    assert convention.snapped(0.4, 0.4) == 0.5
    assert convention.snapped(0.42, 0.09) == 0.5


def test_conventions_together():
    assert convention.overall(["right", "right"]) == "right"
    assert convention.overall(["right", "left"]) == "mixed"
    assert convention.overall([]) == "other"


@pytest.mark.parametrize(
    ("normal", "share", "name"),
    [
        ((1.0, 2.0), 1.0, "right"),
        ((-1.0, -2.0), 1.0, "left"),
        ((1.0, -2.0), 1.0, "mixed"),
        ((1.0, -2.0), 0.5, "midpoint"),
        ((0.5, -2.0), 1.0, "mixed"),
        ((1e-8, -1e-3), 1.0, "mixed"),
        ((1e-10, -1e-3), 1.0, "left"),
        ((1.0, -1e-7), 0.0, "left"),
        ((-1.0, 1e-7), 0.0, "right"),
    ],
)
def test_a_wall_has_the_side_of_the_entries_that_it_shows(normal, share, name):
    assert convention.of_wall(Wall(np.array(normal), 1.0, share)) == name


def known(claims, moves, here, tolerance):
    """Return a neighbourhood with these claims."""
    found = near(relu, here, opening=0, tolerance=tolerance)
    for claim, move in zip(claims, moves, strict=True):
        found.add(move, claim)
    return found


def test_the_sides_of_entries():
    moves = [np.array([1.0, 1.0, 2.0]), np.array([-1.0, -2.0, -1.0])]
    claims = [np.array([1.0, -1.0, 5.0]), np.array([0.0, 0.0, 5.0])]
    shares = convention.of_entries(known(claims, moves, np.array([0.25, -1.0, 5.0]), 1e-9))
    assert shares[:2] == pytest.approx([0.25, 1.0])
    assert np.isnan(shares[2])


def test_shares_are_of_the_range_from_the_smallest_to_the_largest():
    moves = [np.array([1.0, 1.0, 1.0]), np.array([-1.0, -1.0, -1.0])]
    claims = [np.array([3.0, 3.0, 3.0]), np.array([1.0, 1.0, 1.0])]
    shares = convention.of_entries(known(claims, moves, np.array([1.5, 4.0, 2.99]), 0.03))
    assert shares == pytest.approx([0.25, 1.5, 1.0])
    few = known(claims, moves, np.array([1.5, 4.0, 2.99]), 1e-3)
    assert convention.of_entries(few)[2] == pytest.approx(0.995)


def test_a_share_is_a_side_as_far_as_the_claims_tell():
    found = near(lambda w: 2.0 * relu(w), np.array([1.999, 1.9, 0.9995]), opening=6, tolerance=2e-3)
    right = [k.wall.share if k.wall.normal[0] > 0 else 1 - k.wall.share for k in naming.named(found, None)]
    assert right == pytest.approx([1.0, 0.95, 0.5])
    assert right[0] == 1.0
    together = of_walls(COLUMNS[:1], [1.0])
    found = near(together, 0.9999 * COLUMNS[0], opening=6, tolerance=1e-3)
    kink = naming.named(found, None)[0]
    assert kink.wall.share in (0.0, 1.0)


def test_a_half_turn_is_made_for_many_entries_and_ends_after_few_claims():
    rng = np.random.default_rng(0)
    normals = rng.standard_normal((3, 40))
    kinks = named(of_walls(normals, [1.0, -1.0, 2.0]), np.array([1.0, -0.5, 2.0]) @ normals)
    assert len(kinks) == 3
    many = rng.standard_normal((30, 40))
    found = near(of_walls(many, np.ones(30)), np.full(30, 0.5) @ many, opening=6)
    asked = found.asked
    assert naming.named(found, None) == ()
    assert found.asked - asked <= naming.NAMING


def test_entries_of_three_values_beside_single_ones_take_no_name_from_these():
    def gradient(w):
        return np.append(relu(w[:2]), rows((1, 4))(w[2:]))

    kinks = named(gradient, np.array([1.0, 0.5, 0.25, 0.25, 0.25, 0.25]))
    assert [list(kink.entries) for kink in kinks] == [[0], [1]]
