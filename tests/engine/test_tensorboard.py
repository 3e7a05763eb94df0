"""TensorBoard: curves, histograms and pictures, read from the event files."""

import errno
import io
import json
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.errors import BadClip, UserError
from slowfast.ak.frames.reader import FrameReader
from slowfast.config.defaults import assert_and_infer_cfg
from slowfast.config.derived import draws_pictures
from slowfast.engine import test as run_test
from slowfast.engine import train
from slowfast.engine.step import TrainStep
from slowfast.engine.visualize import visualize
from slowfast.visualization.tensorboard.confusion import confusion, draw_confusion
from slowfast.visualization.tensorboard.pictures import kernels, pixels_of, scaled_to_one, strip
from tests.engine.runs import stats, train_with_a_stop

tensorboard = pytest.importorskip("tensorboard")


@pytest.fixture
def cfg(small_cfg):
    return small_cfg(
        **{"TENSORBOARD.ENABLE": True, "TENSORBOARD.LOG_DIR": "events", "SOLVER.MAX_EPOCH": 2}
    )


@pytest.fixture
def read(cfg):
    """Returns a function that reads the events of the run."""

    def load():
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(
            str(Path(cfg.OUTPUT_DIR, "events")), {"images": 0, "histograms": 0}
        )
        return events.Reload()

    return load


def picture(event) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(event.encoded_image_string)).convert("RGB"))


def test_curves_are_the_figures_of_json_stats(cfg, read):
    train(cfg)
    events = read()
    for part, kind in (("Train", "train_iter_"), ("Epoch", "train_epoch"), ("Val", "val_epoch")):
        name = "map" if part == "Val" else "loss"
        logged = [line[name] for line in stats(cfg, kind)]
        curve = events.Scalars(f"{part}/{name}")
        assert [point.value for point in curve] == pytest.approx(logged, abs=1e-5)
        steps = [1, 2, 3, 4] if part == "Train" else [2, 4]
        assert [point.step for point in curve] == steps
    assert "Val/map_micro" in events.Tags()["scalars"]
    first, _ = events.Histograms("Val/AP of classes")
    assert first.step == 2
    assert 0 <= first.histogram_value.min <= first.histogram_value.max <= 1


def test_a_resumed_run_has_each_step_once(cfg, read):
    # No checkpoint is written before the stop, so the run starts again.
    cfg.merge_from_list(["TRAIN.CHECKPOINT_PERIOD", 2, "TRAIN.EVAL_PERIOD", 2])
    train_with_a_stop(cfg, step=4)
    assert [point.step for point in read().Scalars("Train/loss")] == [1, 2, 3, 4]


def test_a_run_resumed_after_an_epoch_keeps_its_curves(cfg, read):
    for epochs, steps in ((1, [2]), (2, [2, 4]), (2, [2, 4])):  # the last has nothing to do
        cfg.merge_from_list(["SOLVER.MAX_EPOCH", epochs])
        train(cfg)
        events = read()
        assert [point.step for point in events.Scalars("Train/loss")] == list(
            range(1, steps[-1] + 1)
        )
        for name in ("Epoch/loss", "Val/map"):
            assert [point.step for point in events.Scalars(name)] == steps
        assert [event.step for event in events.Histograms("Val/AP of classes")] == steps


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_full_disk_stops_the_curves_but_not_the_run(cfg, read, monkeypatch, caplog):
    from tensorboard.summary.writer.record_writer import RecordWriter

    write, written = RecordWriter.write, []

    def until_full(self, data):
        if len(written) == 30:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(data)
        write(self, data)

    monkeypatch.setattr(RecordWriter, "write", until_full)
    with caplog.at_level("WARNING"):
        train(cfg)
    (warning,) = [text for text in caplog.messages if "can no longer be written" in text]
    assert "No space left" in warning
    assert len(stats(cfg, "val_epoch")) == 2
    assert read().Scalars("Train/loss")[0].step == 1


def test_clips_are_shown_as_the_network_gets_them(cfg, read, monkeypatch):
    given = []
    step = TrainStep._gradients
    monkeypatch.setattr(
        TrainStep,
        "_gradients",
        lambda self, batch: given.append(batch.inputs) or step(self, batch),
    )
    train(cfg)
    slow, fast = given[0]
    for number in range(cfg.TRAIN.BATCH_SIZE):
        shown = picture(read().Images(f"Input/clip {number}")[0])
        low = 0
        for pathway in (fast, slow):  # from below
            wanted = strip(pixels_of(pathway[number], cfg.DATA.MEAN, cfg.DATA.STD, True))
            height, width = wanted.shape[:2]
            end = shown.shape[0] - low
            assert np.array_equal(shown[end - height : end, :width], wanted)
            low += height + 2


