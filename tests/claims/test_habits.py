"""How arguments are passed is found out without a trace in them."""

import gc as garbage

import numpy as np
import pytest

import gradcheck as gc


def test_what_a_function_changes_while_it_is_asked_how_it_takes_its_arguments_is_put_back():
    x = np.ones(2)

    def changing(point):
        point[None] += 1
        return "nothing"

    with pytest.raises(gc.GradcheckError):
        gc.check(changing, lambda x: x, {None: x})
    assert np.array_equal(x, np.ones(2))


def test_a_method_that_would_yet_have_to_run_is_told():
    class Model:
        async def loss(self):
            return 1.0

        def __init__(self):
            self.W = np.ones(2)

    with pytest.raises(gc.GradcheckError, match="asynchronous"):
        gc.check_model(Model(), (), params=["W"], grad="loss")


def test_a_function_that_is_tried_on_a_whole_argument_and_has_yet_to_run_leaves_no_warning():
    async def later(x):
        return x

    def f(x):
        return later(x)

    with pytest.raises(gc.GradcheckError):
        gc.check(f, jvp=lambda t, _: t, args={"y": 1.0}, gradient=lambda x: x)
    garbage.collect()  # where Python would warn that it was never awaited, which is an error here
