"""A loader of whole clips for upstream's loops: each clip is decoded once, on one rank.

Workers make uint8 clips. The main process moves them to the device of the network. There it cuts
the batches that upstream's loops expect: views of a test, normalised floats by pathway.

Upstream gathers batches across ranks, so all ranks get the same number of batches of the same
sizes. Black rows fill the batches of a rank that has fewer clips. Black rows, and clips that cannot
be read, have labels -1, and `slowfast.ak.upstream.meters` leaves them out. In validation with one
label a clip no meter can leave them out: there they repeat other rows, as upstream's samplers do.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

import torch
from torch import Tensor

from slowfast.ak.clips.bad_clips import allowed_bad_clips, from_meta
from slowfast.ak.clips.loader import ClipLoader, make_loader, settings_from_cfg
from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.clips.views import ClipViews, view_batches
from slowfast.ak.run.cores import available_cores, reading_workers
from slowfast.ak.run.processes import rank_and_size
from slowfast.ak.upstream import meters
from slowfast.ak.upstream.arguments import binder
from slowfast.ak.upstream.data import Ak, is_ak

# Upstream gives ranks other than the first no log handler; Python would then print warnings.
_SILENCE = logging.NullHandler()
_CPU = torch.device("cpu")


def loads_clips(construct_loader: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `construct_loader`, which makes a `BatchLoader` if the data set is `Ak`."""
    bind = binder(construct_loader, "cfg", "split")

    @functools.wraps(construct_loader)
    def construct(*args: Any, **kwargs: Any) -> Any:
        given = bind(*args, **kwargs)
        cfg, split = given.arguments["cfg"], given.arguments["split"]
        if not is_ak((cfg.TEST if split == "test" else cfg.TRAIN).DATASET):
            meters.measures(None)
            given.arguments["cfg"] = _with_workers_counted(cfg)
            return construct_loader(*given.args, **given.kwargs)
        if rank_and_size()[0] > 0:
            logging.getLogger("slowfast.ak").addHandler(_SILENCE)
        meters.measures(cfg)
        return BatchLoader.from_cfg(cfg, split, given.arguments.get("is_precise_bn", False))

    return construct


def _with_workers_counted(cfg) -> Any:
    """Returns `cfg` with a number in place of DATA_LOADER.NUM_WORKERS -1, which upstream lacks."""
    if cfg.DATA_LOADER.NUM_WORKERS < 0:
        cfg = cfg.clone()
        processes, on_gpu = max(1, cfg.NUM_GPUS), cfg.NUM_GPUS > 0
        cfg.DATA_LOADER.NUM_WORKERS = reading_workers(available_cores(), processes, on_gpu)
    return cfg


