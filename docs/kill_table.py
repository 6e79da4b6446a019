"""Plant every named mistake in every hand derivation and count what is caught and rightly named: docs/kill-table.md."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import gradcheck as gc
from gradcheck import arrays
from gradcheck.derivations import ALL
from gradcheck.lines import mistakes as line_mistakes
from gradcheck.mistakes import TABLE, Case, changes

SEED, EARLIER = 0, 1


@dataclass
class Count:
    """What became of one mistake in one problem."""

    planted: int = 0
    unchanged: int = 0  # the planted change is zero, or below three times the resolution
    caught: int = 0
    named: int = 0
    unnamed: int = 0
    misnamed: int = 0  # wrong names only

    def __add__(self, other):
        return Count(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    def __str__(self):
        seen = self.planted - self.unchanged
        if self.planted == 0:
            return ""
        if seen == self.caught == self.named and not self.misnamed:
            return f"{seen}" if seen else "·"
        return f"{seen}: {self.caught} caught, {self.named} named" + (
            f", {self.misnamed} wrong" if self.misnamed else ""
        )


def problems():
    """Yield (name, derivation, inputs, earlier inputs, loss, gradient, arguments) of every hand derivation."""
    for name, module in ALL.items():
        inputs, earlier = module.draw(SEED), module.draw(EARLIER)
        d = module.derivation
        held = {key: value for key, value in inputs.items() if key not in d.claimed}
        loss, gradient = d.as_functions(held)
        yield name, d, inputs, earlier, loss, gradient, tuple(inputs[key] for key in d.claimed)


def claim_mistakes(table, problem):
    """Plant the mistakes of a claim in the gradient of each argument in turn, and check."""
    name, d, _, _, loss, gradient, args = problem
    right = gc.check(loss, gradient, args, names=d.claimed, seed=SEED)
    if right.verdict is not gc.Verdict.PASS:
        raise SystemExit(f"{name} is not right:\n{right}")
    true = [arrays.to_numpy(g) for g in gradient(*args)]
    dimensions = {
        n: (f"{key}.shape[{k}]",) for key, x in zip(d.claimed, args, strict=True) for k, n in enumerate(x.shape)
    }
    for i, x in enumerate(args):
        others = {key: g for key, g in zip(d.claimed, true, strict=True) if key != d.claimed[i]}
        case = Case(true[i], arrays.to_numpy(x), others, {}, dimensions)
        for mistake in TABLE.values():
            for change in changes(mistake, mistake.plant, case):
                wrong = change.factor * (true[i] if change.array is None else change.array)
                wrong = wrong if change.along is None else wrong + change.multiple * change.along
                size = np.linalg.norm(wrong - true[i]) / np.linalg.norm(true[i])
                count = Count(planted=1)
                if size <= 3 * right[i].smallest_error:
                    count.unchanged = 1
                else:
                    claims = [wrong if k == i else g for k, g in enumerate(true)]
                    if mistake.name == "swapped":  # with another one, which then is this one
                        claims[d.claimed.index(change.name.removeprefix("swapped with "))] = true[i]
                    found = gc.check(
                        loss, lambda *_, c=claims: tuple(g.copy() for g in c), args, names=d.claimed, seed=SEED
                    )
                    count.caught = int(found[i].verdict is gc.Verdict.FAIL)
                    judge(count, change.name, found[i].mistakes)
                table[mistake.name][name] += count


def line_mistakes_of(table, black_box, problem):
    """Plant the mistakes of lines in every gradient line, check, and recognise."""
    name, d, inputs, earlier, loss, _, args = problem
    held = {key: value for key, value in inputs.items() if key not in d.claimed}
    true = d.gradient(inputs)
    right = gc.check(*d.as_functions(held), args, names=d.claimed, seed=SEED)
    for spoiled in line_mistakes.spoiled(d, inputs, earlier):
        count = Count(planted=1)
        report = gc.check(loss, spoiled.derivation.as_functions(held)[1], args, names=d.claimed, seed=SEED)
        try:
            wrong = spoiled.derivation.gradient(inputs)
            sizes = [
                np.linalg.norm(wrong[key] - true[key]) / np.linalg.norm(true[key]) / right[key].smallest_error
                for key in d.claimed
                if np.shape(wrong[key]) == np.shape(true[key])
            ]
            visible = len(sizes) < len(d.claimed) or max(sizes) > 3
        except ValueError:  # shapes no longer fit together: the contract says so
            wrong, visible = None, True
        if not visible:
            count.unchanged = 1
        else:
            count.caught = int(report.verdict is gc.Verdict.FAIL)
            if report.complaint:
                judge(count, spoiled.name, (spoiled.name,) if "reduction is missing" in report.complaint else ())
            else:
                label = f"{spoiled.name} in grad_{spoiled.line}"
                judge(count, label, line_mistakes.recognise(d, inputs, wrong, earlier))
                for a in report:
                    for text in a.mistakes:
                        black_box[spoiled.name][text] += 1
        table[spoiled.name][name] += count


def judge(count, name, names):
    """Count whether the planted name is among those given."""
    count.named = int(name in names)
    count.unnamed = int(not names)
    count.misnamed = int(bool(names) and name not in names)


def rows(table):
    """Return the table in Markdown, problems down and mistakes across would be too wide: mistakes down."""
    header = ["mistake", *ALL]
    lines = ["| " + " | ".join(h.replace("_", " ") for h in header) + " |", "|" + "---|" * len(header)]
    lines += [f"| {m} | " + " | ".join(str(by[p]) for p in ALL) + " |" for m, by in table.items()]
    return lines


def total(table):
    """Return the sum of all counts."""
    return sum((count for by in table.values() for count in by.values()), Count())


def said(table):
    """Return the totals in one sentence."""
    t = total(table)
    seen = t.planted - t.unchanged
    return (
        f"Planted {t.planted}; {t.unchanged} change nothing that three times the resolution would show. Of the other "
        f"{seen}, {t.caught} are caught ({100 * t.caught / seen:.1f} %), {t.named} rightly named "
        f"({100 * t.named / seen:.1f} %), {t.unnamed} not named, {t.misnamed} given a wrong name alone."
    )


def main():
    """Write docs/kill-table.md."""
    claims = {name: defaultdict(Count) for name, m in TABLE.items() if m.plant}
    lines = {name: defaultdict(Count) for name in line_mistakes.NAMES}
    black_box = defaultdict(lambda: defaultdict(int))
    for problem in problems():
        claim_mistakes(claims, problem)
        line_mistakes_of(lines, black_box, problem)
    page = [
        "# Which mistakes are caught, and what they are called",
        "",
        "You made one of the usual mistakes. Would the check see it, and would it name it? Here each mistake is",
        "planted in every derivation that comes with gradcheck. The tables are made by `python",
        "docs/kill_table.py`, seed 0.",
        "",
        "A number says how often a mistake was planted in a problem: once for each argument, axis or line to which",
        "it applies. Only those are counted that change the gradient by more than three times the smallest error",
        "the check can show. All of them were caught and rightly named, unless the cell says otherwise. A dot: it",
        "was planted, and changed nothing. Empty: it does not apply (no argument here is complex, for one).",
        "",
        "## In the claimed arrays",
        "",
        "The name is found from the slopes alone, without a look at the formula. Two names are given where both",
        "explain every slope.",
        "",
        *rows(claims),
        "",
        said(claims),
        "",
        "## In the lines of a derivation",
        "",
        "These mistakes lose information, so they cannot be undone in the wrong gradient. The slopes catch them.",
        "To name one, each mistake is planted in each line of the right derivation and compared with the wrong",
        "gradient (`gradcheck.lines.mistakes.recognise`). The planted one is therefore always among the names,",
        "beside any other that gives the same arrays. So this table tests that the slopes catch the mistakes. A",
        "reduction that is missing in the gradient of an argument is named by its shape.",
        "",
        *rows(lines),
        "",
        said(lines),
        "",
        "What the slopes alone call these mistakes, if they give a name (each name does explain every slope):",
        "",
        *(
            f"- {mistake}: " + ", ".join(f"{name} ({n})" for name, n in sorted(names.items()))
            for mistake, names in black_box.items()
        ),
        "",
    ]
    (Path(__file__).parent / "kill-table.md").write_text("\n".join(page), encoding="utf-8")
    print(said(claims), said(lines), sep="\n")


if __name__ == "__main__":
    main()
