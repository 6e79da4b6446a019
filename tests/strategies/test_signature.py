"""Gufunc signatures: what is read, and what is refused with which words."""

import pytest

from gradcheck import ArgumentError
from gradcheck.strategies.signature import parse


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("(n,d),(d,h)->()", (("n", "d"), ("d", "h"))),
        (" (n, d) , (d, h) ", (("n", "d"), ("d", "h"))),
        ("()->()", ((),)),
        ("(3,n),(n?)->(n)", (("3", "n"), ("n?",))),
    ],
)
def test_a_signature_lists_the_dimensions_of_every_argument(text, inputs):
    assert parse(text).inputs == inputs


def test_a_signature_is_written_as_it_is_read():
    assert str(parse("(n, d),(d)")) == "(n,d),(d)->()"
    assert parse(str(parse("(3,n?)"))) == parse("(3,n?)")


def test_names_are_those_that_can_be_given_a_size():
    assert parse("(n,3),(n,d),(k?),(k)->()").names == ("n", "d")
    assert str(parse("(n,d),(d,n)->(n)").fixed("n", 1)) == "(1,d),(d,1)->(1)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "wanted the shape of every argument"),
        ("(n,->()", "wanted the shape of every argument"),
        ("n,d", "wanted the shape of every argument"),
        ("(n)->(n),()", "has 2 results, wanted one"),
        ("(n)->(m)", "has 'm' in its result only"),
        ("(3?)->()", "a fixed size cannot be left out"),
    ],
)
def test_a_bad_signature_is_refused_in_one_sentence(text, message):
    with pytest.raises(ArgumentError, match=message.replace("(", r"\(")):
        parse(text)
