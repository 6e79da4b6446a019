"""What no single module promises, yet a user relies on: light imports, true signatures, imports one way."""

import ast
import importlib
import inspect
import itertools
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, is_dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import gradcheck

PACKAGE = Path(gradcheck.__file__).parent
HEAVY = {"click", "hypothesis", "matplotlib", "pytest", "rich", "torch"}
PUBLIC = sorted(getattr(gradcheck, "__all__", ()))


def test_importing_gradcheck_loads_neither_torch_nor_what_only_a_part_needs():
    code = "import sys, gradcheck; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "gradcheck" in loaded.split()
    assert HEAVY.isdisjoint(loaded.split())


def test_every_public_name_exists_once():
    assert len(set(PUBLIC)) == len(PUBLIC)
    assert [name for name in PUBLIC if not hasattr(gradcheck, name)] == []


def records(*modules):
    """Return the data classes that some modules define."""
    found = (vars(importlib.import_module(f"gradcheck.{module}")).values() for module in modules)
    return [
        x for x in itertools.chain(*found) if isinstance(x, type) and is_dataclass(x) and "gradcheck" in x.__module__
    ]


RECORDS = records(
    *("claims.claim", "claims.tree", "claims.contract", "claims.prediction", "lines.report", "slopes.slope"),
    *(f"verdicts.{path.stem}" for path in (PACKAGE / "verdicts").glob("*.py") if path.stem != "__init__"),
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_what_a_check_read_and_found_cannot_be_changed_afterwards(record):
    made = object.__new__(record)
    with pytest.raises(FrozenInstanceError):
        setattr(made, fields(record)[0].name, None)


# Sizes ----------------------------------------------------------------------------------------------------

MOST_LINES = 350  # of a file: one concept
MOST_OF_A_FUNCTION = 50  # without its docstring: a screen


def long_files(package, most=MOST_LINES):
    return [path.name for path in package.rglob("*.py") if path.read_text(encoding="utf-8").count("\n") > most]


def long_functions(package, most=MOST_OF_A_FUNCTION):
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[0]
                told = first if ast.get_docstring(node, clean=False) is not None else None
                lines = node.end_lineno - node.lineno + 1
                if lines - (told.end_lineno - told.lineno + 1 if told else 0) > most:
                    yield f"{path.name}: {node.name}"


def test_no_file_holds_more_than_a_concept_and_no_function_more_than_a_screen():
    assert long_files(PACKAGE) == []
    assert list(long_functions(PACKAGE)) == []


def test_what_is_too_long_is_seen(tmp_path):
    body = "\n".join("    x = 1" for _ in range(MOST_OF_A_FUNCTION))
    (tmp_path / "f.py").write_text(f'def f():\n    """Do."""\n{body}\n' + "\n" * MOST_LINES, encoding="utf-8")
    assert long_files(tmp_path) == ["f.py"]
    assert list(long_functions(tmp_path)) == ["f.py: f"]


# First pages ----------------------------------------------------------------------------------------------


def not_named(folder):
    """Modules of a folder that the docstring of its ``__init__`` does not name."""
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    return [
        path.stem for path in sorted(folder.glob("*.py")) if path.stem != "__init__" and f"`{path.stem}`" not in text
    ]


@pytest.mark.parametrize("folder", sorted(p.parent.name for p in PACKAGE.glob("*/__init__.py")))
def test_the_first_page_of_a_folder_names_its_files(folder):
    if folder != "derivations":  # which lists its own
        assert not_named(PACKAGE / folder) == []


# One grammar of errors: what was passed, what was wanted, what to do ----------------------------------------


def test_messages_say_what_was_wanted_in_one_word():
    others = [p.name for p in PACKAGE.rglob("*.py") if ", but should " in p.read_text(encoding="utf-8")]
    assert others == []


# Documented parameters ------------------------------------------------------------------------------------


def documented_parameters(docstring):
    """Names under *Parameters* of a NumPy-style docstring, in order."""
    lines = inspect.cleandoc(docstring).splitlines()
    if "Parameters" not in lines or not lines[lines.index("Parameters") + 1].startswith("---"):
        return None
    body = lines[lines.index("Parameters") + 2 :]
    underlines = [number for number, line in enumerate(body) if line.startswith("---")]
    body = body[: underlines[0] - 1] if underlines else body
    heads = [line.partition(":")[0] for line in body if line and not line.startswith(" ")]
    return [name.strip().lstrip("*") for head in heads for name in head.split(",")]


def signature_parameters(function):
    return [name for name in inspect.signature(function).parameters if name not in {"self", "cls"}]


def public_functions():
    for name in PUBLIC:
        thing = getattr(gradcheck, name)
        if inspect.isfunction(thing):
            yield name, thing
        elif inspect.isclass(thing):
            for attribute, member in vars(thing).items():
                function = getattr(member, "__func__", member)
                if inspect.isfunction(function) and not attribute.startswith("_"):
                    yield f"{name}.{attribute}", function


@pytest.mark.parametrize(("name", "function"), [pytest.param(*pair, id=pair[0]) for pair in public_functions()])
def test_a_public_function_documents_the_parameters_it_has(name, function):
    assert function.__doc__, f"{name} has no docstring"
    documented = documented_parameters(function.__doc__)
    if documented is not None:
        assert documented == signature_parameters(function)


def test_a_documented_parameter_that_is_not_there_is_seen():
    def f(x, *, step):
        """Do.

        Parameters
        ----------
        x, y : array
            Points.

        Returns
        -------
        float
            A number.

        """

    assert documented_parameters(f.__doc__) == ["x", "y"]
    assert signature_parameters(f) == ["x", "step"]


# Imports one way ------------------------------------------------------------------------------------------


def module_name(path, package):
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def run_at_import(tree):
    """Statements that run when the module is imported: not those in functions, nor under TYPE_CHECKING."""
    pending = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
            continue
        yield node
        pending += ast.iter_child_nodes(node)


def imported_names(tree, module, *, is_package):
    for node in run_at_import(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".") if is_package else module.split(".")[:-1]
            above = above[: len(above) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def import_graph(package):
    """Module -> the modules of the same package that its import runs first, packages on the way excepted."""
    paths = {module_name(path, package): path for path in sorted(package.rglob("*.py"))}
    graph = {}
    for module, path in paths.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        graph[module] = set()
        for name in imported_names(tree, module, is_package=path.name == "__init__.py"):
            target = name if name in paths else name.rpartition(".")[0]
            if target in paths and target != module:
                graph[module].add(target)
    return graph


def test_imports_point_one_way():
    TopologicalSorter(import_graph(PACKAGE)).prepare()


@pytest.mark.parametrize(
    "back", ["from p.high import f", "import p.high", "from . import high", "from .high import f"], ids=str
)
def test_a_circle_of_imports_is_seen(tmp_path, back):
    package = tmp_path / "p"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "high.py").write_text("from p.low import g\n")
    (package / "low.py").write_text(back + "\n")
    with pytest.raises(CycleError):
        TopologicalSorter(import_graph(package)).prepare()


def test_an_import_inside_a_function_or_for_types_only_is_no_circle(tmp_path):
    package = tmp_path / "p"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "high.py").write_text("from p.low import g\n")
    (package / "low.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from p.high import f\n"
        "def g():\n    from p.high import f\n"
    )
    TopologicalSorter(import_graph(package)).prepare()
