import math
import types
import warnings

import numpy as np
import pytest

import gradcheck as gc
from gradcheck import arrays
from gradcheck.errors import ArgumentError, UnsupportedError

NAMES = ["float64", "float32", "float16", "complex128", "complex64"]


class Plain:
    """The least that the array-API standard asks of an array: stands for a library nobody here has installed."""

    def __init__(self, values):
        self.values = np.asarray(values)
        self.shape, self.dtype, self.device = self.values.shape, self.values.dtype, "gpu:0"

    def __array_namespace__(self, *, api_version=None):
        library = types.ModuleType(f"plain {api_version}")
        library.asarray = lambda values, dtype=None, copy=None: Plain(np.array(values, dtype=dtype, copy=copy))
        library.astype = lambda x, dtype: Plain(x.values.astype(dtype))
        library.float32 = np.float32
        return library

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype, copy=copy)

    def __mul__(self, t):
        return Plain(self.values * t)

    def __add__(self, other):
        return Plain(self.values + other.values)


@pytest.mark.parametrize("name", NAMES)
def test_round_off_is_half_the_gap_after_one(name):
    assert arrays.ROUNDOFF[name] == np.finfo(name).eps / 2


def test_round_off_of_bfloat16_is_half_the_gap_after_one():
    torch = pytest.importorskip("torch")
    assert arrays.ROUNDOFF["bfloat16"] == torch.finfo(torch.bfloat16).eps / 2


def test_every_narrow_dtype_has_a_wider_one_and_every_dtype_a_finest_step():
    assert set(arrays.FINEST) == set(arrays.ROUNDOFF)
    assert set(arrays.WIDER) == {name for name, unit in arrays.ROUNDOFF.items() if unit > 2**-53}
    assert all(arrays.ROUNDOFF[wide] == 2**-53 for wide in arrays.WIDER.values())


@pytest.mark.parametrize(
    ("x", "array", "floating"),
    [
        (np.array([0.5]), True, True),
        (np.float32(0.5), True, True),
        (np.array([1, 2]), True, False),
        (np.array([True]), True, False),
        (np.array([0.5j]), True, True),
        (np.array([0.5], dtype=np.longdouble), True, False),
        (np.array([0.5], dtype=object), True, False),
        ([0.5], False, False),
        (0.5, False, False),
        (None, False, False),
    ],
)
def test_what_is_an_array_and_what_can_be_checked(x, array, floating):
    assert arrays.is_array(x) is array
    assert arrays.is_floating(x) is floating


def test_a_numpy_scalar_is_an_array_of_no_dimension():
    x = np.float32(2.5)
    assert arrays.shape_of(x) == ()
    assert arrays.namespace(x).asarray(x) == x
    assert arrays.to_numpy(x).dtype == np.float64
    assert arrays.cast(x, "float64").dtype == np.float64
    assert arrays.copied(x) == x
    assert arrays.library_of(x) == "numpy"
    assert arrays.shifted(x, 0.5, np.float32(2.0)) == np.float32(3.5)


@pytest.mark.parametrize("name", NAMES)
def test_values_come_back_from_float64_unchanged(name):
    x = np.array([[1.5, -0.25], [3.0, 0.0]]).astype(name)
    wide = arrays.to_numpy(x)
    assert wide.dtype == ("complex128" if "complex" in name else "float64")
    back = arrays.like(wide, x)
    assert back.dtype == x.dtype
    assert np.array_equal(back, x)


def test_a_step_does_not_leave_the_dtype_of_the_argument():
    x, v = np.array([1.0, 2.0], dtype=np.float32), np.array([0.5, -1.0], dtype=np.float32)
    moved = arrays.shifted(x, 0.25, v)
    assert moved.dtype == np.float32
    assert moved.tolist() == [1.125, 1.75]


