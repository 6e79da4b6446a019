"""Families of kernels: right ones pass, wrong ones fail. Few of each here, thousands in docs/kernel_calibration.py."""

import pytest

import gradcheck as gc

torch = pytest.importorskip("torch")

import kernel_families as families  # noqa: E402  after the skip
import more_kernel_families as more  # noqa: E402  as above

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@pytest.mark.parametrize(
    ("name", "dtype", "seed"),
    [
        ("attention", "bfloat16", 201),
        ("softmax", "float16", 202),
        ("linear", "float32", 203),
        ("group norm", "bfloat16", 204),
    ],
)
def test_right_kernels_of_a_family_pass(name, dtype, seed):
    family = (families.SET_ON | families.PROVED_ON | more.MORE)[name]
    inputs = families.drawn(family, DTYPES[dtype], seed)
    kernels = [families.honest(family.reference, DTYPES[dtype], share, seed) for share in (0.0, 0.5)]
    for kernel in [*kernels, *family.right.values()]:
        report = gc.check_kernel(kernel, family.reference, inputs, seed=seed)
        assert report.verdict is gc.Verdict.PASS, str(report)


@pytest.mark.parametrize(
    ("name", "dtype"), [("rms norm", "bfloat16"), ("cross entropy", "float16"), ("convolution", "float32")]
)
def test_wrong_kernels_of_a_family_fail(name, dtype):
    family = families.SET_ON[name]
    inputs = families.drawn(family, DTYPES[dtype], 0)
    for mistake, kernel in family.wrong.items():
        assert gc.check_kernel(kernel, family.reference, inputs).verdict is gc.Verdict.FAIL, mistake


@pytest.mark.parametrize(
    ("name", "dtype", "seed"),
    [("label smoothing", "bfloat16", 0), ("top-2 routing", "float32", 1), ("rotary, interleaved", "float16", 2)],
)
def test_kernels_of_other_families_are_judged_rightly(name, dtype, seed):
    family = more.MORE[name]
    inputs = families.drawn(family, DTYPES[dtype], seed)
    for kernel in [families.honest(family.reference, DTYPES[dtype], 0.5, seed), *family.right.values()]:
        report = gc.check_kernel(kernel, family.reference, inputs, seed=seed)
        assert report.verdict is gc.Verdict.PASS, str(report)
    for mistake, kernel in family.wrong.items():
        assert gc.check_kernel(kernel, family.reference, inputs, seed=seed).verdict is gc.Verdict.FAIL, mistake


@pytest.mark.thorough
@pytest.mark.parametrize("name", more.MORE)
def test_every_other_family_is_judged_rightly(name):
    family, caught, planted = more.MORE[name], 0, 0
    for dtype in families.DTYPES:
        inputs = families.drawn(family, dtype, 0)
        for kernel in family.right.values():
            report = gc.check_kernel(kernel, family.reference, inputs)
            assert report.verdict is gc.Verdict.PASS, str(report)
        for kernel in family.wrong.values():
            planted += 1
            caught += gc.check_kernel(kernel, family.reference, inputs).verdict is gc.Verdict.FAIL
    # less than half a per cent (another ε, another n − 1) is below what bfloat16 shows
    assert caught >= planted - 1 - (name in ("group norm", "layer norm, square"))


def test_a_projection_dropped_from_a_row_of_32768_fails():
    family = families.RMS
    rng = torch.Generator().manual_seed(1)
    x, w = torch.randn(4, 32768, generator=rng).bfloat16(), 1 + torch.randn(32768, generator=rng).bfloat16()
    assert gc.check_kernel(family.right[""], family.reference, (x, w))
    report = gc.check_kernel(family.wrong["no projection"], family.reference, (x, w))
    assert report["x"].verdict is gc.Verdict.FAIL
    assert "multiple of x" in report["x"].advice