def test_pixels_of_a_clip_are_those_before_normalisation():
    mean, std = (0.45, 0.4, 0.5), (0.2, 0.3, 0.25)
    pixels = torch.randint(0, 256, (3, 4, 5, 6), generator=torch.Generator().manual_seed(1))
    shape = (3, 1, 1, 1)
    clip = (pixels / 255 - torch.tensor(mean).view(shape)) / torch.tensor(std).view(shape)
    frames = pixels.permute(1, 2, 3, 0).numpy()
    assert np.array_equal(pixels_of(clip, mean, std, rgb=True), frames)
    assert np.array_equal(pixels_of(clip, mean, std, rgb=False), frames[..., ::-1])


def test_confusion_of_one_label_is_the_matrix_of_scikit_learn():
    from sklearn.metrics import confusion_matrix

    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 4, 60), rng.random((60, 4))
    wanted = confusion_matrix(labels, scores.argmax(1), normalize="true")
    assert np.allclose(confusion(scores, np.eye(4)[labels]), wanted)


def test_confusion_of_several_labels_by_hand():
    labels = np.array([[1, 1, 0, 0], [1, 0, 0, 0]])
    scores = np.array([[0.9, 0.1, 0.8, 0.2], [0.1, 0.2, 0.3, 0.4]])
    # The first clip names 0 and 2: 0 is found, 1 taken for 2. The second names 3 for 0.
    wanted = [[0.5, 0, 0, 0.5], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert np.allclose(confusion(scores, labels), wanted)


def test_matrices_and_histograms_of_chosen_classes(cfg, read, tmp_path):
    names = {"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4}
    (tmp_path / "names.json").write_text(json.dumps(names))
    (tmp_path / "categories.json").write_text(json.dumps({"few": ["zero", "two"]}))
    (tmp_path / "subset.txt").write_text("one\nthree\n")
    board = "TENSORBOARD."
    cfg.merge_from_list(
        [
            *(board + "CLASS_NAMES_PATH", str(tmp_path / "names.json")),
            *(board + "CATEGORIES_PATH", str(tmp_path / "categories.json")),
            *(board + "CONFUSION_MATRIX.ENABLE", True, board + "HISTOGRAM.ENABLE", True),
            *(board + "HISTOGRAM.SUBSET_PATH", str(tmp_path / "subset.txt")),
            *(board + "HISTOGRAM.FIGSIZE", [4, 3]),
        ]
    )
    train(cfg)
    events = read()
    assert len(events.Images("Confusion/all classes")) == 2
    assert len(events.Images("Confusion/few")) == 2
    shown = {t for t in events.Tags()["images"] if t.startswith("Predictions by class/")}
    assert shown <= {"Predictions by class/one", "Predictions by class/three"}
    assert shown
    assert picture(events.Images(shown.pop())[0]).shape == (300, 400, 3)


def test_a_network_and_its_mistakes_are_drawn(cfg, read):
    vis = "TENSORBOARD.MODEL_VIS."
    cfg.merge_from_list(
        [
            *(vis + "ENABLE", True, vis + "MODEL_WEIGHTS", True, vis + "ACTIVATIONS", True),
            *(vis + "INPUT_VIDEO", True, vis + "LAYER_LIST", ["s1/pathway0_stem", "s5"]),
            *(vis + "TOPK_PREDS", 2, "TENSORBOARD.WRONG_PRED_VIS.ENABLE", True),
            *("TENSORBOARD.PREDICTIONS_PATH", str(Path(cfg.OUTPUT_DIR, "results.pkl"))),
            *("TENSORBOARD.CONFUSION_MATRIX.ENABLE", True, "SOLVER.MAX_EPOCH", 1),
        ]
    )
    train(cfg)
    run_test(cfg)
    visualize(cfg)
    events = read()
    images, histograms = events.Tags()["images"], events.Tags()["histograms"]
    for tag in ("Model input/", "Grad-CAM/", "Activations of s1/pathway0_stem/"):
        assert sum(image.startswith(tag) for image in images) == 4, tag
    assert any(image.startswith("Activations of s5, pathway 1/") for image in images)
    assert "Weights/s1.pathway0_stem.conv.weight" in histograms
    assert "Kernels/s1.pathway0_stem.conv.weight" in images
    assert any(image.startswith("Incorrectly classified videos./") for image in images)
    assert "Confusion of saved results/all classes" in images


def test_saved_results_of_one_label_are_drawn_without_a_run(cfg, read, tmp_path):
    path = tmp_path / "one.pkl"
    labels, scores = torch.tensor([0, 1, 1, 4]), torch.eye(5)[[0, 1, 2, 4]]
    path.write_bytes(pickle.dumps([scores, labels]))
    board = "TENSORBOARD."
    cfg.merge_from_list(
        [
            *("TRAIN.ENABLE", False, "TEST.ENABLE", False),
            *(board + "PREDICTIONS_PATH", str(path), board + "CONFUSION_MATRIX.ENABLE", True),
        ]
    )
    assert draws_pictures(assert_and_infer_cfg(cfg))
    visualize(cfg)
    (event,) = read().Images("Confusion of saved results/all classes")
    names = [str(number) for number in range(5)]
    shares = confusion(scores.numpy(), np.eye(5)[labels].astype(bool))
    wanted = draw_confusion(shares, names, cfg.TENSORBOARD.CONFUSION_MATRIX.FIGSIZE, "all classes")
    assert np.array_equal(picture(event), wanted)
    path.write_bytes(pickle.dumps([scores, labels + 1]))
    with pytest.raises(UserError, match=r"one.pkl has labels other than the classes 0 to 4"):
        visualize(cfg)


def test_wrong_predictions_are_shown_for_all_readable_clips(cfg, read, monkeypatch):
    """All clips are shown, also if several processes would share them in a test."""
    monkeypatch.setattr("slowfast.ak.clips.loader.rank_and_size", lambda: (0, 2))
    read_frames = FrameReader.frames_with_replacements

    def all_but_v2(self, clip, *args):
        if clip == 2:
            raise BadClip("v2 is not there")
        return read_frames(self, clip, *args)

    monkeypatch.setattr(FrameReader, "frames_with_replacements", all_but_v2)
    names = {0: "v\udcff0", 1: r"v1 $\frac$", 3: "v3"}
    monkeypatch.setattr(ClipDataset, "clip_name", lambda self, index: names[index])
    module = sys.modules[visualize.__module__]
    monkeypatch.setattr(module, "predicted_classes", lambda scores, labels: np.zeros_like(labels))
    cfg.merge_from_list(["TENSORBOARD.WRONG_PRED_VIS.ENABLE", True])
    visualize(cfg)
    shown = [tag.partition("/")[2] for tag in read().Tags()["images"]]
    assert shown == ["v?0", r"v1 $\frac$", "v3"]


def test_kernels_are_drawn_side_by_side():
    weight = torch.rand(5, 3, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    shown = kernels(weight)
    row = (4 * 64 + 3 * 2) * 4 + 3 * 2  # four kernels of four frames, twice as large
    assert shown.shape == (2 * 64 + 2, row, 3)
    red = scaled_to_one(weight[4])[0, 3].mul(255).round().to(torch.uint8)
    assert np.array_equal(shown[66::2, 3 * 66 : 3 * 66 + 64 : 2, 0], red)


def test_grad_cam_finds_the_pixels_that_decide_the_score():
    """The network averages one bright corner of the picture; the map is 1 only there."""
    from slowfast.visualization.tensorboard.inside import grad_cam

    class Corner(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv3d(3, 2, 1, bias=False)
            torch.nn.init.ones_(self.conv.weight)

        def forward(self, pathways):
            return self.conv(pathways[0]).mean(dim=(2, 3, 4))

    network = Corner().eval()
    clip = torch.zeros(1, 3, 4, 8, 8)
    clip[..., :4, 4:] = 1
    (heat,) = grad_cam(network, {"conv": network.conv}, [clip], [1])
    assert heat.shape == (4, 8, 8)
    assert torch.equal(heat, clip[0, 0])


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("CLASS_NAMES_PATH", "missing.json", "CLASS_NAMES_PATH: .*cannot be read as JSON"),
        ("CONFUSION_MATRIX.SUBSET_PATH", "missing.txt", "SUBSET_PATH: .*cannot be read"),
        ("MODEL_VIS.COLORMAP", "viridi", "COLORMAP: .*'viridi'; take viridis"),
        ("MODEL_VIS.GRAD_CAM.COLORMAP", "viridi", "COLORMAP: .*'viridi'; take viridis"),
        ("MODEL_VIS.LAYER_LIST", ["s5/pathway0_res9"], "no layer .*; did you mean s5.pathway0"),
    ],
)
def test_missing_files_and_unknown_names_are_named(cfg, key, value, words):
    cfg.merge_from_list([f"TENSORBOARD.{key}", value])
    cfg.TENSORBOARD.MODEL_VIS.ENABLE = key.startswith("MODEL_VIS")
    with pytest.raises(UserError, match=words):
        (visualize if cfg.TENSORBOARD.MODEL_VIS.ENABLE else train)(cfg)


def test_a_missing_package_is_named_with_its_install_command(cfg, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UserError, match="pip install 'tensorboard"):
        train(cfg)
