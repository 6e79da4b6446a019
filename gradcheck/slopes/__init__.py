"""One directional derivative with an error bound, from evaluations of f alone.

In reading order: `streams` and `direction` draw where to look, `noise` measures how far an evaluation may be off,
`slope` turns evaluations along a line into a slope with a bound, `field` makes and counts every evaluation of f.
"""
