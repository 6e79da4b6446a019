"""A report as text for people, in stages: its facts as lines, without repetitions, cut to length, laid out.

Every fact has a key: where, entry, cause, next of an argument, and note, unchecked, next, repeat of the whole.
"""

from __future__ import annotations

import re
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

from gradcheck.reports import kernel_words
from gradcheck.reports.words import (
    ORDER,
    WORDS,
    causes,
    clipped,
    coarse,
    entry,
    finding,
    headline,
    next_step,
    remarks,
    visible,
)
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gradcheck.verdicts.report import ArgumentReport, Report

WIDTH = 80
NARROWEST = 40
LINES = 12  # as many as are read at a glance; wrong arguments are shown beyond it
HEADS = 16  # of arguments that are no PASS; further ones are named in one line
LABEL = 28  # columns for a name and a shape; a longer one takes a line of its own
KEYS = 10  # columns for a key
# A line is not broken inside these: an index, a command, a percentage, an interval, a number after its word.
WHOLE = re.compile(
    r"\[[^\[\]]{1,60}\]|\(relative error [^()]+\)|`[^`]+`|\([-\d, ]{1,40}\)|\S+ %|[-+.\w]+ to [-+.\d∞][-+.\w]*"
    r"|\S+ x \w+|\S+, (?:a|no) subgradient|(?:claimed|measured|seed) \S+"
)


class Fact(NamedTuple):
    """One fact: its key, what is said, and the argument it concerns, None for the whole."""

    key: str
    text: str
    argument: int | None = None


def as_text(report: Report, width: int = WIDTH) -> str:
    """Return the report as text: verdict, arguments, where they are wrong and why, how to repeat it.

    Parameters
    ----------
    report : Report
        What a check found.
    width : int
        Columns; a command to copy is not broken, whatever its length.

    """
    found = cut(list(drop_repeated(lines(report))), report)
    return "\n".join(layout(found, report, max(width, NARROWEST)))


def argument_text(argument: ArgumentReport, width: int = WIDTH) -> str:
    """Return what was found about one argument as text."""
    label = f"{clipped(kernel_words.label(argument))} {argument.shape}"
    rows = list(drop_repeated(_argument(argument, 0, argument.error.confidence)))
    head = f"{argument.verdict}  {label}: {rows[0].text}"
    return "\n".join(
        [*wrapped(head, "", width, hang=" " * 6), *(row for line in rows[1:] for row in _detail(line, width))]
    )


def fact_rows(argument: ArgumentReport, indent: str, width: int = WIDTH) -> list[str]:
    """Return the rows that say where an argument's gradient is wrong, at which entry, and why."""
    found = [line for line in _argument(argument, 0, argument.error.confidence) if line.text]
    kept = [line for line in found if line.key in {"where", "entry", "cause"}]
    return [row for line in kept for row in wrapped(line.text, f"{indent}{line.key}: ", width)]


# Facts ----------------------------------------------------------------------------------------------------


def lines(report: Report) -> Iterator[Fact]:
    """Yield every fact of a report."""
    cost = f"[{report.oracle}, {report.evaluations} evaluations, seed {report.seed}]"
    yield Fact("verdict", f"{report.verdict}  {clipped(report.title)}: {headline(report)}  {cost}")
    for i, argument in enumerate(report.arguments):
        yield from _argument(argument, i, report.confidence)
    if report.unchecked:
        yield Fact("unchecked", ", ".join(map(clipped, report.unchecked)))
    for note in (*report.notes, coarse(report)):
        yield Fact("note", note)
    yield Fact("next", report.next)
    if report.verdict is not Verdict.PASS:
        yield Fact("repeat", report.repeat)


def _argument(argument: ArgumentReport, i: int, confidence: float) -> Iterator[Fact]:
    yield Fact("argument", f"{finding(argument, confidence)}  {remarks(argument)}".rstrip(), i)
    yield Fact("where", argument.where_text, i)
    yield Fact("entry", entry(argument), i)
    for cause in causes(argument):
        yield Fact("cause", cause, i)
    for note in argument.notes:
        yield Fact("note", note, i)
    yield Fact("next", next_step(argument), i)


# Stages ---------------------------------------------------------------------------------------------------


