"""Measures clips from JPEG files, compared with only decoding these files.

There are training clips, and test clips of 30 views. The pictures are noise with the spectrum and
the colours of photographs, and move a little from frame to frame, so decoders treat them like
photographs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
import torch
from torchvision.io import ImageReadMode, decode_jpeg

from benchmarks.data_parts.measuring import Row, seconds_in_turn
from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.clips.resized_crop import RandomResizedCrop
from slowfast.ak.clips.sampling import EvenWindows, RandomCrop, RandomWindow
from slowfast.ak.clips.views import UniformCrops
from slowfast.ak.frames.images import JpegFrames
from slowfast.ak.lists.clip_list import ClipList
from slowfast.ak.run.allocator import keep_some_freed_memory

HEIGHT, WIDTH = 360, 640
# Mean bytes of an image, and the largest allowed ratio of a training clip's time to decoding.
SIZES = {8_000: 1.5, 40_000: 1.3}
TEST_CLIP_TARGET = 1.6
CLIPS = 8
# Clips in one repetition: few for short repetitions, and enough to average over random crops.
CLIPS_A_TURN = 8


def measure(folder: Path, repeats: int, frames: int = 150) -> list[Row]:
    """Returns the rows of both sizes of images. Freed memory is kept, as in a loader's worker."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    keep_some_freed_memory()
    rows = []
    for size, target in SIZES.items():
        clips, reader = image_set(folder / f"images_{size}", size, frames)
        name = f"{size // 1000} kB"
        rows += [
            *_training_clip(clips, reader, name, target, repeats),
            *_test_clip(clips, reader, name, repeats),
        ]
    return rows


def _training_clip(
    clips: ClipList, reader: JpegFrames, name: str, target: float, repeats: int
) -> list[Row]:
    dataset = training_set(clips, reader)
    keys = [(0, clip % len(clips), clip) for clip in range(CLIPS_A_TURN)]
    # The same frames as in these items.
    chosen = [(clip, frame) for _, clip, _ in keys for frame in dataset[keys[clip]][3].int()]
    contents = [content_of(reader, clip, int(frame)) for clip, frame in chosen]
    ratio, fastest, taken = _against_decoding(dataset, keys, contents, repeats)
    what = f"training clip of 8 frames, {name} each"
    return [
        *_decoder_rows(taken, len(contents), name),
        Row(what, ratio, "x", target, f"{fastest} decoding its frames"),
        _resized_crops(dataset, keys, name, repeats),
    ]


def _resized_crops(dataset: ClipDataset, keys: Sequence, name: str, repeats: int) -> Row:
    """Compares items with random resized crops with the items of a data set."""
    crop = RandomResizedCrop((0.08, 1.0), (3 / 4, 4 / 3), 256, flip=True)
    resized = copy(dataset)
    resized.transform = crop
    sets = {"scales": dataset, "areas": resized}
    jobs = {name: lambda each=each: [each[key] for key in keys] for name, each in sets.items()}
    taken = seconds_in_turn(jobs, repeats)
    ratio = taken["areas"] / taken["scales"]
    what = f"the same with random resized crops, {name} each"
    return Row(what, ratio, "x", 1.1, "crops at a random scale")


def _test_clip(clips: ClipList, reader: JpegFrames, name: str, repeats: int) -> list[Row]:
    dataset = ClipDataset(
        clips, reader, EvenWindows(8, rate=2, count=10), UniformCrops(256, 3), num_classes=140
    )
    distinct = dataset[(0, 0)][3].unique().int().tolist()
    contents = [content_of(reader, 0, frame) for frame in distinct]
    ratio, fastest, _ = _against_decoding(dataset, [(0, 0)], contents, repeats)
    what = f"test clip, 10 x 3 views, {len(distinct)} frames, {name} each"
    return [Row(what, ratio, "x", TEST_CLIP_TARGET, f"{fastest} decoding its distinct frames")]


def _against_decoding(
    dataset: ClipDataset, keys: Sequence, contents: Sequence[bytes], repeats: int
) -> tuple[float, str, dict[str, float]]:
    """Compares items with the decoding of their files.

    Returns:
        The ratio to the fastest decoder, its name, and the seconds of all decoders.
    """
    items = {"items": lambda: [dataset[key] for key in keys]}
    taken = seconds_in_turn({**decoders(contents), **items}, repeats)
    seconds = taken.pop("items")
    fastest = min(taken, key=taken.get)
    return seconds / taken[fastest], fastest, taken


