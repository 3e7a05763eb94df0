"""Something-Something V2: classes from its JSON files, frames by segments.

`tests/tools/test_reference_values.py` compares its frames with those of upstream.
"""

import json
import logging
import pickle

import pytest
import torch

from slowfast.ak.clips.from_cfg import read_clips
from slowfast.ak.clips.sampling import EvenSegments
from slowfast.ak.errors import UserError
from slowfast.config.checks import problems, warnings
from slowfast.data_tools.check_data import DataPlaces, check_data
from slowfast.datasets.build import build_dataset
from slowfast.datasets.ssv2 import Ssv2
from tests.media import write_ssv2

SPLITS = {"train": {"31": 17, "12": 9, "25": 24}, "val": {"44": 17, "43": 2}}
TRAIN_JSON = "something-something-v2-train.json"


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture
def cfg(cfg, folder):
    cfg.merge_from_list(write_ssv2(folder, SPLITS))
    return cfg


def frames_of(views) -> list[list[int]]:
    """The numbers of the frames that each view shows, from their grey."""
    return [(view[0, :, 8, 8].float() / 4).round().int().tolist() for view in views]


def test_an_item_has_the_class_of_the_json_files(cfg):
    dataset = build_dataset("ssv2", cfg, "train")
    assert [dataset.clip_name(clip) for clip in range(3)] == ["25", "12", "31"]  # as in the JSON
    assert [int(dataset[(0, clip)][1]) for clip in range(3)] == [2, 1, 0]
    assert dataset.label_matrix().tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    again = pickle.loads(pickle.dumps(dataset.clips))
    assert [again.labels(clip) for clip in range(3)] == [[2], [1], [0]]


def test_training_takes_a_random_frame_of_each_segment(cfg):
    dataset = build_dataset("ssv2", cfg, "train")
    shown = torch.tensor([frames_of(dataset[(epoch, 2)][0])[0] for epoch in range(60)])
    assert shown.amin(0).tolist() == [0, 4, 8, 12]
    assert shown.amax(0).tolist() == [4, 8, 12, 16]


def test_validation_takes_the_middle_frames_and_a_random_crop(cfg):
    dataset = build_dataset("ssv2", cfg, "val")
    items = [dataset[(epoch, 1)] for epoch in range(3)]
    assert all(frames_of(item[0]) == [[2, 6, 10, 14]] for item in items)
    assert items[0][0][0].shape == (3, 4, 32, 32)


def test_the_views_of_a_test_differ_in_time_and_in_place(cfg):
    cfg.TEST.NUM_ENSEMBLE_VIEWS, cfg.TEST.NUM_SPATIAL_CROPS = 2, 1
    views = build_dataset("ssv2", cfg, "test")[(0, 1)][0][0]
    assert frames_of(views.batch(0, 2)) == [[1, 5, 9, 13], [3, 7, 11, 15]]  # upstream: 2, 6, 10, 14
    assert views.corners.tolist() == [[0, 6]]  # the centre of 36x48 pixels; upstream: 0
    cfg.TEST.NUM_ENSEMBLE_VIEWS = 1
    assert frames_of(build_dataset("ssv2", cfg, "test")[(0, 1)][0][0].batch(0, 1)) == [
        [2, 6, 10, 14]
    ]
    assert EvenSegments(4, count=3).draw(None, 1).tolist() == [[0] * 4] * 3


def test_ptvssv2_reads_the_same(cfg):
    dataset = build_dataset("ptvssv2", cfg, "train")
    assert type(dataset) is Ssv2
    assert len(dataset) == 3


def test_clips_that_only_one_file_has_are_left_out_and_named(cfg, folder, caplog):
    videos = json.loads((folder / TRAIN_JSON).read_text())
    videos[0]["id"] = "77"
    (folder / TRAIN_JSON).write_text(json.dumps(videos))
    with caplog.at_level(logging.WARNING):
        dataset = build_dataset("ssv2", cfg, "train")
    assert [dataset.clip_name(clip) for clip in range(2)] == ["12", "31"]
    assert f"train.csv: 1 of its 3 clips are not in {folder}/{TRAIN_JSON}" in caplog.text
    assert f"{TRAIN_JSON}: 1 of its 3 clips are not in {folder}/train.csv" in caplog.text
    assert ": 25." in caplog.text
    assert ": 77." in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (TRAIN_JSON, None, rf"{TRAIN_JSON}: this file cannot be read .* beside train\.csv"),
        (TRAIN_JSON, [{"id": "1", "template": "Act 0 on [a thing]"}], "none of them is in .*first"),
        (
            TRAIN_JSON,
            [{"id": "12", "template": "Fly"}],
            "video 12: .*labels.json has no class 'Fly'",
        ),
        (TRAIN_JSON, [{"id": "12"}], "entry 0: expected an object with id and template"),
        (TRAIN_JSON, {}, "entry 0: expected an object with id and template"),
        ("something-something-v2-labels.json", ["a"], "expected an object of names and numbers"),
    ],
)
def test_files_that_do_not_fit_are_refused(cfg, folder, name, content, says):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(json.dumps(content))
    with pytest.raises(UserError, match=says):
        build_dataset("ssv2", cfg, "train")


def test_a_class_beyond_the_network_is_refused_with_the_key(cfg):
    cfg.MODEL.NUM_CLASSES = 2
    words = rf"{TRAIN_JSON}: clip 25 has the class 2, outside 0\.\.1 \(MODEL\.NUM_CLASSES is 2\)"
    with pytest.raises(UserError, match=words):
        build_dataset("ssv2", cfg, "train")


def test_the_check_of_a_data_set_reads_the_classes(cfg, folder):
    report = check_data(DataPlaces.from_cfg(cfg))
    assert not report.faults, report.as_text()
    (folder / TRAIN_JSON).write_text("no json")
    (fault,) = check_data(DataPlaces.from_cfg(cfg)).faults
    assert "is not a JSON file" in fault.text


def test_a_hold_out_keeps_the_classes(cfg, folder):
    (folder / "holdout.txt").write_text("12\n")
    cfg.AK.HOLDOUT = str(folder / "holdout.txt")
    train, held_out = read_clips(cfg, "train"), read_clips(cfg, "val")
    assert [train.labels(clip) for clip in range(2)] == [[2], [0]]
    assert held_out.name(0) == "12"
    assert held_out.labels(0) == [1]


def test_light_lists_and_videos_are_read(cfg, folder, video_tools):
    (folder / "video").mkdir()
    for video in SPLITS["train"]:
        video_tools.write_video(
            folder / "video" / f"{video}.mp4",
            video_tools.moving_square(9, 64, 48, 0),
        )
    (folder / "train.csv").write_text(
        "video_id;labels\n" + "".join(f"{v};\n" for v in SPLITS["train"])
    )
    cfg.AK.FRAMES, cfg.AK.VIDEO_PREFIX = "video", str(folder / "video")
    dataset = build_dataset("ssv2", cfg, "train")
    assert dataset[(0, 1)][0][0].shape == (3, 4, 32, 32)
    assert int(dataset[(0, 1)][1]) == 1


def test_mirrored_clips_and_unread_sampling_are_pointed_out(cfg):
    cfg.DATA.RANDOM_FLIP, cfg.DATA.SAMPLING = True, "uniform"
    assert not [words for words in problems(cfg) if words.startswith("DATA.")]
    words = "\n".join(warnings(cfg))
    assert "DATA.RANDOM_FLIP = True: mirrors clips, and some classes" in words
    assert "DATA.SAMPLING = uniform: is not read with TRAIN.DATASET ssv2" in words
