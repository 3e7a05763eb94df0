"""A run whose data are spoilt goes on, says so, and stops where too much is."""

import csv
import json
import os
import shutil
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp

from slowfast.ak.clips.bad_clips import TooManyBadClips
from slowfast.ak.errors import UserError
from slowfast.engine import test as run_test
from slowfast.engine import train
from slowfast.results.reading import read_results
from slowfast.utils import distributed

HTML = b"<html>404</html>"


@pytest.fixture
def spoilt_cfg(small_cfg, tiny_ak, tmp_path):
    """As `small_cfg`, on a copy of the images in which these clips hold HTML alone."""

    def make(*clips: str, **settings):
        folder = tmp_path / "image"
        if not folder.exists():
            shutil.copytree(tiny_ak.image, folder)
        for clip in clips:
            for path in (folder / clip).iterdir():
                path.write_bytes(HTML)
        return small_cfg(**{"DATA.PATH_PREFIX": str(folder)} | settings)

    return make


def stats(cfg) -> list[dict]:
    text = Path(cfg.OUTPUT_DIR, "json_stats.log").read_text()
    return [json.loads(line.removeprefix("json_stats: ")) for line in text.splitlines()]


def log(cfg) -> str:
    return " ".join(Path(cfg.OUTPUT_DIR, "stdout.log").read_text().split())


def test_training_goes_on_with_other_clips(spoilt_cfg):
    """t3 is spoilt, and met in both epochs, in precise batch norm, by one of two workers."""
    runs = []
    for workers in (2, 0):
        cfg = spoilt_cfg("t3", output=f"with{workers}", **{"DATA_LOADER.NUM_WORKERS": workers})
        train(cfg)
        assert log(cfg).count("cannot read this frame of clip t3") == 1
        assert log(cfg).count("Another clip replaces it.") == 1
        epochs = [line for line in stats(cfg) if line["_type"] == "train_epoch"]
        assert [line["bad_clips"] for line in epochs] == [1, 1]
        last = [line for line in stats(cfg) if line.get("iter") == "2/2"]
        assert [line["bad_clips"] for line in last if line["_type"] == "train_iter_"] == [1, 1]
        runs.append([line["loss"] for line in epochs])
    assert runs[0] == runs[1]


def test_a_resumed_run_has_the_same_clips_in_their_place(spoilt_cfg, train_until_evaluation):
    cfg = spoilt_cfg("t3", **{"BN.USE_PRECISE_STATS": False})
    train(cfg)
    whole = [line["loss"] for line in stats(cfg) if line["_type"] == "train_epoch"]
    other = spoilt_cfg("t3", output="other", **{"BN.USE_PRECISE_STATS": False})
    train_until_evaluation(other)
    train(other)
    assert [line["loss"] for line in stats(other) if line["_type"] == "train_epoch"] == whole


def test_too_many_bad_clips_stop_the_run_and_cost_no_checkpoint(spoilt_cfg):
    cfg = spoilt_cfg("t3")
    train(cfg)
    cfg = spoilt_cfg("t5", "t6", **{"SOLVER.MAX_EPOCH": 3})
    with pytest.raises(
        TooManyBadClips, match=r"epoch 3/3: .* read so far: 2, more than the 1 that"
    ):
        train(cfg)
    names = {path.name for path in Path(cfg.OUTPUT_DIR, "checkpoints").iterdir()}
    assert "checkpoint_epoch_00002.pyth" in names
    assert "checkpoint_epoch_00003.pyth" not in names
    cfg = spoilt_cfg(**{"SOLVER.MAX_EPOCH": 3, "DATA.MAX_BAD_FRACTION": 0.4})
    train(cfg)
    assert stats(cfg)[-1]["epoch"] == "3/3"


def test_with_a_fraction_of_0_the_first_stops_it(spoilt_cfg):
    with pytest.raises(TooManyBadClips, match=r"could not be read so far: 1, more than the 0"):
        train(spoilt_cfg("t3", **{"DATA.MAX_BAD_FRACTION": 0}))


def test_validation_leaves_out_and_fills_up(spoilt_cfg):
    cfg = spoilt_cfg("v1", **{"SOLVER.MAX_EPOCH": 1})
    cfg.DATA_LOADER.NUM_WORKERS = 1
    path = sorted(Path(cfg.DATA.PATH_PREFIX, "v0").iterdir())[8]
    path.write_bytes(b"")
    train(cfg)
    (line,) = [line for line in stats(cfg) if line["_type"] == "val_epoch"]
    assert (line["missing_clips"], line["incomplete_clips"]) == (1, 1)
    # Without v1 no clip is of class 1 alone: the figures are those of a list without it.
    lines = Path(cfg.DATA.PATH_TO_DATA_DIR, "val.csv").read_text().splitlines()
    folder = Path(cfg.OUTPUT_DIR).parent / "annot"
    folder.mkdir()
    shutil.copy(Path(cfg.DATA.PATH_TO_DATA_DIR, "train.csv"), folder)
    (folder / "val.csv").write_text(
        "\n".join(line for line in lines if not line.startswith("v1 ")) + "\n"
    )
    other = spoilt_cfg(
        output="other", **{"SOLVER.MAX_EPOCH": 1, "DATA.PATH_TO_DATA_DIR": str(folder)}
    )
    train(other)
    (expected,) = [line for line in stats(other) if line["_type"] == "val_epoch"]
    assert line["map"] == expected["map"]
    assert expected["missing_clips"] == 0


