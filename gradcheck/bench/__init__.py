"""Benchmarks: what a step of the two-layer network costs, and what a check costs.

    results = run.run(plan)                     # shapes × dtypes × libraries, each variant beside its floor
    files.write(results, Path("benchmarks"))    # JSON, Markdown, one HTML page

Every ratio is taken between samples of one round, in which all variants of one library run in a shuffled order: a
machine that slows down slows both.

In reading order: `sizes` and `variants` (`torch_variants`) are what is timed, `timing` takes samples, `peak` what the
machine can do at most, `run` times all. `checks` and `one_check` are what a check costs, `arguments` what one of many
arguments does, `precision` what a lower one loses. `results` is what was measured, `saved` keeps it as JSON,
`environment` beside it; `markdown`, `page` and `pictures` tell it, `files` writes all three, `compare` holds two runs
against each other.
"""