def _decoder_rows(taken: dict[str, float], frames: int, name: str) -> list[Row]:
    return [
        Row(f"{decoder} decodes a frame of {name}", 1000 * seconds / frames, "ms")
        for decoder, seconds in taken.items()
    ]


def content_of(reader: JpegFrames, clip: int, frame: int) -> bytes:
    """Returns the bytes of a frame's file."""
    return Path(reader.path(clip, frame)).read_bytes()


def training_set(clips: ClipList, reader: JpegFrames) -> ClipDataset:
    """Returns training items with the settings of the Animal Kingdom recipes."""
    crop = RandomCrop((256, 340), 256, inverse_uniform=True, flip=True)
    return ClipDataset(clips, reader, RandomWindow(8, rate=2), crop, num_classes=140)


def decoders(contents: Sequence[bytes]) -> dict[str, Callable[[], object]]:
    """Returns for each library a job that decodes all files from memory to RGB."""
    arrays = [np.frombuffer(content, np.uint8) for content in contents]
    tensors = [torch.tensor(array) for array in arrays]

    def every(decode: Callable, what: Sequence) -> None:
        for data in what:
            decode(data)

    return {
        "cv2": partial(every, partial(cv2.imdecode, flags=cv2.IMREAD_COLOR_RGB), arrays),
        "simplejpeg": partial(every, simplejpeg.decode_jpeg, contents),
        "torchvision": partial(every, partial(decode_jpeg, mode=ImageReadMode.RGB), tensors),
    }


# ------------------------------------------------------------------ pictures


def image_set(folder: Path, size: int, frames: int) -> tuple[ClipList, JpegFrames]:
    """Returns CLIPS clips of JPEGs with a mean of `size` bytes; writes them if they are missing."""
    path = folder / f"list_{frames}.csv"
    if not path.is_file():
        _write_set(folder, path, size, frames)
    clips = ClipList.read(path)
    return clips, JpegFrames(clips, folder)


def _write_set(folder: Path, path: Path, size: int, frames: int) -> None:
    lines = ["original_vido_id video_id frame_id path labels"]
    quality = None
    for clip in range(CLIPS):
        scene = _scene(np.random.default_rng(clip))
        quality = quality or _quality(scene, size)
        (folder / f"c{clip}").mkdir(parents=True, exist_ok=True)
        for frame in range(frames):
            name = f"c{clip}/{frame + 1:06d}.jpg"
            Path(folder, name).write_bytes(_encode(_shot(scene, frame), quality))
            lines.append(f'c{clip} 0 {frame} {name} "{clip}"')
    path.write_text("\n".join(lines) + "\n")


def _scene(rng: np.random.Generator) -> np.ndarray:
    """Returns a picture uint8 (H, W, 3), larger than a frame, with the spectrum of photographs."""
    shape = HEIGHT + 128, WIDTH + 160
    y, x = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]
    amplitude = 1 / np.maximum(np.hypot(x, y), 1 / max(shape)) ** 1.3
    fields = [
        np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * amplitude, shape) for _ in range(4)
    ]
    grey, *colours = (field / field.std() for field in fields)
    planes = [115 + 45 * grey + 12 * colour for colour in colours]
    return np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)


def _shot(scene: np.ndarray, frame: int) -> np.ndarray:
    """Returns the frame of a camera that moves over the scene."""
    y = round(64 + 63 * np.sin(frame / 19))
    x = round(80 + 79 * np.sin(frame / 31))
    return np.ascontiguousarray(scene[y : y + HEIGHT, x : x + WIDTH])


def _encode(picture: np.ndarray, quality: int) -> bytes:
    return simplejpeg.encode_jpeg(picture, quality, "RGB", "420")


def _quality(scene: np.ndarray, size: int) -> int:
    """Returns the JPEG quality at which a picture has closest to `size` bytes."""
    picture = _shot(scene, 0)
    return min(range(1, 96), key=lambda quality: abs(len(_encode(picture, quality)) - size))
