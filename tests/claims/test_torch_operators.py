"""Torch's own backward, operator by operator, on the sample inputs that Torch keeps for its tests.

Every FAIL is explained, and by whom: the table below is short, and each line of it can be read again.
"""

import warnings

import pytest

import gradcheck as gc
from gradcheck.errors import GradcheckError

torch = pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    methods = pytest.importorskip("torch.testing._internal.common_methods_invocations", exc_type=ImportError)

LARGEST = 20_000  # entries of all tensors of a sample together
TRIANGLE = "reads one triangle of a symmetric matrix; the gradient is that over symmetric matrices: pass tangent="
COLLIDES = "the sample's indices collide: which of two entries is written is not defined"
RANDOM = "a random draw: no derivative is claimed for it"
EXPLAINED = {
    "cholesky": TRIANGLE,
    "cholesky_inverse": TRIANGLE,
    "cholesky_solve": TRIANGLE,
    "linalg.cholesky": TRIANGLE,
    "linalg.cholesky_ex": TRIANGLE,
    "linalg.eigh": TRIANGLE,
    "linalg.eigvalsh": TRIANGLE,
    "linalg.pinv.hermitian": TRIANGLE,
    "nn.functional.max_unpool1d": COLLIDES,
    "nn.functional.max_unpool2d": COLLIDES,
    "nn.functional.max_unpool3d": COLLIDES,
    "as_strided": "strides over memory, the argument's or what is around it",
    "as_strided.partial_views": "strides over memory, the argument's or what is around it",
    "as_strided_copy": "strides over memory, the argument's or what is around it",
    "as_strided_scatter": "strides over memory, which is not the argument's where the argument is a copy",
    "nn.functional.ctc_loss": "the gradient is that over log-probabilities, which the sample's are not",
    "linalg.lstsq": "rank and singular values carry no gradient, and residuals only an incomplete one",
    "normal": RANDOM,
    "normal.number_mean": RANDOM,
    "__rpow__": "0 ** x: the gradient is NaN, which is said",
    "nn.functional.hardsigmoid": "1/6 is rounded to float32 in the backward: wrong by 3e-8, in float64 too",
    "native_group_norm": "the gradient of mean and rstd is lost where the first output has no cotangent",
    "native_layer_norm": "over one entry: the gradient of the weight is round-off, and so is the function",
}
# The gradient is right in float64; in float32 it is not as accurate as its inputs deserve.
INACCURATE = {
    "logcumsumexp": "the backward takes logarithms of the cotangent",
    "prod": "125 factors underflow in float32",
    "nn.functional.fractional_max_pool2d": "draws its regions at random, others in float32 than in float64",
    "nn.functional.fractional_max_pool3d": "draws its regions at random, others in float32 than in float64",
    "nn.functional.layer_norm": "over two entries: all but eps cancels",
    "native_layer_norm": "over one or two entries: all but eps cancels",
    "native_batch_norm": "over two entries: all but eps cancels",
    "_native_batch_norm_legit": "over two entries: all but eps cancels",
    "nn.functional.batch_norm": "over two entries: all but eps cancels",
}


def name_of(operator):
    return f"{operator.name}.{operator.variant_test_name}" if operator.variant_test_name else operator.name


OPERATORS = [operator for operator in methods.op_db if operator.supports_autograd]


def flattened(value, tensors):
    """Return a function that rebuilds `value` from its tensors, which are appended to `tensors`."""
    if isinstance(value, torch.Tensor):
        tensors.append(value)
        at = len(tensors) - 1
        return lambda given: given[at]
    if isinstance(value, dict):
        parts = {key: flattened(item, tensors) for key, item in value.items()}
        return lambda given: {key: part(given) for key, part in parts.items()}
    if type(value) in (list, tuple):
        kind, items = type(value), [flattened(item, tensors) for item in value]
        return lambda given: kind(item(given) for item in items)
    return lambda _: value


def verdicts(operator, dtype, most):
    """Return (verdict, report or message) for at most `most` of the operator's sample inputs."""
    torch.manual_seed(0)
    samples = list(operator.sample_inputs("cpu", dtype, requires_grad=True))
    for sample in samples[:: max(1, len(samples) // most)][:most]:
        tensors = []
        rebuilt = flattened([sample.input, list(sample.args), sample.kwargs], tensors)
        if sum(tensor.numel() for tensor in tensors) > LARGEST:
            continue

        def function(*given, sample=sample, rebuilt=rebuilt):
            first, args, kwargs = rebuilt(given)
            return sample.output_process_fn_grad(operator.op(first, *args, **kwargs))

        try:
            report = gc.check(function, inputs=tuple(tensors), seed=1)
        except GradcheckError as refusal:
            yield "refused", str(refusal)
        else:
            yield str(report.verdict), str(report)


def judged(operators, dtype, most, explained):
    """Return how often each verdict was given; no FAIL that is not explained, no exception but a refusal."""
    counts, unexplained = {"PASS": 0, "FAIL": 0, "INCONCLUSIVE": 0, "refused": 0}, []
    for operator in operators:
        if dtype not in operator.supported_backward_dtypes("cpu"):
            continue
        for verdict, text in verdicts(operator, dtype, most):
            counts[verdict] += 1
            if verdict == "FAIL" and name_of(operator) not in explained:
                unexplained.append(f"{name_of(operator)}: {text}")
    assert not unexplained, "\n".join(unexplained)
    return counts


@pytest.mark.filterwarnings("ignore")  # Torch's, on what its operators will stop doing
def test_every_tenth_operator_passes_or_its_fail_is_explained():
    counts = judged(OPERATORS[::10], torch.float64, 1, EXPLAINED)
    assert counts["PASS"] >= 0.85 * sum(counts.values())


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("dtype", "explained"), [("float64", EXPLAINED), ("float32", {**EXPLAINED, **INACCURATE})])
def test_every_operator_passes_or_its_fail_is_explained(dtype, explained):
    counts = judged(OPERATORS, getattr(torch, dtype), 8, explained)
    print(dtype, counts)  # noqa: T201  the table of the documentation
    assert counts["PASS"] >= 0.9 * sum(counts.values())


@pytest.mark.filterwarnings("ignore")
def test_the_mistake_in_hardsigmoid_is_seen():
    (operator,) = [operator for operator in OPERATORS if name_of(operator) == "nn.functional.hardsigmoid"]
    x = torch.tensor([-2.0, 0.5, 1.5], dtype=torch.float64)
    report = gc.check(operator.op, inputs=(x,))
    wrong = 6 * float(torch.tensor(1 / 6, dtype=torch.float32)) - 1
    measured = torch.autograd.functional.jacobian(lambda x: operator.op(x).sum(), x)[0].item() * 6 - 1
    if measured == 0:
        pytest.skip("this Torch has mended it")
    assert measured == pytest.approx(wrong, rel=1e-6)
    assert str(report.verdict) == "FAIL"
    assert wrong in report[0].error
