"""One written line: its parameters, its text, and what its exceptions say."""

import linecache
from functools import partial, wraps

import pytest

from gradcheck.errors import ArgumentError
from gradcheck.lines.line import Line

NAMELESS = "which has no name to be filled by: name each value it reads"


def line(function):
    return Line("h", function, "forward line 'h'")


def test_the_parameters_are_the_names_without_a_default():
    assert line(lambda x, w, scale=2.0: x @ w * scale).parameters == ("x", "w")


def test_the_upstream_gradients_are_named_by_their_variables():
    assert line(lambda x, grad_h_relu, grad_y: x * grad_h_relu + grad_y).upstream == ("h_relu", "y")


def test_parameters_are_filled_by_name_and_defaults_kept():
    assert line(lambda b, a, k=10: k * a - b)({"a": 1, "b": 2, "k": 77}) == 8


def test_two_lambdas_on_one_line_keep_their_own_text():
    both = [lambda x: x + 1, lambda x: x + 2]
    assert [line(function).expression for function in both] == ["x + 1", "x + 2"]


def test_a_lambda_over_several_lines_reads_as_one():
    # fmt: off
    written = line(lambda x, w: (x
                                 @ w))
    # fmt: on
    assert written.expression == "x @ w"


def test_a_lambda_that_holds_another_is_shown_whole():
    assert line(lambda x: sorted(x, key=lambda y: -y)).expression == "sorted(x, key=lambda y: -y)"


def test_a_function_with_one_return_shows_what_it_returns():
    def relu(x):
        """Positive part."""
        return x * (x > 0)

    assert line(relu).expression == "x * (x > 0)"


def test_a_longer_function_shows_its_call():
    def relu(x, w):
        h = x @ w
        return h * (h > 0)

    assert line(relu).expression == "relu(x, w)"


def test_a_line_without_source_shows_its_parameters():
    typed_in = eval("lambda x, w: x @ w")  # noqa: S307  # as at a prompt, where no file keeps it
    assert line(typed_in).expression == "lambda(x, w)"


def test_a_function_without_code_of_python_shows_its_call():
    assert line(partial(lambda x, k: k * x, k=2)).expression == "f(x)"


def test_a_file_that_is_no_python_any_more_shows_the_call(tmp_path):
    path = tmp_path / "lines.py"
    path.write_text("h = lambda x, w: x @ w")
    names = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    assert line(names["h"]).expression == "x @ w"
    path.write_text("h = lambda x, w x @ w while it is edited")
    linecache.checkcache(str(path))
    assert line(names["h"]).expression == "lambda(x, w)"


def test_a_wrapped_line_shows_its_wrapper_and_keeps_its_parameters():
    def right(x, w):
        return x @ w

    @wraps(right)
    def doubled(**values):
        return 2 * right(**values)

    doubled.__name__ = "doubled"
    assert line(doubled).expression == "doubled(x @ w)"
    assert line(doubled)({"x": 3 * _One(), "w": _One()}) == 6


class _One(int):
    """A number that multiplies with @ too."""

    def __new__(cls, value=1):
        return super().__new__(cls, value)

    def __rmul__(self, other):
        return _One(int(self) * other)

    def __matmul__(self, other):
        return int(self) * int(other)


def test_an_exception_says_in_which_line_it_was_raised():
    with pytest.raises(ZeroDivisionError) as raised:
        line(lambda x: 1 / x)({"x": 0})
    assert raised.value.__notes__ == ["raised in the forward line 'h': 1 / x"]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (3.0, "the forward line 'h' is 3.0: pass a function of named values, as lambda x, w: x @ w"),
        (
            lambda *x: x,
            "the forward line 'h' takes *x, which has no name to be filled by: name each value it reads",
        ),
        (
            lambda **x: x,
            "the forward line 'h' takes **x, which has no name to be filled by: name each value it reads",
        ),
        (
            lambda x, /: x,
            "the forward line 'h' takes x, which has no name to be filled by: name each value it reads",
        ),
        (
            dict,
            "the forward line 'h' is <class 'dict'>, which does not tell its parameters: write a lambda",
        ),
    ],
    ids=["no function", "star", "double star", "positional only", "no signature"],
)
def test_what_cannot_be_filled_by_name_is_refused(function, message):
    with pytest.raises(ArgumentError) as raised:
        line(function)
    assert str(raised.value) == message


async def asynchronous(x):
    return x


def test_an_asynchronous_line_is_refused_and_leaves_no_coroutine_behind():
    with pytest.raises(ArgumentError, match="asynchronous is asynchronous, wanted a function"):
        line(asynchronous)({"x": 1})  # warnings are errors here, those of what is never awaited too
