"""What people write first, each as a newcomer would: it is judged, or the message leads on."""

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.errors import ArgumentError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 3))
Y = np.array([0, 1, 2, 0, 1, 2])


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def softmax_regression(params, x, y):
    scores = x @ params["W"] + params["b"]
    scores = scores - scores.max(axis=1, keepdims=True)
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(len(y)), y]))
    p[np.arange(len(y)), y] -= 1
    return loss, {"W": x.T @ p / len(y), "b": p.mean(axis=0)}


PARAMS = {"W": RNG.standard_normal((3, 3)), "b": RNG.standard_normal(3)}


def test_softmax_regression_with_a_dict_of_parameters_and_labels():
    report = gc.check(lambda params: softmax_regression(params, X, Y), args=(PARAMS,))
    assert [a.name for a in report] == ["params.W", "params.b"]
    report = gc.check(softmax_regression, args=(PARAMS, X, Y), only=["params"])
    assert report
    assert report.unchecked == ("x (not in only=)", "y (int64)")
    report = gc.check(lambda W, b: softmax_regression({"W": W, "b": b}, X, Y), args=PARAMS)
    assert [a.name for a in report] == ["W", "b"]


def svm_loss(W, x, y, reg):
    margins = np.maximum(0, x @ W - (x @ W)[np.arange(len(y)), y][:, None] + 1)
    margins[np.arange(len(y)), y] = 0
    mask = (margins > 0).astype(float)
    mask[np.arange(len(y)), y] = -mask.sum(axis=1)
    return margins.sum() / len(y) + reg * np.sum(W * W), x.T @ mask / len(y) + 2 * reg * W


def test_a_loss_that_returns_one_gradient_of_several_arguments_is_judged_in_that_and_says_so():
    report = gc.check(svm_loss, args=(PARAMS["W"], X, Y, 0.1))
    assert [a.name for a in report] == ["W"]
    assert report.unchecked == ("x (no gradient claimed)", "reg (no gradient claimed)", "y (int64)")


def batch_norm_forward(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), x.var(axis=0) + bn_param["eps"]
    hat = (x - mean) / np.sqrt(var)
    bn_param["running_mean"] = 0.9 * bn_param.get("running_mean", 0) + 0.1 * mean
    return gamma * hat + beta, (hat, gamma, var)


def batch_norm_backward(dout, cache):
    hat, gamma, var = cache
    d = dout * gamma
    dx = (d - d.mean(axis=0) - hat * np.mean(d * hat, axis=0)) / np.sqrt(var)
    return dx, np.sum(dout * hat, axis=0), dout.sum(axis=0)


@pytest.mark.parametrize("how", ["by position", "by keyword"])
def test_batch_norm_with_bn_param(how):
    args = (X, PARAMS["b"], PARAMS["b"] + 1)
    settings = {"mode": "train", "eps": 1e-5}
    given = {"args": (*args, settings)} if how == "by position" else {"args": args, "kwargs": {"bn_param": settings}}
    report = gc.check(batch_norm_forward, backward=batch_norm_backward, **given)
    assert [a.name for a in report] == ["x", "gamma", "beta"]
    assert report


def lstm_forward(x, h, c, W):
    i, f, o, g = np.split(np.concatenate([x, h]) @ W, 4)
    new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(new_c), new_c, (x, h, c, W, i, f, o, g, new_c)


def lstm_backward(dh, dc, cache):
    x, h, c, W, i, f, o, g, new_c = cache
    dc = dc + dh * sigmoid(o) * (1 - np.tanh(new_c) ** 2)
    da = np.concatenate(
        [
            dc * np.tanh(g) * sigmoid(i) * sigmoid(-i),
            dc * c * sigmoid(f) * sigmoid(-f),
            dh * np.tanh(new_c) * sigmoid(o) * sigmoid(-o),
            dc * sigmoid(i) * (1 - np.tanh(g) ** 2),
        ]
    )
    dz = W @ da
    return dz[: len(x)], dz[len(x) :], dc * sigmoid(f), np.outer(np.concatenate([x, h]), da)


LSTM = tuple(RNG.standard_normal(shape) for shape in ((3,), (2,), (2,), (5, 8)))


