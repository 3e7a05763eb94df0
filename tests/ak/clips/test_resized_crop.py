"""Random resized crops: drawn as upstream draws them, moving or not, and cut at whole pixels."""

import json
from pathlib import Path

import numpy as np
import pytest

from slowfast.ak.clips.resized_crop import RandomResizedCrop, largest_box, moved
from slowfast.ak.clips.sampling import RandomCrop, scale, scaled_size
from slowfast.datasets.build import build_dataset

REFERENCE = json.loads(
    (Path(__file__).parents[2] / "reference" / "random_resized_crop.json").read_text()
)
RANKS = np.array(REFERENCE["about"]["quantiles_at"])
# The reference is good to 0.01 of the rank, and as many draws of our own to half of that. 200,000
# of our own are within 0.009 of the reference everywhere.
TOLERANCE = 0.015
# Frames of the cases, in the order of the file. Each case is there for video, image, and timm.
FRAMES = [(256, 340), (320, 240), (224, 224), (128, 400), (400, 100), (256, 340)]
CROPS = [
    pytest.param(case, frame, id=f"{case['kind']}-{frame[0]}x{frame[1]}-{case['scale'][0]}")
    for number, frame in enumerate(FRAMES)
    for case in REFERENCE["crops"][3 * number : 3 * number + 3]
    if case["kind"] != "timm_image"  # drawn as those of videos, and compared with them
]


def drawn(crop: RandomResizedCrop, frame: tuple[int, int], draws: int) -> np.ndarray:
    """(draws, 4): top, left, height and width."""
    rng = np.random.default_rng(0)
    return np.array([crop.draw_box(rng, *frame) for _ in range(draws)])


def measures(boxes: np.ndarray, frame: tuple[int, int]) -> dict[str, np.ndarray]:
    """What the reference has quantiles of."""
    top, left, height, width = boxes.T
    room = frame[0] - height, frame[1] - width
    return {
        "height": height,
        "width": width,
        "area_fraction": height * width / (frame[0] * frame[1]),
        "aspect_w_over_h": width / height,
        "top_over_room": (top / np.maximum(room[0], 1))[room[0] > 0],
        "left_over_room": (left / np.maximum(room[1], 1))[room[1] > 0],
    }


def furthest_rank(values: np.ndarray, quantiles: list[float]) -> float:
    """How far the ranks of the reference's quantiles are from those among the values."""
    values, rounding = np.sort(values), 2e-5
    below = np.searchsorted(values, np.array(quantiles) - rounding, "left") / len(values)
    upto = np.searchsorted(values, np.array(quantiles) + rounding, "right") / len(values)
    return max(np.max(below - RANKS), np.max(RANKS - upto))


def check_equals(boxes: np.ndarray, frame: tuple[int, int], case: dict) -> None:
    found = measures(boxes, frame)
    for name, values in found.items():
        quantiles = case[name]
        if quantiles is None:
            assert not len(values)
        elif isinstance(quantiles, list):
            assert furthest_rank(values, quantiles) < TOLERANCE, name
    assert np.mean(found["area_fraction"]) == pytest.approx(case["mean_area_fraction"], abs=0.005)
    logs = np.log(found["aspect_w_over_h"])
    assert np.mean(logs) == pytest.approx(case["mean_log_aspect"], abs=0.005)


