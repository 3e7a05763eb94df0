"""The command predict, from videos to tables."""

import csv
import json
import os
import runpy
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from slowfast.ak.classes.table import ClassTable
from slowfast.ak.clips.views import UniformCrops
from slowfast.ak.frames.pyav import every_frame
from slowfast.checkpoints.file import read_checkpoint, write_checkpoint
from slowfast.data_tools.events import read_events
from slowfast.prediction.job import prepare
from slowfast.prediction.model import open_model
from slowfast.prediction.outputs import write_together
from slowfast.prediction.run import _predict_part
from slowfast.prediction.sharing import share
from tests.engine.runs import in_two_processes
from tests.media import write_sound_alone
from tests.prediction.conftest import NAMES, small_cfg, write_model

TOOL = Path(__file__).parents[2] / "tools" / "predict.py"
main = runpy.run_path(str(TOOL))["main"]
PREDICTED = NAMES[:3]
# Two steps of two frames at 25 frames a second.
FAST = ["PREDICT.STRIDE", "0.16", "PREDICT.PAGES", "False"]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return list(csv.DictReader(file))


def summary(folder: Path) -> dict:
    text = (folder / "summary.json").read_text(encoding="utf-8", errors="surrogateescape")
    return json.loads(text)


@pytest.fixture(scope="module")
def predicted(checkpoint, films, tmp_path_factory) -> Path:
    """The folder of a prediction, which tests only read."""
    out = tmp_path_factory.mktemp("predicted") / "out"
    command = ["--checkpoint", str(checkpoint), str(films.folder), "--out", str(out), "--frames"]
    assert main([*command, *FAST, "PREDICT.THRESHOLD", "0.5", "PREDICT.BATCH_SIZE", "3"]) == 0
    return out


def scores_of_test_clips(checkpoint: Path, film: Path, starts) -> np.ndarray:
    """Scores of windows of 4 frames, 2 apart, each as the only view of a test clip."""
    task, _ = open_model(str(checkpoint), None, [], "unused").load()
    frames = [frame.copy() for frame in every_frame(str(film))]
    scores = []
    for start in starts:
        own = np.minimum(start + 2 * np.arange(4), len(frames) - 1)
        distinct, places = np.unique(own, return_inverse=True)
        clip = UniformCrops(32, 1)((frames[number] for number in distinct), places[None], None)
        with torch.no_grad():
            scores.append(task.network(task.to_input(clip.batch(0, 1)))[0, :3].numpy())
    return np.array(scores)


def test_windows_have_the_scores_of_the_same_frames_as_a_test_clip(predicted, checkpoint, films):
    found = rows(predicted / "videos" / "long" / "windows.csv")
    # 47 frames are 24 cells of 2 frames. Windows of 4 cells start at every second cell.
    assert [row["start_s"] for row in found] == [f"{0.16 * k:.3f}" for k in range(11)]
    assert (found[0]["end_s"], found[-1]["end_s"]) == ("0.320", "1.880")
    scores = np.array([[float(row[name]) for name in PREDICTED] for row in found])
    expected = scores_of_test_clips(checkpoint, films.long, range(0, 44, 4))
    np.testing.assert_allclose(scores, expected, rtol=2e-5)
    assert scores.std(axis=0).min() > 1e-3


def test_a_video_shorter_than_a_window_is_scored(predicted, checkpoint, films):
    (row,) = rows(predicted / "videos" / "kürz" / "windows.csv")
    assert (row["video"], row["start_s"], row["end_s"]) == (str(films.short), "0.000", "0.200")
    expected = scores_of_test_clips(checkpoint, films.short, [0])[0]
    np.testing.assert_allclose([float(row[name]) for name in PREDICTED], expected, rtol=2e-5)


