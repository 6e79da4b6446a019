"""Checks of many arguments: counted and said, held against Torch's fast mode where that can be."""

import pytest

from gradcheck.bench import arguments
from gradcheck.bench.arguments import CASES, ROUNDS, measured, planned


def test_what_is_wrong_is_named_and_what_is_right_is_one_round_of_slopes():
    right = measured("64 arguments of 3 entries")
    assert right.evaluations <= 60
    assert right.said == "PASS"
    assert len(right.seconds) == ROUNDS
    assert right.torch_fast == ()
    assert right.ratio is None
    wrong = measured("two of 145 wrong by 1 %")
    assert wrong.evaluations <= 250
    assert wrong.said == "FAIL: arg3, arg100"


def test_the_network_is_held_against_the_fast_mode_of_torch_round_by_round():
    pytest.importorskip("torch")
    cost = measured("the network, 80 parameters")
    assert cost.said == "PASS"
    assert len(cost.torch_fast) == ROUNDS
    rounds = [mine / fast for mine, fast in zip(cost.seconds, cost.torch_fast, strict=True)]
    assert min(rounds) <= cost.ratio <= max(rounds)


def test_without_torch_and_in_a_quick_run_only_what_needs_none_is_measured(monkeypatch):
    needs_none = [name for name, (needs_torch, _) in CASES.items() if not needs_torch]
    assert planned(quick=True) == needs_none
    monkeypatch.setattr(arguments, "find_spec", lambda _: None)
    assert planned() == needs_none
