"""How tests/reference is made anew from an upstream checkout; tools/reference_values.py drives it.

Two sides that meet in JSON alone. `making` and `comparison` belong to this tree. `measure` is the
program of another process, whose `slowfast` is the checkout's: it and the makers (`settings`,
`networks`, `pictures`, `windows`, `scores`) import libraries, one another, and of `slowfast` only
public names that every checkout has. `files` says which file is whose.
"""
