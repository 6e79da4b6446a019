"""Functions that take float64 and compute in less inside: found out, judged at that, and told."""

import math

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.claims.claim import Given
from gradcheck.claims.gradient import GradientClaim
from gradcheck.slopes import inside
from gradcheck.slopes.field import Field
from gradcheck.slopes.inside import NOTHING, Inside
from gradcheck.slopes.slope import Level, Slope

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 5))
W = RNG.standard_normal((5, 4))


def entropy(dtype):
    def f(x):
        x = x.astype(dtype)
        top = x.max(-1, keepdims=True)
        return float((np.log(np.exp(x - top).sum(-1)) + top[:, 0] - x[:, 1]).mean())

    def gradient(x):
        p = np.exp(x - x.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        p[:, 1] -= 1
        return p / len(x)

    return f, gradient, (X,)


def layer(dtype):
    def f(x, w):
        return float(np.tanh(x.astype(dtype) @ w.astype(dtype)).sum())

    def gradient(x, w):
        slope = 1 - np.tanh(x @ w) ** 2
        return slope @ w.T, x.T @ slope

    return f, gradient, (X, W)


def in_part(dtype):
    """Half of it in float64, half in less: small steps move the first alone."""
    return (
        lambda x: float(np.sum(x**2) / 2 + np.sum(np.exp(x).astype(dtype))),
        lambda x: x + np.exp(x),
        (X,),
    )


def means(dtype):
    """Parts in less, added up in float64: no value of it is short."""
    return (
        lambda x: float(np.tanh(x.astype(dtype)).astype(float).mean()),
        lambda x: (1 - np.tanh(x) ** 2) / x.size,
        (X,),
    )


CASES = [entropy, layer, in_part, means]


def changed(gradient, change):
    def other(*args):
        found = gradient(*args)
        return tuple(map(change, found)) if isinstance(found, tuple) else change(found)

    return other


@pytest.mark.parametrize("case", CASES)
def test_float32_inside_is_found_out_and_a_right_gradient_passes(case):
    report = gc.check(*case(np.float32))
    assert report.verdict is gc.Verdict.PASS, str(report)
    assert all(a.error.high < 0.04 for a in report)
    assert any("computes in float32 inside" in note and "check_kernel" in note for note in report.notes)
    assert all(a.measured_in == "float32" for a in report)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    "change",
    [
        lambda g: 1.05 * g,
        lambda g: 2 * g,
        lambda g: 0 * g,
        lambda g: -g,
        lambda g: g * (np.arange(g.size) > 3).reshape(g.shape),
    ],
    ids=["5 %", "factor 2", "zero", "sign", "four entries missing"],
)
def test_float32_inside_hides_no_wrong_gradient(case, change):
    f, gradient, args = case(np.float32)
    report = gc.check(f, changed(gradient, change), args)
    if case is means and not np.any(change(X)):  # an output of a few digits has such steps, and the gradient zero
        assert report.verdict is gc.Verdict.INCONCLUSIVE
        return
    assert report.verdict is gc.Verdict.FAIL, str(report)


def test_a_part_that_small_steps_do_not_move_is_missed_by_no_claim():
    f, _, args = in_part(np.float32)
    assert gc.check(f, lambda x: x, args).verdict is gc.Verdict.FAIL


@pytest.mark.parametrize("case", [entropy, layer, in_part])
def test_float16_inside_fails_no_right_gradient_and_passes_no_zero(case):
    f, gradient, args = case(np.float16)
    right = gc.check(f, gradient, args)
    assert right.verdict is not gc.Verdict.FAIL, str(right)
    if right.verdict is gc.Verdict.INCONCLUSIVE:
        assert any("check_kernel" in text for text in [*right.notes, *(a.reason for a in right)])
    assert not any("infinitely steep" in a.reason for a in right)
    assert gc.check(f, changed(gradient, lambda g: 0 * g), args).verdict is not gc.Verdict.PASS
    assert gc.check(f, changed(gradient, lambda g: 2 * g), args).verdict is gc.Verdict.FAIL


def test_an_argument_that_is_not_used_passes_with_zero():
    report = gc.check(
        lambda x, y: float((x.astype(np.float32) ** 2).sum()),  # noqa: ARG005  that is the case
        lambda x, y: (2 * x, 0 * y),
        (X, W),
    )
    assert report.verdict is gc.Verdict.PASS, str(report)


