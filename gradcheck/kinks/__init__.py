"""Where f has only one-sided slopes: whether the claim is a subgradient, and by which rule.

In reading order: `kink` is the judge. Next to the point f is smooth: `formula` holds the claims there, which `beside`
asks for (`exactly` in exact arithmetic), against one-sided slopes, which `one_sided` measures to more accuracy. At the
point `subgradient` judges from the claims next to it: `neighbourhood` asks for them, `around` in the entries that
matter, and `changes` keeps them.

How: `one_bend` where f bends one way (`bends` tells which; `nearest_point` of a hull, `many_hulls` at once, of
`whole_claims`, or `blocks` and `parts` of entries that bend together, `coupling` of blocks by whole claims, `periods`
for windows that overlap, `span` for their rank), `flat` where f is linear along a move, `half_turn` and `walls` where
it bends both ways; `separation` is the proof of an outside, and `second_look` tries to refute it. `kink_variable`
judges kink by kink where their variable is named (`variable_samples` are its claims, `normals` what it tells of kinks
that depend on one another), `of_black_box` where nothing is known. Of a large argument claims are kept `packed` in
`bits`, their `moves` are drawn anew, and entries are `scaled` as they are asked for. `convention` and `naming` name
sides and kinks (`sides`: which change over together), `told` says it, and `chain_rule` accepts what is no subgradient.
"""
