"""Pictures of a report: what is drawn is what was measured, and every report can be drawn."""

import math

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.reports.pictures import along, intervals, ladder, output, place, style
from gradcheck.slopes.slope import Level, Slope
from gradcheck.verdicts.certificate import Interval, Verdict
from gradcheck.verdicts.report import ArgumentReport, Probe, Report, WorstEntry

pytest.importorskip("matplotlib")
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

STEPS = [2.0**-4, 2.0**-7, 2.0**-10]


def axes():
    return Figure().subplots()


def argument(name="x", verdict=Verdict.PASS, low=0.0, high=1e-9, shape=(6, 5), **fields):
    error = Interval(low, high, relative=True, confidence=0.9999)
    return ArgumentReport(name, shape, "float64", verdict, error, 1e-5, 1e-8, **fields)


def report(*arguments):
    return Report("loss", arguments, 30, 5, 3, 7, 0.9999, "finite differences")


def smooth_probe(claimed=3.0, noise=2.0**-40):
    """Return the probe of a φ whose central differences err by h² and carry noise/h; its slope is 3."""
    levels = tuple(Level(h, 3 * h, -3 * h, 3 + h**2, 0.0, noise / h) for h in STEPS)
    return Probe(0, 1.0, Slope(3.0, 1e-9, 3.0, 3.0, 1e-9, STEPS[-1], math.nan, levels), claimed, 0.0)


def kinked_probe(claimed=1.0):
    """Return the probe of a φ with slopes −1 to the left and 2 to the right, whose one-sided quotients err by h."""
    levels = tuple(Level(h, 0.0, 0.0, 0.5, 3.0 + 2 * h, 2.0**-40 / h) for h in STEPS)
    return Probe(0, 1.0, Slope(0.5, 1.5, -1.0, 2.0, 1e-9, STEPS[-1], 0.0, levels), claimed, 0.0)


# The intervals --------------------------------------------------------------------------------------------


def test_each_interval_is_a_bar_from_its_low_to_its_high_end_wrong_ones_first():
    ax = axes()
    found = report(
        argument("right", high=3e-9),
        argument("wrong", Verdict.FAIL, low=2e-3, high=4e-2),
        argument("undecided", Verdict.INCONCLUSIVE, high=0.5),
    )
    intervals.draw_intervals(ax, found)
    bars = {line.get_ydata()[0]: line for line in ax.lines if line.get_linewidth() == 5}
    assert [tuple(bars[row].get_xdata()) for row in (0, 1, 2)] == [
        (2e-3, 4e-2),
        (ax.get_xlim()[0], 0.5),
        (ax.get_xlim()[0], 3e-9),
    ]
    assert [to_hex(bars[row].get_color()) for row in (0, 1, 2)] == [
        style.COLOURS[name] for name in ("fail", "doubt", "pass")
    ]
    assert [text.get_text().split()[0] for text in ax.texts] == ["wrong", "undecided:", "right"]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert [label.split()[0] for label in labels] == ["✗", "?", "✓"]
    assert ax.get_xscale() == "log"


def test_an_error_without_an_upper_end_goes_off_the_axis():
    ax = axes()
    intervals.draw_intervals(ax, report(argument(verdict=Verdict.FAIL, low=0.1, high=math.inf)))
    arrow = [line for line in ax.lines if line.get_marker() == 5]
    assert [line.get_xdata()[0] for line in arrow] == [ax.get_xlim()[1]]


# The ladder -----------------------------------------------------------------------------------------------


def test_noise_falls_and_truncation_grows_as_the_levels_say():
    noise, truncation = ladder.slants([smooth_probe()], size=3.0)
    assert noise[:2] == (2.0**-40 / 3, -1)
    assert truncation[:2] == (pytest.approx(1 / 3), 2)
    assert truncation[2] == "truncation ∝ h²"


def test_at_a_kink_the_quotients_of_both_sides_are_drawn_against_the_sides():
    probe = kinked_probe()
    coarse = probe.slope.levels[0]
    assert ladder.difference(probe, coarse) == STEPS[0]  # right: 0.5 + (3 + 2h)/2 = 2 + h; left: -1 - h
    noise, truncation = ladder.slants([probe], size=1.0)
    assert noise[:2] == (2.0**-39, -1)  # a one-sided quotient has twice the noise
    assert truncation[:3] == (1.0, 1, "truncation ∝ h")


def test_truncation_that_the_noise_hides_is_not_drawn():
    assert [side[1] for side in ladder.slants([smooth_probe(noise=1.0)], size=3.0)] == [-1]