SMOOTH = {
    "stationary": (lambda x: 1 + np.sum((x - X) ** 2), lambda x: 2 * (x - X)),
    "steep": (lambda x: np.sum(np.exp(20 * x)), lambda x: 20 * np.exp(20 * x)),
    "fast": (lambda x: np.sum(x**2 + 1e-3 * np.sin(1e5 * x)), lambda x: 2 * x + 1e2 * np.cos(1e5 * x)),
    "bent": (lambda x: np.sum(np.abs(np.sin(50 * x))), lambda x: 50 * np.sign(np.sin(50 * x)) * np.cos(50 * x)),
    "offset": (lambda x: 1e6 + np.sum(x**3), lambda x: 3 * x**2),
}


@pytest.mark.parametrize(("f", "gradient"), SMOOTH.values(), ids=SMOOTH)
def test_what_computes_in_float64_is_not_said_to_round(f, gradient):
    report = gc.check(f, gradient, (X,))
    assert report.verdict is gc.Verdict.PASS, str(report)
    assert not any("rounded" in note or "computes in" in note for note in report.notes)


COUNTS = {
    "count": lambda x: float((x > 0).sum() + 1200),
    "integers": lambda x: float(np.floor(100 * x).sum() + 1234),
    "digits": lambda x: float(np.round(x, 6).sum()),
}


@pytest.mark.parametrize("f", COUNTS.values(), ids=COUNTS)
def test_stairs_that_are_meant_fail_no_zero(f):
    assert gc.check(f, np.zeros_like, (X,)).verdict is not gc.Verdict.FAIL
    assert gc.check(f, np.zeros_like, (X,), piecewise_constant=True).verdict is not gc.Verdict.FAIL


def test_stairs_beside_a_smooth_function_are_told():
    report = gc.check(lambda x: float((x**2).sum() + np.floor(1000 * x).sum() / 1000), lambda x: 2 * x, (X,))
    assert report.verdict is gc.Verdict.PASS, str(report)
    assert any("moves in steps" in note and "if they are meant" in note for note in report.notes)


def test_casts_inside_a_torch_function_are_seen():
    torch = pytest.importorskip("torch")

    def made(cast, share=1.0):
        class Layer(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, w):
                ctx.save_for_backward(x, w)
                return torch.tanh(cast(x) @ cast(w)).to(x.dtype)

            @staticmethod
            def backward(ctx, c):
                x, w = ctx.saved_tensors
                g = c * (1 - torch.tanh(x @ w) ** 2)
                return g @ w.T, share * x.T @ g

        return Layer.apply

    inputs = torch.from_numpy(X), torch.from_numpy(W)
    right = gc.check(made(torch.Tensor.float), inputs=inputs)
    assert right.verdict is gc.Verdict.PASS, str(right)
    assert any("computes in float32 inside" in note for note in right.notes)
    for share in (1.05, 2.0, 0.0):
        wrong = gc.check(made(torch.Tensor.float, share), inputs=inputs)
        assert wrong["w"].verdict is gc.Verdict.FAIL, str(wrong)
        assert wrong["x"].verdict is gc.Verdict.PASS, str(wrong)
    for cast in (torch.Tensor.half, torch.Tensor.bfloat16):
        report = gc.check(made(cast), inputs=inputs)
        assert report.verdict is not gc.Verdict.FAIL, str(report)
        assert gc.check(made(cast, 0.0), inputs=inputs)["w"].verdict is not gc.Verdict.PASS


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("scale", [0.01, 1.0])
def test_a_cast_of_a_part_hides_no_mistake_in_the_other(dtype, scale):
    torch = pytest.importorskip("torch")
    a, inputs = torch.from_numpy(W), (torch.from_numpy(X[0]), torch.from_numpy(W[0] / 2))

    def made(of_x, of_b):
        class Part(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, b):
                h = torch.tanh(x @ a / 4 + b)
                ctx.save_for_backward(h, b)
                return scale * (h.to(getattr(torch, dtype)).double() ** 2).sum() + 30 * torch.cos(b).sum()

            @staticmethod
            def backward(ctx, c):
                h, b = ctx.saved_tensors
                d = scale * 2 * h * (1 - h * h)
                return c * (a @ d / 4) * of_x, c * (d - 30 * torch.sin(b)) * of_b

        return Part.apply

    right = gc.check(made(1, 1), inputs=inputs)
    assert right.verdict is (gc.Verdict.PASS if dtype == "float32" else right.verdict) is not gc.Verdict.FAIL, str(
        right
    )
    assert gc.check(made(1, 1.1), inputs=inputs)["b"].verdict is gc.Verdict.FAIL
    for share in (0, 1.1, 2):
        assert gc.check(made(share, 1), inputs=inputs)["x"].verdict is not gc.Verdict.PASS


