"""Calls of the public API with anything: drawn from a seed, each held to what every call promises.

    python property_tests/fuzz.py --calls 10000 --seed 0      (`tox -e fuzz`)

or, with --area, of command lines (`fuzz_commands`), of files (`fuzz_files`) and at the ends of the floats (`fuzz_ends`),
prints the count, and each kind of breach once with a call that shows it. What is promised: a Report or a public
GradcheckError, in a sentence; the arguments and all global state are as before; a report prints and becomes JSON.
"""

# ruff: noqa: T201  what it found goes to standard output
# ruff: noqa: S311  draws for tests, no secrets
# ruff: noqa: ARG001, ARG005, PLW0108, FBT003  one form for every entry of the tables
# ruff: noqa: PYI024, NPY002, ICN001  old ways that users pass and keep
# ruff: noqa: E501  tables of one line an entry

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import datetime
import decimal
import fractions
import functools
import importlib
import json
import linecache
import random
import sys
import threading
import time
import traceback
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import gradcheck as gc
import gradcheck.scipy as problems

try:
    import torch
except ImportError:
    torch = None

if TYPE_CHECKING:
    from collections.abc import Callable

PUBLIC = tuple(
    x for x in (getattr(gc, name) for name in gc.__all__) if isinstance(x, type) and issubclass(x, Exception)
)
LONGEST = 1500  # characters of a message: that of a breach of contract in several reports
Pair = collections.namedtuple("Pair", ["w", "b"])


class Call(NamedTuple):
    """One call: which verb, with what, in words too."""

    words: str
    verb: Callable[..., Any]
    args: tuple[Any, ...]
    options: dict[str, Any]


class Hostile:
    """An object whose every answer is an error."""

    def _raise(self, *_: Any) -> Any:
        raise ZeroDivisionError("hostile")

    __float__ = __int__ = __len__ = __iter__ = __bool__ = __array__ = __eq__ = __lt__ = __gt__ = _raise
    __hash__ = object.__hash__
    __str__ = __repr__ = _raise


class LongRepr:
    def __repr__(self) -> str:
        return "long\n" * 5000


class SelfIndexing(list):
    def __len__(self) -> int:
        return 10**6


@dataclasses.dataclass
class Record:
    w: Any
    n: int = 3


def cyclic() -> list[Any]:
    loop: list[Any] = [np.ones(2)]
    loop.append(loop)
    return loop


def deep(levels: int, kind: type = list) -> Any:
    inner: Any = np.ones(2)
    for _ in range(levels):
        inner = {"a": inner} if kind is dict else kind([inner])
    return inner


