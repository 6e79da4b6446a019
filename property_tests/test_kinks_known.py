"""Claims at kinks of functions with known subdifferentials: never a wrong verdict, seldom none."""

import collections
import json
import pathlib
import sys

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.kinks import subgradient
from gradcheck.kinks.neighbourhood import Neighbourhood
from property_tests import kink_families as known
from property_tests import kink_trees

DELTA = 2.0**-27


def judged(case, seed):
    """Return the finding on a case from its nearby claims alone, with drift and round-off as a check has them."""
    rng = np.random.default_rng([seed, 1])
    n, size = len(case.claim), np.abs(case.linear).max(initial=0.0) + np.abs(case.claim).max(initial=0.0) + 1

    def claim_at(w):
        made = np.round(w * 2.0**26) / 2.0**26
        claim = case.germ.gradient(made) + case.linear + DELTA * case.curvature * made
        return made, claim + 2.0**-52 * size * rng.standard_normal(n)

    near = Neighbourhood(claim_at, case.claim, np.arange(n), case.germ.shape, rng=np.random.default_rng([seed, 2]))
    drift = 0.0
    for _ in range(4):
        w = near.noise()
        for move in (w, -w):
            claim = near.ask(move)
            drift = max(drift, float(np.abs(claim_at(3 * move)[1] - claim).max()))
    near.tolerance = 64 * drift + 2.0**-30 * near.size
    return subgradient.judged(near), near.asked


def rows_of(seed):
    """Judge one case of each family; return for each the family, how f bends, the truth, what was found, and claims."""
    rows = []
    for family in known.FAMILIES:
        case = known.drawn(family, seed)
        if case is None:
            continue
        finding, count = judged(case, seed)
        if finding.state == "outside":
            assert finding.separation.claimed > finding.separation.reached
        if finding.state == "inside":
            assert finding.weights.min(initial=0.0) >= 0
        rows.append((family.__name__, case.germ.bends, case.kind, case.inside, finding.state, count))
    return rows


def counted(rows):
    """Return outcomes by how f bends, mistakes, and claims asked for."""
    rows = list(rows)
    outcomes = collections.Counter((bends, state) for _, bends, _, _, state, _ in rows)
    mistakes = [row for row in rows if row[4] == ("outside" if row[3] else "inside")]
    return outcomes, mistakes, [row[5] for row in rows]


def resumed(seeds, log):
    """Yield the rows of all seeds, those that the file `log` holds from there, others judged and added to it.

    Runs over other seeds may go on beside it, each with a file of its own.
    """
    path = pathlib.Path(log)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    done = {entry["seed"]: entry["rows"] for entry in map(json.loads, lines)}
    with path.open("a", encoding="utf-8") as out:
        for seed in seeds:
            if seed not in done:
                done[seed] = rows_of(seed)
                print(json.dumps({"seed": seed, "rows": done[seed]}), file=out, flush=True)
            yield from done[seed]


def of_seeds(seeds):
    return (row for seed in seeds for row in rows_of(seed))


def undecided(outcomes, bends):
    total = sum(count for (b, _), count in outcomes.items() if b == bends)
    return outcomes[bends, "undecided"] / total


def said(outcomes, asked):
    lines = [f"{bends}: {undecided(outcomes, bends):.1%} undecided" for bends in ("one way", known.SINGLE, known.FANS)]
    lines.append(f"{len(asked)} cases, {np.median(asked):.0f} claims in the median, {max(asked)} at most")
    return "\n".join(lines)


def test_no_claim_at_a_kink_is_misjudged_and_few_are_undecided():
    outcomes, mistakes, asked = counted(of_seeds(range(180)))
    assert len(asked) > 2_000
    assert mistakes == []
    assert undecided(outcomes, "one way") <= 0.01
    assert undecided(outcomes, known.SINGLE) <= 0.05
    assert max(asked) <= 600
    assert np.median(asked) <= 64


@pytest.mark.thorough
def test_no_claim_at_a_kink_is_misjudged_in_a_hundred_thousand():
    outcomes, mistakes, asked = counted(of_seeds(range(200, 8_800)))
    print(said(outcomes, asked))  # noqa: T201  for the documentation
    assert len(asked) > 100_000
    assert mistakes == []
    assert undecided(outcomes, "one way") <= 0.01
    assert undecided(outcomes, known.SINGLE) <= 0.05
    assert np.median(asked) <= 64


