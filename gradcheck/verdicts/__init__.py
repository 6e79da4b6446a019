"""From slopes to a verdict.

In reading order: `report` holds what a check found, `options` how to judge, `certificate` turns mismatches into an
interval, `trial` gathers the slopes of one argument, `decide` gives the verdict where f is smooth, `joint` takes
slopes of all arguments together (`joint_slope` is one of them), `accuracy` holds a float32 gradient against the float64
one.
"""
