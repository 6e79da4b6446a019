"""`gradcheck docs`: the pages that a report names can be read where there is nothing but the wheel."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import gradcheck as gc
from gradcheck.cli import main
from gradcheck.cli.docs import PAGES

ROOT = Path(__file__).parents[2]


def output(*words):
    result = CliRunner().invoke(main, ["docs", *words])
    return result.exit_code, result.output


def test_every_page_is_listed_and_shown():
    code, listed = output()
    assert code == 0
    for page in PAGES:
        assert re.search(rf"^{page} ", listed, re.MULTILINE)
        code, shown = output(page)
        assert code == 0
        assert shown.startswith("# ")
    assert max(map(len, listed.splitlines()[: len(PAGES)])) <= 80


def test_the_wheel_holds_these_pages_and_no_other():
    held = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    held = held["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert held == {f"docs/{page}.md": f"gradcheck/docs/{page}.md" for page in PAGES}


def test_another_page_is_usage():
    code, said = output("nothing")
    assert code == 2
    assert "kinks" in said


@pytest.mark.parametrize("gradient", [lambda h: 1.0 * (h >= 0), lambda h: 1.2 * (h >= 0), lambda h: 1.2 * (h == 0)])
def test_explain_names_commands_that_show_a_page(gradient):
    report = gc.check(lambda h: np.sum(np.maximum(h, 0)), gradient, (np.array([0.0, 1.0, -2.0]),))
    named = re.findall(r"gradcheck docs\s+([a-z-]+)", report.explain())
    assert "kinks" in named
    assert set(named) <= PAGES.keys()
