"""Pages opened in a headless browser, wide and on a phone, light and dark: what a person sees, and nothing fetched."""

import functools

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.reports.page import save_session
from gradcheck.reports.session import Session
from gradcheck.sweeps.page import page as sweep_page
from gradcheck.sweeps.sweep import Result, Sweep, grid

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

RNG = np.random.default_rng(0)
W1, W2 = RNG.standard_normal((6, 5)), RNG.standard_normal((5, 3))
X, Y = RNG.standard_normal((8, 6)), RNG.standard_normal((8, 3))
LOOKS = [(1200, False), (1200, True), (380, False), (380, True)]
PANEL = {False: "rgb(252, 253, 254)", True: "rgb(18, 22, 29)"}  # --panel in page.css, light and dark


def loss(w1, w2):
    return np.sum((np.tanh(X @ w1) @ w2 - Y) ** 2)


def right(w1, w2):
    h = np.tanh(X @ w1)
    grad_y = 2 * (h @ w2 - Y)
    return X.T @ (grad_y @ w2.T * (1 - h**2)), h.T @ grad_y


def one_entry_off(w1, w2):
    g1, g2 = right(w1, w2)
    g1[3, 2] *= 2
    return g1, g2


def a_2_lost(w1, w2):
    g1, g2 = right(w1, w2)
    return g1, g2 / 2


def total(h):
    return np.sum(np.maximum(h, 0))


AT_ZERO = np.array([0.0, 1.0, -2.0])
LONG = "a_name_without_a_place_to_break_it_" * 6

REPORTS = {
    "pass": lambda: gc.check(loss, right, (W1, W2)),
    "entry": lambda: gc.check(loss, one_entry_off, (W1, W2)),
    "factor": lambda: gc.check(loss, a_2_lost, (W1, W2)),
    "kink": lambda: gc.check(total, lambda h: 1.0 * (h >= 0), (AT_ZERO,)),
    "inconclusive": lambda: gc.check(lambda *w: loss(*w) + 1e12, right, (W1, W2), oracle="finite differences"),
    "breach": lambda: gc.check(loss, lambda *w: (right(*w)[0][0], right(*w)[1]), (W1, W2)),
    "long names": lambda: gc.check(loss, a_2_lost, (W1, W2), names=[LONG, "<b>&\" w'"]),
}
# What a person must find on the page without opening a fold, in this order; and which pictures are seen at once, and
# in a fold (the intervals of several arguments have no title).
LADDER, LINE, PLACE = "The ladder of steps", "Along one direction", "Where it is wrong"
SEEN = {
    "pass": (["✓ PASS", "2 gradients are right", "Right to", "planted mistakes caught", "seed 0"], [], [LADDER] * 2),
    "entry": (
        ["✗ FAIL", "1 of 2 gradients is wrong", "one_entry_off", "one entry is wrong: w1[3, 2]", "ratio", "seed 0"],
        [PLACE],
        [LINE, LADDER, LADDER],
    ),
    "factor": (["✗ FAIL", "0.5 x the true gradient", "a factor 2 is missing"], [PLACE], [LINE, LADDER, LADDER]),
    "kink": (["✓ PASS", "f has a kink here at h[0]", "a valid subgradient, convention: right"], [], [LINE, LADDER]),
    "inconclusive": (["? INCONCLUSIVE", "2 of 2 gradients undecided", "resolution reached"], [], [LADDER] * 2),
    "breach": (["✗ FAIL", "the gradient of w1 has shape (5,), wanted (6, 5)"], [], []),
    "long names": (["✗ FAIL", "<b>&\" w'", "a factor 2 is missing", LONG], [PLACE], [LINE, LADDER, LADDER]),
}


