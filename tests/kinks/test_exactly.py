import numpy as np
import pytest

pytest.importorskip("flint")

from gradcheck.kinks import exactly
from gradcheck.oracles.exact import ExactPoint


@pytest.mark.parametrize(("at_zero", "state"), [(0.0, "inside"), (0.25, "inside"), (1.0, "inside"), (1.25, "outside")])
def test_exact_claims_are_judged_with_the_same_proofs(at_zero, state):
    signs = np.array([1.0, -2.0, 1.0])

    def gradient(x):
        return 0 * x + signs * np.where(x > 0, 1.0, np.where(x < 0, 0.0, at_zero))

    finding = exactly.judged(gradient, ExactPoint([np.array([0.0, 0.0, 2.0])]), 0)
    assert finding.state == state
    if state == "inside":
        assert finding.weights.sum() == pytest.approx(1)
    else:
        assert finding.separation.claimed > finding.separation.reached


def test_at_a_tie_everyone_cannot_have_it_all():
    def gradient(x):
        return 0 * x + np.where(x == x.max(), 1.0, 0.0)

    finding = exactly.judged(gradient, ExactPoint([np.ones(4)]), 0)
    assert finding.state == "outside"
    assert finding.separation.claimed > 3 * finding.separation.reached
