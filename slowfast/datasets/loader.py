"""Loaders of this tree's loops: `slowfast.ak.clips.loader` for the data set that is configured."""

from __future__ import annotations

from torch.utils.data import DataLoader

from slowfast.ak.clips.loader import ClipLoader, make_loader, settings_from_cfg
from slowfast.datasets.build import build_dataset, check_data_set


def construct_loader(cfg, split: str, is_precise_bn: bool = False) -> ClipLoader:
    """The loader of split train, val or test for this process.

    train: shuffled batches of BATCH_SIZE / NUM_GPUS clips, the incomplete last one dropped, each
    clip drawn as often as DATA_LOADER.SAMPLER has it, which precise BN sees too: norms are measured
    on what they were trained on. val: each clip once over all ranks; ranks may differ by a batch.
    test: one clip with all its views at a time, dealt to the ranks in turn.
    Batches come in the order of the list or the epoch, whichever is ready first; but those of val
    come as they get ready, so that a slow clip holds nothing up. In a test views of several clips
    share a batch of the network: another order would be another rounding of the scores.
    `is_precise_bn` is upstream's and changes nothing: precise BN reads the loader of training.

    Raises UserError for a training list that fills no batch, and for a data set that does not keep
    to what `slowfast.datasets.build` says.
    """
    part = cfg.TEST if split == "test" else cfg.TRAIN
    dataset = build_dataset(part.DATASET, cfg, split)
    check_data_set(dataset, cfg, split)
    return make_loader(dataset, split, **settings_from_cfg(cfg, split))


def shuffle_dataset(loader: DataLoader, cur_epoch: int, batches_done: int = 0) -> None:
    """Make the next iteration of a loader that of an epoch: its order, its random crops.

    `batches_done` of them are left out; the others are what they would have been after these.
    """
    start = batches_done * (loader.batch_size or 1)
    loader.sampler.set_epoch(cur_epoch, start)
