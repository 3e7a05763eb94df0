"""A run resumes from its newest intact file, in all processes, whatever has happened before."""

import logging
import os
import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.checkpoints import folder as checkpoint_folder
from slowfast.checkpoints.file import find_damage
from slowfast.checkpoints.folder import find_resumable, first_intact
from slowfast.checkpoints.names import resumable
from slowfast.checkpoints.starting_weights import load_train_checkpoint
from slowfast.utils import distributed
from tests.checkpoints.checkpoint_cases import (
    killed_at_each_step,
    make,
    save_epochs,
    save_within,
    step,
)

EPOCH_FILES = [
    name
    for epoch in (1, 2, 3)
    for name in (f"checkpoint_epoch_0000{epoch}.pyth", f"epoch_0000{epoch}.sha256")
]


def names(cfg):
    return sorted(file.name for file in Path(cfg.OUTPUT_DIR, "checkpoints").iterdir())


def test_the_newest_intact_file_is_taken_and_damaged_ones_are_named(cfg, caplog):
    model, optimizer = make(cfg)
    assert find_resumable(cfg) is None
    files = save_epochs(cfg, model, optimizer, 1, 2, 3)
    files.append(save_within(cfg, model, optimizer, 4, 120))
    assert files[-1].name == "unfinished_epoch_00004_iteration_000120.pyth"
    for number in (3, 2, 1):
        assert find_resumable(cfg) == files[number]
        with files[number].open("r+b") as file:
            file.truncate(1000 * number)
    caplog.clear()
    assert find_resumable(cfg) == files[0]
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == 3
    for warning, file in zip(warnings, files[:0:-1], strict=True):
        assert warning.startswith(f"Skipped: {file}: it is damaged or truncated")
    assert load_train_checkpoint(cfg, model, optimizer).path == str(files[0])

    files[0].write_bytes(b"")
    with pytest.raises(UserError, match="No saved file in OUTPUT_DIR is intact") as error:
        load_train_checkpoint(cfg, model, optimizer)
    assert all(str(file) in str(error.value) for file in files)
    assert "move the files away" in str(error.value)
    cfg.TRAIN.AUTO_RESUME = False
    assert find_resumable(cfg) is None


def test_a_checkpoint_with_another_name_is_skipped_with_a_warning(cfg, caplog):
    (own,) = save_epochs(cfg, *make(cfg), 1)
    for name in ("checkpoint_best.pyth", "my_checkpoint_epoch_00009.pyth"):
        shutil.copy(own, own.with_name(name))
    assert find_resumable(cfg) == own
    warnings = [record.getMessage() for record in caplog.records if "this name" in record.message]
    assert len(warnings) == 2
    assert f"{own.with_name('checkpoint_best.pyth')}: " in warnings[0]


def test_files_without_digests_from_upstream_or_earlier_versions_are_taken(cfg):
    first, newest = save_epochs(cfg, *make(cfg), 1, 2)
    for file in first.parent.glob("*.sha256"):
        file.unlink()
    assert find_resumable(cfg) == newest
    newest.write_bytes(newest.read_bytes()[:-1000])
    assert find_resumable(cfg) == first


def test_a_state_within_an_epoch_replaces_the_one_before(cfg):
    model, optimizer = make(cfg)
    save_epochs(cfg, model, optimizer, 1)
    for iteration in (10, 20):
        save_within(cfg, model, optimizer, 2, iteration)
        name = f"unfinished_epoch_00002_iteration_0000{iteration}"
        assert names(cfg) == [*EPOCH_FILES[:2], f"{name}.pyth", f"{name}.sha256"]
    save_epochs(cfg, model, optimizer, 2)
    assert names(cfg) == sorted(EPOCH_FILES[:4])


def test_a_run_resumes_within_an_epoch_with_its_extra_state(cfg, caplog):
    model, optimizer = make(cfg)
    step(model, optimizer, 0)
    path = save_within(cfg, model, optimizer, 1, 7)
    assert torch.load(path, weights_only=True)["epoch"] == -1
    other, other_optimizer = make(cfg, seed=3)
    with caplog.at_level(logging.INFO):
        start = load_train_checkpoint(cfg, other, other_optimizer)
    assert start == (0, 7, {"losses": [0.5]}, "from scratch", str(path))
    assert "Resumed after epoch 0 and 7 iterations of the next" in caplog.text
    step(model, optimizer, 1)
    step(other, other_optimizer, 1)
    for (name, one), two in zip(
        model.state_dict().items(), other.state_dict().values(), strict=True
    ):
        assert torch.equal(one, two), name


