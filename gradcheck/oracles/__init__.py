"""Oracles: anything that yields a slope with an error bound, one kind a file."""