def drop_repeated(found: Iterable[Fact]) -> Iterator[Fact]:
    """Leave out empty facts, and those that an earlier argument has said; with its cause goes its example."""
    held = [line for line in found if line.text]
    said: set[tuple[str, str]] = set()
    known = set()  # arguments whose cause was said before
    for line in held:
        if line.key == "cause" and (line.key, line.text) in said:
            known.add(line.argument)
        said.add((line.key, line.text))
    said.clear()
    for line in held:
        example = line.key in {"where", "entry"} and line.argument in known
        if line.key in {"argument", "verdict"} or not (example or (line.key, line.text) in said):
            yield line
        said.add((line.key, line.text))


def cut(found: list[Fact], report: Report) -> list[Fact]:
    """Return at most LINES facts, and the heads of wrong and undecided arguments beyond them; the others counted."""
    if len(found) <= LINES:
        return found
    blocks: dict[int, list[Fact]] = {}
    for line in found:
        if line.argument is not None:
            blocks.setdefault(line.argument, []).append(line)
    whole = [line for line in found if line.argument is None]
    urgent = sorted(blocks, key=lambda i: ORDER[report.arguments[i].verdict])
    heads = [i for i in urgent if report.arguments[i].verdict is not Verdict.PASS][:HEADS]
    left = LINES - len(whole) - len(heads) - 1
    kept: list[Fact] = []
    shown = set(heads)
    for place, i in enumerate(urgent):
        head, *details = blocks[i]
        if i in shown:
            kept.append(head)
            if place == 0 or len(details) <= left:
                kept += details
                left -= len(details)
        elif report.arguments[i].verdict is Verdict.PASS and 1 + len(details) <= left and len(shown) == len(kept):
            kept += blocks[i]
            shown.add(i)
            left -= len(blocks[i])
    rest = [i for i in urgent if i not in shown]
    return [whole[0], *kept, *_rest(rest, report), *whole[1:]]


def _rest(left_out: list[int], report: Report) -> Iterator[Fact]:
    """Yield a line for arguments that are left out: right ones are counted, others named."""
    if not left_out:
        return
    verdicts = [report.arguments[i].verdict for i in left_out]
    counts = [f"{verdicts.count(v)} {WORDS[v]}" for v in ORDER if v in verdicts]
    yield Fact("more", f"and {len(left_out)} more: {', '.join(counts)}")
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        names = [clipped(report.arguments[i].name) for i in left_out if report.arguments[i].verdict is verdict]
        if names:
            yield Fact(WORDS[verdict], ", ".join(names))


def layout(found: Iterable[Fact], report: Report, width: int) -> Iterator[str]:
    """Yield the rows of the text."""
    found = list(found)
    names = {i: f"{clipped(kernel_words.label(a))} {a.shape}" for i, a in enumerate(report.arguments)}
    shown = {line.argument for line in found if line.argument is not None}
    label = max((len(names[i]) for i in shown if i is not None and len(names[i]) <= LABEL), default=0)
    for line in found:
        if line.key == "verdict":
            yield from wrapped(line.text, "", width, hang=" " * 6)
        elif line.key == "argument" and line.argument is not None:
            name = names[line.argument]
            if len(name) > label:
                yield f"  {name}"
                name = ""
            yield from wrapped(line.text, f"  {name.ljust(label)}  ", width)
        elif line.key == "more":
            yield f"  {line.text}"
        else:
            yield from _detail(line, width)


def _detail(line: Fact, width: int) -> Iterator[str]:
    """Yield the rows of a fact under its key; a command or a program is left as it is."""
    indent = "  " if line.argument is None else "    "
    start = f"{indent}{line.key}: ".ljust(len("  ") + KEYS)
    if line.key == "repeat":
        first, *more = map(visible, line.text.splitlines())
        yield start + first
        yield from (" " * len(start) + row for row in more)
    else:
        yield from wrapped(line.text, start, width)


def wrapped(text: str, start: str, width: int, hang: str | None = None) -> list[str]:
    """Return text in rows of `width` columns, the first after `start`, the others below it."""
    glued = WHOLE.sub(lambda found: found[0].replace(" ", "\xa0"), visible(text))
    hang = " " * len(start) if hang is None else hang
    rows = wrap(
        glued.replace("  ", "\xa0 "),  # two spaces stand between columns and stay
        width,
        initial_indent=start,
        subsequent_indent=hang,
        break_on_hyphens=False,
        break_long_words=True,
    )
    return [row.replace("\xa0", " ").rstrip() for row in rows] or [start.rstrip()]