def test_arguments_of_mixed_dtypes_are_moved_each_in_its_own():
    torch = pytest.importorskip("torch")
    x, w = torch.from_numpy(X).float(), torch.from_numpy(W)

    def f(x, w):
        return torch.tanh(x.double() @ w)

    report = gc.check(f, inputs=(x, w))
    assert [a.dtype for a in report] == ["float32", "float64"]
    assert report.verdict is not gc.Verdict.FAIL, str(report)
    wrong = gc.check(lambda x, w: torch.tanh(x.double() @ w).sum(), lambda x, w: (0 * x, torch.zeros_like(w)), (x, w))
    assert wrong.verdict is gc.Verdict.FAIL


def test_what_was_noted_before_f_was_asked_again_is_noted_once():
    f, gradient, args = means(np.float32)

    def edge(x):
        if x[0, 0] > X[0, 0]:
            raise ValueError("outside")
        return f(x)

    report = gc.check(edge, gradient, args)
    assert sum("raised next to the point" in note for note in report.notes) == 1
    assert sum("computes in float32 inside" in note for note in report.notes) == 1


def test_a_budget_that_ends_while_casts_are_looked_at_leaves_a_report():
    torch = pytest.importorskip("torch")

    class Narrow(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.tanh(x.float()).double()

        @staticmethod
        def backward(ctx, c):
            (x,) = ctx.saved_tensors
            return c * (1 - torch.tanh(x) ** 2)

    for budget in (4, 10, 25, 40):
        report = gc.check(Narrow.apply, inputs=(torch.from_numpy(X[0]),), max_evaluations=budget)
        assert report.verdict is gc.Verdict.INCONCLUSIVE, str(report)
        assert "max_evaluations" in str(report)


def found_by_look(f, gradient, x, seed=0, scale=1.0):
    """What is found of `scale` times f and its gradient, before any slope, and how often f is called for it."""
    claim = GradientClaim(lambda x: scale * f(x), gradient, Given((x,)))
    field = Field(claim, claim.leaves, seed=seed)
    before, claimed = field.evaluations, scale * gradient(x)
    return inside.look(field, [0], lambda move: float(np.sum(claimed * move[0]))), field.evaluations - before


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("f", "gradient"),
    [
        (lambda x: np.sum(x**3), lambda x: 3 * x**2),
        (lambda x: np.sum(np.tanh(x)), lambda x: 1 - np.tanh(x) ** 2),
        (lambda x: 1e3 * np.sum(np.exp(x)), lambda x: 1e3 * np.exp(x)),
        (lambda x: 1e-3 * np.sum(np.exp(20 * x)), lambda x: 20e-3 * np.exp(20 * x)),
    ],
)
def test_what_computes_in_float64_is_called_twice_more_than_for_its_noise(f, gradient, seed):
    assert found_by_look(f, gradient, X, seed) == (NOTHING, 7 + 2)


OF_ANY_SCALE = {
    **SMOOTH,
    **{name: (f, np.zeros_like) for name, f in COUNTS.items()},
    "float32": entropy(np.float32)[:2],
    "part in float32": in_part(np.float32)[:2],
    "part in float16": in_part(np.float16)[:2],
    "means of float32": means(np.float32)[:2],
    "wrong": (in_part(np.float32)[0], np.zeros_like),
}


@pytest.mark.parametrize("exponent", [-600, -20, 20, 600])
@pytest.mark.parametrize(("f", "gradient"), OF_ANY_SCALE.values(), ids=OF_ANY_SCALE)
def test_what_is_found_and_what_it_costs_is_the_same_at_any_scale_of_f(f, gradient, exponent):
    for seed in range(3):
        assert found_by_look(f, gradient, X, seed, 2.0**exponent) == found_by_look(f, gradient, X, seed)


@pytest.mark.parametrize("share", [1e-3, 1.0, 1e3])
def test_a_part_in_float32_is_found_before_any_slope_whatever_is_claimed(share):
    f, gradient, _ = in_part(np.float32)
    for claimed in (gradient, np.zeros_like, lambda x: x):
        found, _ = found_by_look(f, lambda x, claimed=claimed: share * claimed(x), X)
        assert found == Inside("float32", 2.0**-24)


