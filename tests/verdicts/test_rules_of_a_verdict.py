"""The rules by which slopes become a verdict, each at its limit, on slopes made by hand."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from gradcheck.slopes.inside import ROUND_OFF, STEPS
from gradcheck.slopes.slope import Level, Slope
from gradcheck.verdicts import decide, reasons
from gradcheck.verdicts.accuracy import LAMBDA
from gradcheck.verdicts.argument_report import Probe
from gradcheck.verdicts.certificate import Interval, Mismatch, Verdict, default_resolution
from gradcheck.verdicts.decide import COUNTED

U = 2.0**-53
RESOLUTION = 1e-5
BOUND = 1e-9  # of every mismatch
FINEST = -20
INVISIBLE = default_resolution(U) ** 2  # of |f|: a claim this small is as good as zero
STILL = {"slope": 0.0, "constant": 1e-12}
PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def probe(
    claimed=2.0, slope=2.0, *, error=1e-9, levels=((0.25, 2.0), (2.0**-5, 2.0)), noise=1e-12, stretch=1.0, **kept
):
    """Return a probe; `levels` are (step, central difference)."""
    moved, left = kept.pop("moved", 1), kept.pop("left", slope)
    at = kept.pop("values", (0.0, 1.0))
    jump = kept.pop("jump", 0.0)
    ladder = tuple(Level(h, *at, central, jump / h, noise) for h, central in levels)
    found = Slope(slope, error, left, slope, error, levels[-1][0] if levels else 0.0, math.nan, ladder, **kept)
    return Probe(0, stretch, found, claimed, 0.0, moved)


def trial(*probes, interval=(0.3, 0.4), absolute=(0.0, 1e-3), norm=2.0, effects=(1.0,), dtype="float64", **fields):
    """Return what was measured of an argument x, as a verdict reads it."""
    leaf = np.ones(1, dtype)
    field = {"at_point": 1.0, "largest": 1.0, "unit": U, "inside": "", "step": math.inf, "least": math.inf}
    field = SimpleNamespace(**{name: fields.pop(name, value) for name, value in field.items()})
    field.step_size = lambda: field.step
    field.finest = lambda _: FINEST
    field.least_move = field.least
    field.scales = [SimpleNamespace(norm=lambda g: g) for _ in effects]
    bound = fields.pop("bound", BOUND)
    return SimpleNamespace(
        name="x",
        index=0,
        probes=list(probes),
        claimed_norm=norm,
        claimed=fields.pop("claimed", None),
        jitter=fields.pop("jitter", 0.0),
        random=fields.pop("random", False),
        true_norm=fields.pop("true_norm", 2.0),
        smallest_move=fields.pop("smallest_move", math.inf),
        values_far_apart=fields.pop("values_far_apart", []),
        sized=fields.pop("sized", False),
        scale=SimpleNamespace(value=np.asarray(fields.pop("scale", 1.0))),
        field=field,
        prediction=SimpleNamespace(values=list(effects), leaves=[leaf], claim=SimpleNamespace(leaves=[leaf])),
        mismatches=lambda: [Mismatch(p.claimed, p.slope.value / p.stretch, bound) for p in probes],
        interval=lambda: Interval(*interval, relative=True, confidence=0.9999),
        absolute=lambda bounds=None: Interval(
            *(absolute if bounds is None else (0.0, max(bounds))), relative=False, confidence=0.9999
        ),
        **fields,
    )


def decided(of, resolution=RESOLUTION, **rules):
    """Return verdict, upper end and reason."""
    rules = {"rtol": None, "atol": None, "piecewise_constant": False, **rules}
    found, interval, reason = decide.verdict(of, SimpleNamespace(**rules), resolution)
    return found, interval.high, reason


RIGHT = (probe(),) * 3
WRONG = (probe(claimed=3.0),) * 3
JUMPING = (probe(levels=((4.0, 2.0), (2.0, 2.0), (1.0, 2.0)), jump=1.0),)


@pytest.mark.parametrize(("high", "wanted"), [(RESOLUTION, PASS), (math.nextafter(RESOLUTION, 1.0), INCONCLUSIVE)])
def test_an_interval_up_to_the_resolution_is_a_pass(high, wanted):
    assert decided(trial(*RIGHT, interval=(0.0, high)))[:2] == (wanted, high)


@pytest.mark.parametrize(
    ("probes", "wanted"),
    [
        (WRONG, (FAIL, 0.4, "")),
        ((*WRONG[:2], probe()), (FAIL, 0.4, "")),
        ((*WRONG[:1], probe(), probe()), (INCONCLUSIVE, 0.4, reasons.ONE)),
    ],
)
def test_two_slopes_contradict_and_one_is_a_doubt(probes, wanted):
    assert decided(trial(*probes)) == wanted


@pytest.mark.parametrize("high", [1.0, 1e9])
@pytest.mark.parametrize(
    ("low", "inside", "fails"),
    [(1.0, "float16", False), (1.01, "float16", True), (1.0, "", True), (0.0, "float16", True)],
)
def test_roundings_inside_that_pass_their_bounds_by_little_contradict_nothing(low, inside, fails, high):
    unit = 2.0**-8 * default_resolution(U)  # of the round-off that f shows; what is wanted may be far less
    of = trial(*WRONG, interval=(low * unit, high * unit), inside=inside)
    right = PASS if high * unit <= 0.01 else INCONCLUSIVE
    assert decided(of, 0.01)[0] is (FAIL if fails else right)


@pytest.mark.parametrize(("noise", "least"), [(1.0, 2.0**-5), (2.0**-4, 2.0**-5), (1.0, 2.0**-3)])
def test_where_f_goes_up_and_down_by_many_of_its_steps_it_has_no_digit_left(noise, least):
    """It stands still next to the point, and moves as far as it is large over all larger steps, none of which tells."""
    levels = tuple(Level(h, *at, 0.1, 0.0, noise / h) for h, at in ((0.25, (0.0, 0.5)), (2.0**-4, (0.5 + least, 0.9))))
    found = Slope(0.1, 1.0, 0.1, 0.1, 1.0, 2.0**-4, math.nan, levels, constant=1e-3)
    hides = noise > 2.0**-3 and noise > 2.0**4 * least
    of = trial(*[Probe(0, 1.0, found, 9.0, 0.0, 1)] * 3, bound=1.0)
    assert contradicts(of) == (not hides)


@pytest.mark.parametrize(
    ("rules", "absolute", "wanted"),
    [
        ({"rtol": 0.2}, (0.0, 9.0), "the error is above rtol=0.2"),
        ({"rtol": 0.3}, (0.0, 9.0), None),
        ({"atol": 0.2}, (0.5, 9.0), "the error is above atol=0.2"),
        ({"atol": 0.2}, (0.4, 9.0), None),
        ({"rtol": 0.2, "atol": 0.2}, (0.5, 9.0), "the error is above rtol=0.2 and atol=0.2"),
        ({"rtol": 0.2, "atol": 0.2}, (0.4, 9.0), None),
        ({"rtol": 0.3, "atol": 0.2}, (0.5, 9.0), None),
    ],
)
def test_an_error_is_wrong_above_all_that_is_allowed(rules, absolute, wanted):
    found, _, reason = decided(trial(*WRONG, absolute=absolute, scale=[0.5, 2.0]), **rules)
    assert (found, reason) == (FAIL, wanted) if wanted else found is INCONCLUSIVE
    doubt = decided(trial(*WRONG[:1], probe(), absolute=absolute, scale=[0.5, 2.0]), **rules)
    assert doubt[0] is INCONCLUSIVE


@pytest.mark.parametrize(
    ("high", "wanted"), [(0.1, (PASS, 0.1, "")), (0.11, (FAIL, 0.4, "the error is above atol=0.2"))]
)
def test_an_absolute_error_is_allowed_up_to_atol_of_the_smallest_scale(high, wanted):
    assert decided(trial(*WRONG, absolute=(1.0, high), scale=[0.5, 2.0]), atol=0.2) == wanted


@pytest.mark.parametrize("size", [1e3, 1e9, 1e12])
def test_a_claim_may_be_off_by_round_off_of_logarithms_as_large_as_f(size):
    allowed = LAMBDA * U * min(size, 1 / math.sqrt(U))
    assert decided(trial(*WRONG, interval=(0.0, allowed), at_point=size), 0.0)[0] is INCONCLUSIVE
    assert decided(trial(*WRONG, interval=(0.0, allowed * 1.001), at_point=size), 0.0)[0] is FAIL


@pytest.mark.parametrize(
    ("norm", "slope", "wanted"),
    [
        (INVISIBLE * 7, 0.0, INCONCLUSIVE),
        (INVISIBLE * 7.001, 0.0, FAIL),
        (INVISIBLE * 7, BOUND, INCONCLUSIVE),
        (INVISIBLE * 7, 2 * BOUND, FAIL),
        (None, 0.0, FAIL),
    ],
)
def test_a_claim_that_may_be_round_off_of_an_f_that_stands_still_is_a_doubt(norm, slope, wanted):
    made = trial(*[probe(claimed=5e-9, slope=slope)] * 3, norm=norm, at_point=-7.0)
    assert decided(made)[0] is wanted
    assert decided(made)[2] == (reasons.AS_ROUND_OFF if wanted is INCONCLUSIVE else "")


# Slopes that contradict nothing -------------------------------------------------------------------------------


def contradicts(made):
    return decided(made)[0] is FAIL


def zero(slope, **fields):
    """Return a slope past a plateau around the point, of a claim of zero."""
    return probe(claimed=0.0, slope=slope, error=0.0, **fields)


@pytest.mark.parametrize(
    ("found", "fields", "wanted"),
    [
        ({"constant": 1.0}, {}, True),  # it may be as steep next to the point
        ({"constant": 0.4}, {}, False),  # steeper than it can be there
        ({"constant": 0.4, "hidden": 0.5}, {}, True),
        ({"constant": 0.4, "hidden": 0.45}, {}, False),
        ({"constant": 0.5, "hidden": 0.4}, {}, True),
        ({"constant": 1.0, "first": ROUND_OFF * U * 3}, {}, True),
        ({"constant": 1.0, "first": ROUND_OFF * U * 3.001}, {}, False),  # it jumps
        ({"constant": 1.0}, {"step": ROUND_OFF * U}, True),
        ({"constant": 1.0}, {"step": ROUND_OFF * U * 1.001}, False),  # all of f moves in steps
        ({}, {"step": 0.1}, True),  # and yet not here
    ],
)
def test_a_claim_of_zero_is_not_contradicted_by_what_lies_past_a_plateau(found, fields, wanted):
    made = trial(*[zero(0.5, **found)] * 3, norm=0.0, at_point=-3.0, claimed=np.zeros(1), **fields)
    assert contradicts(made) == wanted
    if found:
        assert contradicts(trial(*[zero(0.5, **found)] * 3, norm=1e-3, at_point=-3.0, **fields))


def test_a_claim_of_zero_on_an_edge_of_stairs_is_not_contradicted_by_directions_that_cross_it():
    across = [zero(0.5)] * 3
    fields = {"norm": 0.0, "at_point": -3.0, "claimed": np.zeros(1), "step": 0.1}
    assert contradicts(trial(*across, **fields))
    assert not contradicts(trial(zero(0.0, constant=0.4), *across, **fields))


@pytest.mark.parametrize(
    ("claimed", "levels", "constant", "inside", "wanted"),
    [
        (3.0, [2.0, 3.0, 2.0], 1.0, "", False),  # a slope that its steps show
        (3.0, [2.0, 2.5, 2.0], 1.0, "", True),
        (1.0, [1.0, 2.0, 2.0], 1.0, "", False),
        (0.9, [1.0, 2.0, 2.0], 1.0, "", True),
        (3.0 + BOUND, [2.0, 3.0, 2.0], 1.0, "", False),
        (1.0 - BOUND, [1.0, 2.0, 2.0], 1.0, "", False),
        (3.0, [2.0, 3.0, 2.0], math.nan, "", True),  # it moves in no steps
        (3.0, [3.125, 2.0, 2.0], math.nan, "float32", False),  # an eighth as far as the measured slope
        (3.0, [3.15, 2.0, 2.0], math.nan, "float32", True),
        (3.0, [2.0, 3.0, 2.0], math.nan, "float32", False),
        (3.0, [2.0, 2.0, 3.0], math.nan, "float32", True),  # a fine step is one of roundings
        (3.0, [], 1.0, "float32", True),
        (0.0, [0.0, 2.0], 1.0, "float32", True),
    ],
)
def test_a_claim_that_some_steps_show_is_not_contradicted_by_others(claimed, levels, constant, inside, wanted):
    steps = [(2.0 ** -(2 + 3 * k), 2 * c) for k, c in enumerate(levels)]
    found = probe(claimed=claimed, slope=4.0, levels=steps, constant=constant, stretch=2.0)
    assert contradicts(trial(*[found] * 3, inside=inside)) == wanted


@pytest.mark.parametrize(("step", "scale"), [(1.0, 1.0), (1.0, 8.0), (4.0, 2.0**-12), (2.0**30, 2.0**-40)])
def test_a_slope_that_is_seen_far_away_only_contradicts_nothing(step, scale):
    near, far = ((step * k, 5.0) for k in (1.0, 1.01))
    hidden = (step / 8, 5e-13)
    assert contradicts(trial(*[probe(claimed=3.0, levels=(near, hidden))] * 3, scale=scale))
    assert not contradicts(trial(*[probe(claimed=3.0, levels=(far, hidden))] * 3, scale=scale))
    assert contradicts(trial(*[probe(claimed=3.0, levels=(far, (step / 8, -5.1)))] * 3, scale=scale))
    assert contradicts(trial(*[probe(claimed=3.0, levels=())] * 3, scale=scale))


@pytest.mark.parametrize(
    ("slopes", "wanted"),
    [
        ([-1.0, -8.5, -70.0], False),  # each eight times the one before
        ([-60.0, -69.0, -70.0], True),  # settled
        ([-1.0, -69.0, -70.0], True),  # where the step is small enough
        ([-10.0, -40.0, -70.0], True),  # not by much
    ],
)
def test_slopes_that_grow_to_the_last_step_contradict_nothing(slopes, wanted):
    levels = tuple((2.0 ** (-2 - 3 * k), slope) for k, slope in enumerate(slopes))
    assert contradicts(trial(*[probe(claimed=3.0, slope=-70.0, levels=levels, noise=0.02)] * 3)) == wanted


@pytest.mark.parametrize(
    ("claimed", "finer", "inside", "wanted"),
    [
        (3.0, 6.0, "", False),  # on the way to what finer steps show
        (6.04, 6.0, "", False),  # that, but for noise
        (6.06, 6.0, "", True),
        (1.96, 6.0, "", False),
        (1.94, 6.0, "", True),
        (2.1, 2.19, "", True),  # which is no other slope
        (2.1, 2.21, "", False),
        (3.0, 6.0, "float32", True),  # finer steps are those of roundings
    ],
)
def test_a_claim_that_finer_steps_show_or_come_near_to_is_not_contradicted(claimed, finer, inside, wanted):
    levels = ((1 / 4, 4.0), (1 / 32, 2 * finer))
    found = probe(claimed=claimed, slope=4.0, levels=levels, noise=0.1, stretch=2.0)
    coarser = probe(claimed=claimed, slope=4.0, levels=((1 / 4, 2 * finer), (1 / 32, 4.0)), noise=0.1, stretch=2.0)
    assert contradicts(trial(*[found] * 3, inside=inside)) == wanted
    assert contradicts(trial(*[coarser] * 3))


@pytest.mark.parametrize(("noise", "wanted"), [(0.49, True), (0.51, False)])
def test_a_noise_as_large_as_f_contradicts_nothing(noise, wanted):
    noisy = probe(claimed=3.0, levels=((0.5, 5.0), (0.25, 5.0)), noise=noise)
    assert contradicts(trial(*[noisy] * 3)) == wanted


@pytest.mark.parametrize(
    ("least", "values", "apart", "wanted"),
    [
        (3.1, (1.0, 1.0), [], False),  # f has never moved by as little as is claimed
        (2.9, (1.0, 1.0), [], True),
        (math.inf, (1.0, 1.0), [], True),  # it has never moved at all
        (3.1, (1.0, 2.0), [], True),
        (3.1, (1.0, 1.0), [2.0], True),
    ],
)
def test_a_claim_below_every_move_of_f_is_not_contradicted_where_the_argument_moves_it_by_nothing(
    least, values, apart, wanted
):
    still = probe(claimed=3.0, slope=0.0, levels=((0.25, 0.0),), values=values)
    assert contradicts(trial(*[still] * 3, least=least, values_far_apart=apart)) == wanted


@pytest.mark.parametrize(
    ("step", "change", "wanted"),
    [
        (2.0**FINEST, 0.53, True),
        (2.0**FINEST, 0.6, False),
        (2.0 ** (FINEST + 3), 0.6, True),
        (2.0**FINEST, -0.6, False),
    ],
)
def test_slopes_that_still_change_at_the_finest_steps_contradict_nothing(step, change, wanted):
    levels = ((8 * step, -2.0 - change), (step, -2.0))
    made = [probe(claimed=3.0, slope=-2.0, levels=levels, noise=0.02)] * 3
    assert contradicts(trial(*made)) == wanted
    assert contradicts(trial(*made, *WRONG[:2]))  # other directions, on larger steps, do
    assert contradicts(trial(*[probe(claimed=3.0, levels=levels[1:])] * 3))


# Zero, and nearly ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "slope", "moved", "wanted"),
    [
        (0.0, 0.0, 1, True),
        (1.0, 0.0, 1, False),
        (-1.0, 0.0, 1, False),
        (1.0, 1.0, 1, False),
        (-1.0, -1.0, 1, False),
        (0.0, 0.0, 2, False),
    ],
)
def test_f_never_moves_where_both_sides_of_two_slopes_of_this_argument_are_zero(left, slope, moved, wanted):
    flat = probe(slope=0.0)
    assert decide.never_moves(trial(flat, probe(slope=slope, left=left, moved=moved))) == wanted
    assert not decide.never_moves(trial(flat))


def test_a_claim_that_moves_f_by_less_than_the_smallest_number_is_told_so():
    tiny = trial(*RIGHT, norm=0.0, claimed=np.full(1, 5e-324), interval=(0.0, 0.0))
    assert decided(tiny) == (INCONCLUSIVE, 0.0, reasons.TOO_SMALL.format("x"))
    assert decided(trial(*RIGHT, norm=0.0, claimed=np.zeros(1), interval=(0.0, 0.0)))[0] is PASS
    assert decided(trial(*RIGHT, norm=0.0, interval=(0.0, 0.0)))[0] is PASS


@pytest.mark.parametrize(
    ("norm", "probes", "wanted"),
    [
        (0.0, [probe(0.0, **STILL)] * 2, PASS),
        (0.0, [probe(0.0, **STILL), probe(0.0, slope=BOUND, error=0.5)], INCONCLUSIVE),
        (0.0, [probe(0.0, **STILL), probe(0.0, **STILL), probe(0.0, slope=BOUND, error=0.5)], PASS),
        (0.0, [probe(0.0, **STILL), probe(0.0, **STILL), probe(0.0, slope=1.0)], INCONCLUSIVE),
        (1.0, [probe(1.0, **STILL)] * 2, FAIL),
    ],
)
def test_of_declared_stairs_zero_is_right_and_a_slope_that_of_something_smooth(norm, probes, wanted):
    found, high, reason = decided(trial(*probes, norm=norm, claimed=np.zeros(1)), piecewise_constant=True)
    assert found is wanted
    assert found is not PASS or high == max([0.5] * (len(probes) == 3) + [1e-12])
    assert found is not FAIL or reason == reasons.STRAIGHT_THROUGH


@pytest.mark.parametrize(
    ("step", "move", "first", "largest", "at", "wanted"),
    [
        (0.5, 0.5, 0.5, 1.0, 1.0, True),
        (STEPS, 0.5, 0.5, 1.0, 1.0, False),
        (0.5, STEPS, 0.5, 1.0, 1.0, False),
        (0.5, 0.5, STEPS, 1.0, 1.0, False),
        (0.5, math.inf, math.inf, 1.0, 1.0, True),
        (math.inf, math.inf, math.inf, 1.0, 1.0, False),
        (0.5, 0.5, 0.5, 64.0, 1.0, False),
        (0.5, 0.5, 0.5, 99.0, 1.0, False),
        (0.5, 9.0, 9.0, 64.0, -4.0, True),
        (0.5, 0.5, 0.5, 1.0, 0.0, True),
    ],
)
def test_stairs_by_design_have_steps_larger_than_those_of_any_arithmetic(step, move, first, largest, at, wanted):
    made = trial(*[probe(1.0, **STILL)] * 2, step=step, smallest_move=move, largest=largest, at_point=at)
    made.direction = lambda _: 1.0
    made.field.line = lambda _: lambda t: at + (first if t else 0.0)
    assert decide.stairs_by_design(made) == wanted
    straight = reasons.STRAIGHT_THROUGH if wanted else ""
    assert decided(made) == (FAIL, 0.4, straight)


def test_a_slope_is_claimed_on_stairs_where_two_slopes_stand_still_and_the_claim_is_not_zero():
    one = trial(probe(1.0, **STILL), *WRONG[:2], step=0.5, smallest_move=0.5)
    none = trial(*[probe(1.0, **STILL)] * 2, step=0.5, smallest_move=0.5, norm=0.0)
    assert decided(one)[2] == decided(none)[2] == ""


@pytest.mark.parametrize(
    ("random", "rules", "wanted"),
    [(False, {}, 9e-4), (True, {}, None), (False, {"rtol": 1}, None), (False, {"atol": 1}, None)],
)
def test_three_digits_are_enough_where_f_shows_no_more(random, rules, wanted):
    rules = SimpleNamespace(**{"rtol": None, "atol": None, **rules})
    found = decide.by_the_digits(trial(*RIGHT, interval=(0.0, 9e-4), random=random), rules, RESOLUTION)
    assert (found and found.high) == wanted
    assert decide.by_the_digits(trial(*WRONG, interval=(0.0, 9e-4)), rules, RESOLUTION) is None
    assert decide.by_the_digits(trial(*RIGHT, interval=(0.0, 9e-4), norm=0.0, claimed=np.ones(1)), rules, 1e-5) is None


@pytest.mark.parametrize(
    ("norm", "effects", "at", "high", "wanted"),
    [
        (4 * INVISIBLE, (4.0, None, 1.0), -9.0, 1e-9, 1e-9),
        (4.001 * INVISIBLE, (4.0, None, 1.0), -9.0, 1e-9, None),
        (4 * INVISIBLE, (9.0, 1.0), -4.0, 1e-9, 1e-9),
        (4.001 * INVISIBLE, (9.0, 1.0), -4.0, 1e-9, None),
        (0.0, (4.0,), -9.0, 4 * default_resolution(U), 4 * default_resolution(U)),
        (0.0, (4.0,), -9.0, 4.001 * default_resolution(U), None),
        (None, (4.0,), -9.0, 1e-9, 1e-9),
        (0.0, (None,), -9.0, 0.0, None),
        (0.0, (4.0,), 0.0, 0.0, None),
    ],
)
def test_a_claim_beside_which_others_and_f_are_large_is_as_good_as_zero(norm, effects, at, high, wanted):
    small = [probe(claimed=1e-10, slope=0.0)] * 3
    made = trial(*small, norm=norm, effects=effects, at_point=at, absolute=(0.0, high), interval=(0.0, 2.0))
    found = decide.by_the_digits(made, SimpleNamespace(rtol=None, atol=None), RESOLUTION)
    assert (found and found.high) == wanted


@pytest.mark.parametrize(
    ("claimed", "slope", "fields", "wanted"),
    [
        (0.0, 0.0, {"norm": 0.0}, True),
        (0.0, 0.0, {"norm": 1e-9}, False),
        (0.0, 0.0, {"norm": 1e-9, "jitter": 1e-9 / 16}, True),
        (0.0, 0.0, {"norm": 1e-9, "jitter": 0.99e-9 / 16}, False),
        (0.0, BOUND, {"norm": 0.0}, True),
        (0.0, -1.1 * BOUND, {"norm": 0.0}, False),
        (0.0, 0.0, {"norm": None}, True),
        (-1e-10, 0.0, {"norm": None}, False),
        (0.0, 0.0, {"norm": 2.0**-1022}, True),
        (0.0, 0.0, {"norm": 2.0**-1021}, False),
        (0.0, 0.0, {"norm": 0.0, "largest": 100.0}, True),
        (0.0, 0.0, {"norm": 0.0, "largest": 99.0}, False),
        (0.0, 0.0, {"norm": 0.0, "inside": "float16"}, False),
    ],
)
def test_a_gradient_is_zero_where_neither_claim_nor_slopes_stand_out(claimed, slope, fields, wanted):
    made = trial(
        probe(claimed, slope), probe(claimed, slope), absolute=(0.0, 100 * RESOLUTION), **{"largest": 100.0, **fields}
    )
    assert (decide.zero_gradient(made, RESOLUTION) is not None) == wanted


@pytest.mark.parametrize(
    ("found", "fields", "wanted"),
    [
        ({"constant": 2e-4, "hidden": 1e-4}, {}, 1e-4),
        ({"constant": 1e-4, "hidden": 2e-4}, {}, 1e-4),
        ({"constant": 1e-4, "hidden": 2e-3}, {}, 1e-3),
        ({"constant": 1e-4, "hidden": 3e-3}, {}, None),
        ({"constant": 1e-4, "hidden": 3e-3, "first": COUNTED}, {"largest": 1.0}, None),
        ({"constant": 1e-4, "hidden": 3e-3, "first": 1.01 * COUNTED}, {"largest": 1.0}, 5e-5),
        ({"constant": 1e-4, "hidden": 3e-3}, {"step": 2 * COUNTED}, 5e-5),
        ({"constant": 1e-4, "hidden": 3e-3, "first": 2 * COUNTED}, {"largest": 0.0}, 5e-5),
        ({"constant": 2e-4, "hidden": 2e-4}, {"norm": 1e-9, "jitter": 1e-9 / 16}, 1e-4),
        ({"constant": 2e-4, "hidden": 2e-4}, {"norm": 1e-9, "jitter": 1e-11}, None),
        ({"constant": 2e-4, "hidden": 2e-4}, {"norm": 1e-9, "jitter": 1.0, "step": 0.1}, None),
        ({"constant": 2e-4, "hidden": 2e-4}, {"norm": None}, None),
        ({}, {}, None),
    ],
)
def test_where_f_stands_still_its_steps_bound_the_gradient(found, fields, wanted):
    fields = {"norm": 0.0, "largest": 100.0, "step": COUNTED, **fields}
    if fields["norm"]:
        fields["step"] = fields["step"] if fields["step"] == 0.1 else math.inf
    still = probe(0.0, 0.0, levels=((0.25, 0.0),), stretch=2.0, **found)
    seen = decide.zero_gradient(trial(still, still, absolute=(0.0, 1.0), **fields), RESOLUTION)
    assert (seen and seen.high) == wanted


def test_of_an_f_that_rounds_inside_only_the_same_to_the_bit_is_zero():
    made = [probe(0.0, 0.0, values=values) for values in ((1.0, 1.0), (1.0, 2.0))]
    assert decide.zero_gradient(trial(made[0], norm=0.0, inside="float16", absolute=(0.0, 0.0)), RESOLUTION)
    for others in (made, made[::-1], made[1:]):
        assert decide.zero_gradient(trial(*others, norm=0.0, inside="float16", absolute=(0.0, 0.0)), 1.0) is None


@pytest.mark.parametrize(
    ("still", "sized", "norm", "asked"),
    [(2, False, 2.0, True), (1, False, 2.0, False), (2, True, 2.0, False), (0, False, 0.0, True)],
)
def test_the_size_of_f_is_looked_for_where_a_verdict_rests_on_it(still, sized, norm, asked):
    calls = []
    probes = [probe(0.0, **STILL)] * still + [probe(0.0, slope=0.0)] * (2 - still)
    decide.see_size(trial(*probes, norm=norm, sized=sized, see_size=lambda: calls.append(1)))
    assert bool(calls) == asked


# Why nothing was decided --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "probes", "fields"),
    [
        ("f is random", RIGHT, {"random": True}),
        ("f jumps at the point when x moves", JUMPING, {}),
        (
            "f computes in float16 inside, whose roundings hide this gradient: let f",
            RIGHT,
            {"inside": "float16", "interval": (0.0, math.inf)},
        ),
        ("resolution reached", RIGHT, {"inside": "float16"}),
        ("f is infinitely steep at the point", [probe(), probe(error=math.inf)], {}),
        (
            "f is constant next to the point and moves in small steps",
            [probe(0.0, slope=0.0), probe(0.0, **STILL)],
            {"norm": 0.0, "largest": 0.0},
        ),
        (reasons.STANDS_STILL, [probe(), probe(claimed=-4.1e-9, slope=0.0, constant=1e-9)], {"bound": 1e-8}),
        (
            "resolution reached 4.0e-01, wanted 1.0e-05: pass rtol=0.8",
            [probe(), probe(claimed=4e-9, slope=4e-9, constant=1e-9)],
            {},
        ),
        (
            "the gradient cannot be told from zero here: check at another point, pass atol=0.004",
            RIGHT,
            {"interval": (0.0, math.inf), "absolute": (0.0, 1e-3), "scale": [0.5, 1.0]},
        ),
        (
            "the gradient itself moves by 5.0e-01 when",
            [probe(error=1.0), probe(error=3.9)],
            {"jitter": 1.0, "true_norm": 2.0},
        ),
        ("the gradient itself moves by 1.0e+300 when", [probe(error=3.9)], {"jitter": 1.0, "true_norm": 0.0}),
        ("resolution reached", [probe(error=1.0), probe(error=4.0)], {"jitter": 1.0}),
        ("pass rtol=0.8 if that will do, or pass atol=0.002 if", RIGHT, {}),
        ("wanted 1.0e-05: pass atol=0.002 if", RIGHT, {"interval": (0.0, 0.5)}),
        ("wanted 1.0e-05: let the function accept float64, or hold it against", RIGHT, {"dtype": "float16"}),
        ("wanted 1.0e-05: let the function accept float64", RIGHT, {"dtype": "float32"}),
        ("wanted 1.0e-05: let f compute in float64, or hold it against", RIGHT, {"step": 2.0**-11}),
        (
            "f moves in steps of 5e-04 of its size, as rounding to float16",
            RIGHT,
            {"step": 2.0**-11, "interval": (0.0, math.inf)},
        ),
        (
            "f moves in steps of 6e-08 of its size, as rounding to float32",
            RIGHT,
            {"step": 2.0**-24, "interval": (0.0, math.inf)},
        ),
        ("cannot be told from zero", RIGHT, {"step": STEPS, "interval": (0.0, math.inf)}),
        ("cannot be told from zero", RIGHT, {"step": ROUND_OFF * U, "interval": (0.0, math.inf)}),
        ("cannot be told from zero", RIGHT, {"step": U, "interval": (0.0, math.inf)}),
    ],
)
def test_each_doubt_has_its_reason_and_what_to_do(said, probes, fields):
    found, _, reason = decided(trial(*probes, **{"claimed": np.zeros(1), **fields}))
    assert found is INCONCLUSIVE
    assert said in reason
    if said.endswith("accept float64"):
        assert reason.endswith("accept float64")


def test_what_cannot_be_measured_says_along_how_many_directions():
    made = trial(too_small=False, unmeasured=5)
    made.prediction.claim.title = "loss"
    assert reasons.unmeasurable(made).startswith("loss is not finite on either side of the point along 5 directions")
    made.too_small = True
    assert reasons.unmeasurable(made).startswith("x is too near the smallest number of float64")
