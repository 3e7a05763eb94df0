"""What held training up, the data or the device, and what to do about it, in words."""

from fvcore.common.config import CfgNode

from slowfast.ak.registries.datasets import facts_for
from slowfast.ak.run.cores import available_cores, processes_of_machine

# Share of the time spent waiting for clips from which on waiting for them is worth a remedy.
_NOTABLE = 0.1


def bottleneck(cfg: CfgNode, share: float, workers: int, cores: int | None = None) -> str:
    """A sentence or two on what held training up.

    Args:
        cfg: NUM_GPUS, TRAIN.DATASET, AK.FRAMES and the sizes of clips are read.
        share: part of the time in which the device had nothing to do but wait for clips, 0..1.
        workers: processes that read clips, for each training process.
        cores: that this machine has for the run; None: `available_cores`.
    """
    device = "GPU" if cfg.NUM_GPUS else "CPU"
    if share < _NOTABLE:
        half = " TRAIN.MIXED_PRECISION," if cfg.NUM_GPUS and not cfg.TRAIN.MIXED_PRECISION else ""
        return (
            f"The {device} was the bottleneck: {share:.0%} of the time it waited for clips. A "
            f"faster one,{half} a smaller network or smaller clips would shorten training; more "
            "workers would not."
        )
    cores = available_cores() if cores is None else cores
    free = cores // processes_of_machine(cfg) - workers
    remedies = []
    if workers == 0:
        remedies.append("let workers read them (DATA_LOADER.NUM_WORKERS -1)")
    elif free > 1:
        remedies.append(
            f"take more workers (DATA_LOADER.NUM_WORKERS is {workers} for each process; -1 takes "
            f"what {cores} cores allow)"
        )
    if facts_for(cfg).frames == "AK.FRAMES" and cfg.AK.FRAMES != "image":
        remedies.append("where these are videos, read images extracted from them (AK.FRAMES image)")
    remedies.append(
        "store frames no larger than training needs them: the shorter side at "
        f"{_useful_side(cfg)} pixels"
    )
    remedies.append("keep the frames on a faster or a local disk, if cores are idle")
    return (
        f"The data were the bottleneck: {share:.0%} of the time the {device} waited for clips. "
        f"What helps, the most likely first: {'; '.join(remedies)}."
    )


def _useful_side(cfg: CfgNode) -> int:
    """The shorter side, in pixels, of frames that training need not enlarge.

    With relative crops it is that of square frames of which a crop of mean area is as large as the
    crop that the network sees.
    """
    relative = cfg.DATA.TRAIN_JITTER_SCALES_RELATIVE
    if not relative:
        return cfg.DATA.TRAIN_JITTER_SCALES[1]
    return round(cfg.DATA.TRAIN_CROP_SIZE / (sum(relative) / len(relative)) ** 0.5)
