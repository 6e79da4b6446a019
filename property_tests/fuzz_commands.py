"""Command lines of what the commands take, with anything in some places: an exit code, a sentence, no lost file.

Each runs in this process, in a folder of its own with functions, points, descriptions and results, some of them broken.
"""

from __future__ import annotations

import json
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from click.testing import CliRunner

from gradcheck.bench.saved import as_json
from gradcheck.cli import main

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

MODULE = """
import numpy as np

def loss(x): return np.sum(np.sin(x))
def right(x): return np.cos(x)
def wrong(x): return -np.cos(x)
def both(x): return loss(x), right(x)
def raises(x): raise ValueError("no \\ud800 [red]number")
def ends(x): raise SystemExit(0)
def squares(x): return x**2
def cached(x): return x**2, x
def pulled(c, x): return 2 * c * x
def named(x, w): return np.sum(x @ w)
def gradients(x, w): return np.ones((len(x), w.shape[1])) @ w.T, x.T @ np.ones((len(x), w.shape[1]))
def plain(x): return x * x
def text(x): return "a text"
async def later(x): return 1.0
number = 3
"""
CHECKS = """
from hypothesis import given
from hypothesis import strategies as st
import gradcheck
import mine_to_fuzz as mine
import numpy as np

@given(st.integers(0, 3))
def test_right(n):
    gradcheck.assert_gradient(mine.loss, mine.{}, (np.full(2, 0.5 + n),))
"""
TOML = 'x = "(n)"\n'
FUNCTIONS = [
    "loss", "right", "wrong", "both", "raises", "ends", "squares", "cached", "pulled", "named", "gradients", "plain",
    "text", "later", "number", "missing", "loss:right", "",
]  # fmt: skip
ODD = [
    "", "x", "-1", "0", "1", "nan", "inf", "1e400", "²", "1" * 30, "[red]", "\udc80", "nowhere/x.json", ".", "mine.py",
    "--", "-", "float16", "cuda", "1,1,1", "0,1,1,1", "a\nb", "%s", "../..", "/dev/null/x",
]  # fmt: skip
CODES = {0, 1, 2, 3}  # PASS, FAIL, what cannot be used, INCONCLUSIVE; 70 would be a fault of the package


class Line(NamedTuple):
    """A command line, and the options of it that name files to write."""

    words: list[str]
    folder: dict[str, bytes]


@cache
def _results() -> bytes:
    from gradcheck.bench.results import CheckCost, Results, TimedCase, Timing  # noqa: PLC0415
    from gradcheck.two_layer_relu.problem import Shape  # noqa: PLC0415

    case = TimedCase("tiny", Shape(4, 8, 8, 2), "float64", "numpy")
    timings = [Timing(case, name, (1e-5, 2e-5), 3) for name in ("floor", "textbook", "fast")]
    cost = CheckCost("gradcheck", 100, 20, 1, (0.1, 0.2), None, 800, "PASS")
    return json.dumps(as_json(Results({"cores": 1}, timings, [("torch", "not installed")], [cost], []))).encode()


@cache
def _point(*shapes: tuple[int, ...]) -> bytes:
    with tempfile.TemporaryFile() as file:
        np.savez(file, **{f"arr_{i}": np.full(shape, 0.5) for i, shape in enumerate(shapes)})
        file.seek(0)
        return file.read()


def folder(draw: random.Random) -> dict[str, bytes]:
    """Return the files that a command finds, by name; one of them broken, now and then."""
    files = {
        "mine_to_fuzz.py": MODULE.encode(), "checks.py": CHECKS.format(draw.choice(["right", "wrong"])).encode(),
        "one.npz": _point((3,)), "two.npz": _point((2, 3), (3, 2)), "x.toml": TOML.encode(), "old.json": _results(),
        "new.json": _results(), "kept.txt": b"a user's", "page.html": b"a user's page", "page.html.jsonl": b"",
    }  # fmt: skip
    if draw.random() < 0.3:
        name = draw.choice([name for name in files if name != "mine_to_fuzz.py"])
        files[name] = mutated(draw, files[name])
    return files


