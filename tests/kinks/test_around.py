"""Kinks of arguments so large that only the entries that change are kept, and turn up one after the other."""

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.kinks import blocks
from gradcheck.kinks.around import Around, Grown
from gradcheck.kinks.beside import Beside
from gradcheck.kinks.changes import WHOLE
from gradcheck.kinks.formula import Formula

PASS, FAIL = gc.Verdict.PASS, gc.Verdict.FAIL


def windows(x):
    return np.stack([x[a::2, b::2] for a in (0, 1) for b in (0, 1)])


def pooled(x):
    """Max pooling over windows of 2 × 2: rows of neither axis."""
    return windows(x).max(axis=0).sum()


def gradient_of_pooled(x):
    out = np.zeros_like(x)
    first = windows(x).argmax(axis=0)
    for k, (a, b) in enumerate((a, b) for a in (0, 1) for b in (0, 1)):
        out[a::2, b::2] = first == k
    return out


def one_of_each(shape, seed):
    """A claim that gives each row's tie to an entry of its own."""
    rng = np.random.default_rng(seed)
    winner = np.eye(shape[1])[rng.integers(0, shape[1], shape[0])]
    return lambda x: winner if np.ptp(x) == 0 else np.eye(shape[1])[x.argmax(axis=1)]


@pytest.mark.parametrize("shape", [(3000, 4), (5000, 2)])
def test_ties_that_are_broken_row_by_row(shape):
    assert np.prod(shape) > WHOLE
    right = one_of_each(shape, 0)
    assert gc.check(lambda x: x.max(axis=1).sum(), right, (np.zeros(shape),)).verdict is PASS

    def wrong(x):
        claim = right(x).copy()
        if np.ptp(x) == 0:
            claim[17] *= 1.2
        return claim

    report = gc.check(lambda x: x.max(axis=1).sum(), wrong, (np.zeros(shape),))
    assert report.verdict is FAIL
    moved = {index[0] for index, _ in report[0].kink.direction}
    assert moved == {17}


def test_windows_that_are_rows_of_no_axis():
    x = np.zeros((100, 100))
    assert gc.check(pooled, gradient_of_pooled, (x,)).verdict is PASS
    everyone = gc.check(pooled, lambda x: gradient_of_pooled(x) if np.any(x) else np.ones_like(x), (x,))
    assert everyone.verdict is FAIL
    assert everyone[0].kink.claimed > everyone[0].kink.rise


def test_few_kinks_in_a_large_argument_are_named():
    x = np.linspace(0.5, 2.0, 2 * WHOLE)
    x[[5, 700, 9000]] = 0.0
    signs = np.where(np.arange(len(x)) == 700, -1.0, 1.0)
    report = gc.check(lambda x: (signs * np.maximum(x, 0)).sum(), lambda x: signs * (x >= 0), (x,))
    assert report.verdict is PASS
    assert [(k.entries, k.bend, k.convention) for k in report[0].kink.kinks] == [
        (((5,),), "up", "right"),
        (((700,),), "down", "right"),
        (((9000,),), "up", "right"),
    ]


# Asked for one by one --------------------------------------------------------------------------------------------

ZERO = np.array([5, 700, 9000])  # where the rectifiers below are at their kink


def beside_zeros(trial_at, size=2 * WHOLE, seen=None, zero=ZERO):
    """Return the claims next to a point of a sum of rectifiers of which a few are at 0; `seen` takes the arguments."""
    x = np.linspace(0.5, 2.0, size)
    x[zero] = 0.0

    def gradient(x):
        if seen is not None:
            seen.append(x)
        return 2.0 * (x > 0)

    trial = trial_at(lambda x: 2 * np.maximum(x, 0).sum(), gradient, x)
    beside = Beside(trial)
    Formula(beside, trial.probes).measure()
    if size > WHOLE:
        beside.ask_in_order()
    return beside


def thin(x, steep=5.0):
    """The gradient of the sum of max(0, a − 5·|b|) over pairs (a, b) of entries, of which few moves show any one."""
    a, b = x.reshape(-1, 2).T
    above = 1.0 * (a > steep * np.abs(b))
    return np.stack([above, -steep * above * np.sign(b)], axis=1).ravel()


def test_entries_that_turn_up_are_taken_in_and_every_claim_kept_is_that_of_its_move(trial_at):
    x = np.full((WHOLE, 2), [0.5, 1.0])
    x[::200] = 0.0
    trial = trial_at(lambda x: np.maximum(x[::2] - 5 * np.abs(x[1::2]), 0).sum(), thin, x.ravel())
    beside = Beside(trial)
    Formula(beside, trial.probes).measure()
    beside.ask_in_order()
    around = Around(beside, beside.entries())

    def ask_on():
        while True:
            around.near.ask(around.near.noise())

    with pytest.raises(Grown) as more:
        ask_on()
    asked, known = around.near.asked, len(around.taken)
    wider = around.grown(more.value)
    assert set(wider.entries) == set(around.entries) | set(more.value.entries)
    assert len(wider.entries) == len(around.entries) + len(more.value.entries)
    assert wider.near.asked == asked
    assert around.near.claims == []
    assert len(wider.near.claims) == known == 4
    assert list(wider.near.drawn) == [True, True, False, False]
    assert wider.near.ordered
    for move, claim in zip(wider.near.moves, wider.near.claims, strict=True):
        assert claim == pytest.approx(beside.scale * thin(move))
    falling, rising = wider.near.moves[2:]
    assert (np.diff(falling) < 0).all()
    assert (np.diff(rising) > 0).all()


