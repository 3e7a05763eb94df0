"""Runs of published files, as tools/run_net.py makes them."""

from pathlib import Path
from typing import Any

import run_net
import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.models import build_model
from slowfast.utils.parser import load_config, parse_args
from tests.published import files
from tests.published.smaller import smaller
from tests.published.weights import asks_for_weights, write_weights

# A machine without GPUs, one of the machines of a run.
ON_THE_CPU = {"NUM_GPUS": 0, "NUM_SHARDS": 1}
Settings = dict[str, Any]


def configured(name: str, folder: Path, settings: Settings = ON_THE_CPU) -> CfgNode:
    """The checked configuration of a published file, changed by settings of the command line."""
    path = files.write(name, folder)
    args = parse_args(["--cfg", str(path), *_words(settings)])
    return run_net.configure(args, str(path))


def build_whole(name: str, folder: Path) -> tuple[CfgNode, nn.Module]:
    """The configuration of a published file and its network.

    The network is on the device `meta`: it has all of its parameters, without values. The builder
    of pytorchvideo's MViT reads values, so that this network is on the CPU.
    """
    settings = dict(ON_THE_CPU)
    if not any(files.PUBLISHED[name].get(f"{phase}.ENABLE", True) for phase in ("TRAIN", "TEST")):
        settings["TEST.ENABLE"] = True  # the file of the demo, which is tools/predict.py here
    cfg = configured(name, folder, settings)
    with torch.device("cpu" if cfg.MODEL.MODEL_NAME == "PTVMViT" else "meta"):
        return cfg, build_model(cfg)


def run_smaller(name: str, folder: Path, data: Settings) -> CfgNode:
    """Trains and tests a published file whose sizes are cut, on made-up data.

    Args:
        data: the settings that name the data.

    Returns:
        The configuration of the run.
    """
    path = files.write(name, folder)
    published = load_config(parse_args(["--cfg", str(path)]))
    settings = smaller(published) | data | {"OUTPUT_DIR": str(folder / "run")}
    if asks_for_weights(published):
        cut = load_config(parse_args(["--cfg", str(path), *_words(settings)]))
        settings["TRAIN.CHECKPOINT_FILE_PATH"] = str(write_weights(cut, folder))
    cfg = configured(name, folder, settings)
    run_net.run(cfg, "")
    return cfg


def _words(settings: Settings) -> list[str]:
    return [str(part) for item in settings.items() for part in item]
