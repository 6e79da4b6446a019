"""The two-layer ReLU network, its gradients derived by hand, and its training.

In reading order: `problem` draws the data, `numpy_core` and `torch_core` are the derivation as code, `numpy_fast` and
`torch_fast` the same at the speed of their products (`blocks` of samples, `cuda`), `training` descends. Checked:
`network_check` judges every backend, `against_autograd` holds them against Torch, `cells` makes the grid of a sweep,
`boundary_problems` draws networks on the ReLU boundary.
"""
