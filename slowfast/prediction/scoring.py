"""The network on the windows of many videos. Videos are decoded in threads beside it.

Batches can have windows of several videos, so that short videos fill them too.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from slowfast.ak.classes.label_sets import by_set
from slowfast.ak.clips.views import ClipViews, view_batches
from slowfast.ak.errors import UserError
from slowfast.engine.device.runtime import Precision
from slowfast.prediction.videos.stream import BLOCKS_IN_MEMORY, Block
from slowfast.tasks import Batch, Task

_POLL_SECONDS = 0.2
# Batches whose scores may still be on the device. They are read late, so that it never waits.
_LATE = 2


class ReadAhead:
    """Reads videos in threads, each video in one of them, and gives their blocks as they come.

    Args:
        videos: what is read, in order.
        read: gives the blocks of a video, for which `stream.blocks` holds: a block is valid until
            the next but one.
        threads: their number.
    """

    def __init__(
        self, videos: Sequence[Any], read: Callable[[Any], Iterator[Block]], threads: int
    ) -> None:
        self._pending = iter(videos)
        self._read, self._lock, self._stop = read, threading.Lock(), threading.Event()
        self._ready: queue.SimpleQueue[tuple[Any, Block | None, Callable[[], None]]]
        self._ready = queue.SimpleQueue()
        self._running = max(1, min(threads, len(videos)))
        self._threads = [
            threading.Thread(target=self._work, name="decoding", daemon=True)
            for _ in range(self._running)
        ]
        self.waited = 0.0  # seconds in which no block was ready

    def __iter__(self) -> Iterator[tuple[Any, Block | None]]:
        """Yields (video, block); (video, None) after the last block of a video.

        Raises:
            Exception: what `read` raised.
        """
        for thread in self._threads:
            thread.start()
        try:
            while self._running:
                begin = time.perf_counter()
                video, block, done = self._ready.get()
                self.waited += time.perf_counter() - begin
                if isinstance(video, BaseException):
                    raise video
                if video is None:
                    self._running -= 1
                    continue
                yield video, block
                done()
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                with self._lock:
                    video = next(self._pending, None)
                if video is None:
                    break
                self._read_video(video)
        except BaseException as error:
            self._ready.put((error, None, _nothing))
        self._ready.put((None, None, _nothing))

    def _read_video(self, video: Any) -> None:
        free = threading.Semaphore(BLOCKS_IN_MEMORY)
        blocks = self._read(video)
        while True:
            while not free.acquire(timeout=_POLL_SECONDS):
                if self._stop.is_set():
                    return
            block = next(blocks, None)
            self._ready.put((video, block, free.release))
            if block is None:
                return


def side_by_side(scores: Tensor | Mapping[str, Tensor]) -> Tensor:
    """The scores (N, C) of all label sets in their order."""
    return torch.cat(list(by_set(scores).values()), dim=1)


def _nothing() -> None:
    """Does nothing."""


def class_scores(
    task: Task, precision: Precision, classes: Sequence[int]
) -> Callable[[Tensor], Tensor]:
    """A function, uint8 views (n, 3, T, H, W) -> the scores (n, C) of some classes."""
    forward = precision.run(task.network)

    def score(pixels: Tensor) -> Tensor:
        scores = side_by_side(task.rows(forward, prepared(task, pixels)).scores)
        return scores[:, list(classes)]

    return score


def prepared(task: Task, pixels: Tensor) -> Batch:
    """Views (n, 3, T, H, W) as input of the network of a task."""
    return task.prepare(Batch([pixels], None, torch.arange(len(pixels))))


@dataclass
class Scorer:
    """Scores windows.

    Attributes:
        score: uint8 views (n, 3, T, H, W) on the device -> what is kept of each view, such as
            `class_scores`.
        device: of the network.
        batch_size: views of a forward pass.
        combine: joins what is kept of the S crops of windows, (n, S, ...) -> (n, ...).
    """

    score: Callable[[Tensor], Tensor]
    device: torch.device
    batch_size: int
    combine: Callable[[Tensor], Tensor]
    _unread: deque = field(default_factory=deque, init=False)

    @torch.no_grad()
    def run(
        self, blocks: Iterator[tuple[Any, Block | None]]
    ) -> Iterator[tuple[Any, Tensor | None]]:
        """Yields (video, float32 scores (n, ...) of its next n windows), and (video, None) once
        all windows of a video have been yielded.

        Raises:
            UserError: scores are NaN, the memory of the GPU is too small, or as `score`.
        """
        progress: dict[Any, _Progress] = {}
        owners: deque[list] = deque()  # [video, views that are not scored yet], in order
        ended: list[Any] = []

        def views() -> Iterator[ClipViews]:
            for video, block in blocks:
                own = progress.setdefault(video, _Progress())
                if block is None:
                    own.ended = True
                    ended.append(video)
                    continue
                own.crops = len(block.views.corners)
                own.waiting += len(block.views)
                owners.append([video, len(block.views)])
                yield block.views.to(self.device)

        for pixels, _ in view_batches(views(), self.batch_size):
            self._unread.append((self._score(pixels), self._take(owners, len(pixels))))
            while len(self._unread) > _LATE:
                yield from self._read(progress)
            yield from _finished(ended, progress)
        while self._unread:
            yield from self._read(progress)
        yield from _finished(ended, progress)

    def _score(self, pixels: Tensor) -> Tensor:
        try:
            return self.score(pixels)
        except torch.cuda.OutOfMemoryError:
            raise UserError(
                f"PREDICT.BATCH_SIZE {self.batch_size}: the memory of the GPU is too small for so "
                "many views. Lower it."
            ) from None

    @staticmethod
    def _take(owners: deque[list], count: int) -> list[tuple[Any, int]]:
        """Takes (video, views) of the next `count` views."""
        taken = []
        while count:
            own = owners[0]
            part = min(count, own[1])
            taken.append((own[0], part))
            own[1] -= part
            count -= part
            if not own[1]:
                owners.popleft()
        return taken

    def _read(self, progress: dict[Any, _Progress]) -> Iterator[tuple[Any, Tensor]]:
        """Reads the scores of the oldest batch from the device."""
        scores, taken = self._unread.popleft()
        scores = scores.float().cpu()
        if bool(scores.isnan().any()):
            raise UserError(
                "The network gives scores that are nan. Its weights may have diverged: predict "
                "with an earlier checkpoint, or with TRAIN.MIXED_PRECISION False."
            )
        start = 0
        for video, count in taken:
            own = progress[video]
            own.waiting -= count
            own.scores.append(scores[start : start + count])
            start += count
            held = torch.cat(own.scores)
            windows = len(held) // own.crops
            own.scores = [held[windows * own.crops :]]
            if windows:
                views = held[: windows * own.crops]
                yield video, self.combine(views.unflatten(0, (windows, own.crops)))


@dataclass
class _Progress:
    """The scores of a video whose windows are not complete yet.

    Attributes:
        waiting: views whose scores have not been read.
        ended: whether all its views have been read from the video.
    """

    crops: int = 1
    waiting: int = 0
    ended: bool = False
    scores: list[Tensor] = field(default_factory=list)


def _finished(ended: list[Any], progress: dict[Any, _Progress]) -> Iterator[tuple[Any, None]]:
    for video in [video for video in ended if not progress[video].waiting]:
        ended.remove(video)
        del progress[video]
        yield video, None
