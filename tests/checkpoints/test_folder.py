"""A run is taken up from the newest file that is whole, by all processes, whatever has happened."""

import logging
import os
import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.checkpoints import folder as checkpoint_folder
from slowfast.checkpoints.checkpoint import (
    find_resumable,
    get_last_checkpoint,
    load_train_checkpoint,
    save_checkpoint,
    save_unfinished,
)
from slowfast.checkpoints.file import flaw_of
from slowfast.checkpoints.folder import first_whole
from slowfast.checkpoints.names import resumable
from slowfast.utils import distributed
from tests.checkpoints.checkpoint_cases import killed_at_each_step, make, make_cfg, step

WHOLE_EPOCHS = [
    name
    for epoch in (1, 2, 3)
    for name in (f"checkpoint_epoch_0000{epoch}.pyth", f"epoch_0000{epoch}.sha256")
]


@pytest.fixture
def cfg(tmp_path):
    return make_cfg(tmp_path)


def names(cfg):
    return sorted(file.name for file in Path(cfg.OUTPUT_DIR, "checkpoints").iterdir())


def save_finished(cfg, model, optimizer, epochs):
    """The state after so many epochs."""
    return Path(
        save_checkpoint(
            cfg.OUTPUT_DIR, model, optimizer, epochs - 1, cfg, None, None, "from scratch", ""
        )
    )


def save_within(cfg, model, optimizer, epoch, iteration):
    """The state in an epoch, counted from 1."""
    extra = {"losses": [0.5]}
    return Path(
        save_unfinished(
            cfg, model, optimizer, None, epoch - 1, iteration, extra, "from scratch", ""
        )
    )


def test_the_newest_whole_file_is_taken_and_the_damaged_are_named(cfg, caplog):
    model, optimizer = make(cfg)
    assert find_resumable(cfg) is None
    files = [save_finished(cfg, model, optimizer, epochs) for epochs in (1, 2, 3)]
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
        assert warning.startswith(f"Passed over: {file}: it is damaged or cut short")
    assert load_train_checkpoint(cfg, model, optimizer).path == str(files[0])

    files[0].write_bytes(b"")
    with pytest.raises(UserError, match="Nothing that was saved in OUTPUT_DIR is whole") as error:
        load_train_checkpoint(cfg, model, optimizer)
    assert all(str(file) in str(error.value) for file in files)
    assert "move the files away" in str(error.value)
    cfg.TRAIN.AUTO_RESUME = False
    assert find_resumable(cfg) is None


def test_a_checkpoint_of_another_name_is_passed_over_and_named(cfg, caplog):
    model, optimizer = make(cfg)
    own = save_finished(cfg, model, optimizer, 1)
    for name in ("checkpoint_best.pyth", "my_checkpoint_epoch_00009.pyth"):
        shutil.copy(own, own.with_name(name))
    assert find_resumable(cfg) == own
    told = [record.getMessage() for record in caplog.records if "of that name" in record.message]
    assert len(told) == 2
    assert f"{own.with_name('checkpoint_best.pyth')}: " in told[0]


def test_files_of_upstream_and_of_earlier_versions_are_taken(cfg):
    model, optimizer = make(cfg)
    for epochs in (1, 2):
        save_finished(cfg, model, optimizer, epochs)
    for file in Path(cfg.OUTPUT_DIR, "checkpoints").glob("*.sha256"):
        file.unlink()
    newest = Path(get_last_checkpoint(cfg.OUTPUT_DIR))
    assert find_resumable(cfg) == newest
    newest.write_bytes(newest.read_bytes()[:-1000])
    assert find_resumable(cfg).name == "checkpoint_epoch_00001.pyth"


def test_an_unfinished_epoch_is_saved_in_place_of_the_one_before(cfg):
    model, optimizer = make(cfg)
    save_finished(cfg, model, optimizer, 1)
    for iteration in (10, 20):
        save_within(cfg, model, optimizer, 2, iteration)
        name = f"unfinished_epoch_00002_iteration_0000{iteration}"
        assert names(cfg) == [*WHOLE_EPOCHS[:2], f"{name}.pyth", f"{name}.sha256"]
    save_finished(cfg, model, optimizer, 2)
    assert names(cfg) == sorted(WHOLE_EPOCHS[:4])


