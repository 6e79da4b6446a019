"""Benchmarks: what a step of the two-layer network costs over its five matrix products, and what a check costs.

    results = run.run(plan)                     # shapes × dtypes × libraries, each variant beside its floor
    files.write(results, Path("benchmarks"))    # JSON, Markdown, one HTML page

Every ratio is taken between samples of one round, in which all variants of one library run in a shuffled order: a
machine that slows down slows both.
"""
