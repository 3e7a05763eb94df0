"""Every published configuration of SlowFast loads, builds and trains here.

`PYTHONPATH=tools python -m tests.published` prints the table of docs/DROP_IN.md.
"""
