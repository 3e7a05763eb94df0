"""What a user sees of an error that ends a program in a checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
PROGRAM = f"""
import sys
sys.path.insert(0, {str(PROJECT)!r})
import torch.multiprocessing as mp
from torch.utils.data import DataLoader, IterableDataset
from slowfast.ak.errors import BadClip, UserError
from slowfast.ak.upstream import error_messages

def fail(rank=0):
    raise ERROR

class Fails(IterableDataset):
    def __iter__(self):
        fail()

if __name__ == "__main__":
    error_messages.install()
    CALL
"""


def run(folder: Path, error: str, call: str) -> subprocess.CompletedProcess:
    program = folder / "program.py"
    program.write_text(PROGRAM.replace("ERROR", error).replace("CALL", call))
    return subprocess.run([sys.executable, program], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        ("BadClip", "mp.spawn(fail, nprocs=1)"),
        ("UserError", "list(DataLoader(Fails(), num_workers=1))"),
    ],
)
def test_a_user_error_is_shown_as_its_text(tmp_path, kind, call):
    done = run(tmp_path, f"{kind}('a.yaml: wrong: 1.\\n  And so on.')", call)
    assert done.returncode == 2
    assert done.stderr.endswith("\nerror: a.yaml: wrong: 1.\n  And so on.\n")
    assert "Traceback" not in done.stderr


def test_another_error_is_shown_with_its_traceback(tmp_path):
    done = run(tmp_path, "ValueError('unforeseen')", "mp.spawn(fail, nprocs=1)")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ValueError: unforeseen" in done.stderr


def test_a_missing_package_is_shown_with_the_command_that_installs_it(tmp_path):
    done = run(tmp_path, "ImportError()", "import pytorchvideo_of_nobody.models")
    assert done.returncode == 1
    assert "pytorchvideo_of_nobody is not installed." in done.stderr.splitlines()[-1]
    assert "pip install -r slowfast/ak/requirements.txt" in done.stderr.splitlines()[-1]