def test_what_a_cast_amounts_to_is_measured_and_where_it_does_not_show_it_is_all_of_f():
    def seen(f):
        claim = GradientClaim(f, np.ones_like, Given((X,)))
        field = Field(claim, claim.leaves, seed=0)
        return inside.seen_of(field.computing_in("float32", 2.0**-24), [0])

    def with_a_part(share):
        return lambda x: 30 * np.sum(np.cos(x)) + share * np.sum(np.tanh(x).astype(np.float32).astype(float))

    assert seen(with_a_part(0.0)) == 2.0**-24
    assert seen(lambda x: np.sum(np.exp(x))) == 2.0**-24
    assert seen(lambda x: np.sum(np.sqrt(x - X)) + 1) == 2.0**-24  # not finite next to the point
    parts = [seen(with_a_part(share)) for share in (0.1, 1.0, 1e3)]
    # thirty numbers of half a unit of 2^-24 each, beside thirty cosines times thirty
    assert 2.0**-24 / 30 / 1000 < parts[0] < 2.0**-24 / 30 < parts[2] == 2.0**-24
    assert parts[1] == pytest.approx(10 * parts[0], rel=0.5, abs=0)


def a_slope(centrals, value=None):
    levels = tuple(Level(8.0**-i, math.nan, math.nan, central, 0.0, 0.0) for i, central in enumerate(centrals))
    return Slope(centrals[-1] if value is None else value, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, levels)


@pytest.mark.parametrize(
    ("centrals", "claimed", "nearer"),
    [
        ([1.5, 1.5, 1.0], 1.5, True),
        ([1.5, 1.2, 1.0], 1.5, True),
        ([1.5, 1 + 0.5 / 7, 1.0], 1.5, True),  # not as fast as truncation
        ([1.5, 1 + 0.5 / 64, 1 + 0.5 / 64**2], 1.5, False),  # truncation: no rounding is so much less on finer steps
        ([1.5, 1 + 0.5 / 9, 1.0], 1.5, False),
        ([1.5, 1.0, 1.0], 1.5, True),  # on finer steps it does not move by a bit
        ([2.0, 1.5, 1 + 1e-9, 1.0], 1.55, True),  # far less over finer steps, but hardly more over larger ones
        ([0.0, 1.5, 1 + 1e-9, 1.0], 1.55, True),
        ([9.0, 1.05, 1 + 1e-9, 1.0], 1.05, False),
        ([1.5, 1.5, 1.0], 3.0, False),
        ([1.5, 1.5, 1.0], 0.5, False),
        ([1.5, 1.5, 1.0], 1.9, True),
        ([0.5, 0.5, 1.0], 0.5, True),
    ],
)
def test_a_claim_is_nearer_to_slopes_over_larger_steps_where_roundings_hide_a_part_from_the_finer(
    centrals, claimed, nearer
):
    truncated = 1e9  # of steps still larger
    assert inside.nearer(lambda t: centrals[-1] * t + truncated * t**3, a_slope(centrals), claimed) is nearer


@pytest.mark.parametrize("offset", [0.0, 3.0, -3.0])
@pytest.mark.parametrize(("rough", "nearer"), [(0.5, True), (0.0, False)])
def test_steps_that_are_larger_than_the_ladders_are_asked_as_well(rough, nearer, offset):
    def phi(t):
        return offset + t + rough * np.round(256 * t) / 256

    assert inside.nearer(phi, a_slope([1.0, 1.0, 1.0]), 1.5) is nearer