@pytest.mark.parametrize("kind", ["a checkpoint", "a state within an epoch"])
def test_a_run_killed_at_any_step_of_saving_resumes_before_or_after_it(cfg, monkeypatch, kind):
    cfg.TRAIN.CHECKPOINT_KEEP = 1
    model, optimizer = make(cfg)
    kept = Path(cfg.OUTPUT_DIR).with_name("kept")
    save_epochs(cfg, model, optimizer, 1)
    save_within(cfg, model, optimizer, 2, 10)
    before = find_resumable(cfg).name
    shutil.copytree(cfg.OUTPUT_DIR, kept)

    def prepare():
        shutil.rmtree(cfg.OUTPUT_DIR)
        shutil.copytree(kept, cfg.OUTPUT_DIR)

    def save():
        if kind == "a checkpoint":
            return save_epochs(cfg, model, optimizer, 2)[0]
        return save_within(cfg, model, optimizer, 2, 20)

    found = []
    for _ in killed_at_each_step(monkeypatch, prepare, save):
        found.append(find_resumable(cfg).name)
        assert not any(map(find_damage, resumable(cfg.OUTPUT_DIR)))
    after = save().name
    assert found[0] == before
    assert set(found) == {before, after}
    assert found == sorted(found, key=[before, after].index)
    assert not [name for name in names(cfg) if name.endswith(".tmp")]


@pytest.mark.parametrize("keep", [0, 2])
def test_the_last_checkpoints_are_kept_with_their_digests(cfg, keep):
    cfg.TRAIN.CHECKPOINT_KEEP = keep
    save_epochs(cfg, *make(cfg), 1, 2, 3)
    assert names(cfg) == sorted(EPOCH_FILES[-2 * keep :])


def test_later_checkpoints_of_another_run_stay_and_do_not_count(cfg):
    model, optimizer = make(cfg)
    save_epochs(cfg, model, optimizer, 3)
    cfg.TRAIN.CHECKPOINT_KEEP, cfg.TRAIN.AUTO_RESUME = 1, False
    save_epochs(cfg, model, optimizer, 1, 2)
    assert names(cfg) == sorted(EPOCH_FILES[2:])


def test_a_file_that_cannot_be_removed_is_a_warning(cfg, monkeypatch, caplog):
    cfg.TRAIN.CHECKPOINT_KEEP = 1
    model, optimizer = make(cfg)
    save_epochs(cfg, model, optimizer, 1)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    save_epochs(cfg, model, optimizer, 2)
    assert "checkpoint_epoch_00001.pyth: cannot be removed (Permission denied)" in caplog.text


def test_without_an_intact_file_all_damage_is_listed(tmp_path):
    (tmp_path / "a.pyth").touch()
    with pytest.raises(UserError, match=r"a\.pyth: it is empty(?s:.)*b\.pyth: it cannot be read"):
        first_intact([tmp_path / "a.pyth", tmp_path / "b.pyth"])


def _find(rank, cfg, folder):
    torch.set_num_threads(1)
    distributed.init_process_group(rank, 2, 0, 1, f"file://{folder}/meet", "gloo")
    if rank == 1:
        checkpoint_folder.find_damage = None  # only the first process checks files
    found = find_resumable(cfg)
    assert found.name == "checkpoint_epoch_00001.pyth"

    os.chdir(folder if rank == 0 else "/")
    elsewhere = cfg.clone()
    elsewhere.OUTPUT_DIR = "out"
    with pytest.raises(UserError, match="process 1 does not see") if rank else nullcontext():
        find_resumable(elsewhere)

    distributed.synchronize()
    if rank == 0:
        found.write_bytes(b"")
    with pytest.raises(UserError, match="is intact"):
        find_resumable(cfg)
    distributed.destroy_process_group()


def test_all_processes_take_the_answer_of_the_first(cfg, tmp_path):
    save_epochs(cfg, *make(cfg), 1, 2)[1].write_bytes(b"")
    arguments = cfg, str(tmp_path)
    torch.multiprocessing.start_processes(_find, arguments, nprocs=2, start_method="fork")