@pytest.mark.parametrize("backward", [lstm_backward, lambda d, cache: lstm_backward(*d, cache)])
def test_an_lstm_step_with_three_outputs(backward):
    report = gc.check(lstm_forward, backward=backward, args=LSTM)
    assert report
    assert [a.name for a in report] == ["x", "h", "c", "W"]


def test_an_lstm_step_that_forgets_the_gradient_of_its_state_is_wrong_through_that_output():
    report = gc.check(lstm_forward, backward=lambda dh, dc, cache: lstm_backward(dh, 0 * dc, cache), args=LSTM)
    assert report.verdict is gc.Verdict.FAIL
    assert "the part through output.1 is wrong, that through all other outputs is right" in report["W"].where_text


class Affine:
    def __init__(self):
        self.W = RNG.standard_normal((3, 2))

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T


def test_a_layer_object_is_judged_by_its_own_backward():
    report = gc.check(Affine(), args=(X,))
    assert report
    assert report.title == "Affine"


class Regression:
    """A class that holds its parameters, its gradients and a counter."""

    def __init__(self, factor=1.0):
        self.W = np.array([[0.5], [-1.0], [2.0]])
        self.b = np.array([0.25])
        self.calls = 0
        self.factor = factor

    def loss(self, x, y):
        self.calls += 1
        return np.mean((x @ self.W + self.b - y[:, None]) ** 2)

    def grad(self, x, y):
        r = 2 * (x @ self.W + self.b - y[:, None]) / len(y)
        return {"W": x.T @ r, "b": self.factor * r.sum(axis=0)}

    def step(self, x, y):
        found = self.grad(x, y)
        self.dW, self.db = found["W"], found["b"]


@pytest.mark.parametrize("grad", ["grad", "step"])
@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_a_class_that_holds_its_parameters(grad, factor):
    model = Regression(factor)
    before = model.W.copy()
    report = gc.check_model(model, (X, Y), loss="loss", grad=grad, params=["W", "b"])
    assert [str(a.verdict) for a in report] == ["PASS", "PASS" if factor == 1 else "FAIL"]
    assert model.calls == 0
    assert np.array_equal(model.W, before)
    assert not hasattr(model, "dW")


class TwoLayerNet:
    def __init__(self):
        self.params = {"W1": RNG.standard_normal((3, 4)), "b1": np.zeros(4) + 0.1, "W2": RNG.standard_normal((4, 1))}

    def loss(self, x, y):
        h = np.tanh(x @ self.params["W1"] + self.params["b1"])
        r = h @ self.params["W2"] - y[:, None]
        dh = r @ self.params["W2"].T * (1 - h**2)
        return np.sum(r**2) / 2, {"W1": x.T @ dh, "b1": dh.sum(axis=0), "W2": h.T @ r}


def test_a_class_with_a_dict_of_parameters_and_a_loss_that_returns_both():
    assert gc.check_model(TwoLayerNet(), (X, Y))


def test_a_model_without_such_parameters_or_methods_says_which_it_has():
    with pytest.raises(ArgumentError, match="params= names 'V', which Regression does not hold; its arrays are W, b"):
        gc.check_model(Regression(), (X, Y), grad="grad", params=["V"])
    with pytest.raises(ArgumentError, match="Regression has no method 'cost'; it has grad, loss, step"):
        gc.check_model(Regression(), (X, Y), loss="cost", params=["W"])


def test_a_function_that_never_moves_with_an_argument_is_asked_whether_it_uses_it():
    model = Regression()
    report = gc.check(lambda W: model.loss(X, Y), lambda W: model.grad(X, Y)["W"], (model.W,))  # noqa: ARG005
    assert report.verdict is gc.Verdict.FAIL
    assert "does f use W?" in str(report)


def test_a_gradient_that_is_added_to_what_earlier_calls_left_is_told_so():
    total = np.zeros(3)

    def gradient(x):
        nonlocal total
        total = total + 2 * x
        return total

    def in_place(x, kept=np.zeros(3)):  # noqa: B008  the mistake on trial
        kept += 2 * x
        return kept

    for wrong in (gradient, in_place):
        report = gc.check(lambda x: np.sum(x**2), wrong, (X[0],))
        assert "grows from call to call" in report.complaint


