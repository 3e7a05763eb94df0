"""Measures clips from an mp4: a test clip compared with one sequential decoding of the video, and a
training clip compared with the decoding from the key frame before its window to its end.

The video is drawn: 640x360 pixels, 150 frames of about 3 kB, as in Animal Kingdom. A camera pans
over a textured ground, and an object crosses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch

from benchmarks.data_parts.measuring import Row, seconds_in_turn
from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.clips.sampling import EvenWindows, RandomCrop
from slowfast.ak.clips.views import UniformCrops
from slowfast.ak.errors import UserError
from slowfast.ak.frames.video import Decoding, VideoFrames
from slowfast.ak.lists.clip_list import ClipList

HEIGHT, WIDTH, FRAMES, BYTES, FPS = 360, 640, 150, 3000, 30
NUM_FRAMES, RATE = 8, 2
KEY_FRAMES_APART = 50


def measure(folder: Path, repeats: int, num_frames: int = FRAMES) -> list[Row]:
    """Returns the rows of this part; the video is kept in `folder`."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    film = folder / f"film{num_frames}.mp4"
    if not film.is_file():
        write_film(film, num_frames)
    (folder / "films.txt").write_text(f"{film.name} 0\n")
    clips = ClipList.read_pairs(folder / "films.txt")

    start = num_frames - (NUM_FRAMES - 1) * RATE - KEY_FRAMES_APART // 4
    after = start + (NUM_FRAMES - 1) * RATE + 1
    jobs = {
        "decode": lambda: _decode(film, 0, num_frames),
        "decode window": lambda: _decode(film, start // KEY_FRAMES_APART * KEY_FRAMES_APART, after),
    }
    libraries = {"": Decoding()}
    try:
        VideoFrames(clips, folder, Decoding(with_torchcodec=True))
        libraries[", torchcodec"] = Decoding(with_torchcodec=True)
    except UserError:
        pass
    for name, decoding in libraries.items():
        jobs[f"test{name}"] = lambda decoding=decoding: _test_clip(clips, folder, decoding)
        jobs[f"train{name}"] = lambda decoding=decoding: _training_clip(
            clips, folder, decoding, start
        )
    seconds = seconds_in_turn(jobs, repeats)

    size = film.stat().st_size / num_frames / 1000
    rows = [
        Row(
            f"mp4: decoding {num_frames} frames of {size:.1f} kB, one by one",
            seconds["decode"] * 1000,
            "ms",
        )
    ]
    for name in libraries:
        rows += [
            Row(
                f"mp4: test clip, 10 x 3 views of {NUM_FRAMES}{name}",
                seconds[f"test{name}"] / seconds["decode"],
                "x",
                None if name else 1.6,
                "decoding it once",
            ),
            Row(
                f"mp4: training clip of {NUM_FRAMES} frames{name}",
                seconds[f"train{name}"] / seconds["decode window"],
                "x",
                None,
                "decoding from its key frame",
            ),
        ]
    return rows


@dataclass(frozen=True)
class _WindowAt:
    """A window that always begins at the same frame."""

    start: int

    def draw(self, rng: np.random.Generator, length: int, step: float = 1.0) -> np.ndarray:
        return (self.start + RATE * np.arange(NUM_FRAMES))[None]


def _test_clip(clips: ClipList, folder: Path, decoding: Decoding) -> None:
    _item(clips, folder, decoding, EvenWindows(NUM_FRAMES, RATE, 10), UniformCrops(256, 3))


def _training_clip(clips: ClipList, folder: Path, decoding: Decoding, start: int) -> None:
    crop = RandomCrop((256, 340), 256, inverse_uniform=True, flip=True)
    _item(clips, folder, decoding, _WindowAt(start), crop)


def _item(clips: ClipList, folder: Path, decoding: Decoding, *how: Any) -> None:
    """Reads one item with a new data set, which has not opened the video before."""
    reader = VideoFrames(clips, folder, decoding)
    ClipDataset(clips, reader, *how, num_classes=1, multi_label=False)[(0, 0)]


def _decode(film: Path, first: int, after: int) -> None:
    """Decodes frames from `first`, a key frame, to `after` - 1."""
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        if first:
            container.seek(int(first / FPS / stream.time_base), stream=stream)
        for _ in zip(range(first, after), container.decode(stream), strict=False):
            pass


def write_film(path: Path, num_frames: int) -> None:
    """Draws and encodes the video, with a key frame every 50 frames."""
    part = path.with_suffix(".part")
    with av.open(str(part), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = int(BYTES * 8 * FPS * 1.15)  # which x264 does not quite reach
        stream.codec_context.thread_count = 1
        stream.options = {"g": str(KEY_FRAMES_APART), "sc_threshold": "0"}
        for pixels in _draw(num_frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    part.replace(path)


def _draw(num_frames: int) -> Iterator[np.ndarray]:
    ground, fur = _texture(HEIGHT + 120, WIDTH + 320, 1), _texture(120, 120, 2)
    y, x = np.mgrid[-60:60, -60:60]
    body = (np.hypot(y, x) < 55)[..., None]
    for k in range(num_frames):
        top, left = int(60 + 50 * np.cos(k / 55)), int(160 + 140 * np.sin(k / 40))
        frame = ground[top : top + HEIGHT, left : left + WIDTH].copy()
        top, left = int(120 + 60 * np.sin(k / 9)), 20 + 3 * k % 480
        part = frame[top : top + 120, left : left + 120]
        part[:] = np.where(body, fur, part)
        yield frame


def _texture(height: int, width: int, seed: int) -> np.ndarray:
    """Draws RGB noise whose amplitude falls with frequency, as in photographs."""
    noise = np.random.default_rng(seed).standard_normal((3, height, width))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    frequency[0, 0] = np.inf
    waves = np.fft.irfft2(np.fft.rfft2(noise) / frequency**1.2, (height, width))
    waves /= waves.std(axis=(1, 2), keepdims=True)
    rgb = 110 + 45 * waves[:1] + 12 * waves
    return np.clip(rgb, 0, 255).astype(np.uint8).transpose(1, 2, 0)
