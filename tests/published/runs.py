"""Runs of published files, as tools/run_net.py makes them."""

from pathlib import Path
from typing import Any

import run_net
from fvcore.common.config import CfgNode

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