@pytest.mark.parametrize(("case", "frame"), CROPS)
def test_crops_are_distributed_as_upstreams(case, frame):
    uniform = case["kind"] == "resnet_image"
    crop = RandomResizedCrop(case["scale"], case["ratio"], 224, uniform_ratio=uniform)
    always_falls_back = case["share_equal_to_fallback"] == 1
    boxes = drawn(crop, frame, draws=1000 if always_falls_back else 20_000)
    top, left, height, width = boxes.T
    assert min(top.min(), left.min()) >= 0
    assert (top + height).max() <= frame[0]
    assert (left + width).max() <= frame[1]
    check_equals(boxes, frame, case)
    fallback = largest_box(*frame, case["ratio"])
    assert list(fallback) == case["fallback_top_left_height_width"]
    share = (boxes == fallback).all(axis=1).mean()
    assert share == pytest.approx(case["share_equal_to_fallback"], abs=0.002)
    if not uniform:
        (timm,) = (
            each
            for place, each in enumerate(REFERENCE["crops"])
            if each["kind"] == "timm_image"
            and FRAMES[place // 3] == frame
            and each["scale"] == case["scale"]
        )
        check_equals(boxes, frame, timm)


@pytest.mark.parametrize("case", REFERENCE["motion_shift"], ids=lambda case: str(case["height"]))
def test_ends_of_moving_crops_are_distributed_as_upstreams(case):
    frame, times = (case["height"], case["width"]), 3
    rng = np.random.default_rng(0)
    crop = RandomResizedCrop(case["scale"], case["ratio"], 224, moves=True)
    ends = []
    for _ in range(20_000):
        crops = crop.draw_clip(rng, *frame, times)
        ends.append([(each.y0, each.x0, *each.part) for each in (crops[0], crops[-1])])
    first, last = np.array(ends).transpose(1, 0, 2)
    check_equals(first, frame, case["first_frame"])
    check_equals(last, frame, case["last_frame"])
    areas = first[:, 2] * first[:, 3], last[:, 2] * last[:, 3]
    assert abs(np.corrcoef(*areas)[0, 1]) < 0.03


@pytest.mark.parametrize(
    "case", REFERENCE["motion_shift_fixed"], ids=lambda case: str(case["frames"])
)
def test_a_crop_moves_evenly(case):
    path = moved(case["first_top_left_height_width"], case["last"], case["frames"])
    assert [list(box) for box in path] == case["per_frame"]


@pytest.mark.parametrize("moves", [False, True])
def test_the_pixels_of_each_frame_are_those_of_its_crop(moves):
    rng = np.random.default_rng(3)
    frames = rng.integers(0, 256, (3, 40, 56, 4), dtype=np.uint8)
    rows = [0, 0, 1, 2, 2]
    crop = RandomResizedCrop((0.2, 0.5), (0.75, 4 / 3), 16, flip=True, moves=moves)
    for seed in range(6):  # mirrored ones and others
        crops = crop.draw_clip(np.random.default_rng(seed), 40, 56, 5)
        (clip,) = crop(iter(frames), np.array([rows]), np.random.default_rng(seed))
        places = {(each.y0, each.x0, *each.part) for each in crops}
        assert (len(places) > 1) == moves
        for time, (row, each) in enumerate(zip(rows, crops, strict=True)):
            height, width = each.part
            part = frames[row, each.y0 : each.y0 + height, each.x0 : each.x0 + width]
            square = scale(part, (16, 16))[:, :: -1 if each.flip else 1, :3]
            assert (clip[:, time].numpy() == square.transpose(2, 0, 1)).all()


def test_a_larger_frame_of_a_clip_shows_the_same_part():
    """Red is the row and green the column of a frame, in parts of its height and width."""
    for seed in range(5):
        sizes, squares = [(40, 56), (120, 168)], []
        for height, width in sizes:
            rows, columns = np.mgrid[0:height, 0:width] + 0.5
            frame = np.stack([rows * 250 / height, columns * 250 / width, rows, rows], axis=-1)
            squares.append(frame.round().astype(np.uint8))
        (clip,) = RandomResizedCrop((0.2, 0.5), (0.75, 4 / 3), 16)(
            iter(squares), np.array([[0, 1]]), np.random.default_rng(seed)
        )
        small, large = clip[:2].int().transpose(0, 1)
        assert (small - large).abs().max() <= 250 / 56  # half a pixel of each, and rounding


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 1), (2, 2)])
def test_frames_of_a_few_pixels_have_crops_too(shape):
    frame = np.full((*shape, 4), 9, np.uint8)
    for seed, moves in enumerate([False, True] * 5):
        crop = RandomResizedCrop((0.08, 1), (0.75, 4 / 3), 16, flip=True, moves=moves)
        (clip,) = crop(iter([frame, frame]), np.array([[0, 1]]), np.random.default_rng(seed))
        assert (clip == 9).all()


@pytest.mark.parametrize("case", REFERENCE["short_side_jitter"], ids=str)
def test_scales_of_the_short_side_are_distributed_as_upstreams(case):
    scales = case["min"], case["max"]
    crop = RandomCrop(scales, 100, inverse_uniform=case["inverse_uniform_sampling"])
    rng = np.random.default_rng(0)
    sides = np.array([min(crop.draw(rng, 360, 640).size) for _ in range(20_000)])
    assert furthest_rank(sides, case["short_side"]) < TOLERANCE
    assert sides.mean() == pytest.approx(case["mean"], abs=0.5)


@pytest.mark.parametrize("case", REFERENCE["random_crop"], ids=str)
def test_the_last_place_of_a_crop_is_drawn_too(case):
    """Upstream never draws the last one: its places are 0 to room - 1."""
    frame, side = (case["height"], case["width"]), case["size"]
    short = min(frame)
    crop, rng = RandomCrop((short, short), side), np.random.default_rng(0)
    assert scaled_size(*frame, short) == frame
    drawn = [crop.draw(rng, *frame) for _ in range(10_000)]
    for places, theirs, length in (
        ([each.y0 for each in drawn], case["top_values"], frame[0]),
        ([each.x0 for each in drawn], case["left_values"], frame[1]),
    ):
        room = length - side
        assert [min(places), max(places)] == [0, room]
        assert theirs == [0, max(room - 1, 0)]
        counts = np.bincount(places, minlength=room + 1) * (room + 1) / len(drawn)
        assert counts == pytest.approx(1, abs=0.45)


# ------------------------------------------------------------------ in the data sets


@pytest.fixture
def cfg(cfg):
    cfg.DATA.TRAIN_JITTER_SCALES_RELATIVE = [0.2, 0.8]
    cfg.DATA.TRAIN_JITTER_ASPECT_RELATIVE = [0.75, 1.3333]
    return cfg


@pytest.mark.parametrize("name", ["ak", "charades"])
def test_the_keys_choose_the_crop_of_training(cfg, name):
    cfg.TRAIN.DATASET, cfg.DATA.TRAIN_JITTER_MOTION_SHIFT = name, True
    dataset = build_dataset(name, cfg, "train")
    expected = RandomResizedCrop((0.2, 0.8), (0.75, 1.3333), 32, flip=True, moves=True)
    assert dataset.transform == expected
    (clip,) = dataset[(0, 0)][0]
    assert clip.shape == (3, 4, 32, 32)
    assert (clip == build_dataset(name, cfg, "train")[(0, 0)][0][0]).all()
    assert (clip != dataset[(1, 0)][0][0]).any()
    assert not isinstance(build_dataset(name, cfg, "val").transform, RandomResizedCrop)