def test_what_cannot_be_judged_is_refused_in_one_sentence():
    with pytest.raises(ArgumentError, match="returned a list of numbers, wanted an array"):
        gc.check(lambda x: [x[0], x[1]], vjp=lambda d, x: d, args=(X[0],))  # noqa: ARG005
    with pytest.raises(ArgumentError, match=r"\(generator\): return a tuple of arrays"):
        gc.check(lambda x: (v for v in x), vjp=lambda d, x: d, args=(X[0],))  # noqa: ARG005
    with pytest.raises(ArgumentError, match="pass jac= "):
        gc.check(np.sin, np.sin, (X[0],))


# Torch and JAX ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["as torch.autograd.gradcheck", "as args", "as inputs"])
def test_a_torch_function_as_its_users_pass_it(how):
    torch = pytest.importorskip("torch")

    class Times(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return x * w

        @staticmethod
        def backward(ctx, dy):
            x, w = ctx.saved_tensors
            return dy * w, 2 * dy * x

    point = tuple(torch.tensor(row, requires_grad=True) for row in X[:2])
    call = {"as args": {"args": point}, "as inputs": {"inputs": point}}.get(how, {"gradient": point})
    report = gc.check(Times.apply, **call)
    assert [str(a.verdict) for a in report] == ["PASS", "FAIL"]
    assert [a.name for a in report] == ["x", "w"]


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("how", ["args", "inputs", "gradient"])
def test_a_custom_vjp_of_jax_with_two_arguments(right, how):
    jax = pytest.importorskip("jax")
    with jax.enable_x64(new_val=True):
        x, w = (jax.numpy.asarray(row) for row in X[:2])

        @jax.custom_vjp
        def f(x, w):
            return jax.numpy.sin(x) * w

        def backward(kept, d):
            x, w = kept
            return d * jax.numpy.cos(x) * w, d * (jax.numpy.sin(x) if right else jax.numpy.cos(x))

        f.defvjp(lambda x, w: (f(x, w), (x, w)), backward)
        report = gc.check(f, **{how: (x, w)})
    assert [str(a.verdict) for a in report] == ["PASS", "PASS" if right else "FAIL"]


def test_plain_vjps_and_gradients_of_complex_jax_functions_pass():
    jax = pytest.importorskip("jax")
    with jax.enable_x64(new_val=True):
        z = jax.numpy.asarray(X[0] + 1j * X[1])

        def f(z):
            return (1 + 2j) * z**2

        def loss(z):
            return jax.numpy.sum(jax.numpy.abs(z) ** 2)

        assert gc.check(f, vjp=lambda d, z: jax.vjp(f, z)[1](d)[0], args=(z,))
        assert gc.check(f, jvp=lambda t, z: jax.jvp(f, (z,), (t,))[1], args=(z,))
        assert gc.check(f, inputs=(z,))
        assert gc.check(loss, jax.grad(loss), (z,))
        assert gc.check(lambda p: jax.numpy.sum(p["a"] ** 3), args=({"a": z.real},))


def test_a_lotka_volterra_adjoint():
    def solve(p, steps=50, h=0.02):
        y = np.array([1.0, 2.0])
        path = [y]
        for _ in range(steps):
            y = y + h * np.array([p[0] * y[0] - y[0] * y[1], y[0] * y[1] - p[1] * y[1]])
            path.append(y)
        return path

    def adjoint(p, steps=50, h=0.02):
        path = solve(p, steps, h)
        a, g = 2 * path[-1], np.zeros(2)
        for y in reversed(path[:-1]):
            g += h * np.array([a[0] * y[0], -a[1] * y[1]])
            a = a + h * np.array([a[0] * (p[0] - y[1]) + a[1] * y[1], -a[0] * y[0] + a[1] * (y[0] - p[1])])
        return g

    def energy(p):
        return np.sum(solve(p)[-1] ** 2)

    p = np.array([1.5, 0.8])
    assert gc.check(energy, adjoint, (p,))
    assert gc.check(energy, adjoint(p), (p,))


# Habits ----------------------------------------------------------------------------------------------------------

TANH = RNG.standard_normal((3, 4))
T = RNG.standard_normal(4)


def tanh(x):
    return np.tanh(TANH @ x)


def tanh_jac(x):
    return (1 - tanh(x) ** 2)[:, None] * TANH


@pytest.mark.parametrize("second", [tanh_jac, tanh_jac(T), lambda x: [list(row) for row in tanh_jac(x)]])
@pytest.mark.parametrize("args", [T, (T,), T.tolist()])
def test_a_matrix_in_the_gradients_place_is_read_as_the_jacobian(second, args):
    report = gc.check(tanh, second, args)
    assert report
    assert report.notes == (
        "tanh returns an array, so what stands in the gradient's place was read as its Jacobian, jac=",
    )


def test_a_wrong_matrix_in_the_gradients_place_is_named_by_row_and_column():
    def wrong(x):
        j = tanh_jac(x)
        j[2, 1] += 1
        return j

    assert gc.check(tanh, wrong, T)[0].where == (2, 1)


def test_a_derivative_of_each_entry_passes_and_the_gradient_of_a_sum_is_no_jacobian():
    assert gc.check(np.sin, np.cos, T)
    with pytest.raises(ArgumentError, match="wanted a scalar: sum it, or pass jac="):
        gc.check(lambda x: (TANH[:, :3] @ x) ** 2, lambda x: 2 * TANH[:, :3].T @ (TANH[:, :3] @ x), (T[:3],))


def test_the_point_may_be_a_number_or_stand_in_the_gradients_place():
    assert gc.check(lambda a: a**3, lambda a: 3 * a * a, 2.0)
    assert gc.check(lambda a, b: a * b, lambda a, b: (b, a), [1.5, 2.5])
    assert gc.check(lambda x: (x @ x, 2 * x), (T,))
    assert gc.check(lambda x: (x @ x, 2 * x), T)
    assert gc.check(Affine(), (X,))
    with pytest.raises(ArgumentError, match=r"or check\(f, jac=J, args=\(x,\)\) for a matrix"):
        gc.check(tanh, tanh_jac(T))


def total(params):
    parts = params.values() if isinstance(params, dict) else params
    return sum(np.sum(w**2) for w in parts)


def twice(params):
    return {k: 2 * w for k, w in params.items()} if isinstance(params, dict) else [2 * w for w in params]


@pytest.mark.parametrize("point", [[T, T + 1], (T, T + 1), {"w": T, "b": T + 1}])
def test_a_list_or_dict_that_f_takes_whole_is_its_one_argument(point):
    report = gc.check(total, twice, point)
    assert report
    assert [a.name for a in report] == [f"params.{key}" for key in (point if isinstance(point, dict) else "01")]


def test_pairs_in_the_wrong_place_say_what_to_pass():
    with pytest.raises(
        ArgumentError, match=r"returned a tuple, wanted a real scalar: pass lambda \*args: f\(\*args\)\[0\]"
    ):
        gc.check(lambda x: (x @ x, {"norm": x}), lambda x: 2 * x, T)
    report = gc.check(lambda x: np.sum(x**3), lambda x: (3 * x**2, np.diag(6 * x)), T)
    assert report.complaint.endswith("if the second is the Hessian pass hess=True")


def test_an_error_that_is_tiny_everywhere_suggests_a_tolerance():
    report = gc.check(lambda x: np.sum(x**3), lambda x: 3 * x**2 * (1 + 1e-7 * np.sin(np.arange(4) + 1)), T)
    assert report.verdict is gc.Verdict.FAIL
    assert report[0].next.startswith("below 1e-06 everywhere: a solver's tolerance")
    rtol = float(report[0].next.rpartition("=")[2])
    assert gc.check(lambda x: np.sum(x**3), lambda x: 3 * x**2 * (1 + 1e-7 * np.sin(np.arange(4) + 1)), T, rtol=rtol)


def test_integers_among_the_arguments_are_listed():
    report = gc.check(lambda x, n: np.sum(x**n), lambda x, n: n * x ** (n - 1), (T, 3))
    assert report
    assert report.unchecked == ("n (int)",)


def test_a_gradient_of_several_numbers_may_be_one_array():
    assert gc.check(lambda a, b: a**2 * b, lambda a, b: np.array([2 * a * b, a**2]), (1.5, 2.5))
    report = gc.check(lambda a, b: a**2 * b, lambda a, b: np.array([2 * a * b, -(a**2)]), {"a": 1.5, "b": 2.5})
    assert [str(a.verdict) for a in report] == ["PASS", "FAIL"]


def test_a_vjp_that_takes_its_cotangents_apart_is_told_how_it_is_called():
    with pytest.raises(ArgumentError, match=r"it takes 2 vectors one by one.*let it take vjp\(\(array \(4,\), array"):
        gc.check(lambda x: (np.sin(x), x**2), vjp=lambda c, d, x: c * np.cos(x) + 2 * x * d, args=(T,))


def test_what_a_solver_left_is_told_with_the_tolerance_that_allows_for_it():
    integrate = pytest.importorskip("scipy.integrate")

    def lotka(t, z, a, b):  # noqa: ARG001
        x, y, xa, ya = z
        return [a * x - x * y, x * y - b * y, a * xa + x - xa * y - x * ya, xa * y + x * ya - b * ya]

    def solved(a, tolerance):
        call = {"args": (a, 0.8), "rtol": tolerance, "atol": tolerance / 100}
        return integrate.solve_ivp(lotka, (0, 2), [1.0, 2.0, 0, 0], **call).y[:, -1]

    def value(a, tolerance):
        def plain(t, z, a, b):
            return lotka(t, [*z, 0, 0], a, b)[:2]

        call = {"args": (a, 0.8), "rtol": tolerance, "atol": tolerance / 100}
        return np.sum(integrate.solve_ivp(plain, (0, 2), [1.0, 2.0], **call).y[:, -1] ** 2)

    def gradient(a, tolerance):
        x, y, xa, ya = solved(a, tolerance)
        return 2 * (x * xa + y * ya)

    for tolerance in (1e-6, 1e-8):  # at 1e-9 it is as close as slopes can tell
        report = gc.check(value, gradient, 1.5, kwargs={"tolerance": tolerance})
        said = report[0].next or report[0].reason
        assert "a solver's tolerance" in said
        rtol = float(said.partition("rtol=")[2].split()[0])
        assert gc.check(value, gradient, 1.5, kwargs={"tolerance": tolerance}, rtol=rtol)
    wrong = gc.check(value, lambda a, tolerance: 1.001 * gradient(a, tolerance), 1.5, kwargs={"tolerance": 1e-9})
    assert wrong.verdict is gc.Verdict.FAIL
    assert "solver" not in wrong[0].next


def test_an_entry_that_is_wrong_is_no_solvers_tolerance_however_small_beside_the_others():
    x = np.ones(100)
    x[0] = 1e6

    def wrong(x):
        g = 3 * x**2
        g[5] = 0
        return g

    report = gc.check(lambda x: np.sum(x**3), wrong, x)
    assert "solver" not in report[0].next


def lower(a):
    return 2 * np.sum(np.log(np.diag(np.linalg.cholesky(a))))


def test_a_gradient_that_is_right_for_symmetric_moves_is_told_so():
    a = X.T @ X + np.eye(3)
    report = gc.check(lower, np.linalg.inv, a)
    assert report[0].mistakes == ("right for symmetric moves",)
    assert "tangent={'a': lambda v: v + v.T}" in report[0].advice
    assert gc.check(lower, np.linalg.inv, a, tangent={"a": lambda v: v + v.T})
    assert "symmetric moves" not in str(gc.check(lower, lambda a: 2 * np.linalg.inv(a), a))


def network(params, x):
    for w, b in params:
        x = np.tanh(x @ w + b)
    return np.sum(x**2)


def network_gradient(params, x):
    (w, b), (v, c) = params
    h = np.tanh(x @ w + b)
    y = np.tanh(h @ v + c)
    dy = 2 * y * (1 - y**2)
    dh = dy @ v.T * (1 - h**2)
    return [(x.T @ dh, dh.sum(axis=0)), (h.T @ dy, dy.sum(axis=0))]


@pytest.mark.parametrize("layers", [2, "one for each"])
def test_a_gradient_nested_like_one_argument_is_that_arguments(layers):
    params = [(X.T[:, :4] / 3, np.ones(4)), (X.T[:, :2].repeat(2, axis=0)[:4], np.zeros(2))]
    if layers == 2:  # as many layers as arguments
        report = gc.check(network, network_gradient, (params, X))
        assert report.unchecked == ("x (no gradient claimed)",)
    else:
        report = gc.check(network, lambda params, x: (network_gradient(params, x), None), (params, X))
    assert [a.name for a in report] == ["params.0.0", "params.0.1", "params.1.0", "params.1.1"]
    assert report


class Layers:
    def __init__(self):
        self.weights = [X.T[:, :4] / 3, X.T[:, :2].repeat(2, axis=0)[:4]]
        self.biases = [np.ones(4), np.zeros(2)]

    def loss(self, x):
        return network(list(zip(self.weights, self.biases, strict=True)), x)

    def grad(self, x):
        (dw, db), (dv, dc) = network_gradient(list(zip(self.weights, self.biases, strict=True)), x)
        return {"weights": [dw, dv], "biases": [db, 2 * dc]}


def test_a_model_that_holds_lists_of_arrays():
    report = gc.check_model(Layers(), (X,), grad="grad", params=["weights", "biases"])
    assert [a.name for a in report if a.verdict is not gc.Verdict.PASS] == ["biases.1"]


class Holder:
    def __init__(self, w):
        self.w = w


def test_an_object_that_holds_arrays_says_what_to_pass():
    with pytest.raises(ArgumentError, match=r"pass the arrays in it: lambda \*\*p: f\(Holder\(\*\*p\)\), args=vars"):
        gc.check(lambda h: np.sum(h.w**2), lambda h: 2 * h.w, (Holder(T),))
    held = Holder(T)
    assert gc.check(lambda **p: np.sum(Holder(**p).w ** 2), lambda **p: {"w": 2 * p["w"]}, vars(held))


def test_a_vjp_that_takes_its_cotangent_last_is_told_so_though_it_raises_nothing():
    report = gc.check(np.sin, vjp=lambda x, c: c * np.cos(x), args=(T,))
    assert "it is linear in its last argument instead: wanted vjp(cotangent, *args)" in report.complaint


# Noise, and minima that are reached exactly ------------------------------------------------------------------------


def residual(x):
    return TANH @ x - TANH @ T


@pytest.mark.parametrize("seed", range(20))
def test_at_a_minimum_that_f_reaches_exactly_a_right_gradient_passes(seed):
    rng = np.random.default_rng(seed)
    a, w = rng.standard_normal((5, 3)), rng.standard_normal(3)
    target = a @ w
    assert gc.check(lambda x: (a @ x - target) @ (a @ x - target), lambda x: 2 * a.T @ (a @ x - target), w)
    assert gc.check(lambda x: np.sum(1 - np.cos(a @ x - target)), lambda x: a.T @ np.sin(a @ x - target), w)


def test_a_gradient_that_should_be_zero_has_no_other_name():
    report = gc.check(lambda x: residual(x) @ residual(x), lambda x: 2 * TANH.T @ residual(x) + 1e-3, T)
    assert report[0].mistakes == ("should be zero",)


def test_a_gradient_that_differs_from_call_to_call_is_told_so():
    rng = np.random.default_rng(0)

    def batch(x):
        rows = rng.permutation(3)[:2]
        return 2 * TANH[rows].T @ (TANH[rows] @ x - 1) / 2

    report = gc.check(lambda x: np.mean((TANH @ x - 1) ** 2), batch, T)
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert "the gradient differs from call to call by" in report[0].reason
    report = gc.check(lambda x: np.sum(x**3 * (rng.random(4) > 0.5)), lambda x: 3 * x**2 * (rng.random(4) > 0.5), T)
    assert report[0].reason.startswith("f is random")
    report = gc.check(lambda x: np.sum(x**3), lambda x: 3 * x**2 * (1 + 1e-9 * rng.standard_normal()), T)
    assert report
    assert any("differs from call to call by" in note for note in report.notes)
