"""File names: upstream resumes from checkpoints of finished epochs, and from nothing else."""

from pathlib import Path

import pytest

from slowfast.checkpoints.folder import resumes
from slowfast.checkpoints.names import (
    finished_checkpoints,
    get_last_checkpoint,
    get_path_to_best,
    get_path_to_checkpoint,
    get_path_to_evaluations,
    get_path_to_unfinished,
    has_checkpoint,
    path_to_digest,
    resumable,
)
from slowfast.config.defaults import get_cfg

# From the oldest to the newest.
FILES = [
    "unfinished_epoch_00001_iteration_000007.pyth",
    "checkpoint_epoch_00001.pyth",
    "checkpoint_epoch_00002.pyth",
    "unfinished_epoch_00003_iteration_000900.pyth",
    "unfinished_epoch_00003_iteration_1000000.pyth",
    "checkpoint_epoch_00003.pyth",
    "checkpoint_epoch_99999.pyth",
    "checkpoint_epoch_100000.pyth",
]
OTHERS = [
    *("unfinished.tmp", "digest.tmp", "best.pyth", "evaluations.json", "epoch_00007.sha256"),
    *("ssl_checkpoint_epoch_00009.pyth", "checkpoint_epoch_00009.pyth.part", "checkpoint.txt"),
]


def test_files_are_ordered_by_the_progress_of_the_run(tmp_path):
    folder = tmp_path / "checkpoints"
    assert resumable(tmp_path) == []
    assert get_last_checkpoint(tmp_path) is None
    assert not has_checkpoint(tmp_path)
    folder.mkdir()
    for name in FILES + OTHERS:
        (folder / name).touch()
    assert [file.name for file in resumable(tmp_path)] == FILES[::-1]
    finished = [name for name in FILES if name.startswith("checkpoint")]
    assert [file.name for file in finished_checkpoints(str(tmp_path))] == finished[::-1]
    assert get_last_checkpoint(tmp_path) == str(folder / FILES[-1])
    assert get_last_checkpoint(tmp_path, "ssl") == str(folder / OTHERS[5])
    assert not has_checkpoint(tmp_path, "other")


@pytest.mark.parametrize("task", ["", "ssl"])
def test_only_finished_epochs_have_a_name_from_which_upstream_resumes(tmp_path, task):
    finished = Path(get_path_to_checkpoint(tmp_path, 3, task))
    others = [
        Path(get_path_to_unfinished(tmp_path, 4, 120, task)),
        Path(get_path_to_best(tmp_path)),
        Path(get_path_to_evaluations(tmp_path)),
    ]
    others += [path_to_digest(path) for path in [finished, *others[:2]]]
    assert "checkpoint" in finished.name
    assert not any("checkpoint" in path.name for path in others)
    assert len({finished, *others}) == 7


def test_a_run_resumes_within_an_epoch(tmp_path):
    cfg = get_cfg()
    cfg.OUTPUT_DIR = str(tmp_path)
    assert not resumes(cfg)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / FILES[0]).touch()
    assert resumes(cfg)
    cfg.TRAIN.AUTO_RESUME = False
    assert not resumes(cfg)
