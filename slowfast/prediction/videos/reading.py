"""The windows of a video as a configuration asks for them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sized
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from fvcore.common.config import CfgNode

from slowfast.ak.clips.from_cfg import decoding_from_cfg, image_range, sampling
from slowfast.ak.clips.views import UniformCrops
from slowfast.ak.errors import BadClip, UserError
from slowfast.ak.frames.images import ValueRange
from slowfast.ak.registries.datasets import facts_for
from slowfast.ak.run.cores import available_cores, processes_of_machine, reading_workers
from slowfast.ethograms.windows import Windows
from slowfast.prediction.videos.inputs import Input
from slowfast.prediction.videos.source import Source, open_source
from slowfast.prediction.videos.stream import Block, FrameSampling, blocks


def check_window(cfg: CfgNode) -> None:
    """Raises UserError if it is not known how long a window of a video is."""
    way = sampling(cfg, facts_for(cfg))
    if way != "dense" and not cfg.PREDICT.WINDOW:
        raise UserError(
            f"The network was trained on frames that are spread over whole clips ({way} sampling: "
            f"DATA.SAMPLING, TRAIN.DATASET {cfg.TRAIN.DATASET}), and a video has no clips. Add "
            "PREDICT.WINDOW and the usual length of the training clips in seconds."
        )


class Done(Protocol):
    """What is kept of the windows that are done, from the first on."""

    def read(self) -> Sized:
        """One entry for each window."""

    def append(self, values: np.ndarray) -> None:
        """Adds the entries of the next windows."""


@dataclass
class OpenVideo:
    """A video that is being read.

    Attributes:
        part: what is kept of its windows so far.
        begun: when, in seconds.
        source, sampling, windows: None until it has been opened.
        problem: what is wrong with it.
    """

    video: Input
    part: Done
    begun: float
    source: Source | None = None
    sampling: FrameSampling | None = None
    windows: Windows | None = None
    problem: str = ""

    def __hash__(self) -> int:
        return id(self)


@dataclass(frozen=True)
class Reading:
    """How the windows of videos are read.

    Attributes:
        decoding: with the rate at which frames are counted.
        stride, window: seconds; 0: half a window, and as many frames as dense sampling spans.
        size: windows of a block.
        threads: videos that are decoded at the same time.
    """

    decoding: Any
    num_frames: int
    sampling_rate: int
    uniform: bool
    crops: UniformCrops
    stride: float
    window: float
    images_per_second: float
    value_range: ValueRange
    size: int
    threads: int

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Reading:
        """Reads DATA.* and PREDICT.*."""
        data, predict = cfg.DATA, cfg.PREDICT
        free = reading_workers(available_cores(), processes_of_machine(cfg), cfg.NUM_GPUS > 0)
        return cls(
            decoding_from_cfg(cfg, facts_for(cfg)),
            data.NUM_FRAMES,
            data.SAMPLING_RATE,
            sampling(cfg, facts_for(cfg)) != "dense",
            UniformCrops(data.TEST_CROP_SIZE, predict.SPATIAL_CROPS),
            predict.STRIDE,
            predict.WINDOW,
            predict.FRAME_RATE,
            image_range(cfg),
            max(1, predict.BATCH_SIZE // predict.SPATIAL_CROPS),
            free if predict.WORKERS < 0 else max(1, predict.WORKERS),
        )

    def open(self, video: Input) -> Source:
        """Opens a video. Raises BadClip if it cannot be read."""
        return open_source(video, self.decoding, self.images_per_second, self.value_range)

    def plan(self, source: Source) -> tuple[FrameSampling, Windows]:
        """The frames of windows, and the windows of a video."""
        rate = self.sampling_rate
        if self.uniform:
            rate = max(1, round(self.window * source.rate / self.num_frames))
        sampling = FrameSampling(self.num_frames, rate, rate // 2 if self.uniform else 0)
        stride = self.num_frames // 2
        if self.stride:
            stride = round(self.stride * source.rate / rate)
        return sampling, Windows(sampling.cells(source.counted), self.num_frames, max(1, stride))

    def read(self, opened: OpenVideo) -> Iterator[Block]:
        """Opens a video and yields its windows that have no scores yet.

        What is wrong with the video is noted and raises nothing.

        Raises:
            UserError: no video can be read, as when a library is missing.
        """
        opened.begun = time.perf_counter()
        try:
            source = opened.source = self.open(opened.video)
            opened.sampling, opened.windows = self.plan(source)
            indices = opened.sampling.indices(opened.windows, source.counted)
            first = min(len(opened.part.read()), len(indices))
            yield from blocks(indices, source.frames, self.crops, self.size, first)
            opened.problem = source.problem
        except BadClip as error:
            opened.problem = str(error)
        except UserError:
            raise
        except Exception as error:  # a file can be broken in any way, and others wait
            opened.problem = (
                f"{opened.video.path}: cannot be read ({type(error).__name__}: {error})"
            )