def odd_values(draw: random.Random) -> Any:
    """Return something that hardly any parameter wants."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of these are deprecated, and passed all the same
        return draw.choice(PLAIN if torch is None or draw.random() < 0.8 else TENSORS)()


class FromFloat(float):
    """A float of a class of its own."""


async def coroutine(*_: Any) -> float:
    return 1.0


def generator(*_: Any) -> Any:
    yield 1.0


async def asynchronous_generator(*_: Any) -> Any:
    yield 1.0


# No class with a method `sum`: CPython 3.11 crashes where that is called without an array after many calls with one.
PLAIN: list[Callable[[], Any]] = [
    lambda: None, lambda: True, lambda: 0, lambda: 1, lambda: 2, lambda: 7, lambda: -1, lambda: 10**400,
    lambda: -(10**400), lambda: 0.0, lambda: -0.0, lambda: 0.5, lambda: 1e-3, lambda: 1e308, lambda: 5e-324,
    lambda: float("nan"), lambda: float("inf"), lambda: 1j, lambda: "", lambda: "x", lambda: "\ud800", lambda: "a" * 9999,
    lambda: b"x", list, lambda: (), dict, lambda: set(), lambda: [1.0, 2.0], lambda: ["x"],
    lambda: {"x": 1}, lambda: {1: np.ones(2), "1": np.ones(2)}, lambda: {None: np.ones(2)}, lambda: {("a",): 1.0},
    lambda: {"a.b": np.ones(2), "a": {"b": np.ones(2)}}, lambda: {"x": np.ones(3)}, lambda: {"self": np.ones(2)},
    lambda: {"": np.ones(2)}, lambda: object(), lambda: object, lambda: int, lambda: np.broadcast, lambda: np,
    lambda: np.ones(3), lambda: np.ones(0), lambda: np.ones((2, 0, 3)), lambda: np.ones(()), lambda: np.float64(2.0),
    lambda: np.float32(1e-3), lambda: np.float16(0.5), lambda: np.longdouble("0.1"), lambda: np.ones(3, np.longdouble),
    lambda: np.clongdouble(1), lambda: np.int64(4), lambda: np.uint8(4), lambda: np.bool_(True), lambda: np.array([4]),
    lambda: np.array(4), lambda: np.array([1, "a"], object), lambda: np.array([1.0, None], object),
    lambda: np.array(["a"]), lambda: np.array(["2020-01-01"], "datetime64[D]"), lambda: np.timedelta64(3, "s"),
    lambda: np.zeros(3, [("a", "f8")]), lambda: np.ma.masked_array([1.0, 2.0], [True, False]), lambda: np.matrix([[1.0]]),
    lambda: np.broadcast_to(np.ones(1), (3,)), lambda: np.full(3, np.nan), lambda: np.full(3, np.inf),
    lambda: np.full(3, 1e308), lambda: np.full(3, 5e-324), lambda: np.zeros(3), lambda: np.ones(3, ">f8"),
    lambda: np.ones(3, "c16"), lambda: np.ones((1,) * 40), lambda: np.ones((1,) * 64), lambda: [1j, 1.0], lambda: np.ones(6)[::2], lambda: np.recarray(2, [("x", "f8")]),
    lambda: fractions.Fraction(1, 2), lambda: fractions.Fraction(10**400, 3), lambda: decimal.Decimal("0.5"),
    lambda: decimal.Decimal("sNaN"), lambda: datetime.date(2020, 1, 1), lambda: datetime.timedelta(1), lambda: range(3),
    lambda: iter([np.ones(2)]), lambda: (x for x in [np.ones(2)]), lambda: memoryview(b"abc"), lambda: bytearray(8),
    cyclic, lambda: deep(400), lambda: deep(400, tuple), lambda: deep(400, dict), lambda: deep(3, tuple),
    lambda: FromFloat(0.5), lambda: Pair(np.ones(2), np.ones(1)), lambda: Record(np.ones(2)), lambda: Record,
    lambda: slice(3), lambda: ..., lambda: NotImplemented, lambda: Hostile(), lambda: Hostile, lambda: LongRepr(),
    lambda: SelfIndexing([1]), lambda: threading.Lock(), lambda: coroutine, lambda: generator,
    lambda: asynchronous_generator, lambda: lambda: 1.0, lambda: lambda *_, **__: None, lambda: np.sum,
    lambda: lambda x: x, lambda: functools.partial(np.sum, axis=0), lambda: len, lambda: collections.OrderedDict(x=1.0),
    lambda: collections.defaultdict(list), lambda: collections.UserDict(x=np.ones(2)), lambda: collections.deque([1.0]),
    lambda: ValueError("an error"), lambda: gc.check, lambda: "autograd", lambda: "exact", lambda: "finite differences",
    lambda: "right", lambda: "left", lambda: [np.ones(3), np.ones(2)], lambda: (np.ones(3), np.ones(2)),
    lambda: np.array([[1, 2], [3, 4]]), lambda: np.array([True, False]), lambda: {"x": lambda v: v},
]  # fmt: skip
TENSORS: list[Callable[[], Any]] = [] if torch is None else [
    lambda: torch.ones(3), lambda: torch.ones(3, dtype=torch.float64), lambda: torch.tensor(4), lambda: torch.tensor(0.5),
    lambda: torch.ones(3, dtype=torch.float64, requires_grad=True), lambda: torch.ones(3, dtype=torch.bfloat16),
    lambda: torch.ones(3, dtype=torch.float16), lambda: torch.ones(1, dtype=torch.float64).expand(3),
    lambda: torch.ones(1, 1).expand(3, 2), lambda: torch.ones(3, device="meta"), lambda: torch.eye(3).to_sparse(),
    lambda: torch.ones(3, requires_grad=True) * 2, lambda: torch.ones(0), lambda: torch.ones(3, dtype=torch.complex64),
    lambda: torch.ones(3, dtype=torch.complex128).conj(), lambda: torch.ones(3, dtype=torch.int64), lambda: torch.float64,
    lambda: torch.nn.Linear(2, 2), lambda: torch.nn.Linear, lambda: torch.nn.Identity(), lambda: torch.sin, lambda: torch,
    lambda: torch.nn.Parameter(torch.ones(2)), lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.quint8),
    lambda: torch.ones(3, dtype=torch.float8_e4m3fn), lambda: torch.tensor(float("nan")), lambda: torch.device("cpu"),
    lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), lambda: torch.nn.BatchNorm1d(3),
    lambda: _inference(),
]  # fmt: skip


def _inference() -> Any:
    with torch.inference_mode():
        return torch.ones(3, dtype=torch.float64)


OPTIONS = [
    "rtol", "atol", "piecewise_constant", "confidence", "probes", "seed", "oracle", "max_evaluations", "kink", "kink_of",
    "tangent", "names", "only", "kwargs", "order", "sparsity", "no_such_option",
]  # fmt: skip
KERNEL_OPTIONS = [
    "seed", "factor", "deterministic", "inplace_cotangent", "batch_axis", "gradients", "names", "kwargs", "order",
]  # fmt: skip
FORMS = ["gradient", "vjp", "jvp", "adjoint", "backward", "jac", "hess", "hessp", "inputs"]


def odd_function(draw: random.Random, inner: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is `inner` until some call, and then returns or raises anything."""
    when, value, calls = draw.choice([0, 0, 1, 2, 5]), odd_values(draw), [0]
    errors = (
        ValueError("wrong"),
        KeyError("k"),
        RecursionError("deep"),
        StopIteration(3),
        AssertionError(),
        OSError(5),
    )
    kind = draw.choice(["value", "value", "value", "raise", "zero then nan", "second half", "tuple", "list", "nan"])
    error = draw.choice(
        [*errors, MemoryError(), ArithmeticError("\ud800"), RuntimeError("x" * 9999), LookupError(b"\xff")]
    )

    def odd(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] <= when:
            return inner(*args, **kwargs)
        if kind == "value":
            return value
        if kind == "raise":
            raise error
        if kind == "zero then nan":
            return 0.0 if calls[0] < when + 3 else float("nan")
        if kind == "tuple":
            return (inner(*args, **kwargs), value)
        if kind == "list":
            return [value, value]
        return float("nan") if kind == "nan" or calls[0] % 2 else inner(*args, **kwargs)

    return odd


