"""Fixtures of several folders of tests. `tiny_ak` is a set of twelve clips in the layout of
`data/ak`, which takes about a second to make.

    <root>/annot/train.csv   8 clips of 5 classes; clip t7 has no label
    <root>/annot/val.csv     4 clips
    <root>/image/<clip>/<clip>_000001.jpg ...
    <root>/video/<clip>.mp4  H.264 with B-frames and a key frame every 6 frames

The images are the decoded frames of the videos. Most clips are 64x48; some are portrait (48x64) or
of another size, some are shorter than any window, two have a single frame.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
import torch
from fvcore.common.config import CfgNode

from slowfast.config.defaults import get_cfg
from slowfast.utils import logging

# The first backward pass of a process starts one autograd thread for each device, and after that a
# fork cannot compute gradients. FakeTensorMode and torch.compile register a device. The first pass
# is made here, before any device is registered, so that tests can fork in any order.
torch.ones(1, requires_grad=True).sum().backward()

HEADER = "original_vido_id video_id frame_id path labels"
# clip, frames, width, height, labels
TRAIN = [
    ("t0", 20, 64, 48, "0"),
    ("t1", 24, 64, 48, "0,1"),
    ("t2", 17, 48, 64, "1"),
    ("t3", 20, 64, 48, "2,0"),
    ("t4", 5, 64, 48, "3"),
    ("t5", 1, 64, 48, "0,4"),
    ("t6", 30, 80, 46, "1,2,3"),
    ("t7", 20, 64, 48, ""),
]
VAL = [
    ("v0", 20, 64, 48, "0,3"),
    ("v1", 24, 48, 64, "1"),
    ("v2", 6, 64, 48, "2"),
    ("v3", 1, 64, 48, "4"),
]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Writes captured bytes that are no text as escapes: xdist cannot send them otherwise."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report


@dataclass(frozen=True)
class TinyAk:
    """The folder of the set, its subfolders and its settings."""

    root: Path
    num_classes: int = 5

    @property
    def annot(self) -> Path:
        return self.root / "annot"

    @property
    def image(self) -> Path:
        return self.root / "image"

    @property
    def video(self) -> Path:
        return self.root / "video"

    def opts(self) -> list:
        """Settings for `cfg.merge_from_list`: this set, 4 frames at rate 2, 32 pixels, CPU."""
        return [
            *("TRAIN.DATASET", "ak", "TEST.DATASET", "ak"),
            *("TRAIN.BATCH_SIZE", 2, "TEST.BATCH_SIZE", 2, "NUM_GPUS", 0),
            *("MODEL.NUM_CLASSES", self.num_classes, "MODEL.HEAD_ACT", "sigmoid"),
            *("MODEL.LOSS_FUNC", "bce_logit", "DATA.MULTI_LABEL", True),
            *("DATA.PATH_TO_DATA_DIR", str(self.annot), "DATA.PATH_PREFIX", str(self.image)),
            *("DATA.NUM_FRAMES", 4, "DATA.SAMPLING_RATE", 2, "SLOWFAST.ALPHA", 4),
            *("DATA.TRAIN_JITTER_SCALES", [36, 44]),
            *("DATA.TRAIN_CROP_SIZE", 32, "DATA.TEST_CROP_SIZE", 36),
            *("TEST.NUM_ENSEMBLE_VIEWS", 2, "TEST.NUM_SPATIAL_CROPS", 3),
            *("DATA_LOADER.NUM_WORKERS", 0, "DATA_LOADER.PIN_MEMORY", False),
        ]


def write_video(path: Path, frames: list[np.ndarray], rate: int = 25, **options: str) -> None:
    """Encodes RGB frames as H.264 with B-frames and a key frame every 6 frames."""
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"g": "6", "bf": "2", "crf": "10"} | options
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def moving_square(count: int, width: int, height: int, seed: int) -> list[np.ndarray]:
    """Returns RGB frames of a bright square on a smooth background; no two frames are equal."""
    rng = np.random.default_rng(seed)
    tint = rng.integers(60, 200, size=3)
    y, x = np.mgrid[0:height, 0:width]
    background = np.stack([tint[c] * (0.4 + 0.3 * np.sin(x / 9 + c + y / 7)) for c in range(3)], -1)
    frames = []
    for t in range(count):
        frame = background.astype(np.uint8)
        top, left = (5 + 2 * t) % (height - 12), (3 + 3 * t) % (width - 12)
        frame[top : top + 12, left : left + 12] = (255, 40 + 7 * t % 200, 230)
        frames.append(frame)
    return frames


def write_set(root: Path) -> TinyAk:
    """Writes the set described above into a folder."""
    for folder in ("annot", "image", "video"):
        (root / folder).mkdir()
    for list_name, clips in (("train", TRAIN), ("val", VAL)):
        lines = [HEADER]
        for number, (name, count, width, height, labels) in enumerate(clips):
            video = root / "video" / f"{name}.mp4"
            write_video(video, moving_square(count, width, height, seed=number))
            (root / "image" / name).mkdir()
            with av.open(str(video)) as container:
                for k, frame in enumerate(container.decode(video=0)):
                    relative = f"{name}/{name}_{k + 1:06d}.jpg"
                    pixels = frame.to_ndarray(format="bgr24")
                    cv2.imwrite(
                        str(root / "image" / relative), pixels, [cv2.IMWRITE_JPEG_QUALITY, 97]
                    )
                    lines.append(f'{name} {number} {k} {relative} "{labels}"')
        (root / "annot" / f"{list_name}.csv").write_text("\n".join(lines) + "\n")
    return TinyAk(root)


def pytest_collection_modifyitems(items):
    """Skips the tests with the marker `cuda` where PyTorch finds no CUDA device."""
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("cuda"):
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Limits PyTorch to one thread: small networks gain nothing from more threads."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_ak(tmp_path_factory) -> TinyAk:
    """The set described above. A test that changes files uses `ak_copy`."""
    return write_set(tmp_path_factory.mktemp("ak"))


@pytest.fixture
def ak_copy(tiny_ak, tmp_path) -> Path:
    """The folder of a copy of `tiny_ak`, in which a test can change files."""
    return Path(shutil.copytree(tiny_ak.root, tmp_path, dirs_exist_ok=True))


@pytest.fixture
def cfg(tiny_ak) -> CfgNode:
    """The default configuration with the settings of `tiny_ak`."""
    cfg = get_cfg()
    cfg.merge_from_list(tiny_ak.opts())
    return cfg


@pytest.fixture(scope="session")
def video_tools():
    """The functions `write_video` and `moving_square` of this module."""
    return SimpleNamespace(write_video=write_video, moving_square=moving_square)


@pytest.fixture(autouse=True)
def _forget_the_log_folder():
    """Figures that a later test logs do not go to the folder of this test."""
    yield
    logging._output_dir = None