def test_an_unfinished_epoch_is_gone_on_with_and_hands_back_what_came_along(cfg, caplog):
    model, optimizer = make(cfg)
    step(model, optimizer, 0)
    path = save_within(cfg, model, optimizer, 1, 7)
    assert torch.load(path, weights_only=True)["epoch"] == -1
    other, its_optimizer = make(cfg, seed=3)
    with caplog.at_level(logging.INFO):
        start = load_train_checkpoint(cfg, other, its_optimizer)
    assert start == (0, 7, {"losses": [0.5]}, "from scratch", str(path))
    assert "Resumed after epoch 0, and 7 iterations of the next" in caplog.text
    for net, opt in ((model, optimizer), (other, its_optimizer)):
        step(net, opt, 1)
    for (name, one), two in zip(
        model.state_dict().items(), other.state_dict().values(), strict=True
    ):
        assert torch.equal(one, two), name
    with pytest.raises(TypeError, match="loss_function"):
        save_unfinished(cfg, model, optimizer, None, 0, 9, {"loss_function": object()}, "", "")


@pytest.mark.parametrize("act", ["a checkpoint", "an unfinished epoch"])
def test_killed_at_any_step_of_saving_a_run_goes_on_from_before_or_after_it(cfg, monkeypatch, act):
    cfg.TRAIN.CHECKPOINT_KEEP = 1
    model, optimizer = make(cfg)
    kept = Path(cfg.OUTPUT_DIR).with_name("kept")
    save_finished(cfg, model, optimizer, 1)
    save_within(cfg, model, optimizer, 2, 10)
    before = find_resumable(cfg).name
    shutil.copytree(cfg.OUTPUT_DIR, kept)

    def prepare():
        shutil.rmtree(cfg.OUTPUT_DIR)
        shutil.copytree(kept, cfg.OUTPUT_DIR)

    def save():
        if act == "an unfinished epoch":
            return save_within(cfg, model, optimizer, 2, 20)
        return save_finished(cfg, model, optimizer, 2)

    found = []
    for _ in killed_at_each_step(monkeypatch, prepare, save):
        found.append(find_resumable(cfg).name)
        assert not any(map(flaw_of, resumable(cfg.OUTPUT_DIR)))
    after = save().name
    assert found[0] == before
    assert set(found) == {before, after}
    assert found == sorted(found, key=[before, after].index)
    assert not [name for name in names(cfg) if name.endswith(".tmp")]


@pytest.mark.parametrize("keep", [0, 1, 2])
def test_the_last_checkpoints_are_kept_with_their_digests(cfg, keep):
    cfg.TRAIN.CHECKPOINT_KEEP = keep
    model, optimizer = make(cfg)
    for epochs in (1, 2, 3):
        save_finished(cfg, model, optimizer, epochs)
    assert names(cfg) == sorted(WHOLE_EPOCHS[-2 * keep :])


def test_another_runs_later_checkpoints_neither_go_nor_count(cfg):
    model, optimizer = make(cfg)
    save_finished(cfg, model, optimizer, 3)
    cfg.TRAIN.CHECKPOINT_KEEP, cfg.TRAIN.AUTO_RESUME = 1, False
    for epochs in (1, 2):
        save_finished(cfg, model, optimizer, epochs)
    assert names(cfg) == sorted(WHOLE_EPOCHS[2:])


def test_what_cannot_be_removed_is_told_and_stops_nothing(cfg, monkeypatch, caplog):
    cfg.TRAIN.CHECKPOINT_KEEP = 1
    model, optimizer = make(cfg)
    save_finished(cfg, model, optimizer, 1)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    save_finished(cfg, model, optimizer, 2)
    assert "checkpoint_epoch_00001.pyth: cannot be removed (Permission denied)" in caplog.text


def test_the_first_whole_one_of_several(tmp_path):
    (tmp_path / "a.pyth").touch()
    with pytest.raises(UserError, match=r"a\.pyth: it is empty(?s:.)*b\.pyth: it cannot be read"):
        first_whole([tmp_path / "a.pyth", tmp_path / "b.pyth"])


def _look(rank, cfg, folder):
    torch.set_num_threads(1)
    distributed.init_process_group(rank, 2, 0, 1, f"file://{folder}/meet", "gloo")
    if rank == 1:
        checkpoint_folder.flaw_of = None  # it is told
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
    with pytest.raises(UserError, match="is whole"):
        find_resumable(cfg)
    distributed.destroy_process_group()


def test_the_first_process_looks_and_all_take_its_answer(cfg, tmp_path):
    model, optimizer = make(cfg)
    save_finished(cfg, model, optimizer, 1)
    save_finished(cfg, model, optimizer, 2).write_bytes(b"")
    torch.multiprocessing.spawn(_look, args=(cfg, str(tmp_path)), nprocs=2)
