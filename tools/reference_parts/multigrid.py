"""Measures a checkout's multigrid schedules, short cycles and sub-batch norm."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import torch

from slowfast.datasets.multigrid_helper import ShortCycleBatchSampler
from slowfast.models.batchnorm_helper import SubBatchNorm3d
from slowfast.models.optimizer import get_epoch_lr
from slowfast.utils.checkpoint import is_checkpoint_epoch
from slowfast.utils.misc import is_eval_epoch
from slowfast.utils.multigrid import MultigridSchedule

from .files import REFERENCE, Made, read, renewed
from .networks import normal
from .settings import configured

DECIMALS = 7
_MADE = (
    *("schedule_step_shape_until", "steps", "lrs", "max_epoch", "batch_frames_crop"),
    *("bn_type_and_splits_or_sync_devices", "long_cycle_sampling_rate", "short_cycle"),
    *("lr_at_epoch_start", "lr_at_half_epochs_0_to_5", "eval_epochs", "checkpoint_epochs", "fails"),
)


def multigrid(existing: Any, name: str) -> Made:
    """Makes schedules by epoch, batches of short cycles, and passes of sub-batch norm.

    A case in which upstream fails is not compared.
    """
    recipes = read(REFERENCE, "zoo_configs.json")
    content = {
        "cases": [_schedule(case, recipes) for case in existing["cases"]],
        "short_cycle_batches": [_short_cycle(case) for case in existing["short_cycle_batches"]],
        "sub_batch_norm": [_sub_batch_norm(case) for case in existing["sub_batch_norm"]],
    }
    failing = [
        f"cases[{number}]" for number, case in enumerate(existing["cases"]) if "fails" in case
    ]
    reason = "MULTIGRID.LONG_CYCLE fails upstream without MULTIGRID.SHORT_CYCLE"
    return Made(renewed(existing, content, *existing), corrected={reason: failing})


def _schedule(case: dict[str, Any], recipes: dict[str, Any]) -> dict[str, Any]:
    inputs = [key for key in case if key not in _MADE]
    cfg = configured(recipes[case["config"]] | case["set"])
    grid = MultigridSchedule()
    try:
        cfg = grid.init_multigrid(cfg)
    except IndexError as error:
        return renewed(case, {"fails": f"IndexError: {error}"}, *inputs)
    epochs = range(cfg.SOLVER.MAX_EPOCH)
    made = {
        "schedule_step_shape_until": grid.schedule and [list(phase) for phase in grid.schedule],
        "steps": list(cfg.SOLVER.STEPS),
        "lrs": list(cfg.SOLVER.LRS),
        "max_epoch": cfg.SOLVER.MAX_EPOCH,
        "lr_at_epoch_start": [round(get_epoch_lr(epoch, cfg), 9) for epoch in epochs],
        "lr_at_half_epochs_0_to_5": [get_epoch_lr(epoch + 0.5, cfg) for epoch in range(6)],
        "eval_epochs": [e for e in epochs if is_eval_epoch(cfg, e, grid.schedule)],
        "checkpoint_epochs": [e for e in epochs if is_checkpoint_epoch(cfg, e, grid.schedule)],
    }
    by_epoch: dict[str, list] = {}
    for epoch in epochs:
        cfg, _ = grid.update_long_cycle(cfg, epoch) if cfg.MULTIGRID.LONG_CYCLE else (cfg, False)
        for key, value in _in_epoch(cfg).items():
            by_epoch.setdefault(key, []).append(value)
    return renewed(case, made | {key: _runs(by_epoch[key]) for key in by_epoch}, *inputs)


def _in_epoch(cfg: Any) -> dict[str, Any]:
    norm = cfg.BN.NORM_TYPE
    groups = {"sub_batchnorm": cfg.BN.NUM_SPLITS, "sync_batchnorm": cfg.BN.NUM_SYNC_DEVICES}
    data, whole = cfg.DATA, cfg.MULTIGRID.DEFAULT_S
    share = cfg.TRAIN.BATCH_SIZE // cfg.NUM_GPUS
    sizes = [len(batch) for batch in _batches(range(9 * share), share, True, cfg)][:3]
    crops = [round(factor * whole) for factor in cfg.MULTIGRID.SHORT_CYCLE_FACTORS]
    crops.append(data.TRAIN_CROP_SIZE)
    low = data.TRAIN_JITTER_SCALES[0]
    return {
        "batch_frames_crop": [cfg.TRAIN.BATCH_SIZE, data.NUM_FRAMES, data.TRAIN_CROP_SIZE],
        "bn_type_and_splits_or_sync_devices": [norm, groups.get(norm)],
        "long_cycle_sampling_rate": cfg.MULTIGRID.LONG_CYCLE_SAMPLING_RATE,
        "short_cycle": {
            "batch_sizes_per_gpu": sizes,
            "crops": crops,
            "jitter_min_scales": [round(low * crop / whole) for crop in crops],
        },
    }


def _runs(values: list[Any]) -> list[list[Any]]:
    """[first epoch, last epoch, value] of equal neighbours."""
    runs, begin = [], 0
    for value, equal in groupby(values):
        end = begin + len(list(equal))
        runs.append([begin, end - 1, value])
        begin = end
    return runs


def _batches(items: Any, batch_size: int, drop_last: bool, cfg: Any) -> list[list[tuple]]:
    return list(ShortCycleBatchSampler(items, batch_size, drop_last, cfg))


def _short_cycle(case: dict[str, Any]) -> dict[str, Any]:
    crops = ("DATA.TRAIN_CROP_SIZE", "MULTIGRID.DEFAULT_S")
    cfg = configured({key: case[key] for key in crops})
    sampler = ShortCycleBatchSampler(
        range(case["items"]), case["batch_size"], case["drop_last"], cfg
    )
    batches = list(sampler)
    made = {
        "batches_size_and_short_cycle_idx": [[len(batch), batch[0][1]] for batch in batches],
        "first_batch": [list(key) for key in batches[0]],
        "len": len(sampler),
    }
    return renewed(case, made, *crops, "batch_size", "items", "drop_last")


def _sub_batch_norm(case: dict[str, Any]) -> dict[str, Any]:
    channels = case["shape"][1]
    norm = SubBatchNorm3d(num_splits=case["num_splits"], num_features=channels)
    norm.weight.data = 1 + 0.1 * normal(101, [channels])
    norm.bias.data = 0.1 * normal(102, [channels])
    x = normal(100, case["shape"])
    names = [[name, list(value.shape)] for name, value in norm.state_dict().items()]
    trained = norm.train()(x).detach()
    split = [norm.split_bn.running_mean.tolist(), norm.split_bn.running_var.tolist()]
    norm.aggregate_stats()
    made = {
        "state_dict": names,
        "train_output_first_12": _rounded(trained.flatten()[:12]),
        "train_output_example_of_each_sum": _rounded(trained.flatten(1).sum(1)),
        "split_running_mean": _rounded(torch.tensor(split[0])),
        "split_running_var": _rounded(torch.tensor(split[1])),
        "aggregated_running_mean": _rounded(norm.bn.running_mean),
        "aggregated_running_var": _rounded(norm.bn.running_var),
        "eval_output_first_12": _rounded(norm.eval()(x).detach().flatten()[:12]),
    }
    return renewed(case, made, "num_splits", "shape")


def _rounded(x: torch.Tensor) -> list[float]:
    return [round(value, DECIMALS) for value in x.tolist()]
