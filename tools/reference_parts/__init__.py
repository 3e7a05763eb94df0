"""The parts of tools/reference_values.py, which makes tests/reference from an upstream checkout.

There are two processes that exchange JSON. `making` and `comparison` run with this project's
`slowfast`. `measure` is the program of the other process, whose `slowfast` is the checkout's. The
program and the makers (the other modules) import from `slowfast` only public names that every
checkout has. `files` lists the maker of each file.
"""
