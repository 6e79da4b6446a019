"""The table of conventions in the docs is what the check finds now."""

import importlib.util
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

SCRIPT = Path(__file__).parents[2] / "docs" / "conventions.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("conventions", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_in_the_docs_is_found_again(script):
    text = script.PAGE.read_text(encoding="utf-8")
    version = torch.__version__.partition("+")[0]
    if f"Torch {version};" not in text:
        pytest.skip(f"the table was made with another Torch than {version}, and conventions differ")
    for row in script.rows():
        assert f"| {' | '.join(row)} |" in text


def test_the_table_tells_conventions_apart(script):
    found = {row.function: row for row in script.rows()}
    assert found["`grad_h[h < 0] = 0`"].convention == "right"
    assert found["`torch.relu(x)`"].convention == "left"
    assert found["`torch.maximum(x, 0)`"].convention == "midpoint"
    assert found["`torch.where(x < 0, 0, x)`"].convention == "right"
    assert found["`x.amax()`"].convention == "midpoint"
    assert found["`torch.prod(x)`"].convention == "smooth"
