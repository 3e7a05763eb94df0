"""Measures what reading a video for a prediction costs, as a ratio to decoding it once.

    python benchmarks/predict.py /tmp/benchmark        # writes its own film, and keeps it

The film has 640x360 pixels and is drawn (`benchmarks/data_parts/videos.py`). Windows overlap by
half. Decoding it once means one thread, and the conversion to RGB of the frames that windows use.
Reading is what a prediction does beside the network: it opens the video, reads its time stamps,
decodes it, converts and scales the frames, and gives blocks of windows. Both use one thread, and
the time of the processor counts, so that other programs disturb less.
"""

import argparse
import sys
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # this project

import av
import cv2
import torch

from benchmarks.data_parts.measuring import Row, seconds_in_turn
from benchmarks.data_parts.videos import write_film
from slowfast.ak.clips.views import UniformCrops
from slowfast.ak.frames.video import Decoding
from slowfast.ethograms.windows import Windows
from slowfast.prediction.videos.inputs import find_inputs
from slowfast.prediction.videos.source import open_source
from slowfast.prediction.videos.stream import FrameSampling, blocks

FRAMES, MOST = 900, 1.3
WINDOWS = ((32, 2), (8, 8))  # frames of a window and their distance, as in the recipes


def measure(folder: Path, repeats: int, num_frames: int = FRAMES) -> list[Row]:
    """Returns the rows of the table; the film is kept in `folder`."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    film = folder / f"film{num_frames}.mp4"
    if not film.is_file():
        write_film(film, num_frames)
    jobs = {}
    for each in WINDOWS:
        jobs["decode", each] = partial(_decode, film, each[1])
        jobs["read", each] = partial(_read, film, *each)
    seconds = seconds_in_turn(jobs, repeats, time.process_time)
    rows = []
    for each in WINDOWS:
        once, what = seconds["decode", each], f"{each[0]} frames, {each[1]} apart"
        rows.append(Row(f"decoding once, windows of {what}", once * 1000, "ms"))
        ratio = seconds["read", each] / once
        rows.append(Row(f"reading windows of {what}", ratio, "x", MOST, "decoding once"))
    return rows


def _decode(film: Path, rate: int) -> None:
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for number, frame in enumerate(container.decode(stream)):
            if number % rate == 0:
                frame.to_ndarray(format="rgb24")


def _read(film: Path, num_frames: int, rate: int) -> None:
    (given,) = find_inputs([str(film)])
    source, sampling = open_source(given, Decoding()), FrameSampling(num_frames, rate)
    windows = Windows(sampling.cells(source.counted), num_frames, num_frames // 2)
    indices = sampling.indices(windows, source.counted)
    for _ in blocks(indices, source.frames, UniformCrops(256, 1), 8):
        pass


def main(argv: list[str] | None = None) -> int:
    """Measures and prints the table. Returns 1 if a ratio is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder for the film")
    parser.add_argument("--repeats", type=int, default=7, help="repetitions; the median counts")
    parser.add_argument(
        "--frames", type=int, default=FRAMES, help="frames of the film (%(default)s)"
    )
    args = parser.parse_args(argv)
    if args.repeats < 1:
        parser.error(f"--repeats {args.repeats}: expected 1 or more")
    rows = measure(args.folder, args.repeats, args.frames)
    print(f"{'':58}{'measured':>10}  {'at most':>8}")
    for row in rows:
        target = "" if row.target is None else f"{row.target:g} {row.unit}"
        print(f"{row.what:58}{f'{row.value:.2f} {row.unit}':>10}  {target:>8}  {row.against}")
    return int(any(row.target and row.value > row.target for row in rows))


if __name__ == "__main__":
    sys.exit(main())