IN_SESSION = ("pass", "kink", "inconclusive", "entry", "breach")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Where a page is, by its name: written when it is first asked for."""
    folder = tmp_path_factory.mktemp("pages")
    report = functools.cache(lambda name: REPORTS[name]())

    @functools.cache
    def address(name):
        path = folder / f"{name}.html"
        if name == "session":
            session = Session()
            for kept in IN_SESSION:
                session.add(f"tests/test_layers.py::TestTheLayer::test_its_gradient[{kept}]", report(kept))
            save_session(path, session)
        elif name == "sweep":
            path.write_text(sweep_page(swept()), encoding="utf-8")
        else:
            report(name).save(path)
        return path.as_uri()

    return address


def swept():
    """Return a sweep with a right cell, a wrong one and one that was not judged."""
    cells = tuple(grid(shapes=[(2, 3, 4, 1), (64, 1000, 100, 10)], seeds=[0, 1], backends=["numpy"]))
    error = {"low": 0.0, "high": 3e-9, "relative": True, "confidence": 0.9999}
    row = {"point": "normal data", "argument": "w1", "oracle": "finite differences", "error": error, "remark": ""}
    results = {cell: Result(cell, ({**row, "verdict": "PASS"},), 0.5) for cell in cells[1:-1]}
    wrong = {**row, "verdict": "FAIL", "remark": "every entry is 0.5 x the true gradient"}
    results[cells[-1]] = Result(cells[-1], (wrong,), 0.5)
    return Sweep(cells, results, {cells[0]: "BrokenProcessPool: its worker process died 3 times"})


def assert_readable(page, width, dark):
    """Assert what holds of every page: silent, complete, no wider than the window, in the window's own colours."""
    assert page.complaints == []
    assert page.requests == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("getComputedStyle(document.querySelector('.gradcheck')).backgroundColor") == PANEL[dark]
    assert page.evaluate("Array.from(document.querySelectorAll('svg')).every(e => e.getAttribute('aria-label'))")
    broken = "Array.from(document.links).filter(a => !document.getElementById(a.hash.slice(1))).map(a => a.href)"
    assert page.evaluate(broken) == []


@pytest.mark.parametrize(("width", "dark"), LOOKS, ids=["wide", "wide-dark", "phone", "phone-dark"])
@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_read_on_any_screen(browser, written, name, width, dark):
    page = browser.open(written(name), width=width, dark=dark)
    assert_readable(page, width, dark)
    said, seen, folded = SEEN[name]
    text = page.evaluate("document.body.innerText")
    assert [words for words in said if words not in text] == []
    assert sorted(said, key=text.index) == said
    titles = "Array.from(document.querySelectorAll('figure :is(h2, h3, h4)'))"
    assert page.evaluate(f"{titles}.filter(e => !e.closest('details')).map(e => e.innerText)") == seen
    assert page.evaluate(f"{titles}.filter(e => e.closest('details')).map(e => e.textContent)") == folded
    drawn = len(seen) + len(folded)
    assert page.evaluate("document.querySelectorAll('svg').length") == drawn + (drawn > 0 and name != "kink")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", [*REPORTS, "session", "sweep"])
def test_a_page_is_read_with_a_keyboard_and_a_screen_reader(browser, written, axe, name, dark):
    page = browser.open(written(name), dark=dark)
    page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    assert page.barriers(axe) == []


def test_a_barrier_is_seen(browser, tmp_path, axe):
    path = tmp_path / "page.html"
    path.write_text("<html><body><img src='data:,'><p style='color: #ccc'>pale</p>", encoding="utf-8")
    found = {name for _, name, _ in browser.open(path.as_uri()).barriers(axe)}
    assert {"image-alt", "color-contrast", "html-has-lang"} <= found


