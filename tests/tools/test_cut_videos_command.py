"""The command cut_videos: its summary, its errors, and the configuration for the training."""

import json
import re
import runpy
from pathlib import Path

import av
import numpy as np
import pytest
import yaml

from slowfast.config.defaults import assert_and_infer_cfg
from slowfast.engine import test as run_test
from slowfast.engine import train
from slowfast.utils.parser import load_config, parse_args

TOOL = Path(__file__).parents[2] / "tools" / "cut_videos.py"
main = runpy.run_path(str(TOOL))["main"]


def make_video(path: Path, frames: int = 30) -> None:
    """Writes a video at 10 frames per second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(frames):
            grey = np.full((48, 64, 3), 128, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())


def test_it_cuts_and_prints_a_summary(tmp_path, capsys):
    make_video(tmp_path / "a.mp4")
    table = tmp_path / "table.csv"
    table.write_text(
        "video,start,end,split,labels\na.mp4,0,2,train,grey;still\na.mp4,2,3,val,grey\n"
    )
    command = [str(tmp_path), str(table), str(tmp_path / "ak")]
    options = ["--clip-seconds", "1", "--short-side", "32", "--head-min", "2", "--tail-max", "1"]
    assert main([*command, *options, "--dry-run"]) == 0
    assert "train.csv: 2 clips\n" in capsys.readouterr().out
    assert main([*command, *options]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[1].split() == ["grey", "head", "2", "1"]
    assert out[2].split() == ["still", "head", "2", "0"]
    assert out[3].endswith("train.csv: 2 clips, 20 frames")
    assert main([*command, "--short-side", "40"]) == 2
    assert "another folder" in capsys.readouterr().err


def test_a_wrong_table_is_an_error_with_status_2(tmp_path, capsys):
    table = tmp_path / "table.csv"
    table.write_text("video,start,end,split,labels\nnone.mp4,0,2,train,x\n")
    assert main([str(tmp_path), str(table), str(tmp_path / "ak")]) == 2
    assert "table.csv:2" in capsys.readouterr().err
    assert not (tmp_path / "ak").exists()


# A tiny network, instead of that of the recipe.
TINY = (
    "RESNET.DEPTH 18 RESNET.TRANS_FUNC basic_transform RESNET.WIDTH_PER_GROUP 4 NUM_GPUS 0 "
    "SLOWFAST.BETA_INV 4 DATA.TRAIN_JITTER_SCALES [32,40] DATA.TRAIN_CROP_SIZE 32 "
    "DATA.TEST_CROP_SIZE 32 SOLVER.MAX_EPOCH 1 BN.USE_PRECISE_STATS False "
    "DATA_LOADER.NUM_WORKERS 0 LOG_MODEL_INFO False TEST.NUM_ENSEMBLE_VIEWS 1 "
    "TEST.NUM_SPATIAL_CROPS 1"
)


def configure(folder):
    args = parse_args(["--cfg", str(folder / "train.yaml"), *TINY.split()])
    return assert_and_infer_cfg(load_config(args, args.cfg_files[0]))


def test_the_configuration_that_it_writes_trains_and_tests(tmp_path, capsys):
    """Events that overlap make clips with several labels; the test has clips of its own."""
    for name in "abc":
        make_video(tmp_path / f"{name}.mp4")
    table = tmp_path / "events.csv"
    rows = [
        f"{name}.mp4;{split};{behaviour};{start},5;{stop},5"
        for name, split in (("a", "Training"), ("b", "Validation"), ("c", "Test"))
        for behaviour, start, stop in (("grey", 0, 2), ("still", 1, 2))
    ]
    table.write_text("\n".join(["Video;Set;Behaviour;Start (s);Stop (s)", *rows]))
    folder = tmp_path / "ak"
    assert main([str(tmp_path), str(table), str(folder), "--short-side", "32"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"to train:  python tools/run_net.py --cfg {folder}/train.yaml"
    )
    cfg = configure(folder)
    assert (cfg.MODEL.NUM_CLASSES, cfg.MODEL.LOSS_FUNC, cfg.MODEL.HEAD_ACT) == (
        2,
        "bce_loss",
        "sigmoid",
    )
    assert (cfg.TRAIN.BATCH_SIZE, cfg.AK.TEST_LIST) == (2, "test.csv")
    train(cfg)
    run_test(cfg)
    results = json.loads((folder / "output" / "slowfast.json").read_text())
    assert (results["clips"], results["best_chosen_on"]) == (2, "the validation set (val.csv)")


@pytest.mark.parametrize(
    ("rows", "options", "is_noted"),
    [
        ("a.mp4,0,1,train,grey\na.mp4,2,3,val,still\n", [], True),
        ("a.mp4,0,1,train,grey\na.mp4,2,3,val,grey\n", [], True),
        ("a.mp4,0,1,train,grey\na.mp4,2,3,val,still\n", ["--background", "other"], False),
        ("a.mp4,0,1,train,grey\na.mp4,1,2,train,\na.mp4,2,3,val,still\n", [], False),
        ("a.mp4,0,2,train,grey\na.mp4,2,3,val,still\n", [], False),  # labelled throughout
        ("a.mp4,0,1,train,grey;still\na.mp4,2,3,val,still\n", [], False),
    ],
)
def test_a_network_that_must_see_a_class_everywhere_is_pointed_out(
    tmp_path, capsys, rows, options, is_noted
):
    make_video(tmp_path / "a.mp4")
    table = tmp_path / "table.csv"
    table.write_text(f"video,start,end,split,labels\n{rows}")
    assert main([str(tmp_path), str(table), str(tmp_path / "ak"), "--dry-run", *options]) == 0
    out = capsys.readouterr().out
    assert ("exactly one class, and 2 of the 3 s of these videos are labelled" in out) == is_noted
    assert ("--background NAME cuts the other time" in out) == is_noted


def test_clips_of_one_class_are_configured_for_one_class(tmp_path):
    make_video(tmp_path / "a.mp4")
    table = tmp_path / "table.csv"
    header = "video,start,end,split,labels\n"
    table.write_text(f"{header}a.mp4,0,1,train,grey\na.mp4,2,3,val,still\n")
    command = [str(tmp_path), str(table), str(tmp_path / "ak"), "--short-side", "32"]
    assert main(command) == 0
    written = tmp_path / "ak" / "train.yaml"
    cfg = configure(written.parent)
    assert not cfg.DATA.MULTI_LABEL
    assert (cfg.MODEL.HEAD_ACT, cfg.MODEL.LOSS_FUNC) == ("softmax", "cross_entropy")
    # A file that a user changed is kept.
    own = written.read_text() + "LOG_PERIOD: 7\n"
    written.write_text(own)
    assert main(command) == 0
    assert (tmp_path / "ak" / "train_1.yaml").read_text() == own
    assert main(command) == 0
    assert not (tmp_path / "ak" / "train_2.yaml").exists()
    assert "LOG_PERIOD" not in yaml.safe_load(written.read_text())


def test_a_dry_run_checks_and_writes_nothing(tmp_path, capsys):
    make_video(tmp_path / "a.mp4")
    table = tmp_path / "table.csv"
    table.write_text("video,onset,offset,behaviour\na.mp4,0,1,grey\na.mp4,0:02,0:03,still\n")
    assert main([str(tmp_path), str(table), str(tmp_path / "ak"), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "held out for validation: the segments of a.mp4 from 2 s on" in out
    assert "classes without a training clip: still" in out
    assert not (tmp_path / "ak").exists()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--column", "vidio=x"], "--column vidio=x: expected ROLE=NAME.*did you mean video"),
        (["--column", "label=Akt"], r"has no column 'Akt'.*its columns are video, start"),
        (["--recipe", "no.yaml"], "--recipe no.yaml: no such file"),
        (["--format", "bores"], "--format bores: expected one of.*did you mean boris"),
        (["--val-share", "1.5"], "--val-share 1.5: expected"),
    ],
)
def test_a_wrong_option_is_explained(tmp_path, capsys, option, message):
    table = tmp_path / "table.csv"
    table.write_text("video,start,end,split,labels\nnone.mp4,0,2,train,x\n")
    assert main([str(tmp_path), str(table), str(tmp_path / "ak"), *option]) == 2
    assert re.search(message, capsys.readouterr().err)
