"""Settings that make the run of a published configuration small enough for a test.

Depth, width, frames, crops, batches and epochs are cut. What a published file turns on stays on.
"""

from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.registries.networks import pathway_count

Settings = dict[str, Any]

# 8 training clips in batches of 4 are two steps an epoch.
_RUN = {
    "NUM_GPUS": 0,
    "NUM_SHARDS": 1,
    "TRAIN.ENABLE": True,
    "TRAIN.BATCH_SIZE": 4,
    "TRAIN.EVAL_PERIOD": 1,
    "TRAIN.CHECKPOINT_PERIOD": 1,
    "TEST.ENABLE": True,
    "TEST.BATCH_SIZE": 4,
    "SOLVER.MAX_EPOCH": 1,
    "SOLVER.WARMUP_EPOCHS": 0.5,
    "BN.NUM_BATCHES_PRECISE": 1,
    "DATA.TRAIN_CROP_SIZE": 32,
    "DATA.TEST_CROP_SIZE": 32,
    "DATA.TRAIN_JITTER_SCALES": [32, 40],
    "DATA_LOADER.NUM_WORKERS": 0,
    "LOG_PERIOD": 1,
    "TENSORBOARD.LOG_DIR": "",
}
_STAGES_OF_RESNET_50 = (3, 4, 6, 3)


def smaller(cfg: CfgNode) -> Settings:
    """The settings that cut the run of a published configuration, by dotted key."""
    return _RUN | _views(cfg) | _frames(cfg) | _network(cfg) | _schedule(cfg)


def _views(cfg: CfgNode) -> Settings:
    test = cfg.TEST
    return {
        "TEST.NUM_ENSEMBLE_VIEWS": min(test.NUM_ENSEMBLE_VIEWS, 2),
        "TEST.NUM_TEMPORAL_CLIPS": test.NUM_TEMPORAL_CLIPS and [1, 2],
    }


def _frames(cfg: CfgNode) -> Settings:
    frames = 2 * cfg.SLOWFAST.ALPHA if pathway_count(cfg) == 2 else 4
    return {"DATA.NUM_FRAMES": min(cfg.DATA.NUM_FRAMES, frames)}


def _schedule(cfg: CfgNode) -> Settings:
    """Lets the 8 clips fill the largest batch of multigrid training, which has 8 times as many."""
    if not cfg.MULTIGRID.LONG_CYCLE:
        return {}
    return {
        "TRAIN.BATCH_SIZE": 1,
        "MULTIGRID.LONG_CYCLE_FACTORS": cfg.MULTIGRID.LONG_CYCLE_FACTORS[1:],
        "SOLVER.STEPS": [0, 1],
        "SOLVER.MAX_EPOCH": 2,
    }


def _network(cfg: CfgNode) -> Settings:
    arch = cfg.MODEL.ARCH
    if "MViT" in cfg.MODEL.MODEL_NAME:
        return _transformer(cfg)
    if arch == "x3d":
        return {
            "X3D.WIDTH_FACTOR": 1.0,
            "X3D.DEPTH_FACTOR": 1.0,
            "X3D.DIM_C1": 4,
            "X3D.DIM_C5": 16,
        }
    blocks = zip(cfg.RESNET.NUM_BLOCK_TEMP_KERNEL, _STAGES_OF_RESNET_50, strict=True)
    return {
        "RESNET.DEPTH": 50,
        "RESNET.WIDTH_PER_GROUP": 8,
        "RESNET.NUM_BLOCK_TEMP_KERNEL": [
            [min(number, most) for number in stage] for stage, most in blocks
        ],
        "NONLOCAL.LOCATION": [
            [[number for number in pathway if number < most] for pathway in stage]
            for stage, most in zip(cfg.NONLOCAL.LOCATION, _STAGES_OF_RESNET_50, strict=True)
        ],
    }


def _transformer(cfg: CfgNode) -> Settings:
    """Keeps the first and the last block, and those that change channels, heads or tokens."""
    mvit = cfg.MVIT
    kept = {0, mvit.DEPTH - 1, *mvit.REV.BUFFER_LAYERS}
    for number, *values in filter(None, (*mvit.DIM_MUL, *mvit.HEAD_MUL, *mvit.POOL_Q_STRIDE)):
        kept |= {number} if any(value != 1 for value in values) else set()
    place = {number: place for place, number in enumerate(sorted(kept))}

    def renumbered(entries: list) -> list:
        return [[place[number], *values] for number, *values in entries if number in place]

    lists = ("DIM_MUL", "HEAD_MUL", "POOL_Q_STRIDE", "POOL_KV_STRIDE")
    heads = min(mvit.NUM_HEADS, 2)
    return {
        **{f"MVIT.{name}": renumbered(mvit[name]) for name in lists},
        "MVIT.REV.BUFFER_LAYERS": [place[number] for number in mvit.REV.BUFFER_LAYERS],
        "MVIT.DEPTH": len(kept),
        "MVIT.NUM_HEADS": heads,
        "MVIT.EMBED_DIM": 8 * heads,
    }
