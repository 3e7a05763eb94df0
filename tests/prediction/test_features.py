"""Features of clips and of videos, and probes that are trained on them."""

import csv
import json
import pickle
import runpy
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from slowfast.ak.clips.views import UniformCrops
from slowfast.ak.errors import UserError
from slowfast.ak.frames.pyav import every_frame
from slowfast.checkpoints.file import read_checkpoint
from slowfast.config.defaults import assert_and_infer_cfg, get_cfg
from slowfast.data_tools.feature_files import FeatureSet, RowWriter, as_size
from slowfast.datasets.loader import construct_loader
from slowfast.engine import test as run_test
from slowfast.engine import train
from slowfast.prediction.features.clips import _extract_part, _finish, _open
from slowfast.prediction.features.vectors import Wanted
from slowfast.prediction.model import open_model
from slowfast.tasks import Batch
from tests.engine.runs import in_two_processes
from tests.prediction.conftest import SETTINGS, write_model

TOOL = Path(__file__).parents[2] / "tools" / "extract_features.py"
main = runpy.run_path(str(TOOL))["main"]

CLIPS = {
    "train": ["0", "0,1", "1", "2,0", "1", "0,2", "0", "1,2"],
    "val": ["0", "1", "2", "0,1"],
}


def configured(settings: dict):
    cfg = get_cfg()
    cfg.merge_from_list([part for pair in settings.items() for part in pair])
    return cfg


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> SimpleNamespace:
    """Clips that are as long and as large as a view, so that each epoch sees the same pixels; and a
    network that was trained on such clips."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for split, labels in CLIPS.items():
        lines = ["video_id;labels"]
        for number, own in enumerate(labels):
            clip = f"{split} {number}; a"  # a name that has to be quoted in a list
            lines.append(f'"{clip}";"{own}"')
            (root / clip).mkdir()
            for frame in range(1, 5):
                pixels = cv2.resize(rng.integers(256, size=(4, 4, 3), dtype=np.uint8), (32, 32))
                cv2.imwrite(str(root / clip / f"{clip}_{frame:06}.jpg"), pixels)
        (root / f"{split}.csv").write_text("\n".join(lines) + "\n")
    settings = {
        **SETTINGS,
        "MODEL.NUM_CLASSES": 3,
        "MODEL.LOSS_FUNC": "class_balanced_focal",
        "LOSS.CLASS_BALANCED_FOCAL.GAMMA": 1.5,
        "LOSS.LABEL_SMOOTHING": 0.1,
        "DATA.SAMPLING_RATE": 1,
        "DATA.TRAIN_JITTER_SCALES": [32, 32],
        "DATA.RANDOM_FLIP": False,
        "DATA.PATH_TO_DATA_DIR": str(root),
        "DATA.PATH_PREFIX": str(root),
        "DATA_LOADER.NUM_WORKERS": 0,
        "NUM_SHARDS": 1,
        "TEST.DATASET": "ak",
    }
    checkpoint = write_model(root / "model", configured(settings))
    return SimpleNamespace(root=root, settings=settings, checkpoint=str(checkpoint))


@pytest.fixture(scope="module")
def extracted(data, tmp_path_factory) -> Path:
    """Features of the clips, float32; tests only read them."""
    out = tmp_path_factory.mktemp("features") / "out"
    command = ["--checkpoint", data.checkpoint, "--split", "all", "--out", str(out)]
    assert main([*command, "--dtype", "float32", "PREDICT.BATCH_SIZE", "3"]) == 0
    return out


def features_of(checkpoint: str, clips: torch.Tensor) -> np.ndarray:
    """What the classifier gets, by a hook on it. (N, C) of uint8 clips."""
    task, _ = open_model(checkpoint, None, [], "unused").load()
    found = []
    hook = task.network.head.projection.register_forward_pre_hook(
        lambda _, given: found.append(given[0].flatten(1, 3))
    )
    with torch.no_grad():
        task.network(task.prepare(Batch([clips], None, torch.arange(len(clips)))).inputs)
    hook.remove()
    return found[0].mean(dim=1).numpy()


def test_a_row_has_what_the_classifier_of_the_network_gets(data, extracted):
    array = np.load(extracted / "val.npy", mmap_mode="r")
    clips = next(iter(construct_loader(configured(data.settings), "val")))[0][0]
    np.testing.assert_allclose(array, features_of(data.checkpoint, clips), rtol=1e-4, atol=1e-6)
    assert array.std(axis=0).max() > 1e-3
    with (extracted / "val_rows.csv").open(newline="") as file:
        assert [row["clip"] for row in csv.DictReader(file)] == [f"val {n}; a" for n in range(4)]
    assert not (extracted / "val.done").exists()


SECOND_STAGE = {
    "TRAIN.CHECKPOINT_EPOCH_RESET": True,
    "TRAIN.BATCH_SIZE": 4,
    "TRAIN.EVAL_PERIOD": 1,
    "MODEL.DETACH_FINAL_FC": True,
    "MODEL.FROZEN_BN": True,
    "MODEL.DROPOUT_RATE": 0.5,
    "DATA_LOADER.SAMPLER": "class_balanced",
    "SOLVER.BASE_LR": 0.05,
    "SOLVER.MAX_EPOCH": 2,
    "SOLVER.WARMUP_EPOCHS": 0.0,
    "TEST.BATCH_SIZE": 4,
    "TEST.NUM_ENSEMBLE_VIEWS": 1,
    "TEST.NUM_SPATIAL_CROPS": 1,
    "TEST.SAVE_RESULTS_PATH": "results.pkl",
    "BN.USE_PRECISE_STATS": False,
    "LOG_MODEL_INFO": True,
}


def trained_scores(cfg) -> tuple[np.ndarray, torch.Tensor]:
    """Trains and tests; the scores of the test, and the weights of the classifier."""
    train(assert_and_infer_cfg(cfg))
    run_test(cfg)
    with Path(cfg.OUTPUT_DIR, "results.pkl").open("rb") as file:
        scores, _ = pickle.load(file)
    last = Path(cfg.OUTPUT_DIR, "checkpoints", "checkpoint_epoch_00002.pyth")
    return np.array(scores), read_checkpoint(str(last))["model_state"]["head.projection.weight"]


def test_a_linear_probe_is_the_classifier_of_a_frozen_network(data, extracted, tmp_path):
    stage = {**SECOND_STAGE, "TRAIN.CHECKPOINT_FILE_PATH": data.checkpoint}
    long_way = {**data.settings, **stage, "OUTPUT_DIR": str(tmp_path / "network")}
    scores, weight = trained_scores(configured(long_way))

    cfg = get_cfg()
    cfg.merge_from_file(str(extracted / "probe.yaml"))
    own = {**stage, "OUTPUT_DIR": str(tmp_path / "probe"), "SOLVER.WEIGHT_DECAY": 1e-4}
    own |= {"SOLVER.OPTIMIZING_METHOD": "sgd", "MODEL.DETACH_FINAL_FC": False}
    cfg.merge_from_list([part for pair in own.items() for part in pair])
    probe_scores, probe_weight = trained_scores(cfg)

    probe = str(tmp_path / "probe" / "checkpoints" / "checkpoint_epoch_00002.pyth")
    with pytest.raises(UserError, match="takes features and no videos"):
        open_model(probe, None, [], tmp_path)

    torch.testing.assert_close(probe_weight, weight, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(probe_scores, scores, rtol=1e-4, atol=1e-6)
    before = read_checkpoint(data.checkpoint)["model_state"]["head.projection.weight"]
    assert (weight - before).abs().max() > 1e-3
    assert scores.std() > 1e-2


def test_an_attentive_probe_learns_from_all_positions(data, tmp_path):
    out = tmp_path / "tokens"
    command = ["--checkpoint", data.checkpoint, "--split", "all", "--out", str(out), "--tokens"]
    assert main([*command, "--windows", "2"]) == 0
    array = np.load(out / "train.npy", mmap_mode="r")
    assert array.dtype == np.float16
    assert array.shape == (16, 4, 128)  # 8 clips of 2 windows; 4 frames of 1 x 1
    means = np.load(out / "val.npy").astype(np.float32).mean(axis=1)[::2]
    clips = next(iter(construct_loader(configured(data.settings), "val")))[0][0]
    np.testing.assert_allclose(means, features_of(data.checkpoint, clips), rtol=5e-3, atol=1e-3)

    cfg = get_cfg()
    cfg.merge_from_file(str(out / "probe.yaml"))
    cfg.merge_from_list(["SOLVER.BASE_LR", 0.01, "SOLVER.MAX_EPOCH", 30, "LOG_PERIOD", 100])
    cfg.merge_from_list(["MODEL.LOSS_FUNC", "bce_loss", "LOSS.LABEL_SMOOTHING", 0.0])
    train(assert_and_infer_cfg(cfg))
    lines = Path(cfg.OUTPUT_DIR, "json_stats.log").read_text().splitlines()
    stats = [json.loads(line.removeprefix("json_stats: ")) for line in lines]
    losses = [line["loss"] for line in stats if line["_type"] == "train_epoch"]
    assert losses[-1] < losses[0] / 2
    run_test(cfg)  # both windows of each clip


@pytest.fixture(scope="module")
def of_videos(data, films, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("videos") / "out"
    command = ["--checkpoint", data.checkpoint, str(films.folder), "--out", str(out)]
    assert main([*command, "--dtype", "float32"]) == 0
    return out


def test_each_window_of_a_video_has_a_row(data, films, of_videos):
    with (of_videos / "videos_rows.csv").open(newline="", encoding="utf-8") as file:
        index = list(csv.DictReader(file))
    own = [row for row in index if row["video"] == str(films.long)]
    assert [row["start_s"] for row in own[:3]] == ["0.000", "0.080", "0.160"]
    frames = [frame.copy() for frame in every_frame(str(films.long))]
    starts = range(0, 2 * len(own), 2)
    windows = np.minimum(np.array([[s, s + 1, s + 2, s + 3] for s in starts]), len(frames) - 1)
    clips = UniformCrops(32, 1)(iter(frames), windows, None)
    expected = features_of(data.checkpoint, clips.batch(0, len(own)))
    found = np.load(of_videos / "videos.npy")[[int(row["row"]) for row in own]]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_a_run_that_was_stopped_goes_on(data, films, of_videos, tmp_path, monkeypatch, capsys):
    command = ["--checkpoint", data.checkpoint, str(films.folder), "--out", str(tmp_path / "out")]
    command += ["--dtype", "float32", "PREDICT.BATCH_SIZE", "2"]
    put, written = RowWriter.put, []

    def stop_at_the_fourth(self, first, values):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(len(values))
        put(self, first, values)

    monkeypatch.setattr(RowWriter, "put", stop_at_the_fourth)
    assert main(command) == 130
    before = FeatureSet.open(tmp_path / "out", "videos")
    assert int((before.states() == 1).sum()) == sum(written) > 0

    again = []
    monkeypatch.setattr(
        RowWriter,
        "put",
        lambda self, first, rows: (again.append(len(rows)), put(self, first, rows)),
    )
    assert main(command) == 0
    assert sum(written) + sum(again) == before.rows
    np.testing.assert_allclose(
        np.load(tmp_path / "out" / "videos.npy"), np.load(of_videos / "videos.npy"), rtol=1e-5
    )
    again.clear()
    assert main(command) == 0
    assert not again
    assert main([*command, "PREDICT.STRIDE", "1"]) == 2
    assert "has the features of another run" in capsys.readouterr().err


def test_what_cannot_be_read_is_left_out(data, films, tmp_path, capsys):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(films.long.read_bytes()[:2000])
    command = ["--checkpoint", data.checkpoint, str(broken), str(films.short)]
    assert main([*command, "--out", str(tmp_path / "out")]) == 1
    assert "broken.mp4" in capsys.readouterr().out
    index = FeatureSet.open(tmp_path / "out", "videos").index()
    assert {row["video"] for row in index} == {str(films.short)}
    command = ["--checkpoint", data.checkpoint, str(broken)]
    assert main([*command, "--out", str(tmp_path / "none")]) == 2
    assert "broken.mp4: cannot" in capsys.readouterr().err
    assert not list((tmp_path / "none").glob("videos*"))


def test_processes_share_the_clips(data, extracted, tmp_path):
    model = open_model(data.checkpoint, None, ["CPU_PROCESSES", "2"], tmp_path)
    wanted = Wanted(dtype="float32")
    split = _open(model, "train", tmp_path / "out", wanted, wanted.shape(model))
    in_two_processes(lambda rank: _extract_part(model, split, wanted, model.cfg), tmp_path)
    assert _finish(model, split) == 0
    np.testing.assert_allclose(
        np.load(tmp_path / "out" / "train.npy"), np.load(extracted / "train.npy"), rtol=1e-5
    )


def test_a_holdout_divides_the_training_features(extracted, tmp_path):
    held_out = tmp_path / "holdout.txt"
    held_out.write_text("train 3; a\n")
    cfg = get_cfg()
    cfg.merge_from_file(str(extracted / "probe.yaml"))
    cfg.merge_from_list(["AK.HOLDOUT", str(held_out), "TRAIN.BATCH_SIZE", 7])
    ((features,), labels, *_) = next(iter(construct_loader(cfg, "val")))
    rows = np.load(extracted / "train.npy")
    np.testing.assert_array_equal(features[:, 0], rows[[3]])
    assert labels.tolist() == [[1, 0, 1]]
    ((features,), *_) = next(iter(construct_loader(cfg, "train")))
    assert {tuple(row) for row in features[:, 0].tolist()} == {
        tuple(row) for number, row in enumerate(rows.tolist()) if number != 3
    }


def test_settings_that_do_not_fit_are_said(data, extracted, tmp_path, capsys):
    cfg = get_cfg()
    cfg.merge_from_file(str(extracted / "probe.yaml"))
    wrong = cfg.clone()
    wrong.merge_from_list(["MODEL.MODEL_NAME", "SlowFast"])
    with pytest.raises(UserError, match=r"TRAIN\.DATASET.*gives features.*SlowFast takes pixels"):
        assert_and_infer_cfg(wrong)
    wrong = cfg.clone()
    wrong.merge_from_list(["AUG.ENABLE", True, "MIXUP.ENABLE", True])
    with pytest.raises(UserError, match=r"(?s)no frames to augment.*no area to cut out"):
        assert_and_infer_cfg(wrong)
    wrong = cfg.clone()
    wrong.merge_from_list(["FRAMESTACK.ENABLE", True])
    with pytest.raises(UserError, match=r"have no frames to exchange; extract them with --tokens"):
        assert_and_infer_cfg(wrong)
    wrong = cfg.clone()
    wrong.merge_from_list(["PROBE.CHANNELS", 7])
    with pytest.raises(UserError, match=r"set PROBE\.TOKENS 1 PROBE\.CHANNELS 128"):
        construct_loader(wrong, "train")
    wrong = cfg.clone()
    wrong.merge_from_list(["TEST.NUM_ENSEMBLE_VIEWS", 10])
    with pytest.raises(UserError, match="has 1 views of each clip"):
        construct_loader(wrong, "test")
    command = ["--checkpoint", data.checkpoint, "--out", str(tmp_path)]
    assert main(command) == 2
    assert "Name videos, or --split all" in capsys.readouterr().err
    assert main([*command, "--split", "valid"]) == 2
    assert "expected train, val or test" in capsys.readouterr().err


def test_the_size_is_told_and_has_to_fit_the_disk(tmp_path):
    assert as_size(2_500_000_000) == "2.5 GB"
    huge = FeatureSet(tmp_path, "train", (10**9, 2304), "float16", 10**6, {})
    with pytest.raises(UserError, match="and the disk has"):
        huge.check_space()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="this folder cannot be made"):
        FeatureSet.create(tmp_path / "file", "train", (2,), "float32", {}, ["clip"], [["a"]])
