"""What the pictures of a report show, read from the drawn axes, and the sentences beside them."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import gradcheck as gc
from gradcheck.reports import captions
from gradcheck.reports.pictures import along, heat_map, ladder, style
from gradcheck.verdicts.comparison import HeatMap

X = np.array([0.0, 1.5, -2.0])  # the first entry is at relu's kink
C = np.array([1.0, 2.0, 3.0])


def relu(x):
    return np.sum(C * np.maximum(x, 0))


def kinked(at_zero):
    return gc.check(relu, lambda x: C * np.where(x == 0, at_zero, x > 0), (X,))


def located(shape, place, size=0.5):
    error = np.zeros(shape)
    error[place] = size
    w = np.random.default_rng(1).standard_normal(shape)
    return gc.check(lambda w: np.sum(np.sin(w)), lambda w: np.cos(w) + error, (w,), names=["w"])


def drawn(report, title):
    """The axes of the one picture with this title."""
    (axes,) = [ax for ax in report.plot().axes if ax.get_title("left").endswith(title)]
    return axes


def line(axes, label):
    """The x and y of the line whose label begins so."""
    (found,) = [each for each in axes.get_lines() if str(each.get_label()).startswith(label)]
    return np.asarray(found.get_xdata()), np.asarray(found.get_ydata())


def steepness(axes, label):
    x, y = line(axes, label)
    return (y[-1] - y[0]) / (x[-1] - x[0])


# Kinks -----------------------------------------------------------------------------------------------------------


def test_at_a_kink_phi_is_drawn_with_its_left_its_right_and_the_claimed_slope():
    report = kinked(2.0)
    axes = drawn(report, "along one direction")
    probe = along.telling_probe(report[0])
    assert steepness(axes, "left slope") == pytest.approx(probe.slope.left)
    assert steepness(axes, "right slope") == pytest.approx(probe.slope.right)
    assert steepness(axes, "claimed") == pytest.approx(probe.claimed)
    t, phi = line(axes, "φ(t) − φ(0)")
    sides = np.where(t > 0, probe.slope.right * t, probe.slope.left * t)
    assert np.allclose(phi, sides, atol=1e-6 * np.ptp(phi))


def test_the_direction_that_is_drawn_is_that_of_the_widest_kink():
    report = kinked(2.0)
    jumps = [abs(p.slope.right - p.slope.left) / p.stretch for p in report[0].probes]
    drawn_jump = along.telling_probe(report[0])
    assert abs(drawn_jump.slope.right - drawn_jump.slope.left) / drawn_jump.stretch == max(jumps)


def test_a_claim_between_the_sides_is_not_off_and_one_beyond_them_is_by_its_distance():
    for probe in kinked(0.5)[0].probes:
        assert ladder.mismatch(probe) <= 1e-12 * abs(probe.claimed)
    for probe in kinked(2.0)[0].probes:
        low, high = sorted((probe.slope.left, probe.slope.right))
        beyond = max(low - probe.claimed, probe.claimed - high)
        assert beyond > 0
        assert ladder.mismatch(probe) == beyond


@pytest.mark.parametrize(
    ("at_zero", "words"),
    [(0.0, "the claim is a valid subgradient, convention: left."), (2.0, "the claim is no subgradient.")],
)
def test_a_page_says_what_the_claim_does_at_the_kink(at_zero, words):
    report = kinked(at_zero)
    assert words in captions.kink_text(report[0])
    report_page = report._repr_html_()
    assert words in report_page
    assert "Its slopes left and right of t = 0 differ" in report_page


def test_a_smooth_function_has_no_words_on_kinks():
    assert captions.kink_text(located((3,), 1)[0]) == ""


# Places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [(3, 1), (0, 4), (5, 0)])
def test_the_lines_cross_at_the_wrong_entry(index):
    report = located((6, 5), index)
    axes = drawn(report, "where it is wrong")
    row, column = index
    lines = [(tuple(each.get_xdata()), tuple(each.get_ydata())) for each in axes.get_lines()]
    assert ((0, 1), (row, row)) in lines  # across the whole width
    assert ((column, column), (0, 1)) in lines
    assert [text.get_text() for text in axes.texts] == [f"[{row}, {column}]"]
    assert "the lines cross at the wrong entry" in report._repr_html_()


@pytest.mark.parametrize(
    ("place", "corner", "size"), [(np.s_[4], (-0.5, 3.5), (5, 1)), (np.s_[:, 2], (1.5, -0.5), (1, 6))]
)
def test_a_wrong_row_or_column_is_hatched_over_its_length(place, corner, size):
    report = located((6, 5), place)
    (hatched,) = [each for each in drawn(report, "where it is wrong").patches if each.get_hatch()]
    assert hatched.get_xy() == corner
    assert (hatched.get_width(), hatched.get_height()) == size
    assert "hatched where it is wrong" in report._repr_html_()


def test_a_vector_s_wrong_entry_is_marked_along_its_one_row():
    axes = drawn(located((7,), 5), "where it is wrong")
    assert [text.get_text() for text in axes.texts] == ["[5]"]
    assert axes.get_yticks().size == 0
    assert axes.get_xlabel() == "index"


def test_of_more_than_two_axes_the_last_two_are_drawn():
    report = located((2, 3, 4), (1, 2, 3))
    axes = drawn(report, "where it is wrong")
    assert axes.get_xlim() == (-0.5, 3.5)
    assert axes.get_ylim() == (2.5, -0.5)
    assert axes.get_ylabel() == "last axis but one"
    assert "The last two axes are drawn." in report._repr_html_()


def test_entries_measured_one_by_one_are_filled_and_the_worst_the_fullest():
    error = np.zeros((6, 5))
    error[1, 1], error[4, 3] = 0.5, 0.125
    w = np.random.default_rng(1).standard_normal((6, 5))
    report = gc.check(lambda w: np.sum(np.sin(w)), lambda w: np.cos(w) + error, (w,), names=["w"])
    red = style.COLOURS["fail"]
    patches = [each for each in drawn(report, "where it is wrong").patches if each.get_gid()]
    filled = [each for each in patches if to_hex(each.get_facecolor()) == red]
    places = {(each.get_y() + 0.5, each.get_x() + 0.5): each.get_alpha() for each in filled}
    assert set(places) == {(1, 1), (4, 3)}
    assert places[1, 1] > places[4, 3]


# Intervals and ladders -------------------------------------------------------------------------------------------


def test_an_interval_without_an_upper_end_points_off_the_axis():
    axes = kinked(2.0).plot().axes[0]
    right = axes.get_xlim()[1]
    arrows = [each for each in axes.get_lines() if len(each.get_xdata()) == 1 and each.get_xdata()[0] == right]
    assert len(arrows) == 1


def test_slopes_without_steps_have_no_ladder():
    pytest.importorskip("flint")
    exact = gc.check(lambda x: np.sum(x**2), lambda x: 2 * x, (C,), oracle="exact")
    assert [ax.get_title("left") for ax in exact.plot().axes] == [""]  # its interval alone
    assert any("ladder" in ax.get_title("left") for ax in located((3,), 1).plot().axes)


def test_a_breach_of_the_contract_is_written_where_the_intervals_would_be():
    report = gc.check(lambda x: np.sum(x**2), lambda x: x[0], (C,))
    (axes,) = report.plot().axes
    assert [text.get_text() for text in axes.texts] == [report.complaint]


@pytest.mark.filterwarnings("error")
def test_a_wrong_entry_is_never_drawn_white_however_little_it_is_off():
    figure = Figure()
    axes = figure.subplots()
    heat_map.draw_entries(axes, HeatMap(((0.0, 1e-9, 0.5), (1.0, 0.0, float("inf"))), 1, 1, 2, 3))
    mesh = axes.collections[0]
    white = [tuple(colour[:3]) == (1.0, 1.0, 1.0) for colour in mesh.to_rgba(mesh.get_array()).reshape(-1, 4)]
    assert white == [True, False, False, False, True, False]
