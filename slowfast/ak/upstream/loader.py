"""Whole clips for upstream's loops: each is decoded once, on one rank, whatever their number.

Workers make uint8 clips. The main process moves them to the device of the network, and there cuts
the batches that upstream's loops want: views of a test, normalised floats packed by pathway.

All ranks get equally many batches of equal sizes, as upstream gathers them across ranks: what a
rank lacks is filled up with black rows. These, and clips that cannot be read, have labels -1, which
`slowfast.ak.upstream.meters` leaves out. Validation of one label a clip has no meter in between:
there such a row repeats another one, as upstream's samplers do.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

import torch
from torch import Tensor

from slowfast.ak.clips.bad_clips import from_meta, most_tolerated
from slowfast.ak.clips.loader import ClipLoader, make_loader, settings_from_cfg
from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.clips.views import ClipViews, view_batches
from slowfast.ak.run.cores import available_cores, reading_workers
from slowfast.ak.run.processes import rank_and_size
from slowfast.ak.upstream import meters
from slowfast.ak.upstream.arguments import binder
from slowfast.ak.upstream.data import Ak, is_ak

# Upstream gives the log of other ranks than the first no handler, and Python would print warnings.
_SILENCE = logging.NullHandler()
_CPU = torch.device("cpu")


def loads_clips(construct_loader: Callable[..., Any]) -> Callable[..., Any]:
    """`construct_loader`, which makes a `BatchLoader` for `Ak`; other data sets are its own."""
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
    """With a DATA_LOADER.NUM_WORKERS that upstream's loader can take: it knows no -1."""
    if cfg.DATA_LOADER.NUM_WORKERS < 0:
        cfg = cfg.clone()
        processes, on_gpu = max(1, cfg.NUM_GPUS), cfg.NUM_GPUS > 0
        cfg.DATA_LOADER.NUM_WORKERS = reading_workers(available_cores(), processes, on_gpu)
    return cfg


def shuffles_clips(shuffle_dataset: Callable[..., Any]) -> Callable[..., Any]:
    """`shuffle_dataset`, which also takes a `BatchLoader`."""
    bind = binder(shuffle_dataset, "loader", "cur_epoch")

    @functools.wraps(shuffle_dataset)
    def shuffle(*args: Any, **kwargs: Any) -> Any:
        given = bind(*args, **kwargs).arguments
        if not isinstance(given["loader"], BatchLoader):
            return shuffle_dataset(*args, **kwargs)
        return given["loader"].sampler.set_epoch(given["cur_epoch"])

    return shuffle


class Rows(NamedTuple):
    """Views of clips, their fields as `Ak` describes them: pixels (n, 3, T, H, W) uint8, labels
    (n, C) or (n,), index (n,) int64, time (n, T) float32."""

    pixels: Tensor
    labels: Tensor
    index: Tensor
    time: Tensor

    def filled(self, size: int) -> Rows:
        """As many as that: what lacks is black, and its labels and index are -1."""
        lacking = size - len(self.index)
        if not lacking:
            return self
        values = Rows(pixels=0, labels=-1, index=-1, time=0)
        return Rows(
            *(
                torch.cat([part, part.new_full((lacking, *part.shape[1:]), value)])
                for part, value in zip(self, values, strict=True)
            )
        )

    def taken(self, places: Tensor) -> Rows:
        """Those at some places."""
        return Rows(*(part[places] for part in self))


class BatchLoader:
    """Batches `[inputs, labels, index, time, {}]`, or without time, of items as `Ak` makes them.

    Inputs lie on `device`, the rest on the CPU. What else a DataLoader has, it has from the
    `ClipLoader` that it reads.

    Args:
        loader: of the clips of `dataset`.
        to_input: what pixels become.
        batch_size: rows; in a test they are views.
        log_period: batches of training after which processes tell each other of bad clips.
        tolerated: bad clips in an epoch of training.

    Raises, while it is read, UserError where training meets more bad clips, or where none of the
    clips of a validation or test could be read.
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
        """The loader of split train, val or test for this process.

        For precise BN it ends its workers after each use: as many of training live beside them.
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
            tolerated=most_tolerated(len(dataset.clips), cfg.DATA.MAX_BAD_FRACTION),
        )

    def __getattr__(self, name: str) -> Any:
        if name == "_loader":  # not made yet
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
                self._take_stock()
        self._take_stock()

    def _most_rows(self) -> int:
        """Those of the rank that has most."""
        if self._split == "train":
            return len(self.sampler)
        _, ranks = rank_and_size()
        return -(-len(self.dataset.clips) // ranks) * self.dataset.num_views

    def _sizes(self) -> Iterator[int]:
        """Rows of each batch, on every rank."""
        rows = self._most_rows()
        return (min(self.batch_size, rows - at) for at in range(0, rows, self.batch_size))

    def _take_stock(self) -> None:
        """Tell of clips that could not be read, on all ranks alike, and end where they are many."""
        self.ledger.share()
        if self._split == "train":
            self.ledger.stop_above(self._tolerated, f"epoch {self.sampler.epoch + 1}")
        else:
            self.ledger.stop_if_none_read(len(self.dataset.clips))

    def _clips(self) -> Iterator[Rows]:
        for (clips,), labels, index, time, meta in self._loader:
            labels[torch.isin(index, torch.tensor(_missing(meta), dtype=index.dtype))] = -1
            yield Rows(clips.to(self._device, non_blocking=True), labels, index, time)

    def _views(self) -> Iterator[Rows]:
        count = self.dataset.num_views
        known: list[tuple[Tensor, int, Tensor]] = []  # labels, index and time of the clips so far

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
        """What a rank has that has no clip left, or never had one."""
        clips = self.dataset.clips
        frames, side = clips.sampler.num_frames, clips.transform.side
        labels = torch.zeros(0, clips.num_classes) if clips.multi_label else torch.zeros(0).long()
        return Rows(
            torch.zeros(0, 3, frames, side, side, dtype=torch.uint8, device=self._device),
            labels,
            index=torch.zeros(0, dtype=torch.int64),
            time=torch.zeros(0, frames),
        )


def _without_gaps(batches: Iterator[Rows]) -> Iterator[Rows]:
    """Batches whose rows without a class are replaced by the others in turn, or, where there are
    none, by the last one before; such rows before the first clip that was read keep -1."""
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
    """Clips of an item or a batch that could not be read at all."""
    return [flaw.clip for flaw in from_meta(meta) if flaw.kind == "missing"]
