"""Every published configuration of SlowFast loads, builds and trains here.

`python -m tests.published` prints the table of docs/DROP_IN.md.
"""
