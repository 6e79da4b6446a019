"""What a line without a command's name means, whose an option is, and what a shell completes."""

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.cli import main
from gradcheck.cli.verify import meant, verify

MEANT = [
    ("", "networks"),
    ("--backend numpy", "networks --backend numpy"),
    ("--seed 3 networks", "networks --seed 3"),
    ("mine:loss mine:gradient --signature (n)", "functions mine:loss mine:gradient --signature (n)"),
    ("--signature (n) mine:loss", "functions --signature (n) mine:loss"),
    ("--range 0 1 mine:loss", "functions --range 0 1 mine:loss"),
    ("--signature=in.toml mine:loss", "functions --signature=in.toml mine:loss"),
    ("checks.py --seed 3", "file checks.py --seed 3"),
    ("--signature checks.py --seed 3", "file checks.py --seed 3"),
    ("--signature=checks.py", "file checks.py"),
    ("--exact --shape 1,1,1,1", "exact --shape 1,1,1,1"),
    ("--sweep page.html --jobs 2", "sweep page.html --jobs 2"),
    ("--jobs 2 --sweep=page.html", "sweep page.html --jobs 2"),
    ("--dask tcp://host:1 --sweep page.html", "sweep page.html --dask tcp://host:1"),
    ("--help", "--help"),
    ("mine:loss --help", "functions mine:loss --help"),
]


@pytest.mark.parametrize(("line", "wanted"), MEANT)
def test_a_line_without_a_command_s_name_means_one(line, wanted):
    assert meant(line.split(), verify) == wanted.split()


@given(st.sampled_from([wanted for _, wanted in MEANT]))
def test_a_line_with_its_command_s_name_means_itself(line):
    assert meant(line.split(), verify) == line.split()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("networks --rtol 1e-3", "--rtol is an option of `gradcheck verify functions`, not of"),
        ("exact --jobs 2", "--jobs is an option of `gradcheck verify sweep`, not of"),
        (
            "file x.py --report r.html",
            "--report is an option of `gradcheck verify functions` and `gradcheck verify kernel`, not of",
        ),
        ("networks --seed 1 --seed 2", "--seed was given 2 times, wanted it once"),
        ("functions", "Missing argument 'LOSS [GRADIENT]'"),
        ("networks more", "Got unexpected extra argument (more)"),
    ],
)
def test_what_a_command_does_not_take_is_refused_with_the_one_that_does(line, said):
    result = CliRunner().invoke(main, ["verify", *line.split()])
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    ("typed", "begun", "wanted"),
    [
        ([], "", {"check", "kernel", "verify", "bench", "train", "docs"}),
        (["verify"], "", {"functions", "kernel", "file", "networks", "exact", "sweep"}),
        (["verify"], "--sw", {"--sweep"}),
        (["verify"], "--bac", {"--backend"}),
        (["verify", "mine:loss"], "--sig", {"--signature"}),
        (["check", "mine:loss"], "--poi", {"--point"}),
        (["verify", "networks", "--backend"], "", {"all", "numpy", "torch"}),
    ],
)
def test_a_shell_completes_commands_options_and_choices(typed, begun, wanted):
    found = ShellComplete(main, {}, "gradcheck", "_GRADCHECK_COMPLETE").get_completions(typed, begun)
    assert {item.value for item in found} == wanted
