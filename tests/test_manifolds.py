"""Gradients in tangent coordinates: right ones pass on every manifold, the other side and other mistakes are named."""

import numpy as np
import pytest
from scipy.linalg import expm

import gradcheck as gc
from gradcheck.errors import ArgumentError
from gradcheck.manifolds import SE3, SO3, SPD, Sphere, Stiefel, UnitQuaternion

RNG = np.random.default_rng(0)
A, P = RNG.standard_normal((3, 3)), RNG.standard_normal(3)
R = SO3().exp(np.array([0.3, -0.8, 0.5]))


def vee(m):
    return np.array([m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]])


def trace(R):
    return np.sum(A * R)


def of_trace(side):
    return (lambda R: vee(R.T @ A)) if side == "right" else (lambda R: vee(A @ R.T))


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("claimed", ["right", "left"])
def test_a_rotation_has_two_sides_and_the_wrong_one_is_named(side, claimed):
    report = gc.check(trace, of_trace(claimed), (R,), retract={"R": SO3(side)})
    if side == claimed:
        assert report
        assert report[0].shape == (3,)
    else:
        assert report[0].mistakes[0] == "the other side"
        assert f"right for perturbations on the {claimed}" in report[0].advice


def test_the_sides_of_a_jacobian_and_of_a_jvp():
    def rotated(R):
        return R @ P

    def hat(v):
        return np.cross(np.eye(3), v)

    assert gc.check(rotated, jac=lambda R: -R @ hat(P), args=(R,), retract={"R": SO3()})
    assert gc.check(rotated, jac=lambda R: -hat(R @ P), args=(R,), retract={"R": SO3("left")})
    report = gc.check(rotated, jac=lambda R: -hat(R @ P), args=(R,), retract={"R": SO3()})
    assert "on the left" in report[0].advice
    assert gc.check(rotated, jvp=lambda v, R: R @ np.cross(v, P), args=(R,), retract={"R": SO3()})
    assert gc.check(rotated, vjp=lambda c, R: np.cross(P, R.T @ c), args=(R,), retract={"R": SO3()})


@pytest.mark.parametrize("size", [1e-9, 1e-4, 0.3, 3.0])
def test_exponentials_are_those_of_matrices(size):
    v = size * np.array([0.3, -0.8, 0.5])
    twist = np.zeros((4, 4))
    twist[:3, :3] = np.cross(np.eye(3), v)
    np.testing.assert_allclose(SO3().exp(v), expm(twist[:3, :3]), atol=1e-15)
    twist[:3, 3] = P
    np.testing.assert_allclose(SE3().exp(np.concatenate([P, v])), expm(twist), atol=1e-14)


def test_poses_and_quaternions():
    pose = SE3().exp(RNG.standard_normal(6))
    point = np.append(P, 1.0)

    def moved(T):
        return (T @ point)[:3]

    def jac(T):
        return np.hstack([T[:3, :3], -T[:3, :3] @ np.cross(np.eye(3), P)])

    assert gc.check(moved, jac=jac, args=(pose,), retract={"T": SE3()})
    wrong = gc.check(moved, jac=lambda T: jac(T) * [1, 1, 1, -1, -1, -1], args=(pose,), retract={"T": SE3()})
    assert wrong.verdict is gc.Verdict.FAIL
    q = UnitQuaternion().exp(RNG.standard_normal(3))
    weights = RNG.standard_normal(4)

    def gradient(q):
        w, (x, y, z) = q[0], q[1:]
        moves = np.array([[-x, w, z, -y], [-y, -z, w, x], [-z, y, -x, w]]) / 2
        return moves @ weights

    assert gc.check(lambda q: weights @ q, gradient, (q,), retract={"q": UnitQuaternion()})


def test_spheres_definite_matrices_and_frames():
    x = P / np.linalg.norm(P)
    assert gc.check(lambda x: x @ A @ x, lambda x: _tangent(x, (A + A.T) @ x), (x,), retract={"x": Sphere()})
    euclidean = gc.check(lambda x: x @ A @ x, lambda x: (A + A.T) @ x, (x,), retract={"x": Sphere()})
    assert euclidean.verdict is gc.Verdict.FAIL
    spd = A @ A.T + np.eye(3)
    assert gc.check(lambda s: np.linalg.slogdet(s)[1], np.linalg.inv, (spd,), retract={"s": SPD()})
    frame = np.linalg.qr(RNG.standard_normal((4, 2)))[0]
    m = RNG.standard_normal((4, 2))

    def gradient(q):
        return m - q @ (q.T @ m + m.T @ q) / 2

    assert gc.check(lambda q: np.sum(m * q), gradient, (frame,), retract={"q": Stiefel()})
    assert gc.check(lambda q: np.sum(m * q), lambda q: 2 * gradient(q), (frame,), retract={"q": Stiefel()})[
        0
    ].advice.startswith("every entry is 2 x the true gradient")


def _tangent(x, g):
    return g - x * (x @ g)


