"""Checks whether an upstream checkout with slowfast.ak in it can run.

`python -m slowfast.ak.upstream.check` is started in the checkout's folder, with the checkout on
PYTHONPATH or installed. It prints a line for each step. The line of a failed step says what to do,
and the later steps are tried too. The exit status is 1 if a step failed. Missing data and weights
are printed and are no failure, as only a full run needs them.

Each step imports what it needs, and nothing but the standard library is imported before.
"""
