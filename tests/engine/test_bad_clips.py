"""A run with unreadable clips goes on and reports them; too many of them stop it."""

import csv
import json
import os
import shutil
from pathlib import Path

import pytest

from slowfast.ak.clips.bad_clips import TooManyBadClips
from slowfast.ak.errors import UserError
from slowfast.engine import test as run_test
from slowfast.engine import train
from slowfast.results.reading import read_results
from tests.engine.runs import in_two_processes, log, results, stats

HTML = b"<html>404</html>"


@pytest.fixture
def spoilt_cfg(small_cfg, tiny_ak, tmp_path):
    """As `small_cfg`, on a copy of the images in which the files of some clips hold HTML."""

    def make(*clips: str, **settings):
        folder = tmp_path / "image"
        if not folder.exists():
            shutil.copytree(tiny_ak.image, folder)
        for clip in clips:
            for path in (folder / clip).iterdir():
                path.write_bytes(HTML)
        return small_cfg(**{"DATA.PATH_PREFIX": str(folder)} | settings)

    return make


def test_other_clips_replace_unreadable_ones_with_any_workers_and_after_a_resume(
    spoilt_cfg, train_until_evaluation
):
    """Both epochs and precise batch norm draw t3; with workers, one of two reads it."""
    runs = []
    for workers in (2, 0):
        cfg = spoilt_cfg("t3", output=f"with{workers}", **{"DATA_LOADER.NUM_WORKERS": workers})
        if not workers:
            train_until_evaluation(cfg)
        train(cfg)
        assert log(cfg).count("cannot read this frame of clip t3") == 1 + (not workers)
        epochs = stats(cfg, "train_epoch")
        assert [line["bad_clips"] for line in epochs] == [1, 1]
        last = [line for line in stats(cfg, "train_iter_") if line["iter"] == "2/2"]
        assert [line["bad_clips"] for line in last] == [1, 1]
        runs.append([line["loss"] for line in epochs])
    assert runs[0] == runs[1]


def test_too_many_bad_clips_stop_the_run_and_leave_its_checkpoints(spoilt_cfg):
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


def test_with_a_fraction_of_0_the_first_bad_clip_stops_the_run(spoilt_cfg):
    with pytest.raises(TooManyBadClips, match=r"could not be read so far: 1, more than the 0"):
        train(spoilt_cfg("t3", **{"DATA.MAX_BAD_FRACTION": 0}))


def test_validation_leaves_out_unreadable_clips(spoilt_cfg):
    cfg = spoilt_cfg("v1", **{"SOLVER.MAX_EPOCH": 1, "DATA_LOADER.NUM_WORKERS": 1})
    sorted(Path(cfg.DATA.PATH_PREFIX, "v0").iterdir())[8].write_bytes(b"")
    train(cfg)
    (line,) = stats(cfg, "val_epoch")
    assert (line["missing_clips"], line["incomplete_clips"]) == (1, 1)
    # The figures are those of a list without v1.
    folder = shutil.copytree(cfg.DATA.PATH_TO_DATA_DIR, Path(cfg.OUTPUT_DIR).parent / "annot")
    lines = (folder / "val.csv").read_text().splitlines(keepends=True)
    (folder / "val.csv").write_text("".join(each for each in lines if not each.startswith("v1 ")))
    other = spoilt_cfg(
        output="other", **{"SOLVER.MAX_EPOCH": 1, "DATA.PATH_TO_DATA_DIR": str(folder)}
    )
    train(other)
    (expected,) = stats(other, "val_epoch")
    assert line["map"] == expected["map"]
    assert expected["missing_clips"] == 0


def test_a_test_names_unreadable_clips(spoilt_cfg, small_cfg):
    cfg = spoilt_cfg("v1", **{"DATA_LOADER.NUM_WORKERS": 2})
    path = sorted(Path(cfg.DATA.PATH_PREFIX, "v2").iterdir())[4]
    path.write_bytes(b"")
    run_test(cfg)
    folder = Path(cfg.OUTPUT_DIR)
    summary = results(cfg)
    assert list(summary["missing_clips"]) == ["v1"]
    assert "v1_000001.jpg: cannot read" in summary["missing_clips"]["v1"]
    assert list(summary["incomplete_clips"]) == ["v2"]
    assert str(path) in summary["incomplete_clips"]["v2"]
    assert summary["clips"] == 3
    with (folder / "results.csv").open() as file:
        assert [row[0] for row in csv.reader(file)] == ["clip", "v0", "v2", "v3"]
    found = read_results(folder / "results.pkl")
    assert found.scores.shape == (3, 5)
    assert [row.tolist() for row in found.labels.nonzero()[1:]] == [[0, 3, 2, 4]]
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
    assert (found.scores[[0, 2]] == expected.scores[[0, 3]]).all()
    assert (found.scores[1] != expected.scores[2]).any()
    assert results(whole)["missing_clips"] == results(whole)["incomplete_clips"] == {}


@pytest.mark.parametrize("clips", [["v0", "v1", "v2"], ["v0", "v1", "v2", "v3"]])
def test_clips_without_files_are_missing_in_a_test_that_needs_some(spoilt_cfg, clips):
    cfg = spoilt_cfg()
    for clip in clips:
        shutil.rmtree(Path(cfg.DATA.PATH_PREFIX, clip))
    if len(clips) == 4:
        with pytest.raises(UserError, match="4 of 4 clips lack files"):
            run_test(cfg)
    else:
        run_test(cfg)
        assert list(results(cfg)["missing_clips"]) == clips


def test_a_test_without_a_readable_clip_stops(spoilt_cfg):
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
    assert list(results(cfg)["missing_clips"]) == ["v1"]


def _train(rank: int, cfg) -> str:
    try:
        train(cfg)
        run_test(cfg)
    except TooManyBadClips as error:
        return str(error)
    return ""


@pytest.mark.slow  # two runs of two processes
def test_two_processes_report_all_bad_clips_and_stop_together(spoilt_cfg, tmp_path):
    cfg = spoilt_cfg("t3", "v1", "v2", **{"NUM_SHARDS": 2, "TRAIN.BATCH_SIZE": 2})
    assert in_two_processes(_train, tmp_path, cfg) == ["", ""]
    assert [line["bad_clips"] for line in stats(cfg, "train_epoch")] == [1, 1]
    assert [line["missing_clips"] for line in stats(cfg, "val_epoch")] == [2, 2]
    assert all(log(cfg).count(f"{clip}_0000") >= 1 for clip in ("t3", "v1", "v2"))
    assert list(results(cfg)["missing_clips"]) == ["v1", "v2"]

    cfg = spoilt_cfg("t1", output="stopped", **{"NUM_SHARDS": 2, "TRAIN.BATCH_SIZE": 2})
    one, other = in_two_processes(_train, tmp_path, cfg)
    assert one == other
    assert "could not be read so far: 2, more than the 1" in one
