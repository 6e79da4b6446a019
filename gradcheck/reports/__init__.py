"""A report as text, page, pictures and data, and all reports of a session.

In reading order: `words` says a number or a finding (`kernel_words` of kernels), `text` lays a report out, `explain` is
its long form, `repeat` how to make it again. `page` is HTML with `captions` and `pictures`, `data` JSON, `files` writes
whole or not at all. `session` keeps the checks of a test run, `watch` tells it of each.
"""