def test_a_retraction_of_ones_own_beside_other_arguments():
    def retract(R, v):
        return R @ SO3().exp(v)

    def f(R, p):
        return np.sum(A * R) + p @ R @ P

    def gradient(R, p):
        return vee(R.T @ A) + np.cross(P, R.T @ p), R @ P

    assert gc.check(f, gradient, (R, P + 1), retract={"R": (retract, 3)})
    assert gc.check(f, gradient, {"R": R, "p": P + 1}, retract={"R": (retract, 3)})
    with pytest.raises(ArgumentError, match="retract= names 'Q', which is no argument: there are R, p"):
        gc.check(f, gradient, (R, P), retract={"Q": SO3()})
    with pytest.raises(ArgumentError, match="side='up', wanted one of 'right', 'left'"):
        SO3("up")


# Forms ------------------------------------------------------------------------------------------------------------


def hessian(phi, n, h=1e-3):
    """Central second differences: about h² off."""
    e = np.eye(n) * h
    found = [[phi(a + b) - phi(a - b) - phi(b - a) + phi(-a - b) for b in e] for a in e]
    return np.array(found) / (4 * h * h)


def slopes(phi, shape, h=1e-5):
    e = h * np.eye(int(np.prod(shape))).reshape(-1, *shape)
    return np.array([(phi(d) - phi(-d)) / (2 * h) for d in e]).reshape(shape)


