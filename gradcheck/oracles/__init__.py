"""Oracles: anything that yields a slope with an error bound, one kind a file.

In reading order: `base` says what an oracle is, `by_name` which one a caller names. `finite_difference` needs f alone.
`autograd` is Torch's reverse mode. From code that computes derivatives, with the bound of `derivative`:
`torch_forward`, `jax_forward`, and `complex_step` (`complex_run` runs a function on complex numbers, `complex_arrays`
and `complex_functions` say what that may do).

Exact arithmetic: `exact_slopes` is the oracle, `exact` the slopes and gradients of NumPy code on exact numbers;
`exact_run` calls it, `exact_arrays` are its arrays, `germs` their entries, `elementary` exp and the like, `balls` the
numbers of python-flint, and `tightness` how well one is known.
"""