def mutated(draw: random.Random, data: bytes) -> bytes:
    """Return data cut off, with bytes changed, or with other text in it."""
    kind = draw.choice(["cut", "bytes", "bytes", "insert", "empty", "twice"])
    at = draw.randrange(len(data) + 1)
    if kind == "cut":
        return data[:at]
    if kind == "insert":
        return data[:at] + draw.choice([b"\0", b"nan", b"{", b"]", b"\xff\xfe", b"9" * 400, b"\n\n", b'"']) + data[at:]
    if kind == "empty":
        return b""
    if kind == "twice":
        return data + data
    changed = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 8])):
        if changed:
            changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def drawn(draw: random.Random) -> Line:
    """Return a command line that is right, with none to two words of it something else."""
    words = draw.choice(COMMANDS)(draw)
    for _ in range(draw.choice([0, 0, 1, 1, 2])):
        kind, at = draw.choice(["replace", "replace", "drop", "add"]), draw.randrange(len(words) + 1)
        if kind == "replace" and at < len(words) and at > 0:
            words[at] = draw.choice(ODD)
        elif kind == "drop" and 0 < at < len(words):
            del words[at]
        elif kind == "add":
            words.insert(max(at, 1), draw.choice([*ODD, "--help", "--json", "--seed", "--report", "--no-such"]))
    return Line(_quick(words), folder(draw))


def _quick(words: list[str]) -> list[str]:
    """Return the words with what keeps a command short said last: it counts where it is said twice."""
    last = {
        "train": ["--steps=2", "--shape=1,1,1,1"], "bench": ["--quick", "--no-checks", "--shapes=tiny"],
        "verify": [], "check": [], "kernel": ["--max-examples=1"], "docs": [],
    }  # fmt: skip
    if words[0] == "verify" and "exact" not in words and "sweep" not in words and "networks" not in words:
        return [*words, "--max-examples=2"]
    if words[0] == "verify":
        return [*words, "--shape=1,2,2,1"]
    if words[0] == "bench" and "compare" in words:
        return words
    return words + (last[words[0]] if "--" not in words else [])


def _target(draw: random.Random) -> str:
    return f"mine_to_fuzz:{draw.choice(FUNCTIONS)}"


def _outputs(draw: random.Random) -> list[str]:
    found: list[str] = []
    if draw.random() < 0.3:
        found += ["--json", draw.choice(["out.json", "kept.txt", "nowhere/out.json", "."])]
    if draw.random() < 0.2:
        found += [
            "--report",
            draw.choice(["out.html", "out.json", "out.py", "kept.txt", "page.html", "nowhere/r.html"]),
        ]
    return found


def _check(draw: random.Random) -> list[str]:
    claims = draw.choice([[_target(draw)], ["--vjp", "mine_to_fuzz:pulled"], ["--jvp", _target(draw)], []])
    pair = draw.choice([["loss", "right"], ["loss", "wrong"], ["both"], ["named", "gradients"]])
    targets = [f"mine_to_fuzz:{name}" for name in pair] if draw.random() < 0.7 else [_target(draw), *claims]
    options = draw.choice([[], ["--rtol", "1e-3"], ["--oracle", "exact"], ["--kink", "right"], ["--backend", "torch"]])
    point = "two.npz" if "mine_to_fuzz:named" in targets else "one.npz"
    return ["check", *targets, "--point", point, *options, *_outputs(draw)]


def _kernel(draw: random.Random) -> list[str]:
    pair = (_target(draw), _target(draw)) if draw.random() < 0.3 else ("mine_to_fuzz:plain", "mine_to_fuzz:squares")
    signature = draw.choice(["(n)", "(n,d)", "(n)", "(n", "", "(3)"])
    return ["kernel", pair[0], "--reference", pair[1], "--signature", signature, *_outputs(draw)]