def test_a_copy_shares_no_memory_with_its_array():
    x = np.array([1.0, 2.0])
    copy = arrays.copied(x)
    x[0] = 9.0
    assert copy[0] == 1.0


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ([1.0, math.nan], [1.0, math.nan], True),
        ([1.0, 2.0], [1.0, np.nextafter(2.0, 3.0)], False),
        ([1.0], [[1.0]], False),
    ],
)
def test_arrays_are_the_same_only_to_the_last_bit(one, other, equal):
    assert arrays.same(np.array(one), np.array(other)) is equal


@pytest.mark.parametrize("value", [2.5, np.float64(2.5), np.array(2.5), np.array([[2.5]]), np.float32(2.5)])
def test_one_real_number_in_any_dress_is_a_scalar(value):
    assert arrays.scalar(value, "f") == 2.5


def test_an_integer_loss_is_a_scalar():
    assert arrays.scalar(3, "f") == 3.0


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.array([1.0, 2.0]), r"loss returned an array of shape \(2,\), wanted a scalar: sum it, or pass jac="),
        (np.array([]), r"loss returned an array of shape \(0,\), wanted a scalar"),
        (np.array(1 + 2j), "loss returned a complex number, wanted a real scalar"),
        (None, "loss returned NoneType, wanted a real scalar"),
        ("1.5", "loss returned str, wanted a real scalar"),
        (True, "loss returned bool, wanted a real scalar"),
    ],
)
def test_a_loss_that_is_no_real_number_is_refused(value, words):
    with pytest.raises(ArgumentError, match=words):
        arrays.scalar(value, "loss")


def test_sizes_add_up_over_arrays_and_an_empty_one_counts_nothing():
    assert arrays.total_size([np.zeros((2, 3)), np.zeros(()), np.zeros((4, 0))]) == 7


def test_an_array_of_any_library_that_speaks_the_standard_passes_the_door():
    x = Plain(np.array([1.0, 2.0]))
    assert arrays.is_floating(x)
    assert arrays.library_of(x) not in ("numpy", "torch")
    assert arrays.device_of(x) == "gpu:0"
    assert arrays.to_numpy(x).tolist() == [1.0, 2.0]
    assert isinstance(arrays.like(np.array([3.0, 4.0]), x), Plain)
    assert arrays.cast(x, "float32").dtype == np.float32
    assert arrays.shifted(x, 0.5, Plain([2.0, 4.0])).values.tolist() == [2.0, 4.0]
    copy = arrays.copied(x)
    x.values[0] = 9.0
    assert copy.values.tolist() == [1.0, 2.0]


class TestTorch:
    torch = None

    @pytest.fixture(autouse=True)
    def _torch(self):
        type(self).torch = pytest.importorskip("torch")

    def test_a_tensor_is_told_from_an_array(self):
        assert arrays.is_torch(self.torch.zeros(2))
        assert not arrays.is_torch(np.zeros(2))
        assert arrays.library_of(self.torch.zeros(2)) == "torch"

    @pytest.mark.parametrize("name", [*NAMES, "bfloat16"])
    def test_values_come_back_from_numpy_unchanged(self, name):
        x = self.torch.tensor([[1.5, -0.25], [3.0, 0.0]]).to(getattr(self.torch, name))
        assert arrays.dtype_name(x) == name
        back = arrays.like(arrays.to_numpy(x), x)
        assert back.dtype == x.dtype
        assert self.torch.equal(back, x)

    def test_views_that_numpy_does_not_know_are_read_right(self):
        x = self.torch.tensor([1 + 2j, 3 - 4j])
        assert arrays.to_numpy(x.conj()).tolist() == [1 - 2j, 3 + 4j]
        assert arrays.to_numpy(x.conj().imag).tolist() == [-2.0, 4.0]
        assert arrays.to_numpy(self.torch.eye(2).to_sparse()).tolist() == [[1.0, 0.0], [0.0, 1.0]]
        assert arrays.to_numpy(self.torch.ones(2, requires_grad=True)).tolist() == [1.0, 1.0]

    def test_steps_and_copies_leave_the_graph(self):
        x = self.torch.ones(2, requires_grad=True)
        assert not arrays.shifted(x, 0.5, self.torch.ones(2)).requires_grad
        assert not arrays.copied(x).requires_grad
        assert not arrays.cast(x, "float64").requires_grad
        assert arrays.cast(x, "float64").dtype == self.torch.float64

    def test_a_number_in_a_tensor_is_a_scalar(self):
        assert arrays.scalar(self.torch.tensor([2.5], requires_grad=True), "f") == 2.5


