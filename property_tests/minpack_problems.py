"""Least-squares problems of J. Moré, B. Garbow and K. Hillstrom, "Testing unconstrained optimization software", 1981.

Residuals and Jacobians, from the formulas of that paper (ACM Transactions on Mathematical Software 7), each with
its starting point.
"""

import numpy as np


def _of(*rows):
    return np.array(rows, dtype=float)


def rosenbrock():
    def r(x):
        return _of(10 * (x[1] - x[0] ** 2), 1 - x[0])

    def j(x):
        return _of([-20 * x[0], 10], [-1, 0])

    return r, j, _of(-1.2, 1)


def freudenstein_and_roth():
    def r(x):
        return _of(
            -13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1],
            -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1],
        )

    def j(x):
        return _of([1, 10 * x[1] - 3 * x[1] ** 2 - 2], [1, 3 * x[1] ** 2 + 2 * x[1] - 14])

    return r, j, _of(0.5, -2)


def powell_badly_scaled():
    def r(x):
        return _of(1e4 * x[0] * x[1] - 1, np.exp(-x[0]) + np.exp(-x[1]) - 1.0001)

    def j(x):
        return _of([1e4 * x[1], 1e4 * x[0]], [-np.exp(-x[0]), -np.exp(-x[1])])

    return r, j, _of(0, 1)


def brown_badly_scaled():
    def r(x):
        return _of(x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2)

    def j(x):
        return _of([1, 0], [0, 1], [x[1], x[0]])

    return r, j, _of(1, 1)


def beale():
    y = _of(1.5, 2.25, 2.625)
    i = np.arange(1, 4)

    def r(x):
        return y - x[0] * (1 - x[1] ** i)

    def j(x):
        return np.stack([-(1 - x[1] ** i), x[0] * i * x[1] ** (i - 1)], axis=1)

    return r, j, _of(1, 1)


def jennrich_and_sampson():
    i = np.arange(1, 11)

    def r(x):
        return 2 + 2 * i - (np.exp(i * x[0]) + np.exp(i * x[1]))

    def j(x):
        return np.stack([-i * np.exp(i * x[0]), -i * np.exp(i * x[1])], axis=1)

    return r, j, _of(0.3, 0.4)


def helical_valley():
    def r(x):
        angle = np.arctan2(x[1], x[0]) / (2 * np.pi)
        return _of(10 * (x[2] - 10 * angle), 10 * (np.hypot(x[0], x[1]) - 1), x[2])

    def j(x):
        square = x[0] ** 2 + x[1] ** 2
        turn, length = 100 / (2 * np.pi * square), np.sqrt(square)
        return _of([turn * x[1], -turn * x[0], 10], [10 * x[0] / length, 10 * x[1] / length, 0], [0, 0, 1])

    return r, j, _of(-1, 0.1, 0)


def bard():
    y = _of(0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39)
    u = np.arange(1, 16)
    v, w = 16 - u, np.minimum(u, 16 - u)

    def r(x):
        return y - (x[0] + u / (v * x[1] + w * x[2]))

    def j(x):
        bottom = (v * x[1] + w * x[2]) ** 2
        return np.stack([-np.ones(15), u * v / bottom, u * w / bottom], axis=1)

    return r, j, _of(1, 1, 1)


def gaussian():
    y = _of(9, 44, 175, 540, 1295, 2420, 3521, 3989, 3521, 2420, 1295, 540, 175, 44, 9) / 1e4
    t = (8 - np.arange(1, 16)) / 2

    def r(x):
        return x[0] * np.exp(-x[1] * (t - x[2]) ** 2 / 2) - y

    def j(x):
        e = np.exp(-x[1] * (t - x[2]) ** 2 / 2)
        return np.stack([e, -x[0] * e * (t - x[2]) ** 2 / 2, x[0] * e * x[1] * (t - x[2])], axis=1)

    return r, j, _of(0.4, 1, 0)


def box_three_dimensional():
    t = np.arange(1, 11) / 10

    def r(x):
        return np.exp(-t * x[0]) - np.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10 * t))

    def j(x):
        return np.stack([-t * np.exp(-t * x[0]), t * np.exp(-t * x[1]), np.exp(-10 * t) - np.exp(-t)], axis=1)

    return r, j, _of(0, 10, 20)


def powell_singular():
    def r(x):
        return _of(x[0] + 10 * x[1], 5**0.5 * (x[2] - x[3]), (x[1] - 2 * x[2]) ** 2, 10**0.5 * (x[0] - x[3]) ** 2)

    def j(x):
        a, b = 2 * (x[1] - 2 * x[2]), 2 * 10**0.5 * (x[0] - x[3])
        return _of([1, 10, 0, 0], [0, 0, 5**0.5, -(5**0.5)], [0, a, -2 * a, 0], [b, 0, 0, -b])

    return r, j, _of(3, -1, 0, 1)


