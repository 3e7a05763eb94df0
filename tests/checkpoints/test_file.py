"""Weight files survive interruptions and full disks, reveal damage, and never run code."""

import errno
import hashlib
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.checkpoints import file as checkpoint_file
from slowfast.checkpoints.file import (
    check_writable,
    file_exists,
    find_damage,
    read_checkpoint,
    write_checkpoint,
)
from slowfast.checkpoints.names import path_to_digest
from tests.checkpoints.checkpoint_cases import killed_at_each_step


def content(value, size=2000):
    return {"model_state": {"w": torch.full((size,), float(value))}, "epoch": 0}


def value_in(path):
    return float(torch.load(path, weights_only=True)["model_state"]["w"][0])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint_epoch_00001.pyth"


def test_the_digest_has_the_form_of_sha256sum(path):
    write_checkpoint(content(1), path)
    write_checkpoint(content(2), path)
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    lines = (path.parent / "epoch_00001.sha256").read_text()
    assert lines == f"{expected}  checkpoint_epoch_00001.pyth\n"
    assert find_damage(path) == ""


@pytest.mark.parametrize("before", ["nothing", "a file and its digest", "a file alone"])
def test_a_write_killed_at_any_step_leaves_an_intact_file(path, monkeypatch, before):
    def prepare():
        shutil.rmtree(path.parent)
        path.parent.mkdir()
        if before == "a file and its digest":
            write_checkpoint(content(1), path)
        elif before == "a file alone":
            torch.save(content(1), path)

    found = []
    for _ in killed_at_each_step(monkeypatch, prepare, lambda: write_checkpoint(content(2), path)):
        names = {file.name for file in path.parent.iterdir()}
        assert {name for name in names if "checkpoint" in name} <= {path.name}
        if path.exists():
            assert find_damage(path) == ""
        found.append(value_in(path) if path.exists() else 0)
        write_checkpoint(content(3), path)  # the next write succeeds whatever is left
        assert (find_damage(path), value_in(path)) == ("", 3)
        assert len(list(path.parent.iterdir())) == 2
    assert found == sorted(found)
    assert set(found) == {0 if before == "nothing" else 1, 2}


@pytest.mark.parametrize("has_digest", [True, False])
@pytest.mark.parametrize(
    "damage", ["truncated", "one bit, in a tensor", "one bit, in the names", "empty", "text", "zip"]
)
def test_damage_is_found(path, damage, has_digest):
    write_checkpoint(content(1), path)
    if not has_digest:
        path_to_digest(path).unlink()
    assert find_damage(path) == ""
    whole = bytearray(path.read_bytes())
    if damage.startswith("one bit"):
        sought = b"epoch" if "names" in damage else torch.ones(8).numpy().tobytes()
        whole[whole.index(sought)] ^= 4
    cases = {"truncated": whole[:-100], "empty": b"", "text": b"hello"}
    path.write_bytes(cases.get(damage, whole))
    if damage == "zip":
        shutil.make_archive(str(path), "zip", Path(__file__).parent, Path(__file__).name)
        path.with_suffix(".pyth.zip").replace(path)
    words = "it is empty" if damage == "empty" else "damaged|not a complete"
    assert re.search(words, find_damage(path))
    assert "SHA-256" not in find_damage(path)


def test_other_content_is_recognised(path, monkeypatch, tmp_path):
    torch.save({"epoch": 3}, path)
    assert "no `model_state`" in find_damage(path)
    monkeypatch.chdir(tmp_path)
    torch.save({"model_state": {}, "epoch": Malicious()}, path)
    assert "would run code" in find_damage(path)
    assert not Path("was_run").exists()
    path.unlink()
    assert "cannot be read (No such file" in find_damage(path)
    path.mkdir()
    assert "cannot be read (Is a directory)" in find_damage(path)