def shuffles_clips(shuffle_dataset: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `shuffle_dataset`, which also takes a `BatchLoader`."""
    bind = binder(shuffle_dataset, "loader", "cur_epoch")

    @functools.wraps(shuffle_dataset)
    def shuffle(*args: Any, **kwargs: Any) -> Any:
        given = bind(*args, **kwargs).arguments
        if not isinstance(given["loader"], BatchLoader):
            return shuffle_dataset(*args, **kwargs)
        return given["loader"].set_epoch(given["cur_epoch"])

    return shuffle


class Rows(NamedTuple):
    """Views of clips: pixels uint8 (n, 3, T, H, W), labels (n, C) or (n,), index int64 (n,), time
    float32 (n, T). `Ak` describes the fields."""

    pixels: Tensor
    labels: Tensor
    index: Tensor
    time: Tensor

    def filled(self, size: int) -> Rows:
        """Returns `size` rows: rows that are added are black, with labels and index -1."""
        missing = size - len(self.index)
        if not missing:
            return self
        values = Rows(pixels=0, labels=-1, index=-1, time=0)
        return Rows(
            *(
                torch.cat([part, part.new_full((missing, *part.shape[1:]), value)])
                for part, value in zip(self, values, strict=True)
            )
        )

    def taken(self, places: Tensor) -> Rows:
        """Returns the rows at some places."""
        return Rows(*(part[places] for part in self))


class BatchLoader:
    """Yields batches `[inputs, labels, index, time, {}]`, or the same without time.

    `Ak` describes the fields. Inputs are on `device`, the other fields on the CPU. All other
    attributes of a DataLoader come from the `ClipLoader`.

    Args:
        dataset: the data set, one item a view.
        loader: the loader of its whole clips.
        split: train, val or test.
        to_input: makes the network's input of uint8 pixels.
        device: the device of the network.
        batch_size: number of rows of a batch; in a test, of views.
        log_period: number of training batches after which processes exchange their bad clips.
        tolerated: number of bad clips that an epoch of training may have.

    Raises:
        UserError: while batches are read, if training meets more bad clips than `tolerated`, or if
            no clip of the validation or test can be read.
    """

    def __init__(
        self,
        dataset: Ak,
        loader: ClipLoader,
        split: str,
        *,
        to_input: InputTransform,
        device: torch.device,
        batch_size: int,
        log_period: int,
        tolerated: int,
    ) -> None:
        self.dataset, self._loader, self._split = dataset, loader, split
        self._to_input, self._device = to_input, device
        self.batch_size, self._log_period, self._tolerated = batch_size, log_period, tolerated

    @classmethod
    def from_cfg(cls, cfg, split: str, is_precise_bn: bool = False) -> BatchLoader:
        """Returns the loader of a split for this process.

        A loader for precise BN stops its workers after each use; those of training keep running.
        """
        from slowfast.datasets.build import build_dataset

        part = cfg.TEST if split == "test" else cfg.TRAIN
        dataset = build_dataset(part.DATASET, cfg, split)
        on_gpu = cfg.NUM_GPUS > 0 and torch.cuda.is_available()
        settings = settings_from_cfg(cfg, split)
        settings |= {"on_gpu": on_gpu, "in_order": True}
        settings["keep_workers"] &= not is_precise_bn
        return cls(
            dataset,
            make_loader(dataset.clips, split, **settings),
            split,
            to_input=InputTransform.from_cfg(cfg),
            device=torch.device("cuda", torch.cuda.current_device()) if on_gpu else _CPU,
            batch_size=part.BATCH_SIZE // max(1, cfg.NUM_GPUS),
            log_period=cfg.LOG_PERIOD,
            tolerated=allowed_bad_clips(len(dataset.clips), cfg.DATA.MAX_BAD_FRACTION),
        )

    def __getattr__(self, name: str) -> Any:
        if name == "_loader":  # __init__ has not set it yet
            raise AttributeError(name)
        return getattr(self._loader, name)

    def __len__(self) -> int:
        return -(-self._most_rows() // self.batch_size)

    def __iter__(self) -> Iterator[list[Any]]:
        made = self._views() if self._split == "test" else self._clips()
        batches = (
            (self._no_rows() if rows is None else rows).filled(size)
            for size, rows in zip_longest(self._sizes(), made)
        )
        if self._split == "val" and not self.dataset.clips.multi_label:
            batches = _without_gaps(batches)
        for number, rows in enumerate(batches, start=1):
            ends = (rows.time, {}) if self.dataset.with_time else ({},)
            yield [self._to_input(rows.pixels), rows.labels, rows.index, *ends]
            if self._split == "train" and number % self._log_period == 0:
                self._check_bad_clips()
        self._check_bad_clips()

    def _most_rows(self) -> int:
        """Returns the number of rows of the rank with the most rows."""
        if self._split == "train":
            return self.batches.clips_in(self.sampler.epoch, len(self.batches))
        _, ranks = rank_and_size()
        return -(-len(self.dataset.clips) // ranks) * self.dataset.num_views

    def _sizes(self) -> Iterator[int]:
        """Yields the number of rows of each batch; it is the same on every rank."""
        rows = self._most_rows()
        return (min(self.batch_size, rows - at) for at in range(0, rows, self.batch_size))

    def _check_bad_clips(self) -> None:
        """Logs unreadable clips, alike on all ranks; raises UserError if there are too many."""
        self.bad_clips.share()
        if self._split == "train":
            self.bad_clips.stop_above(self._tolerated, f"epoch {self.sampler.epoch + 1}")
        else:
            self.bad_clips.stop_if_none_read(len(self.dataset.clips))

    def _clips(self) -> Iterator[Rows]:
        for (clips,), labels, index, time, meta in self._loader:
            labels[torch.isin(index, torch.tensor(_missing(meta), dtype=index.dtype))] = -1
            yield Rows(clips.to(self._device, non_blocking=True), labels, index, time)

    def _views(self) -> Iterator[Rows]:
        count = self.dataset.num_views
        known: list[tuple[Tensor, int, Tensor]] = []  # labels, index and time of each clip

        def whole_clips() -> Iterator[ClipViews]:
            for (views,), labels, index, time, meta in self._loader:
                labels = torch.full_like(labels, -1) if _missing(meta) else labels
                known.append((labels, index, time.repeat_interleave(len(views.corners), dim=0)))
                yield views.to(self._device)

        done = 0
        for pixels, _ in view_batches(whole_clips(), self.batch_size):
            rows = [(*known[at // count], at % count) for at in range(done, done + len(pixels))]
            done += len(pixels)
            yield Rows(
                pixels,
                labels=torch.stack([labels for labels, *_ in rows]),
                index=torch.tensor([clip * count + view for _, clip, _, view in rows]),
                time=torch.stack([time[view] for *_, time, view in rows]),
            )

    def _no_rows(self) -> Rows:
        """Returns a batch without rows, for a rank that has no clip left."""
        clips = self.dataset.clips
        frames, side = clips.frame_sampler.num_frames, clips.transform.side
        labels = torch.zeros(0, clips.num_classes) if clips.multi_label else torch.zeros(0).long()
        return Rows(
            torch.zeros(0, 3, frames, side, side, dtype=torch.uint8, device=self._device),
            labels,
            index=torch.zeros(0, dtype=torch.int64),
            time=torch.zeros(0, frames),
        )


def _without_gaps(batches: Iterator[Rows]) -> Iterator[Rows]:
    """Yields batches in which rows without a class repeat the other rows of the batch in turn.

    If a batch has no row with a class, the last such row before it is repeated. Rows before the
    first readable clip keep the class -1.
    """
    spare = None
    for rows in batches:
        lost = (rows.labels < 0).nonzero().flatten()
        whole = (rows.labels >= 0).nonzero().flatten()
        if len(whole):
            spare = rows.taken(whole[-1:])
            if len(lost):
                places = torch.arange(len(rows.labels))
                places[lost] = whole[torch.arange(len(lost)) % len(whole)]
                rows = rows.taken(places)
        elif spare:
            rows = spare.taken(torch.zeros_like(lost))
        yield rows


def _missing(meta: Any) -> list[int]:
    """Returns the numbers of the clips of an item or a batch that could not be read."""
    return [problem.clip for problem in from_meta(meta) if problem.kind == "missing"]
