"""The table of docs/when-it-breaks.md is what docs/faults.py prints; a fault without chance is made again."""

import importlib.util
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"

pytestmark = [
    pytest.mark.skipif(not DOCS.exists(), reason="no documentation beside the tests"),
    pytest.mark.skipif(sys.platform != "linux", reason="signals, /dev/full and /proc"),
]


@pytest.fixture(scope="module")
def faults():
    spec = importlib.util.spec_from_file_location("faults", DOCS / "faults.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rows():
    lines = (DOCS / "when-it-breaks.md").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("| ")][1:]


def test_every_fault_has_its_row_and_none_is_as_it_should_not_be(faults, rows):
    assert len(rows) == len(faults.FAULTS)
    assert not any("not as it should be" in row for row in rows)


@pytest.mark.parametrize("name", ["no_output"])
def test_a_fault_without_chance_comes_to_what_its_row_says(name, faults, rows, tmp_path):
    (tmp_path / "mine.py").write_text(faults.MODULE)
    tried, happened, right = getattr(faults, name)(tmp_path)
    assert right
    assert f"| {tried} | {happened} |" in rows
