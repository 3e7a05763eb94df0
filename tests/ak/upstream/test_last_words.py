from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
HEAD = f"""
import sys
sys.path.insert(0, {str(PROJECT)!r})
import torch.multiprocessing as mp
from torch.utils.data import DataLoader, IterableDataset
from slowfast.ak.errors import BadClip, UserError
from slowfast.ak.upstream import last_words

def fail(rank=0):
    raise ERROR

class Fails(IterableDataset):
    def __iter__(self):
        fail()

if __name__ == "__main__":
    last_words.begin()
    CALL
"""


def run(folder: Path, error: str, call: str) -> subprocess.CompletedProcess:
    program = folder / "program.py"
    program.write_text(HEAD.replace("ERROR", error).replace("CALL", call))
    return subprocess.run([sys.executable, program], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        ("UserError", "fail()"),
        ("BadClip", "mp.spawn(fail, nprocs=1)"),
        ("UserError", "list(DataLoader(Fails(), num_workers=1))"),
    ],
)
def test_a_foreseeable_error_is_its_text(tmp_path, kind, call):
    done = run(tmp_path, f"{kind}('a.yaml: wrong: 1.\\n  And so on.')", call)
    assert done.returncode == 2
    assert done.stderr.endswith("\nerror: a.yaml: wrong: 1.\n  And so on.\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("call", ["fail()", "mp.spawn(fail, nprocs=1)"])
def test_any_other_is_shown_as_before(tmp_path, call):
    done = run(tmp_path, "ValueError('unforeseen')", call)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ValueError: unforeseen" in done.stderr


def test_a_package_that_is_not_installed_is_named_with_how_to_install_it(tmp_path):
    done = run(tmp_path, "ImportError()", "import pytorchvideo_of_nobody.models")
    assert done.returncode == 1
    assert "pytorchvideo_of_nobody is not installed." in done.stderr.splitlines()[-1]
    assert "pip install -r slowfast/ak/requirements.txt" in done.stderr.splitlines()[-1]
