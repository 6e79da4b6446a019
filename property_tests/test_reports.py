"""Whatever a check is given, what comes back is printed, saved, drawn and read back, or a public error."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import gradcheck as gc

pytest.importorskip("jinja2")

X = np.array([0.5, -1.5, 2.0])
TEXT = st.text(st.characters(), max_size=12)  # half surrogates, control characters, any script
NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-3, 10**400),
    st.fractions(0, 1),
    st.floats(0, 1, width=32).map(np.float32),
    st.floats(0, 1).map(np.longdouble),
    st.integers(0, 100).map(np.int16),
    st.booleans(),
    st.none(),
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "names": TEXT.map(lambda name: [name]),
        "rtol": NUMBERS,
        "confidence": NUMBERS,
        "seed": NUMBERS,
        "probes": st.integers(-1, 6) | NUMBERS.filter(lambda x: not isinstance(x, int) or x < 20),
        "max_evaluations": NUMBERS,
    },
)


def cube(x):
    return np.sum(x**3)


def raising(text):
    def gradient(_):
        raise ValueError(text)

    return gradient


GRADIENTS = st.sampled_from(
    [lambda x: 3 * x**2, lambda x: 1.5 * x**2, lambda x: x[:1], lambda x: 3 * x**2 + (x > 1)]
) | TEXT.map(raising)


@given(gradient=GRADIENTS, options=OPTIONS)
@example(gradient=raising("\udcff\0\x1b[31m\n[bold]"), options={"names": ["</style><script>\udc80"]})
@example(gradient=lambda x: x, options={"confidence": Fraction(1, 2), "rtol": np.float32(1e-3)})
@example(gradient=lambda x: x, options={"rtol": 10**400})
@example(gradient=lambda x: 3 * x**2, options={"rtol": 1, "atol": 1})
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_report_prints_saves_and_reads_back(tmp_path_factory, gradient, options):
    try:
        report = gc.check(cube, gradient, (X,), **options)
    except gc.GradcheckError as error:
        str(error).encode("utf-8", "backslashreplace")
        return
    for text in (str(report), repr(report), report.explain(), *map(str, report), *map(repr, report)):
        text.encode("utf-8")
        assert all(line.isprintable() for line in text.split("\n"))
    assert gc.Report.from_json(report.to_json()).to_json() == report.to_json()
    assert str(pickle.loads(pickle.dumps(report))) == str(report)  # noqa: S301  our own bytes
    folder = tmp_path_factory.mktemp("saved")
    for name in ("report.json", "report.html"):
        report.save(folder / name)
        (folder / name).read_text(encoding="utf-8")
    assert "<script" not in (folder / "report.html").read_text(encoding="utf-8")
