"""Printing to a reader that leaves early; how programs end."""

import subprocess
import sys

from slowfast.ak.errors import UserError
from slowfast.utils.terminal import tells_errors

CODE = "from slowfast.utils.terminal import print_all; print_all({text}); print_all('more')"


def run(text: str, reader: str) -> subprocess.CompletedProcess:
    command = f'{sys.executable} -c "{CODE.format(text=text)}" | {reader}; exit ${{PIPESTATUS[0]}}'
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True)


def test_a_reader_may_leave_before_the_end():
    done = run("'line\\n' * 1000000", "head -1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "line\n", "")


def test_names_that_are_no_text_are_shown():
    assert run("'a\\udcff'", "cat").stdout == "a\\udcff\nmore\n"


def test_a_programs_errors_become_words_and_a_status(capsys):
    @tells_errors
    def main(argv: list[str] | None = None) -> int:
        """What it does."""
        if argv == ["wrong"]:
            raise UserError("put it right")
        if argv == ["stop"]:
            raise KeyboardInterrupt
        return 1

    assert [main(), main(["wrong"]), main(["stop"])] == [1, 2, 130]
    assert capsys.readouterr().err == "error: put it right\n\ninterrupted.\n"
    assert main.__doc__ == "What it does."
