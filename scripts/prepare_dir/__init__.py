"""Adds `slowfast/ak/` and `configs/AK/` to an upstream SlowFast checkout, and takes them out again.

Notable:
  - It runs before anything is installed: Python 3.8 and its standard library are enough.
  - Nothing that it did not write is overwritten or deleted. What stands in the way is found before
    anything is touched, and then nothing is touched.
  - Adding, updating and taking out are one thing: `plan` compares the checkout with what is wanted,
    which is nothing for --revert. A plan that was stopped half-way is simply made again.

`checkout` recognises upstream, `blocks` and `names` change the text of its files, `carried` says
which files and links are wanted, `journal` remembers what was written, `plan` compares, `disk`
does, `check` looks at the result.
"""


class Refused(Exception):
    """Something stands in the way; its text says what was found, expected, and to be done."""
