"""Compares a run with its published recipe in what decides a result besides the data.

RECIPE holds the published values. The log states a run's global batch, clips per norm group,
learning rate and first weights, and warns if the recipe has other values. Nothing is rescaled.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch

from slowfast.ak.norms.group import norm_group
from slowfast.ak.registries.datasets import clips_of_a_video
from slowfast.ak.registries.networks import pretrained_weights

logger = logging.getLogger(__name__)

FROM_SCRATCH = "from scratch"


def configured_initialisation(cfg, found: Sequence[str] = ()) -> str:
    """Returns where the first weights come from: "from scratch", or "from <file or name> (...)".

    Args:
        cfg: the configuration.
        found: what the file turned out to be when it was loaded; empty: what the keys say of it.
    """
    train = cfg.TRAIN
    if not train.CHECKPOINT_FILE_PATH:
        pretrained = pretrained_weights(cfg)
        return f"from {pretrained.name}" if pretrained else FROM_SCRATCH
    from_images = train.CHECKPOINT_INFLATE or train.get("CHECKPOINT_IN_INIT", False)
    how = list(found) or [train.CHECKPOINT_TYPE, *["2D kernels spread over time"] * from_images]
    how += ["epoch reset"] * train.CHECKPOINT_EPOCH_RESET
    how += ["new head"] * train.CHECKPOINT_SKIP_HEAD
    return f"from {train.CHECKPOINT_FILE_PATH} ({', '.join(how)})"


def describe_run(cfg, initialisation: str, world_size: int, device: torch.device) -> None:
    """Logs what decides the result, and a warning for each value that differs from the recipe.

    Args:
        cfg: the configuration; its RECIPE node holds the published values.
        initialisation: "from scratch", or where the first weights came from. For a resumed run,
            words about the resume follow.
        world_size: number of processes that train together.
        device: the device of this process.
    """
    facts = [
        ("global batch", cfg.TRAIN.BATCH_SIZE * cfg.NUM_SHARDS, cfg.RECIPE.GLOBAL_BATCH, "clips"),
        ("learning rate", cfg.SOLVER.BASE_LR, cfg.RECIPE.BASE_LR, ""),
    ]
    if not cfg.MODEL.FROZEN_BN:
        group = norm_group(cfg, world_size)
        facts.insert(1, ("norm group", group, cfg.RECIPE.NORM_GROUP, "clips"))
    if (samples := clips_of_a_video(cfg)) > 1:
        facts.insert(1, ("samples of each clip", samples, 0, ""))
    logger.info(
        "This run: "
        + ", ".join(f"{name} {value:g} {unit}".rstrip() for name, value, _, unit in facts)
        + f"; weights {initialisation}; on {_name(device)}"
        + (f", {world_size} processes." if world_size > 1 else ".")
    )
    for name, value, published, unit in facts:
        if published and value != published:
            logger.warning(
                f"The recipe was published with a {name} of {published:g} {unit}".rstrip()
                + f"; this run has {value:g}. Nothing is rescaled, so that results may differ."
            )
    started = "scratch" if initialisation.startswith(FROM_SCRATCH) else "kinetics"
    if cfg.RECIPE.INIT and started != cfg.RECIPE.INIT:
        logger.warning(
            f"The recipe starts from {cfg.RECIPE.INIT}; this run starts {initialisation}."
        )


def _name(device: torch.device) -> str:
    return "the CPU" if device.type == "cpu" else torch.cuda.get_device_name(device)
