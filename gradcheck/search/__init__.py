"""Which drawn input shows that a gradient is wrong, made as small as possible.

In reading order: `user_functions` imports what the user names, `calls` calls it, `sizes` asks whether the signature is
its own, `counterexample` draws and shrinks (`kernel_cases` for kernels), `reproduction` writes the program.
"""