@pytest.mark.parametrize("workers", [0, 2])
def test_a_test_names_what_it_could_not_read(spoilt_cfg, small_cfg, workers):
    cfg = spoilt_cfg("v1", **{"DATA_LOADER.NUM_WORKERS": workers})
    path = sorted(Path(cfg.DATA.PATH_PREFIX, "v2").iterdir())[4]
    path.write_bytes(b"")
    run_test(cfg)
    folder = Path(cfg.OUTPUT_DIR)
    summary = json.loads((folder / "results.json").read_text())
    assert list(summary["missing_clips"]) == ["v1"]
    assert "v1_000001.jpg: cannot read" in summary["missing_clips"]["v1"]
    assert list(summary["incomplete_clips"]) == ["v2"]
    assert str(path) in summary["incomplete_clips"]["v2"]
    assert summary["clips"] == 3
    with (folder / "results.csv").open() as file:
        assert [row[0] for row in csv.reader(file)] == ["clip", "v0", "v2", "v3"]
    results = read_results(folder / "results.pkl")
    assert results.scores.shape == (3, 5)
    assert [row.tolist() for row in results.labels.nonzero()[1:]] == [[0, 3, 2, 4]]
    final = stats(cfg)[-1]
    assert (final["missing_clips"], final["incomplete_clips"]) == (1, 1)
    for words in (
        "Clips that could not be read, and are in no figure and no file (1): v1.",
        "Clips scored from a part of their frames (1): v2.",
        "resamples of the 3 test clips",
    ):
        assert words in log(cfg)
    record = json.loads((folder / "report" / "report.json").read_text())
    assert list(record["missing_clips"]) == ["v1"]
    assert {clip["name"] for clip in record["clips"].values()} <= {"v0", "v2", "v3"}

    whole = small_cfg("whole")
    run_test(whole)
    expected = read_results(Path(whole.OUTPUT_DIR, "results.pkl"))
    assert (results.scores[[0, 2]] == expected.scores[[0, 3]]).all()
    assert (results.scores[1] != expected.scores[2]).any()
    summary = json.loads(Path(whole.OUTPUT_DIR, "results.json").read_text())
    assert summary["missing_clips"] == summary["incomplete_clips"] == {}


def test_files_that_are_not_there_are_missing_in_a_test(spoilt_cfg):
    cfg = spoilt_cfg()
    for clip in ("v0", "v1", "v2"):
        shutil.rmtree(Path(cfg.DATA.PATH_PREFIX, clip))
    run_test(cfg)
    summary = json.loads(Path(cfg.OUTPUT_DIR, "results.json").read_text())
    assert list(summary["missing_clips"]) == ["v0", "v1", "v2"]


def test_a_test_needs_some_files(spoilt_cfg):
    cfg = spoilt_cfg()
    for clip in ("v0", "v1", "v2", "v3"):
        shutil.rmtree(Path(cfg.DATA.PATH_PREFIX, clip))
    with pytest.raises(UserError, match="4 of 4 clips lack files"):
        run_test(cfg)


def test_where_nothing_can_be_read_there_are_no_figures(spoilt_cfg):
    with pytest.raises(UserError, match="none of the 4 clips could be read"):
        run_test(spoilt_cfg("v0", "v1", "v2", "v3"))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_read_that_hangs_stops_neither_training_nor_test(spoilt_cfg):
    cfg = spoilt_cfg(
        **{"DATA.READ_TIMEOUT": 3, "SOLVER.MAX_EPOCH": 1, "BN.USE_PRECISE_STATS": False}
    )
    cfg.DATA_LOADER.NUM_WORKERS = 1
    for clip in ("t3", "v1"):
        for path in sorted(Path(cfg.DATA.PATH_PREFIX, clip).iterdir())[1:-1]:
            path.unlink()
            os.mkfifo(path)
    train(cfg)
    run_test(cfg)
    assert "image/t3: clip t3 was not read within 3 seconds" in log(cfg)
    assert list(json.loads(Path(cfg.OUTPUT_DIR, "results.json").read_text())["missing_clips"]) == [
        "v1"
    ]


def _train(rank: int, cfg, init: str, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(0, 1, rank, 2, init, "gloo")
    try:
        train(cfg)
        run_test(cfg)
    except TooManyBadClips as error:
        Path(folder, f"rank{rank}").write_text(str(error))
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_tell_of_each_others_clips_and_stop_together(spoilt_cfg, tmp_path):
    cfg = spoilt_cfg("t3", "v1", "v2", **{"NUM_SHARDS": 2, "TRAIN.BATCH_SIZE": 2})
    mp.spawn(_train, args=(cfg, f"file://{tmp_path}/one", str(tmp_path)), nprocs=2)
    assert not (tmp_path / "rank0").exists()
    epochs = [line for line in stats(cfg) if line.get("_type") == "train_epoch"]
    assert [line["bad_clips"] for line in epochs] == [1, 1]
    evaluations = [line for line in stats(cfg) if line.get("_type") == "val_epoch"]
    assert [line["missing_clips"] for line in evaluations] == [2, 2]
    assert all(log(cfg).count(f"{clip}_0000") >= 1 for clip in ("t3", "v1", "v2"))
    summary = json.loads(Path(cfg.OUTPUT_DIR, "results.json").read_text())
    assert list(summary["missing_clips"]) == ["v1", "v2"]

    cfg = spoilt_cfg("t1", output="stopped", **{"NUM_SHARDS": 2, "TRAIN.BATCH_SIZE": 2})
    mp.spawn(_train, args=(cfg, f"file://{tmp_path}/two", str(tmp_path)), nprocs=2)
    one, other = ((tmp_path / f"rank{rank}").read_text() for rank in range(2))
    assert one == other
    assert "could not be read so far: 2, more than the 1" in one
