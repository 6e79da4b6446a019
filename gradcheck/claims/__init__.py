"""What is on trial: a function, what is said to be its derivative, and the point.

In reading order: `claim` says what a claim is; `tree` and `point` read the arguments, `returned` what a gradient
function returned, `outputs` what an array-valued f did; `gradient`, `vjp`, `jvp`, `forward_backward` and
`torch_backward` are the forms that people write, and `forms` picks one; `tangent` holds the directions that an argument
allows, `contract` judges what a claim must keep before any number.
"""
