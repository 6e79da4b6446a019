"""The network checked over many shapes, dtypes and seeds, into one page.

In reading order: `sweep`, `file`, `worker_processes`, `page`. What a cell is and how it is judged is the network's own:
`two_layer_relu.cells`.
"""
