"""Which drawn input shows that a gradient is wrong, made as small as possible, with a program that repeats it.

In reading order: `user_functions` imports what the user names, `counterexample` draws and shrinks, `reproduction`
writes the program.
"""
