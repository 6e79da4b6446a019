"""On which side the claim is, on samples made by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from gradcheck.kinks import convention, hull, nearby


@pytest.mark.parametrize(
    ("weight", "side"),
    [
        (1.0, "right"),
        (0.0, "left"),
        (0.5, "midpoint"),
        (1 - 0.9e-5, "right"),
        (1 + 1.1e-5, "other"),
        (-0.9e-5, "left"),
        (1.1e-5, "other"),
        (0.5 - 0.9e-5, "midpoint"),
        (0.9, "other"),
    ],
)
def test_the_side_of_a_weight(weight, side):
    assert convention.side(weight) == side


@pytest.mark.parametrize(
    ("names", "name"), [({"left"}, "left"), (set(), "other"), ({"left", "right"}, "mixed"), ({"other"}, "other")]
)
def test_the_convention_of_an_array_is_that_of_its_entries(names, name):
    assert convention.overall(names) == name


def one_kink(here, jump, labels=(0, 1), tolerance=1e-6, base=(1.0, 1.0, 1.0)):
    """A group of two vertices, base and base + jump, met on the positive and the negative side of the jump."""
    base, jump = np.array(base), np.array(jump, dtype=float)
    vertices = np.array([base + jump, base])
    group = hull.Group(np.arange(3), vertices, np.array(labels), complete=True)
    near = nearby.Nearby(vertices[list(labels)], np.array([jump, -jump]), np.array(here, dtype=float), tolerance)
    return near, group


@pytest.mark.parametrize(
    ("share", "names"),
    [(1.0, {"right", "left"}), (0.0, {"right", "left"}), (0.5, {"midpoint"}), (0.25, {"other"})],
)
def test_entries_that_jump_by_different_signs_have_different_sides(share, names):
    near, group = one_kink(np.ones(3) + share * np.array([2.0, -1.0, 0.5]), [2.0, -1.0, 0.5])
    assert convention._of_one_kink(near, group) == names


@pytest.mark.parametrize(("share", "names"), [(1.0, {"right"}), (0.0, {"left"})])
@pytest.mark.parametrize(("labels", "flipped"), [((0, 1), False), ((1, 0), True)])
def test_the_side_is_that_of_the_normal_and_not_of_the_jump(share, names, labels, flipped):
    near, group = one_kink(np.ones(3) + share * np.array([2.0, 1.0, 3.0]), [2.0, 1.0, 3.0], labels)
    other = {"right": "left", "left": "right"}
    assert convention._of_one_kink(near, group) == ({other[name] for name in names} if flipped else names)


@pytest.mark.parametrize(("small", "names"), [(-0.9e-6, {"right"}), (-1.1e-6, {"right", "left"})])
def test_entries_that_jump_by_less_than_the_drift_have_no_side(small, names):
    jump = np.array([2.0, 1.0, small])
    near, group = one_kink(np.ones(3) + jump, jump)
    assert convention._of_one_kink(near, group) == names


# Several kinks: an entry moved alone ---------------------------------------------------------------------------

X = np.array([0.0, 0.0, 0.0, 1.0])


def near_of(trial):
    return nearby.next_to_the_point(trial, nearby.distance(trial))[1]


def of_entry(trial, entry, tolerance=None):
    near = near_of(trial)
    if tolerance is not None:
        near = nearby.Nearby(near.samples, near.moves, near.here, tolerance)
    return convention._of_entry(trial, near, entry, nearby.distance(trial))


C = np.array([1.0, -2.0, 4.0, 1.0])


@pytest.mark.parametrize("factor", [1.0, 1e-6, 1e6])
@pytest.mark.parametrize(("value", "side"), [(1.0, "right"), (0.0, "left"), (0.5, "midpoint"), (0.3, "other")])
def test_an_entry_moved_alone_shows_its_side(trial_at, value, side, factor):
    trial = trial_at(lambda x: np.sum(C * np.maximum(x, 0)), lambda x: C * ((x > 0) + value * (x == 0)), factor * X)
    assert [of_entry(trial, entry) for entry in range(4)] == [side, side, side, None]


def test_the_side_is_counted_from_the_left_limit(trial_at):
    trial = trial_at(lambda x: np.sum(np.maximum(x, 0) + 5 * x), lambda x: 5 + 1.0 * ((x > 0) + 0.5 * (x == 0)), X[:2])
    assert of_entry(trial, 0) == "midpoint"


@pytest.mark.parametrize("scale", [4.0, 5.0, np.array([[5.0, 5.0], [5.0, 0.7]]), np.array([[1.0, 1.0], [1.0, 2.9]])])
def test_an_entry_is_moved_by_a_power_of_two_near_its_own_scale(monkeypatch, scale):
    moves = []

    def extended(_trial, near, _delta, more):
        moves.extend(more)
        return near

    monkeypatch.setattr(convention, "extended", extended)
    trial = SimpleNamespace(scale=SimpleNamespace(value=scale), claimed=np.zeros((2, 2), complex))
    near = nearby.Nearby(np.eye(8)[:2], np.eye(8)[:2], np.zeros(8), 1e-9)
    assert convention._of_entry(trial, near, 7, 1.0) is None
    size = {4.0: 4.0, 5.0: 4.0, 0.7: 0.5, 2.9: 4.0}[float(np.ravel(scale)[-1])]
    assert moves[0].tolist() == [0, 0, 0, 0, 0, 0, 0, size]
    assert moves[1].tolist() == (-moves[0]).tolist()


def test_an_entry_that_changes_by_no_more_than_the_drift_shows_none(trial_at):
    trial = trial_at(lambda x: np.sum(C * np.maximum(x, 0)), lambda x: C * (x >= 0), X)
    assert of_entry(trial, 1, tolerance=2.0) is None
    assert of_entry(trial, 1, tolerance=1.99) == "right"


def test_the_imaginary_part_of_a_complex_entry_is_moved_alone_as_well(trial_at):
    z = np.array([0j, 1 + 0j, 0j])
    trial = trial_at(
        lambda z: np.sum(np.maximum(z.real, 0) + np.maximum(z.imag, 0)),
        lambda z: (z.real >= 0) + 1j * (z.imag > 0),
        z,
    )
    assert [of_entry(trial, entry) for entry in range(6)] == ["right", None, "right", "left", "left", "left"]


@pytest.fixture
def moved_alone(monkeypatch):
    """Return what is moved alone, in order; each entry shows the side of its name in `names`, or none."""

    def ask(names, samples):
        moved = []
        monkeypatch.setattr(convention, "_of_entry", lambda _, __, entry, ___: moved.append(entry) or names.get(entry))
        samples = np.array(samples, dtype=float)
        group = hull.Group(np.arange(samples.shape[1]), samples, np.arange(len(samples)), complete=True)
        near = nearby.Nearby(samples, samples, samples[0], 0.0)
        return convention._of_some_entry(None, near, group, 1.0), moved

    return ask


SAMPLES = [[0, 0, 0, 0, 0], [3, 1, 5, 1, 2], [1, 0, 2, 0, 2]]


def test_the_entry_that_changes_most_is_moved_first_and_then_the_next(moved_alone):
    assert moved_alone({2: "left", 0: "right"}, SAMPLES) == ({"left"}, [2])
    assert moved_alone({0: "right"}, SAMPLES) == ({"right"}, [2, 0])
    assert moved_alone({4: "midpoint"}, SAMPLES) == ({"midpoint"}, [2, 0, 4])


def test_three_entries_are_moved_alone_at_most(moved_alone):
    assert moved_alone({1: "left", 3: "left"}, SAMPLES) == (set(), [2, 0, 4])


def test_each_group_has_its_side(monkeypatch):
    two = hull.Group(np.array([0]), np.array([[1.0], [0.0]]), np.array([0, 1]), complete=True)
    three = hull.Group(np.array([1]), np.array([[0.0], [1.0], [2.0]]), np.array([0, 1]), complete=True)
    near = nearby.Nearby(np.array([[1.0, 0], [0, 1]]), np.array([[1.0, 0], [-1, 0]]), np.array([1.0, 0]), 1e-6)
    monkeypatch.setattr(convention, "_of_some_entry", lambda *_: {"left"})
    trial = SimpleNamespace()
    assert convention.of_argument(trial, near, [two], 1.0) == "right"
    assert convention.of_argument(trial, near, [three], 1.0) == "left"
    assert convention.of_argument(trial, near, [two, three], 1.0) == "mixed"
    assert convention.of_argument(trial, near, [], 1.0) == "other"