def test_the_ladder_shows_differences_bounds_and_the_claim():
    ax = axes()
    found = argument(verdict=Verdict.FAIL, low=0.3, high=0.4, probes=(smooth_probe(claimed=4.0),))
    ladder.draw_ladder(ax, found)
    lines = {line.get_label(): line for line in ax.lines}
    assert list(lines["difference − slope"].get_xdata()) == STEPS
    assert np.allclose(lines["difference − slope"].get_ydata(), [h**2 / 3 for h in STEPS])
    assert list(lines["bound of the slope"].get_ydata()) == [1e-9 / 3]
    assert list(lines["claim − slope"].get_ydata()) == [1 / 3, 1 / 3]


# φ(t) -----------------------------------------------------------------------------------------------------


def test_round_a_kink_both_slopes_and_the_claimed_one_are_drawn():
    ax = axes()
    along.draw_line(ax, kinked_probe(claimed=0.25), "h")
    lines = {line.get_label(): line for line in ax.lines}
    for label, ends in (("left slope -1", (-1, 0)), ("right slope 2", (0, 1)), ("claimed 0.25", (-1, 1))):
        (x0, x1), (y0, y1) = lines[label].get_xdata(), lines[label].get_ydata()
        assert (np.sign(x0), np.sign(x1)) == ends
        assert (y1 - y0) / (x1 - x0) == float(label.split()[-1])


def test_a_smooth_phi_is_drawn_only_where_the_claim_is_visibly_off():
    assert along.line_of(argument(probes=(smooth_probe(claimed=3.001),))) is None
    assert along.line_of(argument(probes=(smooth_probe(claimed=4.0),))) is not None
    assert along.line_of(argument(probes=(kinked_probe(),))) is not None


# Where ----------------------------------------------------------------------------------------------------


def worst(*entries):
    return tuple(WorstEntry(index, 1.0 + error, 1.0, error) for index, error in entries)


def test_lines_cross_at_the_located_entry_and_it_is_named():
    ax = axes()
    place.draw_place(ax, argument(where=(3, 2), worst=worst(((3, 2), 0.5))))
    drawn = [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines]
    assert ([0, 1], [3, 3]) in drawn
    assert ([2, 2], [0, 1]) in drawn
    assert [text.get_text() for text in ax.texts] == ["[3, 2]"]


@pytest.mark.parametrize(
    ("where", "box"), [((2, None), (-0.5, 1.5, 5, 1)), ((None, 4), (3.5, -0.5, 1, 6))], ids=["row", "column"]
)
def test_a_wrong_row_or_column_is_hatched(where, box):
    ax = axes()
    place.draw_place(ax, argument(where=where))
    (hatched,) = [patch for patch in ax.patches if patch.get_hatch()]
    assert (hatched.get_x(), hatched.get_y(), hatched.get_width(), hatched.get_height()) == box


def test_measured_entries_are_filled_the_fuller_the_more_wrong():
    ax = axes()
    place.draw_place(ax, argument(worst=worst(((0, 1), 1.0), ((4, 0), 0.25), ((5, 4), 0.01))))
    filled = [(patch.get_x() + 0.5, patch.get_y() + 0.5, patch.get_alpha()) for patch in ax.patches if patch.get_gid()]
    filled.reverse()  # the worst is drawn last, on top
    assert [place[:2] for place in filled] == [(1, 0), (0, 4), (4, 5)]
    assert filled[0][2] > filled[1][2] > filled[2][2] > 0


def test_the_legend_tells_wrong_right_and_not_measured_apart():
    ax = axes()
    found = argument(worst=worst(((0, 1), 1.0), ((4, 0), 0.25)), sound=((2, 2), (3, 3)))
    place.draw_place(ax, found)
    handles, labels = ax.get_legend_handles_labels()
    assert labels == ["wrong by 1", "wrong by 0.25", "right", "not measured alone"]
    assert len({(handle.get_facecolor(), handle.get_alpha()) for handle in handles}) == 4
    right = [p for p in ax.patches if p.get_gid() and to_hex(p.get_facecolor()) == style.COLOURS["pass"]]
    assert [(p.get_y() + 0.5, p.get_x() + 0.5) for p in right] == [(2, 2), (3, 3)]


def test_many_arguments_are_drawn_as_far_as_a_page_goes_and_the_others_counted():
    ax = axes()
    found = report(*(argument(name=f"w{i}") for i in range(300)))
    intervals.draw_intervals(ax, found)
    assert len(ax.get_yticklabels()) == 24
    assert "276 more are not drawn" in ax.get_xlabel()
    assert intervals.intervals_height(found) < 10


def test_entries_of_a_large_array_are_dots_that_can_be_seen():
    ax = axes()
    place.draw_place(ax, argument(shape=(300, 400), where=(123, 321), worst=worst(((123, 321), 0.5))))
    (dot,) = [line for line in ax.lines if line.get_marker() == "o"]
    assert (list(dot.get_xdata()), list(dot.get_ydata())) == ([321], [123])
    assert dot.get_markersize() >= 5


