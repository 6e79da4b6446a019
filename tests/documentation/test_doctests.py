"""The examples in docstrings give what they show; a module whose optional library is missing is skipped."""

import doctest
import importlib
from pathlib import Path

import pytest

import gradcheck
from gradcheck.errors import UnsupportedError

PACKAGE = Path(gradcheck.__file__).parent
WITH_EXAMPLES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_there_are_examples():
    assert "gradcheck.check" in WITH_EXAMPLES


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_a_module_are_true(name):
    try:
        module = importlib.import_module(name)
    except (ModuleNotFoundError, UnsupportedError) as missing:
        pytest.skip(str(missing))
    if ">>> import torch" in (module.__doc__ or "") + "".join(str(f.__doc__) for f in vars(module).values()):
        pytest.importorskip("torch")
    outcome = doctest.testmod(module, optionflags=OPTIONS)
    assert outcome.attempted > 0, "the example is not in a docstring"
    assert outcome.failed == 0


def test_a_wrong_example_is_seen():
    example = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    assert doctest.DocTestRunner(verbose=False, optionflags=OPTIONS).run(example, out=lambda _: None).failed == 1