class Unreadable(Plain):
    def __array__(self, dtype=None, copy=None):
        raise OSError("gone")


def test_an_array_whose_values_cannot_be_had_is_told_in_a_sentence():
    with pytest.raises(UnsupportedError, match=r"the values of a Unreadable cannot be read \(OSError: gone\)"):
        arrays.to_numpy(Unreadable([1.0]))


@pytest.mark.parametrize("kind", ["nested", "quantized"])
def test_a_jacobian_that_holds_no_numbers_fails_with_what_it_is(kind):
    torch = pytest.importorskip("torch")
    x = np.array([0.5, 0.25])
    odd = {
        "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
        "quantized": lambda: torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 0, torch.quint8),
    }[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nested tensors are a prototype, and quantized ones are going
        report = gc.check(lambda x: x * x, jac=lambda _: odd(), args=(x,))
    assert str(report.verdict) == "FAIL"
    assert "J, a Tensor, cannot be read as numbers" in str(report)


def limits(name):
    if name != "bfloat16":
        found = np.finfo(name)
        return float(found.eps), float(found.smallest_subnormal), float(found.smallest_normal)
    torch = pytest.importorskip("torch")
    found = torch.finfo(torch.bfloat16)
    return found.eps, found.eps * found.tiny, found.tiny


@pytest.mark.parametrize("name", [*NAMES, "bfloat16"])
def test_the_limits_of_a_dtype_are_those_of_its_library(name):
    eps, smallest, normal = limits(name)
    assert arrays.SMALLEST[name] == smallest
    assert arrays.NORMAL[name] == (0 if name == "float16" else normal)  # float16's end at 6e-5 only
    assert arrays.ROUNDOFF[name] == eps / 2


KEPT = {"float64": 18, "complex128": 18, "float32": 10, "complex64": 10, "float16": 5, "bfloat16": 4}


@pytest.mark.parametrize("name", KEPT)
def test_a_direction_keeps_a_few_leading_bits_on_the_finest_step(name):
    eps = limits(name)[0]
    assert eps * 2.0 ** KEPT[name] == 2.0 ** arrays.FINEST[name]


def test_an_expanded_tensor_is_written_to_once():
    torch = pytest.importorskip("torch")
    x = torch.zeros(3, dtype=torch.float64).expand(4, 3)
    arrays.written(x, torch.arange(3.0, dtype=torch.float64).expand(4, 3))
    assert x.tolist() == [[0.0, 1.0, 2.0]] * 4


def test_a_library_that_is_not_installed_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(arrays.sys.modules, "torch", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'gradcheck\[torch\]'"):
        arrays.converter("torch")
    x = np.ones(2)
    assert arrays.converter("numpy")(x) is x


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16"])
def test_leaves_are_rounded_to_as_many_bits_as_a_dtype_has(name):
    torch = pytest.importorskip("torch")
    x, z = np.random.default_rng(0).standard_normal((2, 50)) * 10.0 ** np.arange(-25, 25)[:, None].T / 1e21
    rounded, kept, both = arrays.rounded([x, z, x + 1j * z], [0, 2], name)
    as_torch = [torch.as_tensor(v).to(getattr(torch, name)).double().numpy() for v in (x, z)]
    normal = np.abs(x) > 1e-37
    assert np.array_equal(rounded[normal], as_torch[0][normal])
    assert kept is z
    normal &= np.abs(z) > 1e-37
    assert np.array_equal(both[normal], (as_torch[0] + 1j * as_torch[1])[normal])
