"""Media files, and sets of them, that several tests need."""

import json
from pathlib import Path

import av
import cv2
import numpy as np


def write_sound_alone(path: Path) -> None:
    """A file with a moment of silence and no picture, as its ending says."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate = 44100
        container.mux(stream.encode(silence))
        container.mux(stream.encode())


def write_ssv2(folder: Path, splits: dict[str, dict[str, int]]) -> list:
    """Writes a set in the form of Something-Something V2, with one class for each video of a split.

    Frame k of a video has the grey 4 k in 64x48 pixels. Video number n of a split has class n, and
    the JSON files have the videos in reverse order.

    Args:
        splits: the number of frames of each video by its id, for the splits train and val.

    Returns:
        Settings for `cfg.merge_from_list` that name the set.
    """
    for split, name in (("train", "train"), ("val", "validation")):
        lines = ["original_vido_id video_id frame_id path labels"]
        for number, (video, length) in enumerate(splits[split].items()):
            (folder / "image" / video).mkdir(parents=True, exist_ok=True)
            for frame in range(length):
                path = f"{video}/{frame + 1:06d}.jpg"
                cv2.imwrite(str(folder / "image" / path), np.full((48, 64, 3), 4 * frame, np.uint8))
                lines.append(f'{video} {number} {frame} {path} ""')
        (folder / f"{split}.csv").write_text("\n".join(lines) + "\n")
        videos = [
            {
                "id": video,
                "label": f"act {number} on a box",
                "template": f"Act {number} on [a thing]",
            }
            for number, video in enumerate(splits[split])
        ]
        (folder / f"something-something-v2-{name}.json").write_text(json.dumps(videos[::-1]))
    count = max(map(len, splits.values()))
    classes = {f"Act {number} on a thing": str(number) for number in range(count)}
    (folder / "something-something-v2-labels.json").write_text(json.dumps(classes))
    return [
        *("TRAIN.DATASET", "ssv2", "TEST.DATASET", "ssv2", "MODEL.NUM_CLASSES", count),
        *("DATA.PATH_TO_DATA_DIR", str(folder), "DATA.PATH_PREFIX", str(folder / "image")),
        *("DATA.MULTI_LABEL", False, "DATA.RANDOM_FLIP", False),
    ]


def write_image_tree(
    folder: Path, images: dict[str, dict[str, int]], size: tuple[int, int] = (40, 52)
) -> None:
    """A folder of images by split and class, as ImageNet is unpacked.

    Args:
        images: the number of images by split and class, {"train": {"ant": 3, ...}, "val": ...}.
            The colour of an image depends on the place of its class among the sorted classes.
        size: height and width. Every second image of a class is turned.
    """
    classes = sorted({name for split in images.values() for name in split})
    for split, counts in images.items():
        for name, count in counts.items():
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                rng = np.random.default_rng([len(split), classes.index(name), number])
                picture = rng.integers(0, 60, (*size[:: 1 - 2 * (number % 2)], 3), np.uint8)
                picture[..., classes.index(name) % 3] += 160
                cv2.imwrite(str(folder / split / name / f"{name}_{number}.JPEG"), picture)
