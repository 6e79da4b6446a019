"""The factor on the bound where kinks lie inside every step: how many slopes of ReLU networks does each cover?

Sums of 10 to 1000 ReLUs at random places near the point, with noise of 1e-8 to 1e-3 added. The true slope is known.
Printed is, for each factor, the percentage of slopes that lie within their bound.
"""

import sys

import numpy as np

from gradcheck.oracles.finite_difference import TARGET
from gradcheck.slopes import estimates, ladder, measure
from gradcheck.slopes.noise import measure_noise

draws = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
for factor in (1.0, 3.0, 5.0):
    estimates.CROWDED = ladder.CROWDED = factor
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(draws):
        kinks = int(10 ** rng.uniform(1, 3))
        places, weights = rng.standard_normal(kinks), rng.standard_normal(kinks) / kinks**0.5
        sigma = 10 ** rng.uniform(-8, -3)

        def phi(t, places=places, weights=weights, sigma=sigma, rng=rng):
            return float(weights @ np.maximum(t - places, 0)) + sigma * float(rng.standard_normal())

        truth = float(weights @ (places < 0))
        at_zero = phi(0.0)
        noise = measure_noise(phi, at_zero, 2.0**-53)
        found = measure.measure_slope(phi, at_zero, noise, scale=abs(truth), target=TARGET, finest=-34)
        covered += abs(found.value - truth) <= found.error
    print(f"factor {factor:g}: {100 * covered / draws:.2f} % of {draws} slopes within their bound")