def test_uniform_sampling_takes_the_centres_of_the_cells(command, tmp_path, checkpoint, films):
    assert command("DATA.SAMPLING", "uniform", "PREDICT.WINDOW", "0.32") == 0
    found = rows(tmp_path / "out" / "windows.csv")
    assert [row["start_s"] for row in found[:3]] == ["0.000", "0.160", "0.320"]
    expected = scores_of_test_clips(checkpoint, films.long, range(1, 45, 4))
    scores = [[float(row[name]) for name in PREDICTED] for row in found]
    np.testing.assert_allclose(scores, expected, rtol=2e-5)


def test_tables_of_all_videos_join_those_of_each(predicted):
    for name in ("windows.csv", "bouts.csv", "budget.csv", "frames.csv"):
        parts = [rows(predicted / "videos" / video / name) for video in ("kürz", "long")]
        assert rows(predicted / name) == [row for part in parts for row in part]
        assert all("never seen" not in row for row in rows(predicted / name))


def test_bouts_budget_and_frames_agree(predicted, films):
    frames = rows(predicted / "videos" / "long" / "frames.csv")
    assert [int(row["frame"]) for row in frames] == list(range(47))
    assert frames[10]["time_s"] == "0.400"
    budget = rows(predicted / "videos" / "long" / "budget.csv")
    assert [row["class"] for row in budget] == PREDICTED
    bouts = rows(predicted / "videos" / "long" / "bouts.csv")
    assert bouts
    for name, row in zip(PREDICTED, budget, strict=True):
        shown = [float(frame[name]) >= 0.5 for frame in frames]
        own = [bout for bout in bouts if bout["class"] == name]
        in_bouts = [False] * 47
        for bout in own:
            first, last = int(bout["first_frame"]), int(bout["last_frame"])
            in_bouts[first : last + 1] = [True] * (last + 1 - first)
            assert float(bout["start_s"]) == pytest.approx(first / 25)
            assert float(bout["stop_s"]) == pytest.approx((last + 1) / 25)
            best = max(float(frame[name]) for frame in frames[first : last + 1])
            assert float(bout["peak_score"]) == pytest.approx(best)
            assert bout["video"] == str(films.long)
            assert bout["subject"] == ""
        assert in_bouts == shown
        assert int(row["bouts"]) == len(own)
        assert float(row["seconds"]) == pytest.approx(sum(shown) / 25, abs=1e-3)
        assert float(row["share"]) == pytest.approx(sum(shown) / 47, abs=1e-4)


def test_the_summary_says_what_was_done(predicted, checkpoint):
    found = summary(predicted)
    assert found["checkpoint"]["path"] == str(checkpoint)
    assert len(found["checkpoint"]["sha256"]) == 64
    assert found["classes"] == PREDICTED
    assert found["classes_without_training_clips"] == ["never seen"]
    assert found["processing"]["thresholds"] == dict.fromkeys(PREDICTED, 0.5)
    assert found["configuration"]["PREDICT"]["STRIDE"] == 0.16
    assert found["environment"]["libraries"]["torch"]
    assert found["videos_with_problems"] == 0
    long = next(video for video in found["videos"] if video["name"] == "long")
    assert (long["frames"], long["seconds"], long["windows"]) == (47, 1.88, 11)
    assert summary(predicted / "videos" / "long")["scored_windows"] == 11


@pytest.fixture
def command(checkpoint, films, tmp_path):
    """Returns a function that predicts on the long film into `tmp_path / "out"`."""

    def run(*more: str, videos=(films.long,), model=checkpoint) -> int:
        named = [*map(str, videos), "--checkpoint", str(model), "--out", str(tmp_path / "out")]
        return main([*named, *FAST, *more])

    return run


