"""The network checked over many shapes, dtypes and seeds, by several processes, into one page.

In reading order: `cells`, `sweep`, `file`, `worker_processes`, `page`.
"""