@pytest.mark.parametrize(("width", "dark"), LOOKS, ids=["wide", "wide-dark", "phone", "phone-dark"])
def test_the_page_of_a_session_lists_every_test_worst_first_and_leads_to_its_report(browser, written, width, dark):
    page = browser.open(written("session"), width=width, dark=dark)
    assert_readable(page, width, dark)
    listed = page.evaluate("Array.from(document.querySelectorAll('.contents li .badge')).map(e => e.innerText)")
    assert listed == ["✗ FAIL"] * 2 + ["? INCONCLUSIVE"] + ["✓ PASS"] * 2
    assert page.evaluate("document.querySelector('h1').innerText") == "5 gradients: 2 FAIL, 1 INCONCLUSIVE, 2 PASS"
    text = page.evaluate("document.querySelector('.contents').innerText")
    assert all(f"test_its_gradient[{name}]" in text for name in IN_SESSION)
    assert "w1: one entry is wrong: w1[3, 2]" in text
    page.evaluate("document.querySelector('.contents li:last-child a').click()")
    assert page.evaluate("document.querySelector(':target .badge').innerText") == "✓ PASS"


@pytest.mark.parametrize(("width", "dark"), LOOKS, ids=["wide", "wide-dark", "phone", "phone-dark"])
def test_the_page_of_a_sweep_has_a_verdict_in_every_cell(browser, written, width, dark):
    page = browser.open(written("sweep"), width=width, dark=dark)
    assert_readable(page, width, dark)
    cells = page.evaluate("Array.from(document.querySelectorAll('td')).map(e => e.innerText)")
    assert sorted(cells) == sorted(["not judged", "✗ FAIL 3.0e-09", *["✓ PASS 3.0e-09"] * 6])
    text = page.evaluate("document.body.innerText")
    assert "every entry is 0.5 x the true gradient" in text
    assert "its worker process died 3 times" in text


def test_on_paper_a_page_is_black_on_white_even_where_the_screen_is_dark(browser, written):
    page = browser.open(written("entry"), dark=True)
    page.print_media()
    style = "getComputedStyle(document.querySelector('.gradcheck'))"
    assert page.evaluate(f"[{style}.color, {style}.backgroundColor]") == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]


def test_a_notebook_s_cell_leaves_the_notebook_s_own_styles_alone(browser, tmp_path):
    report = REPORTS["entry"]()
    cell = tmp_path / "notebook.html"
    outside = "<h1 id=own>Mine</h1><p>text <code>code</code></p><table><tr><td>1</td></tr></table>"
    styles = "Array.from(document.querySelectorAll('.outside *')).map(e => {let s = getComputedStyle(e); "
    styles += "return [s.color, s.fontSize, s.fontFamily, s.margin, s.padding, s.backgroundColor].join()})"
    found = []
    for inside in ("", report._repr_html_()):
        cell.write_text(f"<meta charset=utf-8><div class=outside>{outside}</div>{inside}", encoding="utf-8")
        page = browser.open(cell.as_uri(), width=900)
        assert page.complaints == page.requests == []
        found.append(page.evaluate(styles))
    assert found[0] == found[1]
    assert "one entry is wrong" in page.evaluate("document.querySelector('.gradcheck').innerText")


@pytest.mark.parametrize(
    "spoilt",
    [
        '<div style="width: 900px">wide</div>',
        "<script>console.log('talks')</script>",
        "<script>throw Error('raises')</script>",
        '<img src="http://127.0.0.1:9/elsewhere.png" alt="fetched">',
        '<a href="#nowhere">leads nowhere</a>',
        "<svg></svg>",
        "<style>.gradcheck { background: white }</style>",
    ],
)
def test_a_page_that_is_not_readable_is_seen(browser, tmp_path, spoilt):
    path = tmp_path / "page.html"
    head = "<!DOCTYPE html><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    head += "<link rel=icon href=data:,>"  # a browser asks for one otherwise
    head += f"<style>.gradcheck {{ background: {PANEL[False]} }}</style><main class=gradcheck>"
    path.write_text(head, encoding="utf-8")
    assert_readable(browser.open(path.as_uri(), width=380), 380, dark=False)
    path.write_text(head + spoilt, encoding="utf-8")
    with pytest.raises(AssertionError):
        assert_readable(browser.open(path.as_uri(), width=380), 380, dark=False)
