"""Files of weights survive what happens to files, and run no code."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.utils import checkpoint_file
from slowfast.utils.checkpoint_file import (
    check_writable,
    file_exists,
    flaw_of,
    read_checkpoint,
    write_whole,
)


FULL_DISK = """
import resource, sys
from pathlib import Path
import signal, torch
from slowfast.ak.errors import UserError
from slowfast.utils.checkpoint_file import write_whole
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    write_whole({"model_state": {"w": torch.zeros(1_000_000)}}, Path(sys.argv[1]))
except UserError as error:
    print(error)
    sys.exit(2)
"""


def test_a_full_disk_is_said_and_leaves_the_previous_one(tmp_path):
    path = tmp_path / "checkpoint_epoch_00001.pyth"
    torch.save({"model_state": {"w": torch.ones(2)}}, path)
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert run.returncode == 2, run.stderr
    assert "cannot be written (File too large)" in run.stdout
    assert torch.equal(torch.load(path)["model_state"]["w"], torch.ones(2))
    assert [f.name for f in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        write_whole({}, tmp_path / "file" / "checkpoint_epoch_00001.pyth")


def test_a_folder_is_tried_before_it_is_needed(tmp_path, monkeypatch):
    check_writable(tmp_path / "new")
    assert list((tmp_path / "new").rglob("*")) == [tmp_path / "new" / "checkpoints"]
    (tmp_path / "checkpoints").touch()
    with pytest.raises(UserError, match=r"OUTPUT_DIR.*checkpoints \(it is a file\)"):
        check_writable(tmp_path)
    with pytest.raises(UserError, match=r"OUTPUT_DIR.*Not a directory"):
        check_writable(tmp_path / "checkpoints")

    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(checkpoint_file.tempfile, "NamedTemporaryFile", refuse)
    with pytest.raises(UserError, match=r"OUTPUT_DIR.*Permission denied.*name another"):
        check_writable(tmp_path / "new")


def test_a_write_that_dies_leaves_no_checkpoint(tmp_path, monkeypatch):
    def die(content, file):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", die)
    with pytest.raises(KeyboardInterrupt):
        write_whole({}, tmp_path / "checkpoint_epoch_00001.pyth")
    assert not list(tmp_path.iterdir())


class Malicious:
    def __reduce__(self):
        return os.system, ("touch was_run",)


def test_code_in_a_file_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model_state": {}, "epoch": Malicious()}, "evil.pyth")
    with pytest.raises(UserError, match=r"evil\.pyth: refused, for it would run code .*system"):
        read_checkpoint("evil.pyth")
    assert not Path("was_run").exists()


@pytest.mark.parametrize("lazily", [True, False])
def test_numpy_values_come_as_plain_ones(tmp_path, lazily):
    state = {"w": torch.ones(2), "b": np.ones((2, 3), ">f4")}
    values = {"epoch": np.int64(1), "loss": [np.float32(0.5), (np.bool_(True),)]}
    torch.save({"model_state": state, **values}, tmp_path / "numpy.pyth")
    read = read_checkpoint(tmp_path / "numpy.pyth", lazily=lazily)
    assert torch.equal(read["model_state"]["b"], torch.ones(2, 3))
    assert type(read["epoch"]) is int
    assert (read["epoch"], read["loss"]) == (1, [0.5, (True,)])


@pytest.mark.parametrize("value", [np.array([{}]), np.array(["text"]), np.zeros(1, "i4,f4")])
def test_other_numpy_values_are_refused_in_words(tmp_path, value):
    torch.save({"model_state": {}, "epoch": value}, tmp_path / "numpy.pyth")
    with pytest.raises(UserError, match="refused, for it holds an array of '"):
        read_checkpoint(tmp_path / "numpy.pyth")


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("lazily", [True, False])
def test_a_bare_state_dict_is_taken(tmp_path, is_zip, lazily):
    path = tmp_path / "bare.pth"
    torch.save({"w": torch.ones(2)}, path, _use_new_zipfile_serialization=is_zip)
    assert torch.equal(read_checkpoint(path, lazily=lazily)["model_state"]["w"], torch.ones(2))


def test_a_missing_file_is_said(tmp_path):
    assert not file_exists(tmp_path / "none.pyth")
    with pytest.raises(UserError, match="cannot be read"):
        read_checkpoint(tmp_path / "none.pyth")


def test_an_interrupt_while_the_file_is_written_is_one(tmp_path, monkeypatch):
    """torch's writer would rather tell of a file with a piece missing."""
    real = Path.open

    def open_to_be_interrupted(self, *args):
        file = real(self, *args)
        write, calls = file.write, []

        class Interrupted:
            def write(self, data):
                calls.append(data)
                if len(calls) == 3:
                    raise KeyboardInterrupt
                return write(data)

            def __getattr__(self, name):
                return getattr(file, name)

            def __enter__(self):
                return self

            def __exit__(self, *error):
                file.close()

        return Interrupted()

    monkeypatch.setattr(Path, "open", open_to_be_interrupted)
    content = {"model_state": {str(i): torch.zeros(100) for i in range(20)}}
    with pytest.raises(KeyboardInterrupt):
        write_whole(content, tmp_path / "checkpoint_epoch_00001.pyth")
    assert not list(tmp_path.iterdir())
