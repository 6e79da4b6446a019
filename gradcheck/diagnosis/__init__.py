"""What is wrong and where.

In reading order: `names` explains the slopes of a FAIL by a named mistake and plants mistakes in a PASS. `locate` finds
the wrong entries, by the weighted probes of `syndrome`, and `place` describes them; `every_entry` measures all of them
on request. Of matrices: `rows` finds row and column with J·v of `jacobian_product`, `diagonal` a wrong diagonal.
`wrong_outputs` tells through which outputs a vjp is wrong, `symmetric` that f reads one half of a symmetric matrix.
"""