def test_a_claim_that_was_replaced_is_not_carried_on(trial_at):
    beside = beside_zeros(trial_at)
    around = Around(beside, ZERO)
    first, _, *rest = around.taken
    around.near.numbers[1] = 1
    assert around.grown(Grown(np.array([8]))).taken == [first, *rest]


def test_all_other_entries_move_at_random_and_for_a_claim_like_another_as_for_that(trial_at):
    seen = []
    near = Around(beside_zeros(trial_at, seen=seen), ZERO).near
    for _ in range(2):
        near.ask(near.noise())
    asked = seen[-2:]
    others = np.setdiff1d(np.arange(2 * WHOLE), ZERO)
    assert not np.isclose(asked[0][others], asked[1][others], rtol=0, atol=1e-12).all()
    for like in range(len(near.claims)):
        near.ask_unkept(near.moves[like], like=like)
        first = seen[-1]
        made, claim = near.ask_unkept(-near.moves[like], like=like)
        assert (seen[-1][others] == first[others]).all()
        assert made == pytest.approx(-near.moves[like], abs=1e-6)
        assert claim == pytest.approx(2.0 * near.size / 2 * (made > 0))
        if like >= 4:
            assert (first == asked[like - 4]).all()


def test_each_of_several_enlargements_draws_moves_of_its_own(trial_at):
    beside = beside_zeros(trial_at)
    around = Around(beside, ZERO[:1])
    moves = [around.near.noise()[0]]
    wider = around.grown(Grown(ZERO[1:]))
    moves += list(wider.near.noise())
    assert len(np.unique(np.round(moves, 6))) == 4


@pytest.mark.parametrize("size", [2 * WHOLE, 140_000])
@pytest.mark.parametrize("looked_at", [3, 3_000, 2 * WHOLE])
def test_claims_are_kept_as_long_as_they_are_small_beside_the_argument_or_one_mebibyte(trial_at, size, looked_at):
    near = Around(beside_zeros(trial_at, size), np.arange(looked_at)).near
    allowed = max(8 * size, 2**20)
    row = 8 * looked_at
    assert allowed - row < near.most_kept * row <= allowed


@pytest.mark.parametrize("size", [2_000, WHOLE])
def test_of_an_argument_that_is_not_large_sixty_four_mebibytes_of_claims_are_kept(trial_at, size):
    assert Around(beside_zeros(trial_at, size, zero=[0]), np.arange(size)).near.most_kept == 2**26 // (8 * size)


def test_five_claims_are_kept_of_an_argument_of_which_every_entry_changes_and_these_are_ten_times_as_large(trial_at):
    beside = beside_zeros(trial_at, 30_000, zero=slice(None))
    near = Around(beside, beside.entries()).near
    assert len(near.here) == 30_000
    assert len(near.claims) == 4
    assert near.may_keep
    near.ask(near.noise())
    assert not near.may_keep


def test_real_and_imaginary_parts_are_an_axis_of_their_own(trial_at):
    z = np.zeros((3, 2), dtype=complex)
    beside = Beside(trial_at(lambda z: np.abs(z.real).sum(), lambda z: np.sign(z.real) + 0j, z))
    near = Around(beside, np.arange(12)).near
    assert [len(np.unique(blocks.place(near, axis))) for axis in blocks.axes(near)] == [3, 2, 2]
    x = np.zeros((3, 2))
    real = Around(Beside(trial_at(lambda x: np.abs(x).sum(), np.sign, x)), np.arange(6)).near
    assert [len(np.unique(blocks.place(real, axis))) for axis in blocks.axes(real)] == [3, 2]


@pytest.mark.parametrize("size", [30_000, 20_000])  # 5 and 6 are kept
def test_where_more_was_kept_than_there_is_room_for_there_is_room_for_one_more(trial_at, size):
    x = np.zeros(size)
    trial = trial_at(lambda x: np.maximum(x, 0).sum(), lambda x: 1.0 * (x > 0), x)
    beside = Beside(trial, every=True)
    Formula(beside, trial.probes).measure()
    around = Around(beside, beside.entries())
    assert len(around.near.claims) == len(around.taken) < len(beside.moves)
    around.near.ask(around.near.noise())


def test_where_more_was_kept_than_there_is_room_for_one_more_can_be_asked_for():
    """A kink variable keeps all claims; where kinks depend on one another it decides nothing."""
    a, b = np.random.default_rng(0).standard_normal((2, 30_000))

    def gradient(x):
        return (a @ x - max(b @ x, 0) >= 0) * (a - b * (b @ x >= 0))

    report = gc.check(
        lambda x: max(a @ x - max(b @ x, 0), 0),
        gradient,
        (np.zeros(30_000),),
        kink_of=lambda x: np.array([b @ x, a @ x - max(b @ x, 0)]),
    )
    assert report.verdict is not FAIL


@pytest.mark.parametrize("share", [0.6, 0.61, 0.7])
@pytest.mark.parametrize("seed", range(3))
def test_where_more_than_half_of_a_large_argument_is_at_kinks_a_claim_outside_is_still_called_so(seed, share):
    """Were all entries looked at, fewer claims of them could be kept than it takes."""
    rng = np.random.default_rng(seed)
    x = np.where(rng.random(12_775) < share, 0.0, rng.choice([-1.0, 1.0], 12_775) * rng.uniform(0.3, 2, 12_775))

    def gradient(x):
        rises = np.diff(x)
        slopes = np.where(rises == 0, 1.7, np.sign(rises))
        return np.append(0, slopes) - np.append(slopes, 0)

    assert gc.check(lambda x: np.sum(np.abs(np.diff(x))), gradient, (x,)).verdict is FAIL
