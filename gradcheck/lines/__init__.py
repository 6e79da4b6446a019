"""Which line of a derivation is wrong.

In reading order: `line` and `order` read the lines, `derivation` is what a user writes, `judge` checks it line by
line, `mistakes` plants mistakes in single lines.
"""
