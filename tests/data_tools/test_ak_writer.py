"""A data set in the layout of Animal Kingdom: the exact formats, and complete clips only."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from openpyxl import load_workbook

from slowfast.data_tools import ak_writer
from slowfast.data_tools.ak_writer import ListedClass, ListedClip


@pytest.fixture
def root(tmp_path):
    ak_writer.make_folders(tmp_path)
    return tmp_path


def ramp(count: int, width: int = 64, height: int = 48) -> np.ndarray:
    """Frames whose brightness grows with their number."""
    frames = np.empty((count, height, width, 3), dtype=np.uint8)
    frames[:] = 40 + 6 * np.arange(count)[:, None, None, None]
    return frames


def test_images_are_the_frames_of_the_video(root):
    frames = ramp(20)
    assert ak_writer.write_clip(root, "A", frames, fps=Fraction(12)) == 20
    decoded = list(ak_writer.decode_rgb(root / "video" / "A.mp4"))
    paths = sorted((root / "image" / "A").iterdir())
    assert [path.name for path in paths] == [f"A_{i:06d}.jpg" for i in range(1, 21)]
    for path, from_video, drawn in zip(paths, decoded, frames, strict=True):
        image = cv2.imread(str(path))[..., ::-1].astype(int)
        assert abs(image - from_video).mean() < 2
        assert abs(image - drawn).mean() < 4  # in order, with the right colours


def test_a_clip_is_complete_or_does_not_exist(root):
    def stops_half_way():
        yield from ramp(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ak_writer.write_clip(root, "A", stops_half_way(), fps=Fraction(12))
    assert not ak_writer.has_clip(root, "A")
    assert ak_writer.write_clip(root, "A", ramp(5), fps=Fraction(12)) == 5
    assert ak_writer.has_clip(root, "A")
    assert ak_writer.count_frames(root, "A") == 5
    assert len(list((root / "image").iterdir())) == len(list((root / "video").iterdir())) == 1


def test_without_frames_nothing_is_written(root):
    assert ak_writer.write_clip(root, "A", [], fps=Fraction(12)) == 0
    assert not list((root / "video").iterdir())


def test_a_frame_list_is_in_charades_format(tmp_path):
    clips = [ListedClip("AAACXZTV", 2, (40, 2)), ListedClip("B", 1, ())]
    ak_writer.write_frame_list(tmp_path / "train.csv", clips)
    assert (tmp_path / "train.csv").read_text() == (
        "original_vido_id video_id frame_id path labels\n"
        'AAACXZTV 1 0 AAACXZTV/AAACXZTV_000001.jpg "2,40"\n'
        'AAACXZTV 1 1 AAACXZTV/AAACXZTV_000002.jpg "2,40"\n'
        'B 2 0 B/B_000001.jpg ""\n'
    )


def test_a_class_sheet_has_the_columns_of_df_action(tmp_path):
    classes = [ListedClass("Eating", "Feeding", "head", 9), ListedClass("Yawning", "", "tail", 1)]
    ak_writer.write_class_sheet(tmp_path / "df_action.xlsx", classes)
    rows = list(load_workbook(tmp_path / "df_action.xlsx").active.iter_rows(values_only=True))
    assert rows[0] == ("action_category", "action", "index", "segment", "count")
    assert rows[1] == ("Feeding", "Eating", 0, "head", 9)
    assert rows[2][1:] == ("Yawning", 1, "tail", 1)


def test_counts_are_clips_and_both_limits_of_the_segments_are_inclusive():
    clips = [ListedClip("A", 30, (0, 2)), ListedClip("B", 1, (2, 2))]
    assert ak_writer.count_labels(clips, 4) == [1, 0, 2, 0]
    segments = [ak_writer.segment_of(count, head_min=5, tail_max=2) for count in (5, 4, 3, 2)]
    assert segments == ["head", "middle", "middle", "tail"]


def test_the_same_frames_always_give_the_same_file(tmp_path):
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, size=(48, 64, 3), dtype=np.uint8) // 4 * 3 for _ in range(12)]
    written = set()
    for number in range(8):
        path = tmp_path / f"{number}.mp4"
        ak_writer.encode_mp4(path, frames, Fraction(12), crf=20)
        written.add(path.read_bytes())
    assert len(written) == 1