def mutating(draw: random.Random, inner: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that also writes into what it is passed."""
    at, when, calls = draw.random(), draw.choice([0, 1, 2, 5]), [0]

    def changed(*args: Any, **kwargs: Any) -> Any:
        result, arrays = inner(*args, **kwargs), list(_arrays([args, kwargs]))
        calls[0] += 1
        if arrays and calls[0] > when:
            array = arrays[int(at * len(arrays))]
            with contextlib.suppress(ValueError, TypeError, RuntimeError, IndexError):
                array[...] = array + 1 if array.dtype != bool else ~array
        return result

    return changed


def _arrays(x: Any, depth: int = 0) -> Any:
    """Yield the arrays in nested dicts, lists and tuples (named ones too), whose entries have bytes of their own."""
    if isinstance(x, dict | list | tuple):
        if depth < 8:  # some hold themselves
            for part in list(x.values()) if isinstance(x, dict) else list.__iter__(x) if isinstance(x, list) else x:
                yield from _arrays(part, depth + 1)
    elif (isinstance(x, np.ndarray) and x.dtype != object) or (torch is not None and isinstance(x, torch.Tensor)):
        yield x


# --- Right calls, one builder a form ---------------------------------------------------------------------------------


def _point(draw: random.Random) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(draw.randrange(2**32))
    return rng.standard_normal(draw.choice([1, 2, 3]))


def _gradient(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    x = _point(draw)
    if draw.random() < 0.3:
        return (lambda x, n: float(np.sum(x**n)), lambda x, n: (n * x ** (n - 1), None), (x, np.array(3))), {}
    if draw.random() < 0.3:
        f = lambda p: float(np.sum(p["w"] ** 2) + np.sum(p["b"][0]))  # noqa: E731
        return (f, lambda p: {"w": 2 * p["w"], "b": [np.ones_like(p["b"][0])]}, ({"w": x, "b": [x.copy()]},)), {}
    return (lambda x: float(np.sum(x**2)), lambda x: 2 * x, (x,)), {}


def _kwargs(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    data = np.arange(3)
    f, g = lambda x, data: float(np.sum(x**2) + data.sum()), lambda x, data: 2 * x + 0 * data.sum()
    return (f, g, (_point(draw),)), {"kwargs": {"data": data}}


def _kink(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    x = np.array([0.0, 1.0])
    return (lambda x: float(np.sum(np.maximum(x, 0))), lambda x: 1.0 * (x > 0), (x,)), {}


def _vjp(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (lambda x: np.sin(x),), {"vjp": lambda c, x: c * np.cos(x), "args": (_point(draw),)}


def _jvp(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (lambda x: np.sin(x),), {"jvp": lambda t, x: t * np.cos(x), "args": (_point(draw),)}


def _adjoint(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (lambda x: np.cumsum(x, axis=-1),), {
        "adjoint": lambda y: np.cumsum(y[..., ::-1], axis=-1)[..., ::-1], "args": (_point(draw),)
    }  # fmt: skip


def _backward(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (lambda x: (x**2, {"x": x}),), {"backward": lambda d, cache: 2 * d * cache["x"], "args": (_point(draw),)}


def _jac(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (lambda x: np.array([x.sum(), np.sum(x**2)]),), {
        "jac": lambda x: np.stack([np.ones_like(x), 2 * x]), "args": (_point(draw),)
    }  # fmt: skip


def _hess(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (lambda x: float(np.sum(x**3)), lambda x: 3 * x**2, (_point(draw),)), {"hess": lambda x: np.diag(6 * x)}


def _hessp(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (lambda x: float(np.sum(x**3)), lambda x: 3 * x**2, (_point(draw),)), {"hessp": lambda x, p: 6 * x * p}


def _inputs(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (lambda x: torch.sin(x) * x,), {
        "inputs": (torch.from_numpy(_point(draw)).requires_grad_(),), "order": draw.choice([1, 1, 2])
    }  # fmt: skip


def _torch_gradient(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (lambda x: (x**2).sum(), lambda x: 2 * x, (torch.from_numpy(_point(draw)),)), {}


def _module(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (torch.nn.Linear(2, 2).double(), torch.ones(3, 2, dtype=torch.float64)), {}


def _kernel(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (lambda x: torch.tanh(x), torch.tanh, (torch.from_numpy(_point(draw)).float().requires_grad_(),)), {}


def _numpy_kernel(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    pair = (lambda x: x**2, lambda c, x: 2 * c * x)
    return (pair, lambda x: x**2, (_point(draw).astype(np.float32),)), {}


def _pair_reference(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    forward, backward = lambda x: (x**2, x), lambda c, cache: 2 * c * cache
    return ((forward, backward), (lambda x: x**2, lambda c, x: 2 * c * x), (_point(draw).astype(np.float32),)), {}


def _two_inputs(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    x = torch.from_numpy(_point(draw)).float()
    return (lambda x, w: (x * w, x + w), lambda x, w: (x * w, x + w), {"x": x.clone(), "w": x + 1}), {
        "order": draw.choice([1, 2]), "batch_axis": draw.choice([None, 0])
    }  # fmt: skip


class Line:
    """A model that holds its parameters."""

    def __init__(self, x: Any) -> None:
        self.W, self.params, self.dW = x, {"W": x}, None

    def loss(self, x: Any) -> Any:
        return np.sum((x @ self.W) ** 2)

    def grad(self, x: Any) -> Any:
        return {"W": 2 * x.T @ (x @ self.W)}

    def left(self, x: Any) -> None:
        self.dW = 2 * x.T @ (x @ self.W)


def _model(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    x = _point(draw)
    return (Line(x), (np.eye(len(x)) + 1,)), {"grad": draw.choice(["grad", "left"]), "params": ["W"]}


def model_check(loss: Any, grad: Any, x: Any, args: Any, **options: Any) -> Any:
    """Check a model with these methods."""
    model = Line(x)
    model.loss, model.grad = lambda x: loss(model, x), lambda x: grad(model, x)  # type: ignore[method-assign]
    return gc.check_model(model, args, **{"grad": "grad", "params": ["W"], **options})


def _methods(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    x = _point(draw)
    return (Line.loss, Line.grad, x, (np.eye(len(x)) + 1,)), {}


def _minimized(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    more = draw.choice([{}, {"hess": lambda x: np.diag(6 * x)}, {"hessp": lambda x, p: 6 * x * p}])
    return (lambda x: float(np.sum(x**3)), _point(draw)), {"jac": lambda x: 3 * x**2, **more}


def _least_squares(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (lambda x: [*(x**2), float(x.sum())], _point(draw)), {
        "jac": lambda x: np.vstack([np.diag(2 * x), np.ones_like(x)])
    }


def _root(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (lambda x: x**3, _point(draw)), {"jac": lambda x: np.diag(3 * x**2)}


def _solve_ivp(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (lambda t, y: -y, (0.0, 1.0), _point(draw)), {"jac": lambda t, y: -np.eye(len(y))}


def _curve_fit(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    t = np.linspace(0, 1, 4)
    return (lambda t, a: a * t, t, t, [1.5]), {"jac": lambda t, a: t[:, None]}


def _constraint(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    found = {"type": "eq", "fun": lambda x: np.sum(x**2), "jac": lambda x: 2 * x}
    return (found, _point(draw)), {}


def _derivation(draw: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    forward = {"y": lambda x, w: x @ w, "loss": lambda xp, y: xp.sum(y**2)}
    gradient = {"y": lambda y: 2 * y, "w": lambda x, grad_y: x.T @ grad_y}
    return (forward, gradient, {"x": np.ones((2, 2)), "w": np.array([[1.0], [-1.0]])}), {}


def derivation_check(forward: Any, gradient: Any, inputs: Any, **options: Any) -> Any:
    """Build a derivation and check it."""
    return gc.Derivation(forward, gradient).check(inputs, **options)


CHECKS = [_gradient, _gradient, _kwargs, _kink, _vjp, _jvp, _adjoint, _backward, _jac, _hess, _hessp]
TORCH_CHECKS = [] if torch is None else [_inputs, _torch_gradient]
KERNELS = [] if torch is None else [_kernel, _numpy_kernel, _pair_reference, _two_inputs]
OTHERS: list[tuple[Callable[..., Any], Callable[..., Any]]] = [
    (derivation_check, _derivation), (gc.check_model, _model), (model_check, _methods),
    (problems.minimize, _minimized), (problems.least_squares, _least_squares), (problems.root, _root),
    (problems.solve_ivp, _solve_ivp), (problems.curve_fit, _curve_fit), (problems.nonlinear_constraint, _constraint),
    *([] if torch is None else [(gc.check_module, _module)]),
    *((gc.check_kernel, build) for build in KERNELS), *((gc.assert_kernel, build) for build in KERNELS[:1]),
]  # fmt: skip
DRAWN = {gc.check, gc.assert_gradient, *(verb for verb, _ in OTHERS)}


def drawn(draw: random.Random) -> Call:
    """Return a call that is right, with none to three things in it changed."""
    if draw.random() < 0.8:
        verb: Callable[..., Any] = draw.choice([gc.check, gc.check, gc.check, gc.assert_gradient])
        build = draw.choice(CHECKS + TORCH_CHECKS)
    else:
        verb, build = draw.choice(OTHERS)
    args, options = build(draw)
    done = []
    for _ in range(draw.choice([0, 1, 1, 1, 2, 3])):
        words, args, options = changed(draw, args, options, kernel=verb in (gc.check_kernel, gc.assert_kernel))
        done.append(words)
    return Call(f"{verb.__name__} {build.__name__}: {'; '.join(done) or 'as it is'}", verb, args, options)


def changed(
    draw: random.Random, args: tuple[Any, ...], options: dict[str, Any], *, kernel: bool
) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """Return a call with one thing in it changed, and what in words."""
    place = draw.choice([*range(len(args)), *options])
    old = args[place] if isinstance(place, int) else options[place]
    kind = draw.choice(["option", "option", "value", "function", "function", "leaf", "leaf", "mutating", "form"])
    if kind == "option":
        name = draw.choice(KERNEL_OPTIONS if kernel else OPTIONS)
        value = odd_values(draw)
        return f"{name}={kind_of(value)}", args, {**options, name: value}
    if kind == "form" and not kernel:  # but no name that a positional argument has
        name, value = draw.choice(FORMS[1:-1] if len(args) > 1 else FORMS), odd_values(draw)
        return f"{name}={kind_of(value)}", args, {**options, name: value}
    new = old
    if kind == "value":
        new = odd_values(draw)
    elif kind == "function" and callable(old):
        new = odd_function(draw, old)
    elif kind == "mutating" and callable(old):
        new = mutating(draw, old)
    elif kind == "leaf":
        new = other_leaf(draw, old)
    words = f"{place} {kind} {kind_of(new)}"
    if isinstance(place, int):
        return words, (*args[:place], new, *args[place + 1 :]), options
    return words, args, {**options, place: new}


def other_leaf(draw: random.Random, x: Any) -> Any:
    """Return x with one part of it, or itself, something else."""
    if type(x) is dict and x and draw.random() < 0.9:
        key = draw.choice(list(x))
        return {**x, key: other_leaf(draw, x[key])}
    if type(x) in (tuple, list) and x and draw.random() < 0.9:
        at = draw.randrange(len(x))
        return type(x)([other_leaf(draw, part) if i == at else part for i, part in enumerate(x)])
    return odd_values(draw)


def kind_of(x: Any) -> str:
    """Return x in a word or two."""
    if isinstance(x, str | int | float | complex | type(None)) and not isinstance(x, np.generic):
        return repr(x)[:30] if not isinstance(x, int) or abs(x) < 10**20 else "a huge integer"
    if isinstance(x, type):
        return f"the class {x.__name__}"
    try:
        return f"{type(x).__name__} {getattr(x, 'dtype', '')} {getattr(x, 'shape', '')}".strip()
    except RuntimeError:  # a nested tensor
        return type(x).__name__


# --- What every call promises ----------------------------------------------------------------------------------------


def copies(args: Any) -> list[bytes]:
    """Return the bytes of every array in what is passed."""
    return [a.tobytes() if isinstance(a, np.ndarray) else _bytes(a) for a in _arrays(args)]


def _bytes(tensor: Any) -> bytes:
    try:
        return bytes(tensor.detach().contiguous().view(torch.uint8).numpy().tobytes())
    except (RuntimeError, NotImplementedError, TypeError, ValueError):  # sparse, on no device: nothing to write into
        return b""


def global_state() -> dict[str, Any]:
    """Return what is shared by all of the process, and no business of a check."""
    state: dict[str, Any] = {
        "np.errstate": np.geterr(), "np.geterrcall": np.geterrcall(), "print options": np.get_printoptions(),
        "warnings.filters": list(warnings.filters), "showwarning": warnings.showwarning,
        "recursion limit": sys.getrecursionlimit(), "random": hash(random.getstate()),
        "np.random": hash(np.random.get_state()[1].tobytes()), "np.empty": np.empty, "np.empty_like": np.empty_like,
        "threads": threading.active_count(), "decimal": str(decimal.getcontext()),
    }  # fmt: skip
    if torch is not None:
        filled = torch.utils.deterministic.fill_uninitialized_memory
        state |= {
            "torch dtype": torch.get_default_dtype(), "torch grad": torch.is_grad_enabled(),
            "torch inference": torch.is_inference_mode_enabled(), "torch threads": torch.get_num_threads(),
            "torch random": hash(torch.get_rng_state().numpy().tobytes()), "torch fill": filled,
            "torch deterministic": torch.are_deterministic_algorithms_enabled(),
            "torch warn only": torch.is_deterministic_algorithms_warn_only_enabled(),
        }  # fmt: skip
    return state


def _leaked(file: str, line: int) -> bool:
    """Tell whether a warning is ours: that of a class such as `np.float64`, called as the user's function, is not."""
    return "/gradcheck/" in str(file) and "self.function(" not in linecache.getline(str(file), line)


def breach(call: Call) -> tuple[str, str] | None:
    """Return the kind of the promise that a call breaks and the details; None if it keeps all."""
    before, kept, said = global_state(), copies([call.args, call.options]), []
    showing = warnings.showwarning
    warnings.showwarning = before["showwarning"] = lambda message, category, *where, **_: said.append((message, where))
    try:
        try:
            result = call.verb(*call.args, **call.options)
        finally:
            after = global_state()
            warnings.showwarning = showing
    except PUBLIC as error:
        found = _error_breach(error)
    except Exception as error:  # noqa: BLE001  what this looks for
        found = f"foreign {type(error).__name__} {_ours(error)}", traceback.format_exc()
    else:
        found = _report_breach(result)
    if found is not None:
        return found
    if moved := [name for name in before if before[name] != after[name]]:
        return f"changed {', '.join(moved)}", ""
    if copies([call.args, call.options]) != kept:
        return "changed an argument", ""
    if leaked := [str(message) for message, where in said if _leaked(*where[:2])]:
        return f"leaked a warning: {leaked[0][:80]}", ""
    return None


def _error_breach(error: Exception) -> tuple[str, str] | None:
    if type(error) not in PUBLIC:
        return f"not public: {type(error).__name__} {_ours(error)}", traceback.format_exc()
    text = str(error)
    if isinstance(error, gc.GradientError):
        return _report_breach(error.report)
    if not text.strip() or len(text) > LONGEST:
        return f"a message of {'no' if not text.strip() else 'too many'} characters {_ours(error)}", text[:3000]
    return None


def _report_breach(report: Any) -> tuple[str, str] | None:
    if not hasattr(report, "verdict"):
        return f"returned {type(report).__name__}", ""
    try:
        text = str(report)
        if isinstance(report, gc.Report):
            json.dumps(report.to_dict(), allow_nan=False)
            report.to_json()
        text.encode()
        repr(report)
    except Exception as error:  # noqa: BLE001  what this looks for
        return f"unprintable: {type(error).__name__} {_ours(error)}", traceback.format_exc()
    passed = str(report.verdict) == "PASS"
    arguments = getattr(report, "arguments", None)
    if passed and arguments is not None and not len(arguments):
        return "PASS without evidence", text
    return None


def _ours(error: BaseException) -> str:
    """Return the last place in the package that an error went through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/gradcheck/" in f.filename]
    return f"{frames[-1].filename.rpartition('/gradcheck/')[2]}:{frames[-1].name}" if frames else ""


def area(name: str) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., str]]:
    """Return what draws, what judges, and what tells in words what was drawn."""
    if name == "api":
        return drawn, breach, lambda call: call.words
    other = importlib.import_module(f"fuzz_{name}")
    return other.drawn, other.breach, other.words_of


def main() -> int:
    """Run the calls and print what broke; exit 1 if anything did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--area", choices=["api", "commands", "files", "ends"], default="api")
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--only", type=int, help="this call alone, with its traceback")
    asked = parser.parse_args()
    warnings.simplefilter("always")
    drawn, breach, words_of = area(asked.area)
    with contextlib.suppress(ImportError):
        importlib.import_module("jax").numpy.zeros(1)  # its first use starts a timer of its own
    for number in range(200 if asked.area in ("api", "ends") else 0):  # what is imported at first use changes filters
        breach(drawn(random.Random(number)))
    found: dict[str, list[tuple[int, str, str]]] = {}
    end, done = time.monotonic() + 60 * asked.minutes, 0
    for number in range(asked.calls) if asked.only is None else [asked.only]:
        try:
            call = drawn(random.Random(f"{asked.seed} {number}"))
        except Exception:
            print(f"--only {number} could not be drawn")
            raise
        begun = time.process_time()  # the machine may have other work
        if (broken := breach(call)) is not None:
            found.setdefault(broken[0], []).append((number, words_of(call), broken[1]))
        if (took := time.process_time() - begun) > 20:
            found.setdefault("slow", []).append((number, words_of(call), f"{took:.0f} s"))
        done += 1
        if time.monotonic() > end:
            break
    for kind, cases in sorted(found.items(), key=lambda item: -len(item[1])):
        number, words, details = cases[0]
        print(f"\n{len(cases)} x {kind}\n  --only {number}: {words}")
        print("    " + details[-1500 if asked.only is None else -9999 :].replace("\n", "\n    "))
    print(
        f"\n{done} calls from seed {asked.seed}: {sum(map(len, found.values()))} breaches of {len(found)} kinds",
    )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