def checked(case, seed, *, named=False):
    """Return the report of a check of f itself at x₀, with the kink variable `named` or not."""
    rng = np.random.default_rng([seed, 3])
    x0 = rng.integers(-3, 4, case.germ.shape) * (rng.random() < 0.5)

    def f(x):
        return case.value((x - x0).ravel())

    def gradient(x):
        w = (x - x0).ravel()
        return (case.beside(w) if np.any(w) else case.claim).reshape(x.shape)

    def kink_variable(x):
        return case.germ.normals @ (x - x0).ravel()

    kink_of = kink_variable if named else None
    return gc.check(f, gradient, (1.0 * x0,), seed=seed, names=["x"], kink_of=kink_of)


def misjudged(seeds):
    wrong = []
    for seed in seeds:
        family = known.FAMILIES[seed % len(known.FAMILIES)]
        case = known.drawn(family, seed)
        if case is None:
            continue
        report = checked(case, seed)
        if report.verdict is (gc.Verdict.FAIL if case.inside else gc.Verdict.PASS):
            wrong.append((family.__name__, seed, case.kind, str(report)))
    return wrong


def test_no_check_of_such_a_function_has_a_wrong_verdict():
    assert misjudged(range(60)) == []


def with_the_variable_named(seeds):
    """Return the cases that are not judged right, undecided ones among them."""
    wrong = []
    for seed in seeds:
        for family in (known.network, known.walls, known.hinges):
            case = known.drawn(family, seed)
            if case is None:
                continue
            report = checked(case, seed, named=True)
            if report.verdict is not (gc.Verdict.PASS if case.inside else gc.Verdict.FAIL):
                wrong.append((family.__name__, seed, case.kind, str(report)))
    return wrong


def test_with_the_kink_variable_named_every_case_is_decided():
    assert with_the_variable_named(range(20)) == []


@pytest.mark.thorough
def test_with_the_kink_variable_named_every_case_of_a_thousand_is_decided():
    assert with_the_variable_named(range(100, 600)) == []


def test_no_check_that_was_wrong_once_is_again():
    """A row of which one entry was taken for another block's; medians that gave all first claims to one entry."""
    assert misjudged([2_661, 2_782, 4_028]) == []


def test_no_claim_that_was_called_outside_once_is_again():
    """A sum of maxima of both bends, of which one turn crossed those of one bend alone."""
    assert judged(known.drawn(known.segment_maxima, 7_296), 7_296)[0].state != "outside"


@pytest.mark.thorough
def test_no_check_of_such_a_function_has_a_wrong_verdict_in_ten_thousand():
    assert misjudged(range(1_000, 11_000)) == []


def failed(draws, seed, least):
    """Return the reports of right claims that fail, of trees of which no piece has less than a share of directions."""
    rng, found, total = np.random.default_rng(seed), [], 0
    for n in range(draws):
        case = kink_trees.drawn(rng)
        if not least <= case.least < 1:
            continue
        total += 1

        def f(x, tree=case.tree):
            return float(kink_trees.evaluated(tree, x[None])[0][0])

        def gradient(x, case=case):
            return np.array(kink_trees.evaluated(case.tree, x[None])[1][0]) if x.any() else case.claim

        report = gc.check(f, gradient, (np.zeros(len(case.claim)),), seed=n)
        if report.verdict is gc.Verdict.FAIL:
            found.append((n, str(report)))
    return found, total


def test_no_right_claim_fails_where_wide_pieces_of_both_bends_end_at_one_another():
    found, total = failed(400, 7, least=0.1)
    assert total > 100
    assert found == []


@pytest.mark.thorough
@pytest.mark.parametrize(("least", "most"), [(0.1, 0.0), (0.05, 1e-3), (0.02, 2e-3), (0.0, 0.02)])
def test_few_right_claims_fail_where_such_pieces_are_thin(least, most):
    """A piece that no move asked for has met is not known: see docs/kinks.md."""
    found, total = failed(4_000, 8, least)
    print(f"pieces of {least:.0%} of all directions and more: {len(found)} FAIL of {total}")  # noqa: T201  docs/kinks.md quotes it
    assert len(found) <= most * total


if __name__ == "__main__":  # python -m property_tests.test_kinks_known FIRST LAST [LOG]
    chosen = range(*map(int, sys.argv[1:3]))
    found = counted(resumed(chosen, sys.argv[3]) if len(sys.argv) > 3 else of_seeds(chosen))
    print(said(found[0], found[2]), f"{len(found[1])} mistakes", sep="\n")  # noqa: T201  for the documentation