def _functions(draw: random.Random) -> list[str]:
    targets = draw.choice([["loss", "right"], ["loss", "wrong"], ["both"], [draw.choice(FUNCTIONS)], ["loss", "later"]])
    signature = draw.choice(["(n)->()", "(n)", "x.toml", "(n,d)", "missing.toml"])
    options = draw.choice([[], ["--boundary"], ["--positive"], ["--range", "0", "1"], ["--max-side", "2"]])
    return [
        "verify", "functions", *(f"mine_to_fuzz:{t}" for t in targets), "--signature", signature, *options,
        *_outputs(draw),
    ]  # fmt: skip


def _file(draw: random.Random) -> list[str]:
    return ["verify", draw.choice(["checks.py", "file"]), *draw.choice([[], ["checks.py"]])]


def _networks(draw: random.Random) -> list[str]:
    which = draw.choice(["networks", "networks", "exact"])
    return ["verify", which, "--dtype", draw.choice(["float64", "float32"]), *_outputs(draw)[:2]]


def _sweep(draw: random.Random) -> list[str]:
    page = draw.choice(["new.html", "page.html", "nowhere/page.html", "kept.txt", "."])
    return ["verify", "sweep", page, "--seed", "0", "--dtype", "float64", "--backend", "numpy"]


def _bench(draw: random.Random) -> list[str]:
    if draw.random() < 0.9:
        return ["bench", "compare", "old.json", draw.choice(["new.json", "old.json", "missing.json", "."])]
    return ["bench", "--libraries", "numpy", "--dtypes", "float64", "--output", draw.choice(["out", "kept.txt"])]


def _train(draw: random.Random) -> list[str]:
    files = draw.choice(
        [[], ["--losses", "kept.txt"], ["--losses", "-"], ["--plot", "out.svg"], ["--plot", "kept.txt"]]
    )
    return ["train", *draw.choice([[], ["--lr", "1e-3"], ["--backend", "torch"], ["--device", "cuda"]]), *files]


def _docs(draw: random.Random) -> list[str]:
    return ["docs", *draw.choice([[], ["kinks"], ["no such page"]])]


COMMANDS: list[Callable[[random.Random], list[str]]] = [
    _check, _check, _check, _kernel, _functions, _functions, _file, _networks, _sweep, _bench, _train, _docs,
]  # fmt: skip


def breach(line: Line) -> tuple[str, str] | None:
    """Return the kind of the promise that a command line breaks and the details; None if it keeps all."""
    before = os.getcwd()  # noqa: PTH109  to go back to
    with tempfile.TemporaryDirectory() as path:
        for name, data in line.folder.items():
            Path(path, name).write_bytes(data)
        os.chdir(path)
        try:
            result = CliRunner().invoke(main, line.words)
        finally:
            os.chdir(before)
        return _broken(line, result, Path(path))


def _broken(line: Line, result: Any, path: Path) -> tuple[str, str] | None:
    command, told = line.words[0], f"exit code {result.exit_code}\n{result.output}"
    judges = command in {"check", "kernel", "verify"} and not {"--help", "-h"} & set(line.words)
    broken = {
        f"{type(result.exception).__name__} came through": not isinstance(result.exception, SystemExit | None),
        f"exit code {result.exit_code}": result.exit_code not in CODES,
        "a traceback": "Traceback" in result.output,
        "exit code 2 without a sentence": result.exit_code == 2 and not result.stderr.strip(),
        "exit code 0 without a PASS": judges and result.exit_code == 0 and "PASS" not in result.stdout,
    }
    found = [kind for kind, holds in broken.items() if holds]
    found += [f"{name} was lost" for name in line.folder if _lost(name, line, result.exit_code, path)]
    return (f"{command}: {found[0]}", told) if found else None


def _lost(name: str, line: Line, exit_code: int, path: Path) -> bool:
    """Tell whether a file is another than before, though it was not named to be written, or the command refused."""
    named = {Path(word.rpartition("=")[2]).name for word in line.words}
    named |= {f"{word}l" for word in named}  # the results that are kept beside a page
    file = path / name
    if name in named and exit_code != 2:
        return not file.is_file()
    return not (file.is_file() and file.read_bytes() == line.folder[name])


def words_of(line: Line) -> str:
    """Return a command line as text."""
    return " ".join(map(ascii, line.words))
