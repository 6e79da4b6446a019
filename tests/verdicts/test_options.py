"""Which values an option takes: up to the last that it takes, and what stands for one that is left out."""

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.errors import ArgumentError
from gradcheck.verdicts.options import Options, read_rules

X = np.array([0.5, -1.5, 2.0])


def check(**options):
    return gc.check(lambda x: np.sum(x**3), lambda x: 3 * x**2, (X,), **options)


@pytest.mark.parametrize(
    ("option", "least", "most"), [("seed", 0, 2**128 - 1), ("probes", 2, 2**16), ("max_evaluations", 4, 2**63 - 1)]
)
def test_whole_numbers_are_taken_from_the_least_to_the_largest(option, least, most):
    for number in (least, most):
        assert getattr(read_rules({option: number}), option) == number
    with pytest.raises(ArgumentError, match=f"{option}={most + 1}, wanted an integer up to {most}$"):
        check(**{option: most + 1})
    with pytest.raises(ArgumentError, match=f"{option}={least - 1}, wanted "):
        check(**{option: least - 1})


def test_an_option_that_is_none_is_as_if_left_out():
    assert read_rules(
        dict.fromkeys(("rtol", "atol", "oracle", "tangent", "kink", "executor", "batch_axis"))
    ) == read_rules({})


def test_without_options_a_report_says_what_the_usual_is():
    report = check()
    assert (report.confidence, report.seed, len(report[0].probes)) == (0.9999, 0, 4)


@pytest.mark.parametrize("option", ["only", "names"])
@pytest.mark.parametrize("value", [5, [1], ["x", 1], lambda: ["x"]])
def test_names_are_texts(option, value):
    with pytest.raises(ArgumentError, match=f"^{option}=.*, wanted .* of .*names"):
        check(**{option: value})


def test_every_option_has_a_default():
    assert {name for name in Options.__annotations__ if hasattr(read_rules({}), name)} == set(Options.__annotations__)


@pytest.mark.parametrize("confidence", [1e-6, 0.5, 0.9999, 1 - 2.0**-53, np.float32(0.5)])
def test_a_confidence_is_a_probability(confidence):
    assert read_rules({"confidence": confidence}).confidence == confidence


@pytest.mark.parametrize("confidence", [-1, -0.5, 0, 0.0, 1, 1.5, np.nan, "0.5", True])
def test_no_other_number_is_a_confidence(confidence):
    with pytest.raises(ArgumentError, match=r"^confidence=.*, wanted a probability inside \(0, 1\)"):
        check(confidence=confidence)


def test_the_name_of_one_argument_is_taken_for_a_list_of_it_and_new_names_are_not():
    assert [found.name for found in check(only="x")] == ["x"]
    with pytest.raises(ArgumentError, match=r"^names='x', wanted a list"):
        check(names="x")


def test_an_option_that_cannot_be_read_is_told_in_a_sentence():
    class Broken(dict):
        def values(self):
            raise ZeroDivisionError

    with pytest.raises(ArgumentError, match=r"^tangent=.* cannot be read \(ZeroDivisionError\)"):
        check(tangent=Broken(x=abs))
