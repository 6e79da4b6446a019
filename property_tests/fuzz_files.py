"""Files that the package reads, with anything in them: read, or refused in a sentence of the public error."""

from __future__ import annotations

import json
import tempfile
import traceback
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import fuzz_commands
import numpy as np
from fuzz_commands import mutated

import gradcheck as gc
from gradcheck.bench import saved
from gradcheck.cli import point
from gradcheck.strategies import described
from gradcheck.sweeps.file import SweepFile
from gradcheck.two_layer_relu.cells import Cell, Result
from gradcheck.two_layer_relu.problem import Shape

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

LONGEST = 1500
TOML = """
x = "(n,d)"
labels = {shape = "(n)", integers = [0, 9]}
[params]
w = "(d,10)"
scale = {shape = "(10)", range = [0.5, 2.0], dtype = "float64"}
"""
ANYTHING: list[Any] = [
    None, True, False, 0, 1, -1, 10**400, 0.5, 1e308, "", "x", "PASS", "FAIL", "inf", "nan", "[red]", "\u0000", [], {},
    [1, "a"], {"a": 1}, [[[]]], "9" * 400, [0.5, 1.5], "2020-01-01",
]  # fmt: skip


class File(NamedTuple):
    """A file, what reads it, and what was done to it."""

    name: str
    data: bytes
    words: str


@cache
def _reports() -> tuple[bytes, ...]:
    calls = (
        lambda: gc.check(lambda x: np.sum(x**2), lambda x: 2 * x, (np.array([0.5, -1.0]),)),
        lambda: gc.check(lambda p: np.sum(p["a"] ** 2), lambda p: {"a": 2.5 * p["a"]}, ({"a": np.array([0.5, -1.0])},)),
        lambda: gc.check(lambda x: np.sum(np.abs(x)), np.sign, (np.array([0.0, 1.0]),)),
        lambda: gc.check(np.sin, jac=lambda x: np.diag(np.cos(x)), args=(np.array([0.5, 1.0]),)),
        lambda: gc.check_kernel(
            (lambda x: x**2, lambda c, x: 2 * c * x), (lambda x: x**2, lambda c, x: 2 * c * x), np.ones(3, np.float32)
        ),
    )
    return tuple(call().to_json().encode() for call in calls)


@cache
def _sweep() -> bytes:
    error = {"low": 0.0, "high": 1e-8, "relative": True, "confidence": 0.9999}
    row = {
        "backend": "numpy", "point": "normal data", "argument": "w1", "shape": [3, 4], "oracle": "finite differences",
        "verdict": "PASS", "error": error, "allowed": 1e-5, "kink": "", "remark": "",
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.jsonl"
        for seed in range(2):
            SweepFile(path).add(Result(Cell("numpy", Shape(2, 3, 4, 1), "float64", "cpu", seed), (row,), 0.5))
        return path.read_bytes()


@cache
def _points() -> tuple[bytes, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "p.npz", **{"x": np.arange(6.0).reshape(2, 3), "params.w": np.ones(3, np.float32)})
        np.save(Path(folder) / "p.npy", np.arange(3.0))
        return (Path(folder) / "p.npz").read_bytes(), (Path(folder) / "p.npy").read_bytes()


def _read_report(path: Path) -> None:
    report = gc.Report.from_json(path.read_bytes())
    str(report).encode()
    report.to_json()
    _ = report.verdict


def _read_bench(path: Path) -> None:
    found = saved.load(path)
    for case in found.cases():
        found.ratio(case, "textbook")


def _read_sweep(path: Path) -> None:
    for result in SweepFile(path).results.values():
        if not result.rows:
            raise AssertionError("a cell without rows")
        str(result.verdict)


def _read_toml(path: Path) -> None:
    str(described.described(path).signature)


READERS: dict[str, tuple[Callable[[Path], Any], Callable[[random.Random], bytes]]] = {
    "r.json": (_read_report, lambda draw: draw.choice(_reports())),
    "b.json": (_read_bench, lambda _: fuzz_commands._results()),
    "s.jsonl": (_read_sweep, lambda _: _sweep()),
    "p.npz": (point.load, lambda _: _points()[0]),
    "p.npy": (point.load, lambda _: _points()[1]),
    "t.toml": (_read_toml, lambda _: TOML.encode()),
}


def drawn(draw: random.Random) -> File:
    """Return a valid file with one to three things in it changed."""
    name = draw.choice(list(READERS))
    data, words = READERS[name][1](draw), []
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        if name.endswith(("json", "jsonl")) and draw.random() < 0.7:
            data = _another_value(draw, data)
            words.append("a value")
        else:
            data = mutated(draw, data)
            words.append("bytes")
    return File(name, data, ", ".join(words))


def _another_value(draw: random.Random, data: bytes) -> bytes:
    """Return JSON, or lines of it, with one value replaced, left out or renamed."""
    lines = data.splitlines() if data.count(b"\n") and data[:1] == b"{" and data[1:2] != b"\n" else [data]
    at = draw.randrange(len(lines)) if lines else 0
    try:
        tree = json.loads(lines[at])
    except (ValueError, IndexError, RecursionError):
        return mutated(draw, data)
    lines[at] = json.dumps(_changed(draw, tree)).encode()
    return b"\n".join(lines) + b"\n"


def _changed(draw: random.Random, tree: Any) -> Any:
    if isinstance(tree, dict) and tree and draw.random() < 0.9:
        key = draw.choice(list(tree))
        kind = draw.random()
        if kind < 0.1:
            return {k: v for k, v in tree.items() if k != key}
        if kind < 0.15:
            return {**{k: v for k, v in tree.items() if k != key}, key + "x": tree[key]}
        return {**tree, key: _changed(draw, tree[key])}
    if isinstance(tree, list) and tree and draw.random() < 0.8:
        at = draw.randrange(len(tree))
        return [_changed(draw, part) if i == at else part for i, part in enumerate(tree)]
    return draw.choice(ANYTHING)


def breach(file: File) -> tuple[str, str] | None:
    """Return the kind of the promise that reading a file breaks and the details; None if it keeps all."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        path = Path(folder) / file.name
        path.write_bytes(file.data)
        try:
            READERS[file.name][0](path)
        except gc.ArgumentError as error:
            if not 0 < len(str(error)) < LONGEST:
                return f"{file.name}: a message of {len(str(error))} characters", str(error)[:3000]
        except Exception as error:  # noqa: BLE001  what this looks for
            return f"{file.name}: foreign {type(error).__name__}", f"{traceback.format_exc()}\n{file.data[:2000]!r}"
        if path.read_bytes() != file.data:
            return f"{file.name}: changed by reading", ""
    ours = [str(each.message) for each in said if "/gradcheck/" in each.filename]
    if leaked := [text for text in ours if "Python 2" not in text]:  # of an old file, which NumPy says
        return f"{file.name}: leaked a warning", leaked[0]
    return None


def words_of(file: File) -> str:
    """Return what was drawn as text."""
    return f"{file.name}: {file.words}"
