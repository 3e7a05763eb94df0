"""Names of checkpoints: upstream's where upstream looks, and never where it may not."""

from pathlib import Path

import pytest

from slowfast.checkpoints.names import (
    checkpoints,
    get_last_checkpoint,
    get_path_to_best,
    get_path_to_checkpoint,
    get_path_to_evaluations,
    get_path_to_unfinished,
    has_checkpoint,
    path_to_digest,
    resumable,
)
from slowfast.config.combinations import resumes
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


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def test_files_are_ordered_by_how_far_the_run_was(folder, tmp_path):
    for name in FILES + OTHERS:
        (folder / name).touch()
    assert [file.name for file in resumable(tmp_path)] == FILES[::-1]
    finished = [name for name in FILES if name.startswith("checkpoint")]
    assert [file.name for file in checkpoints(str(tmp_path))] == finished[::-1]
    assert get_last_checkpoint(tmp_path) == str(folder / FILES[-1])
    assert get_last_checkpoint(tmp_path, "ssl") == str(folder / OTHERS[5])
    assert not has_checkpoint(tmp_path, "other")


def test_where_there_is_nothing(tmp_path):
    assert resumable(tmp_path / "none") == []
    assert get_last_checkpoint(tmp_path) is None
    assert not has_checkpoint(tmp_path)


@pytest.mark.parametrize("task", ["", "ssl"])
def test_upstream_takes_nothing_but_checkpoints_for_them(tmp_path, task):
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


def test_an_unfinished_epoch_counts_as_a_run_to_take_up(folder, tmp_path):
    cfg = get_cfg()
    cfg.OUTPUT_DIR = str(tmp_path)
    assert not resumes(cfg)
    (folder / FILES[0]).touch()
    assert resumes(cfg)
    cfg.TRAIN.AUTO_RESUME = False
    assert not resumes(cfg)
