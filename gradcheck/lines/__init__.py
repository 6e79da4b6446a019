"""Which line of a derivation is wrong.

In reading order: `line` and `order` read the lines, `formulas` computes with them, `derivation` is what a user writes,
`judge` checks it line by line, `report` is what it finds, `mistakes` plants mistakes in single lines.
"""
