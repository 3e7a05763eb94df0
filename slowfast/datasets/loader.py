"""Builds the loader of the data set that the configuration names (`slowfast.ak.clips.loader`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch.utils.data import default_collate
from torch.utils.data._utils.collate import default_collate_fn_map

from slowfast.ak.clips.dataset import Item, separated
from slowfast.ak.clips.loader import ClipLoader, make_loader, settings_from_cfg
from slowfast.ak.clips.views import ClipViews
from slowfast.ak.errors import UserError
from slowfast.datasets.build import build_dataset, check_data_set
from slowfast.schedules.plan import RunPlan


def _refuse_to_join(batch: list[ClipViews], **settings: Any) -> None:
    """Explains to a script why its DataLoader cannot batch the items of a test."""
    raise UserError(
        "an item of a test is a whole clip with all its views, which cannot be joined to a batch. "
        "Wrap the data set, so that an item is one view as the input of a network: "
        "slowfast.ak.clips.view_items.ViewItems(dataset, cfg)."
    )


def join_items(items: Sequence[Item]) -> list[Any]:
    """Joins items of training or validation field by field, with a row for each clip."""
    return default_collate([row for item in items for row in separated(item)])


# torch documents this table as the way to extend its default_collate.
default_collate_fn_map[ClipViews] = _refuse_to_join


def construct_loader(
    cfg,
    split: str,
    is_precise_bn: bool = False,
    collate: Callable[[list[Any]], Any] | None = None,
) -> ClipLoader:
    """Builds the loader of split train, val or test for this process.

    train: shuffled batches of BATCH_SIZE / NUM_GPUS items; the incomplete last batch is dropped.
    DATA_LOADER.SAMPLER says how often each clip is drawn. Precise BN reads the same loader, so
    norms are measured on the clips that they were trained on.
    val: each clip once over all ranks, which can differ by a batch. Batches come as soon as they
    are ready, so that a slow clip delays no other.
    test: one clip with all its views at a time, given to the ranks in turn, in the order of the
    list. Views of several clips share a batch of the network, so another order would change the
    rounding of the scores.

    Args:
        is_precise_bn: an argument of upstream, which changes nothing.
        collate: joins items to a batch; None: `join_items`, and items of a test as they are.

    Raises:
        UserError: a training list fills no batch, or the data set is not as
            `slowfast.datasets.build` says.
    """
    part = cfg.TEST if split == "test" else cfg.TRAIN
    dataset = build_dataset(part.DATASET, cfg, split)
    check_data_set(dataset, cfg, split)
    collate = collate or (None if split == "test" else join_items)
    settings = settings_from_cfg(cfg, split)
    if split != "test":
        settings["shapes"] = RunPlan.from_cfg(cfg).batches_of_epochs(split == "train")
    return make_loader(dataset, split, **settings, collate=collate)


def shuffle_dataset(
    loader: ClipLoader, cur_epoch: int, batches_done: int = 0, even: bool = False
) -> None:
    """Sets the epoch of a loader's next iteration, which decides its order and random crops.

    Args:
        batches_done: the number of batches to leave out; the others stay the same.
        even: whether all batches have the same shape in multigrid training, the largest crops.
    """
    loader.set_epoch(cur_epoch, batches_done, even)
