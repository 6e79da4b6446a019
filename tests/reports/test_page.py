"""Pages and fragments: what is told, in which order, with nothing of it taken for HTML, and without what is missing."""

import dataclasses
import itertools
import json
import re
import sys

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.reports import captions, page
from gradcheck.reports.session import Session

pytest.importorskip("jinja2")

X = np.array([0.5, -1.5, 2.0])


def loss(x):
    return np.sum(x**3)


def wrong(names=("x",)):
    return gc.check(loss, lambda x: 1.5 * x**2, (X,), names=list(names))


def right():
    return gc.check(loss, lambda x: 3 * x**2, (X,))


def saved(report, tmp_path):
    report.save(tmp_path / "report.html")
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_title_begins_with_the_verdict(tmp_path):
    assert "<title>FAIL loss · gradcheck</title>" in saved(wrong(), tmp_path)


def test_names_are_text_and_no_html(tmp_path):
    text = saved(wrong(["<script>alert('x')</script>"]), tmp_path)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_wrong_arguments_come_before_right_ones(tmp_path):
    two = gc.check(lambda a, b: loss(a) + loss(b), lambda a, b: (3 * a**2, b**2), (X, X + 1))
    text = saved(two, tmp_path)
    sections = text[text.index('<section class="argument') :]
    assert sections.index("<code>b</code>") < sections.index("<code>a</code>")


def test_what_a_pass_would_have_caught_is_counted_on_its_page(tmp_path):
    report = right()
    planted = report["x"].planted
    text = saved(report, tmp_path)
    assert f"{planted.caught} of {planted.applicable} would have been caught" in text
    assert "■" * planted.caught in text


def test_what_a_kink_is_is_said_in_a_sentence():
    report = gc.check(lambda h: np.sum(np.abs(h)), np.sign, (np.array([0.0, 1.0]),), names=["h"])
    said = captions.kink_text(report["h"])
    assert said.startswith("f has a kink here at h[0] (within ")
    assert said.endswith("the claim is a valid subgradient, convention: midpoint.")
    assert captions.kink_text(right()["x"]) == ""


def test_a_page_without_matplotlib_has_all_words_and_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "find_spec", lambda name: None)  # noqa: ARG005
    text = saved(wrong(), tmp_path)
    assert "<svg" not in text
    assert "a factor 2 is missing" in text
    assert "Pictures need matplotlib" in text


@pytest.fixture
def without_jinja2(monkeypatch):
    page.template.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    yield
    page.template.cache_clear()


@pytest.mark.usefixtures("without_jinja2")
def test_without_jinja2_a_page_is_refused_with_the_next_step_and_data_are_written(tmp_path):
    with pytest.raises(gc.UnsupportedError, match=r"pip install 'gradcheck\[report\]', or save the data as \.json"):
        right().save(tmp_path / "report.html")
    right().save(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["verdict"] == "PASS"


@pytest.mark.usefixtures("without_jinja2")
def test_without_jinja2_a_notebook_shows_the_text():
    report = wrong(["<x>"])
    shown = report._repr_html_()
    assert shown.startswith("<pre>FAIL")
    assert "&lt;x&gt;" in shown


def test_a_large_session_draws_its_worst_reports_only(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(page, "MOST_PICTURED", 1)
    session = Session()
    session.add("test_right", right())
    session.add("test_right_too", right())
    session.add("test_wrong", wrong())
    page.save_session(tmp_path / "session.html", session)
    text = (tmp_path / "session.html").read_text(encoding="utf-8")
    first, others = text.split('<article id="report2">')
    assert "<svg" in first
    assert "factor 2 missing" in first
    assert '<article id="report3">' in others
    assert "<svg" not in others
    assert "Pictures of the 1 worst reports only." in text


def test_headings_follow_one_another_on_the_page_of_one_report_and_of_several(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "find_spec", lambda name: None)  # noqa: ARG005
    alone = saved(wrong(), tmp_path)
    session = Session()
    session.add("test_right", right())
    session.add("test_wrong", wrong())
    page.save_session(tmp_path / "session.html", session)
    several = (tmp_path / "session.html").read_text(encoding="utf-8")
    levels = [[int(level) for level in re.findall(r"<h([1-6])", text)] for text in (alone, several)]
    for found in levels:
        assert found[0] == 1
        assert found.count(1) == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(found))
    assert levels[1].count(2) >= 2  # one for each report
    assert max(levels[1]) == max(levels[0]) + 1


def test_twelve_arguments_are_drawn_and_further_ones_told(tmp_path):
    pytest.importorskip("matplotlib")
    report = wrong()

    def drawn(count):
        many = tuple(report["x"].with_(name=f"arg{i}") for i in range(count))
        return saved(dataclasses.replace(report, arguments=many), tmp_path).count("<svg")

    assert drawn(11) < drawn(12) == drawn(13)


@pytest.mark.parametrize("path", ["report", "report.htm", "report.xml"])
def test_a_path_must_say_what_to_write(path):
    with pytest.raises(gc.ArgumentError, match=r"wanted a path that ends in \.html, \.json or \.py"):
        page.checked_path(path)
    assert page.checked_path("REPORT.HTML").name == "REPORT.HTML"


def test_a_report_that_cannot_be_shown_costs_itself_only(tmp_path):
    class Odd:
        def __str__(self):
            raise RuntimeError("no text")

    session = Session()
    session.add("test_bad", dataclasses.replace(right(), notes=(Odd(),)))
    session.add("test_wrong", wrong())
    page.save_session(tmp_path / "session.html", session)
    text = (tmp_path / "session.html").read_text(encoding="utf-8")
    assert "a factor 2 is missing" in text
    assert "this report cannot be shown: RuntimeError: no text" in text


@pytest.mark.parametrize("name", ["a\0b", "\udc80", "\x1b[31m", "\u202e", "a\nb", "\ufffe"], ids=ascii)
def test_a_page_holds_any_characters(tmp_path, name):
    text = saved(wrong([name]), tmp_path)
    assert "a factor 2 is missing" in text
    assert name not in text


def test_the_input_value_and_the_ratio_stand_beside_a_wrong_entry(tmp_path):
    report = wrong()
    worst = report["x"].worst[0]
    text = saved(report, tmp_path)
    assert f"<td>{captions.value_text(X[worst.index])}</td>" in text
    assert "<td>0.5</td>" in text
    assert f"{report.source}</code>" in text.replace("&lt;", "<").replace("&gt;", ">")


def test_a_program_stands_on_the_page_where_it_needs_no_file_beside_it(tmp_path):
    text = saved(gc.check(loss, half_loss_gradient, (X,)), tmp_path)
    assert "report = gradcheck.check(" in text


def half_loss_gradient(x):
    return 1.5 * x**2


def test_three_hundred_arguments_make_a_page(tmp_path):
    report = wrong()
    many = tuple(report["x"].with_(name=f"arg{i}") for i in range(300))
    text = saved(dataclasses.replace(report, arguments=many), tmp_path)
    assert all(f"<code>arg{i}</code>" in text for i in range(300))
    assert len(text) < 3_000_000


@pytest.mark.parametrize("name", ["权重", "🙂🙂", "ω̃", "वज़न"])
def test_names_of_any_script_are_on_the_page_and_drawn_as_far_as_the_font_goes(tmp_path, name):
    text = saved(wrong([name]), tmp_path)
    assert f"<code>{name}</code>" in text
    assert "<svg" in text
