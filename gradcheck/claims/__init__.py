"""What is on trial: a function, what is said to be its derivative, and the point.

In reading order: `claim` says what a claim is, `forms` and `torch_forms` read every form that people write, `tangent`
the directions that an argument allows, `contract` judges what a claim must keep before any number.
"""
