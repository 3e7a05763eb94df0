"""Printing to a reader that leaves early."""

import subprocess
import sys

CODE = "from slowfast.utils.terminal import print_all; print_all({text}); print_all('more')"


def run(text: str, reader: str) -> subprocess.CompletedProcess:
    command = f'{sys.executable} -c "{CODE.format(text=text)}" | {reader}; exit ${{PIPESTATUS[0]}}'
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True)


def test_a_reader_may_leave_before_the_end():
    done = run("'line\\n' * 1000000", "head -1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "line\n", "")


def test_names_that_are_no_text_are_shown():
    assert run("'a\\udcff'", "cat").stdout == "a\\udcff\nmore\n"
