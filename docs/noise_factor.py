"""The factor on the measured noise: how often does the error of a difference exceed it?

Eight values of normal noise go through the difference table; two further ones are the two ends of a central
difference, whose numerator is then off by |n1 - n2|/2. Printed is the fraction of draws below each factor times the
estimate.
"""

import sys

import numpy as np

from gradcheck.slopes.noise import OFFSETS, difference_table

draws = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
rng = np.random.default_rng(0)
noise = rng.standard_normal((draws, len(OFFSETS)))
estimate = np.array([difference_table(values) for values in noise])
error = np.abs(rng.standard_normal(draws) - rng.standard_normal(draws)) / 2
ratio = error / estimate
print(f"{draws} draws; the estimate is {estimate.min():.2f} to {estimate.max():.2f} times the true sigma")
for factor in (1, 2, 3, 4, 4.4, 5, 6):
    print(f"factor {factor:3}: covers {100 * np.mean(ratio <= factor):.3f} %")