FRAME = np.linalg.qr(RNG.standard_normal((4, 2)))[0]
PLACES = {
    "SO3": (SO3(), R),
    "SO3 left": (SO3("left"), R),
    "SE3": (SE3(), SE3().exp(RNG.standard_normal(6))),
    "SE3 left": (SE3("left"), SE3().exp(RNG.standard_normal(6))),
    "UnitQuaternion": (UnitQuaternion(), UnitQuaternion().exp(RNG.standard_normal(3))),
    "SE3 rotation first": (SE3(first="rotation"), SE3().exp(RNG.standard_normal(6))),
    "SE3 left, rotation first": (SE3("left", "rotation"), SE3().exp(RNG.standard_normal(6))),
    "UnitQuaternion real last": (UnitQuaternion(real="last"), UnitQuaternion(real="last").exp(RNG.standard_normal(3))),
    "UnitQuaternion left": (UnitQuaternion("left"), UnitQuaternion().exp(RNG.standard_normal(3))),
    "Sphere": (Sphere(), P / np.linalg.norm(P)),
    "SPD": (SPD(), A @ A.T + np.eye(3)),
    "Stiefel": (Stiefel(), FRAME),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_hessian_is_that_of_the_function_of_the_coordinates(place):
    manifold, x = PLACES[place]
    weights = np.random.default_rng(1).standard_normal(x.shape)
    shape = manifold.coordinates(x)
    size = int(np.prod(shape))

    def f(x):
        return np.sum(np.sin(weights * x)) + np.sum(x**3)

    def gradient(x):
        return slopes(lambda v: f(manifold(x, v)), shape)

    h = hessian(lambda v: f(manifold(x, v.reshape(shape))), size)

    def product(_, p):
        return (h @ p.reshape(-1)).reshape(shape)

    moves = {"retract": {"x": manifold}, "rtol": 1e-3}
    assert gc.check(f, gradient, (x,), hess=h, hessp=product, **moves)
    wrong = h.copy()
    wrong[0, 1] = wrong[1, 0] = h[0, 1] + 1
    assert gc.check(f, gradient, (x,), hess=wrong, **moves).verdict is gc.Verdict.FAIL
    both = gc.check(f, lambda x: (gradient(x), h), (x,), hess=True, **moves)
    assert both, str(both)


def test_a_hessian_on_a_retraction_of_ones_own_is_refused():
    with pytest.raises(ArgumentError, match=r"hess= and hessp= want a manifold of gradcheck\.manifolds for R"):
        gc.check(trace, of_trace("right"), (R,), hess=np.eye(3), retract={"R": (lambda R, v: R @ SO3().exp(v), 3)})


def test_rotations_inside_nested_arguments_move_alone():
    def f(poses, scale):
        return scale * (trace(poses[0]["R"]) + poses[0]["t"] @ P + trace(poses[1]["R"]) ** 2)

    def gradient(poses, scale):
        one = {"R": scale * of_trace("right")(poses[0]["R"]), "t": scale * P}
        other = {"R": 2 * scale * trace(poses[1]["R"]) * of_trace("right")(poses[1]["R"]), "t": 0 * P}
        return [one, other], f(poses, scale) / scale

    point = ([{"R": R, "t": P}, {"R": R.T, "t": P}], 2.0)
    moves = {"poses.0.R": SO3(), "poses.1.R": SO3()}
    report = gc.check(f, gradient, point, retract=moves)
    assert report
    assert report["poses.0.R"].shape == (3,)
    assert gc.check(f, gradient, dict(zip(("poses", "scale"), point, strict=True)), retract=moves)
    with pytest.raises(ArgumentError, match=r"retract= names 'poses', which is no argument: there are poses, scale, p"):
        gc.check(f, gradient, point, retract={"poses": SO3()})


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_a_backward_with_a_cache(factor):
    def forward(R, p):
        return R @ p, (R, p)

    def backward(dout, cache):
        R, p = cache
        return factor * np.cross(p, R.T @ dout), R.T @ dout

    report = gc.check(forward, backward=backward, args=(R, P), retract={"R": SO3()})
    assert [str(a.verdict) for a in report] == ["PASS" if factor == 1 else "FAIL", "PASS"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_a_backward_of_torch_and_of_jax(place, library):
    xp = pytest.importorskip("torch" if library == "torch" else "jax.numpy")
    manifold, x = PLACES[place]
    weights = np.random.default_rng(1).standard_normal(x.shape)
    if library == "torch":
        given = xp.asarray(x)

        class Squared(xp.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return (xp.asarray(weights, dtype=x.dtype) * x**2).sum()

            @staticmethod
            def backward(ctx, d):
                (x,) = ctx.saved_tensors
                return d * 2 * xp.asarray(weights, dtype=x.dtype) * x

        assert gc.check(Squared.apply, inputs=(given,), retract={"x": manifold})
        return
    import jax  # noqa: PLC0415  only where it is installed

    with jax.enable_x64(new_val=True):
        report = gc.check(lambda x: (xp.asarray(weights) * x**2).sum(), args=(xp.asarray(x),), retract={"x": manifold})
        assert report


def test_a_module_does_not_move_on_a_manifold():
    torch = pytest.importorskip("torch")
    with pytest.raises(ArgumentError, match="a module has parameters too: pass a function"):
        gc.check(torch.nn.Linear(3, 2), inputs=(torch.ones(3),), retract={"input": SO3()})


def test_another_order_of_coordinates_is_told_so():
    pose, point = SE3().exp(RNG.standard_normal(6)), np.append(P, 1.0)

    def moved(T):
        return (T @ point)[:3]

    def jac(T):
        return np.hstack([-T[:3, :3] @ np.cross(np.eye(3), P), T[:3, :3]])

    assert gc.check(moved, jac, pose, retract={"T": SE3(first="rotation")})
    report = gc.check(moved, jac, pose, retract={"T": SE3()})
    assert report[0].mistakes[0] == "another convention"
    assert report[0].advice == "right by another convention: pass first='rotation' to SE3, or convert it"
    both = gc.check(moved, jac, pose, retract={"T": SE3("left")})
    assert "pass side='right', first='rotation' to SE3" in both[0].advice
    with pytest.raises(ArgumentError, match="first='x', wanted one of 'translation', 'rotation'"):
        SE3(first="x")


def test_quaternions_as_scipy_orders_them():
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    q = rotation.from_rotvec([0.3, -0.2, 0.5]).as_quat()

    def turned(q):
        return rotation.from_quat(q).apply(P)

    def jac(q):
        r = rotation.from_quat(q).as_matrix()
        return -r @ np.cross(np.eye(3), -P).T

    assert gc.check(turned, jac, q, retract={"q": UnitQuaternion(real="last")})
    report = gc.check(turned, jac, q, retract={"q": UnitQuaternion()})
    assert "pass real='last' to UnitQuaternion" in report[0].advice


def test_a_derivative_in_tangent_coordinates_without_a_manifold_says_what_to_pass():
    assert "gradcheck.manifolds.SO3()" in gc.check(trace, of_trace("right"), R).complaint
    pose, point = SE3().exp(RNG.standard_normal(6)), np.append(P, 1.0)
    report = gc.check(lambda T: (T @ point)[:3], lambda T: np.hstack([T[:3, :3], -T[:3, :3]]), pose)
    assert "in tangent coordinates? Pass retract= with gradcheck.manifolds.SE3()" in report.complaint


@pytest.mark.parametrize(
    "args", [(SO3().exp(np.array([0.3, -0.2, 0.5])),), {"R": SO3().exp(np.array([0.3, -0.2, 0.5]))}]
)
def test_keyword_arguments_go_along_with_a_hessian_of_coordinates(args):
    manifold, weights = SO3(), np.random.default_rng(3).standard_normal((3, 3))

    def f(R, w=1.0):
        return w * np.sum(np.sin(weights * R))

    def gradient(R, w=1.0):
        return slopes(lambda v: f(manifold(R, v), w), (3,))

    x = args["R"] if isinstance(args, dict) else args[0]
    h = hessian(lambda v: f(manifold(x, v), 2.0), 3)
    moves = {"retract": {"R": manifold}, "kwargs": {"w": 2.0}, "rtol": 1e-3}
    report = gc.check(f, gradient, args, hess=h, **moves)
    assert report, str(report)
    assert gc.check(f, gradient, args, hess=h + np.diag([1.0, 0, 0]), **moves).verdict is gc.Verdict.FAIL