def wood():
    def r(x):
        return _of(
            10 * (x[1] - x[0] ** 2),
            1 - x[0],
            90**0.5 * (x[3] - x[2] ** 2),
            1 - x[2],
            10**0.5 * (x[1] + x[3] - 2),
            (x[1] - x[3]) / 10**0.5,
        )

    def j(x):
        a, b, c = 90**0.5, 10**0.5, 10**-0.5
        return _of(
            [-20 * x[0], 10, 0, 0],
            [-1, 0, 0, 0],
            [0, 0, -2 * a * x[2], a],
            [0, 0, -1, 0],
            [0, b, 0, b],
            [0, c, 0, -c],
        )

    return r, j, _of(-3, -1, -3, -1)


def kowalik_and_osborne():
    y = _of(0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246)
    u = _of(4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625)

    def r(x):
        return y - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])

    def j(x):
        top, bottom = u**2 + u * x[1], u**2 + u * x[2] + x[3]
        return np.stack([-top / bottom, -x[0] * u / bottom, x[0] * top * u / bottom**2, x[0] * top / bottom**2], axis=1)

    return r, j, _of(0.25, 0.39, 0.415, 0.39)


def brown_and_dennis():
    t = np.arange(1, 21) / 5

    def r(x):
        return (x[0] + t * x[1] - np.exp(t)) ** 2 + (x[2] + x[3] * np.sin(t) - np.cos(t)) ** 2

    def j(x):
        a, b = 2 * (x[0] + t * x[1] - np.exp(t)), 2 * (x[2] + x[3] * np.sin(t) - np.cos(t))
        return np.stack([a, a * t, b, b * np.sin(t)], axis=1)

    return r, j, _of(25, 5, -5, -1)


def variably_dimensioned(n=10):
    i = np.arange(1, n + 1)

    def r(x):
        s = i @ (x - 1)
        return np.concatenate([x - 1, [s, s**2]])

    def j(x):
        return np.vstack([np.eye(n), i, 2 * (i @ (x - 1)) * i])

    return r, j, 1 - i / n


def trigonometric(n=8):
    i = np.arange(1, n + 1)

    def r(x):
        return n - np.sum(np.cos(x)) + i * (1 - np.cos(x)) - np.sin(x)

    def j(x):
        return np.tile(np.sin(x), (n, 1)) + np.diag(i * np.sin(x) - np.cos(x))

    return r, j, np.full(n, 1 / n)


def brown_almost_linear(n=6):
    def r(x):
        return np.append(x[:-1] + np.sum(x) - (n + 1), np.prod(x) - 1)

    def j(x):
        others = [np.prod(np.delete(x, k)) for k in range(n)]
        return np.vstack([np.eye(n)[:-1] + 1, others])

    return r, j, np.full(n, 0.5)


def discrete_boundary_value(n=12):
    h = 1 / (n + 1)
    t = h * np.arange(1, n + 1)

    def r(x):
        return 2 * x - np.append(0, x[:-1]) - np.append(x[1:], 0) + h**2 * (x + t + 1) ** 3 / 2

    def j(x):
        return np.diag(2 + 3 * h**2 * (x + t + 1) ** 2 / 2) - np.eye(n, k=1) - np.eye(n, k=-1)

    return r, j, t * (t - 1)


def discrete_integral_equation(n=7):
    h = 1 / (n + 1)
    t = h * np.arange(1, n + 1)
    kernel = np.minimum(np.outer(1 - t, t), np.outer(t, 1 - t))

    def r(x):
        return x + h * kernel @ (x + t + 1) ** 3 / 2

    def j(x):
        return np.eye(n) + 3 * h * kernel * (x + t + 1) ** 2 / 2

    return r, j, t * (t - 1)


def broyden_tridiagonal(n=10):
    def r(x):
        return (3 - 2 * x) * x - np.append(0, x[:-1]) - 2 * np.append(x[1:], 0) + 1

    def j(x):
        return np.diag(3 - 4 * x) - np.eye(n, k=-1) - 2 * np.eye(n, k=1)

    return r, j, np.full(n, -1.0)


PROBLEMS = {
    make.__name__: make
    for make in (
        rosenbrock,
        freudenstein_and_roth,
        powell_badly_scaled,
        brown_badly_scaled,
        beale,
        jennrich_and_sampson,
        helical_valley,
        bard,
        gaussian,
        box_three_dimensional,
        powell_singular,
        wood,
        kowalik_and_osborne,
        brown_and_dennis,
        variably_dimensioned,
        trigonometric,
        brown_almost_linear,
        discrete_boundary_value,
        discrete_integral_equation,
        broyden_tridiagonal,
    )
}