def test_a_second_run_scores_nothing_again_but_takes_other_thresholds(
    command, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "out"
    assert command("PREDICT.THRESHOLD", "0.0") == 0
    assert float(rows(out / "budget.csv")[0]["share"]) == 1
    windows = (out / "windows.csv").read_bytes()
    monkeypatch.setattr("slowfast.prediction.run.launch_job", None)
    assert command("PREDICT.THRESHOLD", "1.0") == 0
    assert "has scores already" in capsys.readouterr().out.replace("have", "has")
    for folder in (out, out / "videos" / "long"):
        assert {row["share"] for row in rows(folder / "budget.csv")} == {"0"}
        assert {row["mean_bout_s"] for row in rows(folder / "budget.csv")} == {""}
    assert (out / "windows.csv").read_bytes() == windows


def test_bouts_are_exported_for_other_programs(command, tmp_path, films, capsys):
    out = tmp_path / "out"
    formats = ("boris", "deepethogram", "segments")
    exports = [word for name in formats for word in ("--export", name)]
    assert command("PREDICT.THRESHOLD", "0.5", *exports) == 0
    bouts = rows(out / "bouts.csv")
    assert bouts

    def seen(path):
        return sorted(
            (Path(e.video).stem, e.label, e.start, e.stop) for e in read_events(path).events
        )

    expected = [
        (Path(row["video"]).stem, row["class"], float(row["start_s"]), float(row["stop_s"]))
        for row in bouts
    ]
    assert seen(out / "predicted.boris") == sorted(expected)
    project = json.loads((out / "predicted.boris").read_text())
    one = project["observations"]["long"]
    assert one["file"] == {"1": [str(films.long)]}
    assert one["media_info"]["length"][str(films.long)] == pytest.approx(47 / 25)
    assert one["media_info"]["fps"] == {str(films.long): 25.0}
    assert one["events"][0][4].startswith("mean score ")
    labels = read_events(out / "deepethogram" / "long_labels.csv")
    assert labels.coverage[0].frames == 47
    assert list(labels.classes) == ["background", *PREDICTED]
    assert (out / "predicted_segments.csv").is_file()
    assert command("--export", "bors") == 2
    assert "did you mean boris" in capsys.readouterr().err


def test_a_stopped_run_goes_on_where_it_was(command, tmp_path, monkeypatch, predicted, films):
    from slowfast.prediction import store

    append, kept = store.Part.append, []

    def stop_after_two(part, scores):
        if len(kept) == 2:
            raise KeyboardInterrupt
        kept.append(len(scores))
        append(part, scores)

    both = (films.long, films.short)
    with monkeypatch.context() as patch:
        patch.setattr(store.Part, "append", stop_after_two)
        assert command("PREDICT.BATCH_SIZE", "2", videos=both) == 130
    read, opened = [], store.Part.read
    monkeypatch.setattr(
        store.Part, "read", lambda part: read.append(len(opened(part))) or opened(part)
    )
    assert command("PREDICT.BATCH_SIZE", "2", "PREDICT.THRESHOLD", "0.5", videos=both) == 0
    assert max(read[:2]) == sum(kept) > 0
    out = tmp_path / "out"
    assert rows(out / "windows.csv") == rows(predicted / "windows.csv")
    assert not list(out.rglob("*.part")) + list(out.rglob("*.tmp"))


def test_broken_videos_are_named_and_the_rest_is_predicted(command, tmp_path, films, capsys):
    folder, out = tmp_path / "mixed", tmp_path / "out"
    folder.mkdir()
    shutil.copy(films.long, folder / "good.mp4")
    strange = folder / os.fsdecode(b"b\xff, \n.mp4")  # no valid text
    shutil.copy(films.short, strange)
    (folder / "text.mp4").write_text("this is no video")
    (folder / "empty.mp4").touch()
    write_sound_alone(folder / "sound.mp4")
    assert command("PREDICT.PAGES", "True", videos=[folder]) == 1
    said = capsys.readouterr()
    err = said.err
    for name in ("text.mp4", "empty.mp4", "sound.mp4"):
        assert f"{folder / name}: cannot decode the video" in err
    assert f"2 videos: {out / 'bouts.csv'} has the bouts" in said.out
    found = {video["name"]: video for video in summary(out)["videos"]}
    assert found["good"]["problem"] is None
    assert found["good"]["scored_windows"] == 11
    assert "cannot decode" in found["text"]["problem"]
    assert found["sound"]["seconds"] is None
    good = {str(folder / "good.mp4"), str(strange)}
    assert {row["video"] for row in rows(out / "windows.csv")} == good
    assert (out / "index.html").is_file()
    shutil.copy(films.short, folder / "text.mp4")
    (folder / "empty.mp4").unlink()
    assert command(videos=[folder / "sound.mp4"]) == 1
    said = capsys.readouterr()
    assert "1 video could not be read" in said.err
    assert "has the bouts" not in said.out  # there is none of this video
    (folder / "sound.mp4").unlink()
    assert command(videos=[folder]) == 0  # what was broken is tried again


def test_what_can_be_read_of_a_cut_off_video_is_kept(command, tmp_path, video_tools, capsys):
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    frames = video_tools.moving_square(60, 64, 48, seed=3)
    with av.open(str(whole), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"g": "6", "crf": "10"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) * 2 // 3])
    assert command(videos=[cut]) == 1
    assert "its header states 60 frames" in capsys.readouterr().err
    (video,) = summary(tmp_path / "out")["videos"]
    assert 20 < video["frames"] < 60
    assert video["scored_windows"] > 3
    assert command(videos=[cut]) == 1  # it is not read again, and still counts as broken


def assert_same_predictions(folder: Path, other: Path) -> None:
    """Batches of other windows can change the last digits of scores."""
    assert rows(folder / "budget.csv") == rows(other / "budget.csv")
    own, others = rows(folder / "windows.csv"), rows(other / "windows.csv")
    assert [row["video"] for row in own] == [row["video"] for row in others]
    for name in PREDICTED:
        scores = [float(row[name]) for row in own]
        assert scores == pytest.approx([float(row[name]) for row in others], rel=1e-3)


def test_shards_share_the_videos(command, tmp_path, films, predicted):
    both = (films.long, films.short)
    assert command("--shard", "1/2", "PREDICT.THRESHOLD", "0.5", videos=both) == 0
    assert [video["name"] for video in summary(tmp_path / "out")["videos"]] == ["long"]
    assert command("--shard", "2/2", "PREDICT.THRESHOLD", "0.5", videos=both) == 0
    assert_same_predictions(tmp_path / "out", predicted)


def _predict_own_part(rank: int, job) -> list[str]:
    _predict_part(job, job.model.cfg)
    return [video.name for video in share(job.videos, rank, 2)]


def test_processes_share_the_videos(checkpoint, films, tmp_path, predicted):
    settings = [*FAST, "PREDICT.THRESHOLD", "0.5"]
    model = open_model(str(checkpoint), None, settings, tmp_path / "out")
    job = prepare(model, [str(films.folder)], tmp_path / "out")
    assert in_two_processes(_predict_own_part, tmp_path, job) == [["long"], ["kürz"]]
    write_together(job)
    assert_same_predictions(tmp_path / "out", predicted)


def test_folders_of_images_need_a_rate(command, tmp_path, tiny_ak, capsys):
    folder = tiny_ak.image / "t0"
    assert command(videos=[folder]) == 2
    assert "PREDICT.FRAME_RATE 25" in capsys.readouterr().err
    assert not (tmp_path / "out" / "run.json").exists()
    assert command("PREDICT.FRAME_RATE", "10", videos=[folder]) == 0
    (video,) = summary(tmp_path / "out")["videos"]
    assert (video["seconds"], video["frames"]) == (2.0, 20)


def test_a_video_of_variable_rate_has_the_times_of_its_frames(command, tmp_path, video_tools):
    film, single = tmp_path / "phone.mp4", tmp_path / "single.mp4"
    video_tools.write_video(single, video_tools.moving_square(1, 64, 48, seed=1))
    stamps = [0, 1, 2, 5, 6, 10, 11, 12, 13, 14]  # in 25ths of a second
    with av.open(str(film), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for stamp in stamps:
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 9 * stamp, np.uint8), "rgb24")
            frame.pts = stamp
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert command("PREDICT.STRIDE", "0.05", "--frames", videos=[film]) == 0
    frames = rows(tmp_path / "out" / "frames.csv")
    assert [float(row["time_s"]) for row in frames] == [stamp / 25 for stamp in stamps]
    found = rows(tmp_path / "out" / "windows.csv")
    assert [row["start_s"] for row in found] == ["0.000", "0.080"]
    assert [row["end_s"] for row in found] == ["0.520", "0.600"]
    assert command("PREDICT.STRIDE", "0.05", videos=[single]) == 0
    found = {video["name"]: video for video in summary(tmp_path / "out")["videos"]}
    assert (found["single"]["seconds"], found["single"]["windows"]) == (0.04, 1)
    assert found["phone"]["frames"] == 10  # earlier videos of the folder stay in the tables


