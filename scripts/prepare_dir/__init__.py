"""Adds `slowfast/ak/` and `configs/AK/` to an upstream SlowFast checkout, and removes them again.

- It runs before anything is installed: Python 3.8 and its standard library are enough.
- It overwrites and deletes only what it wrote itself. It looks for all obstacles first; if there is
  one, it changes nothing.
- Adding, updating and removing are the same operation: `plan` compares the checkout with what is
  wanted, and with --revert nothing is wanted. After an interruption the plan is made again.

`checkout` recognises upstream, `blocks` and `names` change the text of its files, `carried` lists
the wanted files and links, `journal` records what was written, `compare` and `plan` find the steps,
`disk` takes them, and `check` tries the result.
"""


class Refused(Exception):
    """The script cannot go on; the text says what was found, what was expected, and what to do."""
