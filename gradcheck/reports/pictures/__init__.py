"""The pictures of a report, drawn with matplotlib from measurements that the report already holds.

In reading order: `style` (colours and axes), `intervals`, `place`, `along`, `ladder` (one picture each, drawn on given
axes), `output` (all of them together, and SVG for a page).
"""
