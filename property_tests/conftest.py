"""How many examples a law is tried on: `pytest --hypothesis-profile=NAME` with quick, thorough or debug."""

from hypothesis import Verbosity, settings

# No deadline: the first call of a backend is slow, and so is a machine that others use.
settings.register_profile("quick", max_examples=50, deadline=None, print_blob=True)
settings.register_profile("thorough", max_examples=2000, deadline=None, print_blob=True)
settings.register_profile("debug", max_examples=10, deadline=None, verbosity=Verbosity.verbose)
settings.load_profile("quick")
