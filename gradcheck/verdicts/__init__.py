"""From slopes to a verdict.

In reading order: `report` holds what a check found and `argument_report` what about one argument (`comparison` of a
kernel's result, `merged` of several claims), `options` how to judge, `certificate` turns mismatches into an interval.
`trial` gathers the slopes of one argument, `joint` takes slopes of all together (`joint_slope` is one of them, `frozen`
looks again at claims that never change), `unit_scale` measures tiny arguments on larger steps. `contradiction` says
which slopes can contradict a claim, `decide` gives the verdict where f is smooth and `reasons` its sentences,
`escalation` asks another oracle, `accuracy` holds a float32 gradient against the float64 one, `exactness` a formula
against exact slopes.
"""
