"""One directional derivative with an error bound, from evaluations of f alone.

In reading order: `streams` and `direction` draw where to look, `noise` measures how far an evaluation may be off,
`zero` the scale of an argument that has none, `slope` is what comes out, `estimates` the bounds that two and three
steps give, `ladder` which step to take next, `sides` whether there is a kink at the point, `within_finest_step` whether
f changes within that step, `still` what is known where f does not move, `measure` all of it in order; `inside` finds
out what f computes in; `central` differences arrays, where a plain derivative will do; `field` makes and counts every
evaluation of f, within a `budget`; `every_float` is what takes zero, infinity and NaN where `math` raises.
"""
