"""Printing to a pipe that closes early, and the exit status of programs."""

import subprocess
import sys

from slowfast.ak.errors import UserError
from slowfast.utils.terminal import prints_errors

CODE = "from slowfast.utils.terminal import print_all; print_all({text}); print_all('more')"


def run(text: str, reader: str) -> subprocess.CompletedProcess:
    command = f'{sys.executable} -c "{CODE.format(text=text)}" | {reader}; exit ${{PIPESTATUS[0]}}'
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True)


def test_a_pipe_may_close_before_the_end():
    done = run("'line\\n' * 1000000", "head -1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "line\n", "")


def test_names_that_are_not_utf8_are_shown():
    assert run("'a\\udcff'", "cat").stdout == "a\\udcff\nmore\n"


def test_errors_of_a_program_become_a_line_and_a_status(capsys):
    @prints_errors
    def main(argv: list[str] | None = None) -> int:
        """What it does."""
        if argv == ["wrong"]:
            raise UserError("fix it")
        if argv == ["stop"]:
            raise KeyboardInterrupt
        return 1

    assert [main(), main(["wrong"]), main(["stop"])] == [1, 2, 130]
    assert capsys.readouterr().err == "error: fix it\n\ninterrupted.\n"
    assert main.__doc__ == "What it does."
