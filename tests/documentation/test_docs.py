"""What README and docs show, runs: Python blocks are executed, commands of ours must parse.

Blocks of one page share a namespace, top to bottom, and a folder of their own. A text block between or after them that
begins with a verdict is what they printed, in the same words: numbers are those of one machine. What is special about a
block is said after its language: `python raises: ValueError` ends in that exception, `python no-run: REASON` is not
run.
"""

import configparser
import contextlib
import io
import linecache
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
from markdown_it import MarkdownIt

from gradcheck.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [path for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md") if path.exists()] + sorted(
    path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts
)
MOST_COLUMNS = 88  # what a page of the built documentation shows without scrolling
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def fenced_blocks(path, language):
    """Yield (line of the first code line, words after the language, code) of a page's fenced blocks."""
    for token in MarkdownIt().parse(path.read_text(encoding="utf-8")):
        words = token.info.strip()
        if token.type == "fence" and re.split(r"[\s{]", words, maxsplit=1)[0] == language:
            yield token.map[0] + 2, words.removeprefix(language).strip(), token.content


def run_block(code, *, path, line, words, namespace):
    """Execute one block; its line numbers in a traceback are those of the page."""
    for library in re.findall(r"^\s*(?:import|from) (torch|jax)\b", code, flags=re.MULTILINE):
        pytest.importorskip(library)
    source, name = "\n" * (line - 1) + code, f"<{path.name}:{line}>"
    linecache.cache[name] = (
        len(source),
        None,
        source.splitlines(keepends=True),
        name,
    )  # lines of a derivation show theirs
    compiled = compile(source, name, "exec")
    match words.partition(":"):
        case ("", "", ""):
            exec(compiled, namespace)
        case ("raises", ":", name):
            with pytest.raises(BaseException) as caught:  # noqa: PT011  which one is asked next
                exec(compiled, namespace)
            assert name.strip() in {kind.__name__ for kind in type(caught.value).__mro__}, repr(caught.value)
        case ("no-run", ":", reason) if reason.strip():
            pass
        case _:
            pytest.fail(f"{path.name}:{line}: 'python {words}' is neither raises: ERROR nor no-run: REASON")


def run_page(path):
    namespace, printed = {"__name__": "__main__"}, ""
    blocks = [(*block, language) for language in ("python", "text") for block in fenced_blocks(path, language)]
    for line, words, content, language in sorted(blocks):
        if language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as out:
                run_block(content, path=path, line=line, words=words, namespace=namespace)
            printed += out.getvalue()
        elif printed and content.startswith(("PASS", "FAIL", "INCONCLUSIVE")):
            assert without_numbers(content) in without_numbers(printed), f"{path.name}:{line}: printed was\n{printed}"


def without_numbers(text):
    """Return the words of a report: its numbers differ from machine to machine in their last digits."""
    return re.sub(r"\d+(\.\d+)?(e[+-]\d+)?", "0", text.strip())


def commands(path):
    """Yield (line, words) of the commands after a `$` in a page's console blocks, joined over `\\`."""
    for first, _, content in fenced_blocks(path, "console"):
        text = content.replace("\\\n", "  ")
        for offset, row in enumerate(text.splitlines()):
            if row.startswith("$ "):
                for command in re.split(r"&&|\|\||[|;]", row[2:]):
                    yield first + offset, shlex.split(command, comments=True)


def fault(words):
    """Return what is wrong with a command, or None; commands of others are taken as they are."""
    words = [Path(words[0]).name, *words[1:]]
    if words[:3] in (["python", "-m", "gradcheck"], ["python3", "-m", "gradcheck"]):
        words = ["gradcheck", *words[3:]]
    if words[0] == "gradcheck":
        return fault_of_ours(words[1:])
    if words[0] == "tox" and "-e" in words:
        return fault_of_tox(words[words.index("-e") + 1])
    if words[:2] == ["pip", "install"] or words[1:4] == ["-m", "pip", "install"]:
        return fault_of_extras(words)
    return None