def test_thresholds_beside_the_checkpoint_are_taken(command, tmp_path, checkpoint, capsys):
    model = Path(shutil.copy(checkpoint, tmp_path / "best.pyth"))
    classes = [{"name": name, "threshold": 0.25 * k} for k, name in enumerate(NAMES)]
    beside = tmp_path / "thresholds.json"
    beside.write_text(json.dumps({"classes": classes[:2]}))
    assert command(model=model) == 2
    assert "thresholds of 2 classes, and 3 are predicted" in capsys.readouterr().err
    beside.write_text(json.dumps({"classes": classes}))
    assert command(model=model) == 0
    found = summary(tmp_path / "out")["processing"]
    assert found["thresholds"] == {name: 0.25 * k for k, name in enumerate(PREDICTED)}
    assert found["thresholds_from"] == str(beside)
    beside.unlink()
    assert command(model=model) == 0
    assert "The threshold of every class is 0.5" in capsys.readouterr().out


def test_weights_without_configuration_need_one(command, tmp_path, checkpoint, capsys):
    model, yaml = tmp_path / "weights.pyth", tmp_path / "net.yaml"
    write_checkpoint({"model_state": read_checkpoint(checkpoint)["model_state"]}, model)
    assert command(model=model) == 2
    assert "no configuration in it" in capsys.readouterr().err
    yaml.write_text(small_cfg().dump())
    assert command("--cfg", str(yaml), model=model) == 0
    out = capsys.readouterr().out
    assert "has no names of classes" in out
    assert "how many training clips" in out
    assert summary(tmp_path / "out")["classes"] == ["0", "1", "2", "3"]
    shutil.rmtree(tmp_path / "out")
    assert command("--cfg", str(yaml), "MODEL.NUM_CLASSES", "7", model=model) == 2
    assert "needs a trained head" in capsys.readouterr().err
    assert command("--cfg", str(yaml), model=model) == 0  # the failure did not take the folder


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--shard", "3/2"], "--shard: found '3/2'"),
        (["PREDICT.STRID", "1"], "did you mean PREDICT.STRIDE"),
        (["PREDICT.SMOOTHING", "gauss"], "PREDICT.SMOOTHING"),
        (["PREDICT.EXCLUSIVE", "[['walkin','küssen']]"], "Did you mean walking?"),
        (["PREDICT.THRESHOLDS_FILE", "gone.json"], "there is no file gone.json"),
        (["PREDICT.PAGES", "True", "PREDICT.PICTURE", "bouts.xyz"], "there is no format xyz"),
        (["DATA.SAMPLING", "uniform"], "Add PREDICT.WINDOW"),
        (["gone.mp4"], "no such file or folder"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_written(
    command, tmp_path, more, words, capsys
):
    assert command(*more) == 2 if more[0] != "gone.mp4" else command(videos=more) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out" / "run.json").exists()


def test_the_folder_of_another_run_is_not_touched(command, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "windows.csv").write_text("mine")
    assert command() == 2
    assert "files of another program" in capsys.readouterr().err
    assert (out / "windows.csv").read_text() == "mine"
    (out / "windows.csv").unlink()
    assert command() == 0
    before = (out / "windows.csv").read_bytes()
    assert command("PREDICT.SPATIAL_CROPS", "3") == 2
    assert "PREDICT.SPATIAL_CROPS: 1 there, 3 here" in capsys.readouterr().err
    assert (out / "windows.csv").read_bytes() == before


def test_frames_are_counted_as_in_training(command, tmp_path, checkpoint):
    """At 50 frames a second the same windows last half as long."""
    model = write_model(tmp_path, small_cfg(**{"TRAIN.DATASET": "kinetics", "DATA.TARGET_FPS": 50}))
    assert command("PREDICT.STRIDE", "0.08", model=model) == 0
    found = rows(tmp_path / "out" / "windows.csv")
    assert (found[1]["start_s"], found[1]["end_s"]) == ("0.080", "0.240")


def test_keys_are_explained(capsys):
    assert main(["--keys"]) == 0
    assert "PREDICT.MERGE_GAP" in capsys.readouterr().out


def test_thresholds_are_chosen_on_the_hold_out(tmp_path, tiny_ak, films, capsys):
    """The scores of clips are those that a prediction gives to the same windows."""
    from slowfast.prediction.holdout import score_holdout

    opts = [
        *map(str, tiny_ak.opts()[16:]),
        *("MODEL.NUM_CLASSES", "5", "DATA.TEST_CROP_SIZE", "32"),
    ]
    model = write_model(tmp_path, small_cfg(**dict(zip(opts[::2], opts[1::2], strict=True))))
    choose = runpy.run_path(str(TOOL.with_name("choose_thresholds.py")))["main"]
    assert choose(["--checkpoint", str(model), "--resamples", "20"]) == 0
    out = capsys.readouterr().out
    assert "thresholds of 5 classes, chosen on the test set (val.csv)" in out
    found = json.loads(model.with_name("thresholds.json").read_text())
    assert [each["name"] for each in found["classes"]] == list("01234")
    assert [each["positives"] for each in found["classes"]] == [1, 1, 1, 1, 1]
    assert found["items"] == 4

    assert found["chosen_on"] == "the test set (val.csv)"
    scored = score_holdout(open_model(str(model), None, [], tmp_path / "unused"))
    out = tmp_path / "out"
    film = tiny_ak.image / "v2"  # 6 frames, less than a window
    command = [str(film), "--checkpoint", str(model), "--out", str(out)]
    assert main([*command, "PREDICT.FRAME_RATE", "25"]) == 0
    (row,) = rows(out / "windows.csv")
    np.testing.assert_allclose([float(row[c]) for c in "01234"], scored.scores[2], rtol=1e-4)
    assert summary(out)["processing"]["thresholds_from"] == str(model.with_name("thresholds.json"))


def test_thresholds_are_chosen_on_videos_that_a_person_labelled(
    predicted, checkpoint, films, tmp_path, capsys
):
    """Where the person saw the class exactly in the upper half of its scores, F1 is 1 there."""
    choose = runpy.run_path(str(TOOL.with_name("choose_thresholds.py")))["main"]
    out, events = tmp_path / "thresholds.json", tmp_path / "events.csv"
    cells = rows(predicted / "videos" / "long" / "frames.csv")
    scores = np.array([float(row["walking"]) for row in cells])
    cut = float(np.median(scores))
    edges = np.flatnonzero(np.diff([0, *(scores >= cut), 0]))
    lines = [f"long.mp4,{a / 25},{b / 25},Walking" for a, b in edges.reshape(-1, 2)]
    events.write_text("video,start,stop,behavior\n" + "\n".join(lines) + "\n")
    command = ["--checkpoint", str(checkpoint), "--out", str(out), "--events", str(events)]
    assert choose([*command, "--predictions", str(predicted)]) == 0
    found = {each["name"]: each for each in json.loads(out.read_text())["classes"]}
    assert found["walking"]["f1"] == 1
    assert found["walking"]["threshold"] == pytest.approx(cut, abs=0.1)
    assert found["walking"]["f1_interval"] is None  # intervals are over videos, and this is one
    assert found["küssen"]["threshold"] == 0.5
    other = write_model(tmp_path, small_cfg(RNG_SEED=7))
    assert choose(["--checkpoint", str(other), *command[2:], "--predictions", str(predicted)]) == 2
    assert "was not predicted with" in capsys.readouterr().err
    assert choose(command) == 2
    assert "belong together" in capsys.readouterr().err
    assert choose([*command, "--predictions", str(predicted), "--resamples", "-3"]) == 2
    assert "--resamples -3: expected 2 to 10000" in capsys.readouterr().err
    command[3] = str(tmp_path)
    assert choose([*command, "--predictions", "gone"]) == 2
    assert "is a folder; expected the name of a file" in capsys.readouterr().err


def test_label_sets_stand_side_by_side(tmp_path, films, tiny_ak, capsys):
    lists = tmp_path / "lists"
    lists.mkdir()
    for name, lines in (("train", ["t0 0 2", "t1 1 0"]), ("val", ["v0 1 2", "v1 0 0"])):
        text = "".join(line.replace(" ", ".mp4 ", 1) + "\n" for line in lines)
        (lists / f"{name}.csv").write_text(text)
    settings = {
        "MODEL.MODEL_NAME": "ResNet_composition",
        "MODEL.NUM_CLASSES_BEHAVIOR": 2,
        "MODEL.NUM_CLASSES_ANIMAL": 3,
        "MODEL.LOSS_FUNC": "cross_entropy",
        "MODEL.HEAD_ACT": "softmax",
        "DATA.MULTI_LABEL": False,
        "DATA.TARGET_FPS": 25,
        "TRAIN.DATASET": "mammalnet",
        "DATA.PATH_TO_DATA_DIR": str(lists),
        "DATA.PATH_PREFIX": str(tiny_ak.video),
        "DATA_LOADER.NUM_WORKERS": 0,
    }
    cfg = small_cfg(**settings)
    tables = {
        "behavior": ClassTable(["eat", "groom"], ["tail"] * 2, "test", np.array([1, 1])),
        "animal": ClassTable(["bear", "eat", "fox"], ["tail"] * 3, "test", np.array([1, 0, 1])),
    }
    model, out = write_model(tmp_path, cfg, tables), tmp_path / "out"
    choose = runpy.run_path(str(TOOL.with_name("choose_thresholds.py")))["main"]
    assert choose(["--checkpoint", str(model), "--resamples", "0"]) == 0
    found = json.loads(model.with_name("thresholds.json").read_text())["classes"]
    assert {each["name"]: each["positives"] for each in found} == {
        "eat (behavior)": 1,
        "groom": 1,
        "bear": 1,
        "fox": 1,
    }
    command = [str(films.long), "--checkpoint", str(model), "--out", str(out), "PREDICT.PAGES"]
    assert main([*command, "False", "PREDICT.THRESHOLD", "0.5"]) == 0
    assert summary(out)["classes_without_training_clips"] == ["eat (animal)"]
    for row in rows(out / "windows.csv"):
        behaviors = float(row["eat (behavior)"]) + float(row["groom"])
        assert behaviors == pytest.approx(1, abs=1e-5)
        assert 0 < float(row["bear"]) + float(row["fox"]) < 1


@pytest.mark.cuda
def test_a_gpu_gives_the_scores_of_the_cpu(command, tmp_path, films, predicted):
    both = (films.long, films.short)
    settings = ["NUM_GPUS", "1", "PREDICT.THRESHOLD", "0.5", "PREDICT.WORKERS", "2"]
    assert command(*settings, "SPEED.TF32", "False", videos=both) == 0
    own, others = (rows(folder / "windows.csv") for folder in (tmp_path / "out", predicted))
    for name in PREDICTED:
        scores = [float(row[name]) for row in own]
        assert scores == pytest.approx([float(row[name]) for row in others], abs=1e-3)