TERMS = [
    (lambda x: x**2 / 2, lambda x: x),
    (np.exp, np.exp),
    (np.sin, np.cos),
    (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    (lambda x: np.log1p(x**2), lambda x: 2 * x / (1 + x**2)),
    (lambda x: x**3, lambda x: 3 * x**2),
]


def drawn_with_a_part(seed):
    """A sum of two functions, of which one is rounded to float16: each of its terms, its argument, or its sum."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(int(rng.integers(2, 40))) * 10 ** rng.uniform(-0.5, 0.5)
    (f, slope), (g, slope_of_g) = (TERMS[i] for i in rng.choice(len(TERMS), 2))
    a, b = 10 ** rng.uniform(-1.5, 1.5, 2)

    def short(x):
        return x.astype(np.float16).astype(float)

    rounded = (lambda x: short(g(x)).sum(), lambda x: g(short(x)).sum(), lambda x: float(short(g(x).sum())))
    part = rounded[int(rng.integers(3))]
    return lambda x: a * f(x).sum() + b * part(x), lambda x: a * slope(x) + b * slope_of_g(x), (x,)


@pytest.mark.parametrize("block", range(12))
def test_a_part_in_float16_fails_no_right_gradient_and_hides_no_wrong_one(block):
    for seed in range(10 * block, 10 * (block + 1)):
        f, gradient, args = drawn_with_a_part(seed)
        right = gc.check(f, gradient, args, seed=seed)
        assert right.verdict is not gc.Verdict.FAIL, f"{seed}: {right}"
        wrong = gc.check(f, changed(gradient, lambda g: 1.3 * g), args, seed=seed)
        assert wrong.verdict is not gc.Verdict.PASS, f"{seed}: {wrong}"


@pytest.mark.parametrize("name", ["count", "integers"])
def test_short_whole_numbers_are_counts_where_a_zero_gradient_is_claimed_and_float16_elsewhere(name):
    for seed in range(3):
        assert found_by_look(COUNTS[name], np.zeros_like, X, seed)[0] == NOTHING
        assert found_by_look(COUNTS[name], np.ones_like, X, seed)[0] == Inside("float16", 2.0**-11)


@pytest.mark.parametrize("offset", [1e6, 1e10, 1e12, 1e14])
def test_steps_of_the_last_bits_of_a_large_value_are_round_off_and_not_looked_into(offset):
    def f(x):
        return offset + np.sum(x**3)

    claim = GradientClaim(f, np.zeros_like, Given((X,)))
    field = Field(claim, claim.leaves, seed=0)
    before = field.evaluations
    assert 0.5 <= field.noise([0]).granularity / np.spacing(offset) < 20
    assert found_by_look(f, lambda x: 3 * x**2, X) == (NOTHING, field.evaluations - before)


@pytest.mark.parametrize("slope", [3.0, -3.0])
@pytest.mark.parametrize("exponent", [-17, -11, -4])
def test_a_jump_is_found_among_others_wherever_they_are(exponent, slope):
    """Between two jumps φ falls behind by as much as one makes up for: the half further off may hold none of them."""
    rng, rough = np.random.default_rng(0), 0
    for _ in range(300):
        width = inside.GENERIC * 2.0**exponent
        step, phase = width * 10 ** rng.uniform(-2, 0.5), rng.random()
        phi = rounded_line(slope, step, phase)
        values = [phi(i * width) for i in inside.OFFSETS]
        sigma = inside.difference_table(values)
        if inside._rough(values) and sigma > abs(slope) * step / 8:
            rough += 1
            assert inside._jumps(phi, values, exponent, inside.JUMP * sigma)
    assert rough > 100


def rounded_line(slope, step, phase):
    """A line of some slope that is rounded to whole numbers of its moves over a step, and a smooth part."""
    return lambda t: slope * step * round(t / step + phase) + 0.7 * t + t * t


@pytest.mark.parametrize("bent", [math.cos, math.exp, abs, lambda t: t * abs(t), lambda t: 1 / (t + 0.9)])
@pytest.mark.parametrize("exponent", [-17, -11, -4])
def test_what_bends_does_not_jump(bent, exponent):
    width = inside.GENERIC * 2.0**exponent
    for place in np.linspace(-0.5, 0.5, 20):
        phi = shifted(bent, 7 * width * place)
        values = [phi(i * width) for i in inside.OFFSETS]
        least = inside.JUMP * max(inside.difference_table(values), 2.0**-45)
        assert not inside._jumps(phi, values, exponent, least)


def shifted(phi, by):
    return lambda t: phi(t + by)


def test_what_is_rough_everywhere_does_not_jump():
    """A jump is quiet on both sides: of noise three in a hundred differences are far larger than the next ones."""
    found = 0
    for seed in range(200):
        phi = noisy(seed)
        values = [phi(math.ldexp(i * inside.GENERIC, -11)) for i in inside.OFFSETS]
        found += inside._jumps(phi, values, -11, inside.JUMP * inside.difference_table(values))
    assert found < 30


def noisy(seed):
    return lambda t: np.random.default_rng([seed, hash(t) % 2**62]).standard_normal()


def test_past_the_edge_of_the_domain_no_jump_is_told():
    step = math.ldexp(inside.GENERIC, -11)
    values = [rounded_line(3.0, step / 3, 0.1)(i * step) for i in inside.OFFSETS]
    assert not inside._jumps(lambda _: math.nan, values, -11, inside.JUMP * inside.difference_table(values))
