"""From slopes to a verdict.

In reading order: `report` holds what a check found, `options` how to judge, `decide` the verdict, `certificate` turns mismatches into an
interval, `trial` gathers the slopes of one argument, `accuracy` holds a float32 gradient against the float64 one.
"""
