"""What is wrong and where.

In reading order: `names` explains the slopes of a FAIL by a named mistake and plants mistakes in a PASS, `syndrome`
and `locate` find the wrong entries, `place` describes them.
"""
