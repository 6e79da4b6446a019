"""Which arguments' claims never change although f curves along them: found by halving, three at most."""

import math
from types import SimpleNamespace

import pytest

from gradcheck.verdicts import frozen


class Oracle:
    """One along which f curves where a move holds one of some arguments; None where it cannot be measured."""

    def __init__(self, curved, unknown=()):
        self.curved, self.unknown = set(curved), set(unknown)
        self.moves, self.scales = [], []

    def slope(self, move, *, scale, start):
        assert start is None
        self.moves.append(dict(move))
        self.scales.append(scale)
        return None if self.unknown & set(move) else bool(self.curved & set(move))


def trial(i, *, joint=True, same=True):
    probes = [SimpleNamespace(probe=10 + i, stretch=0.5), SimpleNamespace(probe=20 + i, stretch=7.0)]
    return SimpleNamespace(
        joint=joint, same_elsewhere=same, probes=probes, claimed_norm=None if i == 0 else float(i), direction=str
    )


@pytest.fixture(autouse=True)
def _as_told(monkeypatch):
    monkeypatch.setattr(frozen, "curved", bool)


@pytest.mark.parametrize(
    ("curved", "found"),
    [((), []), ((0,), [0]), ((6,), [6]), ((1, 5), [1, 5]), ((0, 1, 2), [0, 1, 2]), (range(7), [0, 1, 2])],
)
def test_three_at_most_are_found_in_their_order(curved, found):
    oracle = Oracle(curved)
    assert frozen.suspects({i: trial(i) for i in range(7)}, oracle) == found
    assert len(oracle.moves) <= 1 + 2 * math.ceil(math.log2(7)) * len(found)


def test_where_f_curves_along_none_one_slope_is_all_it_takes():
    oracle = Oracle(())
    assert frozen.suspects({i: trial(i) for i in range(7)}, oracle) == []
    assert oracle.moves == [{i: str(10 + i) for i in range(7)}]
    assert oracle.scales == [pytest.approx(0.5 * math.sqrt(sum(i * i for i in range(7))))]


def test_only_those_that_passed_together_and_never_change_are_looked_at():
    trials = {0: trial(0, joint=False), 1: trial(1, same=False), 2: trial(2), 3: trial(3)}
    oracle = Oracle(range(4))
    assert frozen.suspects(trials, oracle) == [2, 3]
    assert set().union(*oracle.moves) == {2, 3}
    none = Oracle(range(4))
    assert frozen.suspects({0: trials[0], 1: trials[1]}, none) == []
    assert none.moves == []


def test_what_cannot_be_measured_is_no_suspect():
    assert frozen.suspects({i: trial(i) for i in range(4)}, Oracle(range(4), unknown=[2])) == []
