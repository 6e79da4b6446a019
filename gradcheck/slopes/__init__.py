"""One directional derivative with an error bound, from evaluations of f alone.

In reading order: `streams` and `direction` draw where to look, `noise` measures how far an evaluation may be off,
`slope` is what comes out, `estimates` the bounds that two and three steps give, `ladder` which step to take next,
`sides` whether there is a kink at the point, `still` what is known where f does not move, `measure` all of it in order;
`field` makes and counts every evaluation of f.
"""