# Every report can be drawn --------------------------------------------------------------------------------

ONES, ZEROS = np.ones(3), np.zeros(3)
ODD = {
    "nothing to see": lambda: gc.check(lambda x: np.sum(x**2), lambda x: 2 * x, (np.zeros((0, 3)),)),
    "no dimension": lambda: gc.check(lambda x: x**2, lambda x: 3 * x, (np.array(3.0),)),
    "four axes": lambda: gc.check(
        lambda x: np.sum(x**2), lambda x: 2 * x + (x == 7), (np.arange(24.0).reshape(2, 3, 2, 2),)
    ),
    "constant": lambda: gc.check(lambda x: 1.0, np.ones_like, (ONES,)),  # noqa: ARG005
    "edge of the domain": lambda: gc.check(lambda x: np.sum(x**1.5), lambda x: 1.5 * x**0.5, (np.arange(3.0),)),
    "steep": lambda: gc.check(lambda x: np.sum(np.sqrt(np.abs(x))), np.zeros_like, (ZEROS,)),
    "jump": lambda: gc.check(lambda x: 1.0 * np.sum(x >= 0), np.zeros_like, (ZEROS,)),
    "huge": lambda: gc.check(lambda x: np.sum(x**2), lambda x: 2 * x, (1e150 * ONES,)),
    "tiny": lambda: gc.check(lambda x: np.sum(x**2), lambda x: x, (1e-150 * ONES,)),
    "complex": lambda: gc.check(lambda z: np.sum(np.abs(z) ** 2), lambda z: z, (ONES + 1j,)),
    "no steps": lambda: gc.check(lambda x: np.sum(x**2), lambda x: x, (ONES,), oracle="exact"),
    "breach": lambda: gc.check(lambda x: np.sum(x**2), lambda x: x[0], (ONES,)),
    "budget": lambda: gc.check(lambda x: np.sum(x**2), lambda x: x, (ONES,), max_evaluations=5),
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_odd_reports_are_drawn_without_a_warning(make, tmp_path):
    found = make()
    figure = found.plot()
    figure.savefig(tmp_path / "figure.png")
    for a in found:
        for title, height, draw in output.panels(a):
            assert "<path" in output.svg(draw, height, title, "key")


# SVG ------------------------------------------------------------------------------------------------------


def test_a_picture_takes_the_page_s_colours_and_width_and_says_what_it_shows():
    found = report(argument("w", Verdict.FAIL, low=0.1, high=0.2), argument("v"))
    text = output.svg(lambda ax: intervals.draw_intervals(ax, found), 1.2, 'a "b" <c>', "key")
    assert text.startswith("<svg ")
    assert 'aria-label="a &#34;b&#34; &lt;c&gt;"' in text
    assert "var(--fail)" in text
    assert "var(--pass)" in text
    assert not any(colour in text for colour in style.COLOURS.values())
    opening = text[: text.index(">")]
    assert " width=" not in opening
    assert " height=" not in opening
    assert "<style" not in text
    assert output.svg(lambda ax: intervals.draw_intervals(ax, found), 1.2, "a", "k") == output.svg(
        lambda ax: intervals.draw_intervals(ax, found), 1.2, "a", "k"
    )


def test_a_figure_has_the_intervals_then_the_pictures_of_wrong_arguments_first():
    found = report(
        argument("right", probes=(smooth_probe(),)),
        argument("wrong", Verdict.FAIL, low=0.3, high=0.4, where=(3, 2), probes=(smooth_probe(claimed=4.0),)),
    )
    titles = [ax.get_title("left") for ax in found.plot().axes]
    assert titles == [
        "",
        "wrong: where it is wrong",
        "wrong: along one direction",
        "wrong: the ladder of steps",
        "right: the ladder of steps",
    ]


# At the ends of the floats ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [5e-324, 1e-300, 1e300, 1.7e308, math.inf])
def test_an_error_of_any_size_has_an_axis(size):
    low, high = intervals.error_range(report(argument(low=size, high=size)))
    assert 0 < low < high < math.inf


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [5e-324, 1e-300, 1e300, 1.7e308, math.inf])
@pytest.mark.parametrize("steps", [(1e-300, 1e-310, 5e-324), (8e307, 1.0, 1e-9)])
def test_slopes_noise_and_steps_of_any_size_can_be_drawn(size, steps):
    levels = tuple(Level(h, 0.0, 0.0, size, size, size) for h in steps)
    slope = Slope(size, size, size, size, size, steps[-1], math.nan, levels)
    figure = Figure()
    ladder.draw_ladder(figure.subplots(), argument(probes=(Probe(0, 1.5, slope, 3.0, 0.0),)))
    figure.canvas.draw()