def test_a_file_replaced_by_another_program_needs_its_digest_deleted(path):
    write_checkpoint(content(1), path)
    torch.save(content(2), path)
    assert "delete" in find_damage(path)
    assert str(path_to_digest(path)) in find_damage(path)
    path_to_digest(path).unlink()
    assert find_damage(path) == ""


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_file_without_a_digest_is_intact(path, is_zip):
    torch.save(content(1), path, _use_new_zipfile_serialization=is_zip)
    assert find_damage(path) == ""
    path_to_digest(path).write_text("another line\n")
    assert find_damage(path) == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device to write to")
@pytest.mark.parametrize(("full", "left"), [("unfinished.tmp", 1), ("digest.tmp", 1)])
def test_a_full_disk_leaves_the_previous_file(path, full, left):
    write_checkpoint(content(1), path)
    (path.parent / full).symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"cannot be written \(No space left on device\)"):
        write_checkpoint(content(2, 1_000_000), path)
    assert (find_damage(path), value_in(path)) == ("", left)
    assert len(list(path.parent.iterdir())) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device to write to")
def test_a_disk_that_is_full_at_the_digest_leaves_the_new_file(path):
    (path.parent / "digest.tmp").symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"epoch_00001.sha256.* \(No space left on device\)"):
        write_checkpoint(content(1), path)
    assert (find_damage(path), value_in(path)) == ("", 1)


def test_a_read_only_folder_keeps_the_previous_file(path, monkeypatch):
    write_checkpoint(content(1), path)

    def refuse(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        with pytest.raises(UserError, match=r"written \(Read-only.*make the folder writable"):
            write_checkpoint(content(2), path)
    assert (find_damage(path), value_in(path)) == ("", 1)


def test_the_folder_is_tried_before_training(tmp_path, monkeypatch):
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
    with pytest.raises(UserError, match=r"OUTPUT_DIR.*Permission denied.*Name another"):
        check_writable(tmp_path / "new")


class Malicious:
    def __reduce__(self):
        return os.system, ("touch was_run",)


def test_a_file_with_code_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model_state": {}, "epoch": Malicious()}, "evil.pyth")
    with pytest.raises(UserError, match=r"evil\.pyth: refused: reading it would run code .*system"):
        read_checkpoint("evil.pyth")
    assert not Path("was_run").exists()


@pytest.mark.parametrize("lazily", [True, False])
def test_numpy_values_become_plain_ones(tmp_path, lazily):
    state = {"w": torch.ones(2), "b": np.ones((2, 3), ">f4")}
    values = {"epoch": np.int64(1), "loss": [np.float32(0.5), (np.bool_(True),)]}
    torch.save({"model_state": state, **values}, tmp_path / "numpy.pyth")
    read = read_checkpoint(tmp_path / "numpy.pyth", lazily=lazily)
    assert torch.equal(read["model_state"]["b"], torch.ones(2, 3))
    assert type(read["epoch"]) is int
    assert (read["epoch"], read["loss"]) == (1, [0.5, (True,)])


@pytest.mark.parametrize("value", [np.array([{}]), np.array(["text"]), np.zeros(1, "i4,f4")])
def test_other_numpy_values_are_refused(tmp_path, value):
    torch.save({"model_state": {}, "epoch": value}, tmp_path / "numpy.pyth")
    with pytest.raises(UserError, match="refused: it contains an array of '"):
        read_checkpoint(tmp_path / "numpy.pyth")


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("lazily", [True, False])
def test_a_bare_state_dict_is_read(tmp_path, is_zip, lazily):
    path = tmp_path / "bare.pth"
    torch.save({"w": torch.ones(2)}, path, _use_new_zipfile_serialization=is_zip)
    assert torch.equal(read_checkpoint(path, lazily=lazily)["model_state"]["w"], torch.ones(2))


def test_a_missing_file_is_named(tmp_path):
    assert not file_exists(tmp_path / "none.pyth")
    with pytest.raises(UserError, match="cannot be read"):
        read_checkpoint(tmp_path / "none.pyth")


def test_an_interrupt_inside_torchs_writer_stays_an_interrupt(tmp_path, monkeypatch):
    """torch's writer itself would raise an error about a missing record."""
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
        write_checkpoint(content, tmp_path / "checkpoint_epoch_00001.pyth")
    assert not list(tmp_path.iterdir())
