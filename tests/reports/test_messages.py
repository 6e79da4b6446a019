"""Whole messages, as a user reads them. `python tests/test_messages.py` writes the files anew: read the difference."""

import math
from pathlib import Path

import numpy as np
import pytest

import gradcheck as gc

GOLDEN = Path(__file__).parent / "golden"


def point(*shape):
    """Return short decimals of both signs, no two alike."""
    n = math.prod(shape)
    return ((np.arange(n) * 7 % n - n / 2 + 0.25) / 4).reshape(shape)


def cubes(w):
    # products and an exact sum: the same bits on every machine
    return math.fsum((w * w * w).ravel())


def cubes_gradient(w):
    return 3 * w * w


def product(a, b):
    return math.fsum((a * a * b).ravel())


def product_gradient(a, b):
    return 2 * a * b, a * a


def spoiled(change):
    def gradient(w):
        g = cubes_gradient(w)
        return g if (other := change(g)) is None else other

    return gradient


def times(factor):
    return lambda a, b: tuple(factor * g for g in product_gradient(a, b))


def add(index, amount):
    return lambda g: g.__setitem__(index, g[index] + amount)


def entries(g):
    g[2, 1] += 1
    g[7, 5] -= 2


def one_of_two(a, b):
    return product_gradient(a, b)[0], a


def raising(w):
    return {"w1": w}["w2"]


W = point(9, 6)
A, B = point(4, 4), point(4, 4)[::-1] + 3.0

CASES = {
    "right": lambda: gc.check(cubes, cubes_gradient, (W,)),
    "right_symmetric": lambda: gc.check(cubes, cubes_gradient, (B + B.T,)),
    "half": lambda: gc.check(cubes, lambda w: cubes_gradient(w) / 2, (W,)),
    "half_in_both": lambda: gc.check(product, times(0.5), (A, B)),
    "mean": lambda: gc.check(cubes, lambda w: cubes_gradient(w) / 9, (W,)),
    "unknown_factor": lambda: gc.check(cubes, lambda w: cubes_gradient(w) * 1.37, (W,)),
    "sign": lambda: gc.check(cubes, lambda w: -cubes_gradient(w), (W,)),
    "transposed": lambda: gc.check(cubes, lambda w: cubes_gradient(w).T, (A,)),
    "rolled": lambda: gc.check(cubes, lambda w: np.roll(cubes_gradient(w), 1, axis=0), (W,)),
    "weight_decay": lambda: gc.check(cubes, lambda w: cubes_gradient(w) + 0.01 * w, (W,)),
    "swapped": lambda: gc.check(product, lambda a, b: product_gradient(a, b)[::-1], (A, B)),
    "zero": lambda: gc.check(cubes, np.zeros_like, (W,)),
    "one_entry": lambda: gc.check(cubes, spoiled(add((2, 1), 0.5)), (W,)),
    "two_entries": lambda: gc.check(cubes, spoiled(entries), (W,)),
    "row": lambda: gc.check(cubes, spoiled(add(3, point(6))), (W,)),
    "column": lambda: gc.check(cubes, spoiled(add((slice(None), 4), point(9))), (W,)),
    "channel": lambda: gc.check(cubes, spoiled(add((slice(None), 2), 1.0)), (point(2, 4, 3, 3),)),
    "last_sample": lambda: gc.check(cubes, spoiled(lambda g: g.__setitem__(-1, 0)), (W,)),
    "every_other": lambda: gc.check(cubes, spoiled(lambda g: np.where(W > 0.1, g, g + W * W)), (W,)),
    "second_of_two": lambda: gc.check(product, one_of_two, (A, B)),
    "not_reduced": lambda: gc.check(lambda b: cubes(A + b), lambda b: cubes_gradient(A + b), (point(4),), names=("b",)),
    "ignores_cotangent": lambda: gc.check(np.sin, vjp=lambda _, x: np.cos(x), args=(A,), names=["x"]),
    "squares_cotangent": lambda: gc.check(np.sin, vjp=lambda c, x: c * c * np.cos(x), args=(A,), names=["x"]),
    "wrong_shape": lambda: gc.check(cubes, lambda w: cubes_gradient(w)[0], (W,)),
    "raises": lambda: gc.check(cubes, raising, (W,)),
    "many_arguments": lambda: gc.check(
        lambda *args: math.fsum(cubes(a) for a in args),
        lambda *args: tuple(cubes_gradient(a) * (i + 1) for i, a in enumerate(args)),
        tuple(point(3, 2) + i for i in range(12)),
    ),
    "budget": lambda: gc.check(cubes, cubes_gradient, (W,), max_evaluations=12),
}


@pytest.mark.parametrize("case", CASES)
def test_message_is_the_one_on_file(case):
    message = str(CASES[case]())
    assert message + "\n" == (GOLDEN / f"{case}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES)
def test_message_is_read_at_a_glance_and_fits_in_80_columns(case):
    lines = (GOLDEN / f"{case}.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 12 or case == "many_arguments"  # 11 of 12 are wrong, and each is shown
    assert max(map(len, lines)) <= 80


def test_every_file_belongs_to_a_case():
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(CASES)


def test_numbers_in_a_message_are_those_of_the_arithmetic():
    claimed, right = float(3 * W[2, 1] ** 2 + 0.5), float(3 * W[2, 1] ** 2)
    assert f"w[2, 1] claimed {claimed:.6g}, measured {right:.6g}" in str(CASES["one_entry"]())


def test_a_message_ends_with_the_seed_to_repeat_it():
    report = gc.check(cubes, lambda w: -cubes_gradient(w), (W,), seed=7)
    assert str(report).splitlines()[-1].endswith("seed=7)")


if __name__ == "__main__":
    import test_messages as imported  # under a name, as pytest does: the program that repeats a failure needs one

    for name, make in imported.CASES.items():
        (GOLDEN / f"{name}.txt").write_text(f"{make()}\n", encoding="utf-8")