def fault_of_ours(arguments):
    """Parse as the command line would, without running."""
    if ">" in arguments:
        arguments = arguments[: arguments.index(">")]
    try:
        # The group's own options (--help, --version) end the parsing; else the first word is the command.
        with main.make_context("gradcheck", list(arguments)) as group:
            command = main.get_command(group, arguments[0])
            if command is None:
                return f"gradcheck has no command {arguments[0]}"
            command.make_context(arguments[0], list(arguments[1:]), parent=group)
    except click.exceptions.Exit as done:
        return None if done.exit_code == 0 else f"exit code {done.exit_code}"
    except click.ClickException as error:
        return error.format_message()
    return None


def fault_of_tox(names):
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    known = {section.removeprefix("testenv:") for section in tox.sections()}
    known |= {name.strip() for name in tox["tox"]["env_list"].split(",")}
    unknown = set(names.split(",")) - known
    return f"tox has no environment {sorted(unknown)}" if unknown else None


def fault_of_extras(words):
    asked = {extra for word in words for found in re.findall(r"\[([\w,-]+)\]", word) for extra in found.split(",")}
    unknown = asked - PYPROJECT["project"]["optional-dependencies"].keys()
    return f"pyproject.toml has no extra {sorted(unknown)}" if unknown else None


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_python_blocks_of_a_page_run(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_page(path)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_commands_of_a_page_exist(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    faults = {f"{path.name}:{line}: {shlex.join(words)}": fault(words) for line, words in commands(path)}
    assert {command: why for command, why in faults.items() if why} == {}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_block_of_a_page_is_cut_at_its_right_edge(path):
    languages = ("text", "console", "python")
    shown = [block for language in languages for block in fenced_blocks(path, language)]
    rows = [(line + i, row) for line, _, content in shown for i, row in enumerate(content.splitlines())]
    assert [f"{path.name}:{line}: {len(row)} columns" for line, row in rows if len(row) > MOST_COLUMNS] == []


# The runner itself can fail -------------------------------------------------------------------------------


def page(tmp_path, *blocks):
    path = tmp_path / "page.md"
    path.write_text("# Page\n\n" + "\n".join(f"```{block}\n```\n" for block in blocks), encoding="utf-8")
    return path


def test_a_block_that_raises_is_seen_with_its_line(tmp_path):
    path = page(tmp_path, "python\nx = 1", "python\nassert x == 2")
    with pytest.raises(AssertionError) as caught:
        run_page(path)
    assert caught.traceback[-1].lineno + 1 == 8


def test_blocks_share_a_namespace_and_an_announced_exception_is_no_fault(tmp_path):
    run_page(page(tmp_path, "python\nx = {}", "python raises: LookupError\nx['a']"))


def test_what_a_page_says_is_printed_is_compared_numbers_aside(tmp_path):
    printing = "python\nprint('PASS  f: right to 1.5e-09 in 23 steps')"
    run_page(page(tmp_path, printing, "text\nPASS  f: right to 2e-10 in 9 steps"))
    with pytest.raises(AssertionError, match="printed was"):
        run_page(page(tmp_path, printing, "text\nPASS  f: wrong by 2e-10 in 9 steps"))


def test_an_announced_exception_must_come(tmp_path):
    with pytest.raises(pytest.fail.Exception):
        run_page(page(tmp_path, "python raises: LookupError\nx = 1"))


def test_an_exception_of_another_kind_than_announced_is_seen(tmp_path):
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        run_page(page(tmp_path, "python raises: LookupError\n1 / 0"))


@pytest.mark.parametrize("words", ["no-run", "no-run:", "norun: slow"])
def test_a_block_is_left_out_only_for_a_stated_reason(tmp_path, words):
    with pytest.raises(pytest.fail.Exception, match="no-run: REASON"):
        run_page(page(tmp_path, f"python {words}\n1 / 0"))
    run_page(page(tmp_path, "python no-run: needs a GPU\n1 / 0"))


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("gradcheck verfy", "verfy"),
        ("gradcheck train --no-such-option", "--no-such-option"),
        ("python -m gradcheck nothing", "nothing"),
        ("tox -e nothing", "nothing"),
        ('pip install "gradcheck[nothing]"', "nothing"),
    ],
)
def test_a_command_that_is_not_there_is_seen(tmp_path, command, why):
    [(line, words)] = commands(page(tmp_path, f"console\n$ {command}\nits output"))
    assert line == 4
    assert why in fault(words)
