"""Neighbourhoods of kinks of known functions, whose claims are exact limits."""

import numpy as np

from gradcheck.kinks.neighbourhood import Neighbourhood


def near(gradient, here, *, shape=None, seed=0, opening=2, tolerance=1e-9):
    """Return the claims next to 0 of a function with that gradient there, `opening` pairs of opposites among them."""
    here = np.asarray(here, dtype=float)
    found = Neighbourhood(
        lambda w: (w, np.asarray(gradient(w), dtype=float)),
        here,
        np.arange(here.size),
        shape or here.shape,
        rng=rng_of(seed),
    )
    for _ in range(opening):
        move = found.noise()
        found.ask(move, drawn=True)
        found.ask(-move, drawn=True)
    found.tolerance = tolerance
    return found


def watched(found):
    """Return a list that every move asked for from now on is added to."""
    moves, claim_at = [], found._claim_at
    found._claim_at = lambda move: (moves.append(move), claim_at(move))[1]
    return moves


def rng_of(seed):
    return np.random.default_rng(seed)


def relu(w):
    return 1.0 * (w > 0)


def rows(shape):
    """The gradient of the sum of the largest of each row."""

    def gradient(w):
        w = w.reshape(shape)
        return np.eye(shape[1])[w.argmax(axis=1)].ravel()

    return gradient


def of_walls(normals, c):
    """The gradient of Σ c_k·max(0, n_k·w)."""
    normals, c = np.asarray(normals, dtype=float), np.asarray(c, dtype=float)
    return lambda w: (c * (normals @ w > 0)) @ normals
