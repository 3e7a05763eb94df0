"""The network of a checkpoint, as the configuration in it says, and the classes it predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.clips.network_input import sees_rgb
from slowfast.ak.errors import UserError
from slowfast.ak.registries.datasets import facts_for
from slowfast.ak.registries.networks import feature_shape
from slowfast.ak.run.cores import processes_of_machine
from slowfast.checkpoints.configured import load_named_file
from slowfast.checkpoints.digests import compute_digest
from slowfast.checkpoints.file import file_exists, is_own_format, read_weight_file
from slowfast.config.defaults import assert_and_infer_cfg, get_cfg
from slowfast.config.dotted import get, set_value
from slowfast.config.merge import merge_file, merge_list, merge_stored
from slowfast.engine.device.runtime import Precision, get_device
from slowfast.engine.device.speed import prepare_device
from slowfast.prediction.classes import STORED, KnownClasses, is_stored, known_classes, sheet_keys
from slowfast.tasks import Task, build_task
from slowfast.utils import logging
from slowfast.utils.processes.launch import fit_to_machine

logger = logging.get_logger(__name__)


@dataclass(frozen=True)
class Model:
    """What predicts.

    Attributes:
        path: the file of weights.
        digest: its SHA-256.
        cfg: the configuration of the prediction.
        classes: of the network.
    """

    path: str
    digest: str
    cfg: CfgNode
    classes: KnownClasses

    def load(self) -> tuple[Task, Precision]:
        """Builds the network on the device of this process, and loads its weights.

        Raises:
            UserError: the weights do not fit the network.
        """
        prepare_device(self.cfg)
        device = get_device(self.cfg)
        task = build_task(self.cfg, device, trains=False)
        loaded = load_named_file(self.cfg, "TEST", task.network)
        report = loaded.report
        if report.missing or report.shapes or report.left_out:
            raise UserError(
                f"{self.path}: does not have all weights of the configured network.\n{report}\n"
                "Name the configuration of exactly this network as --cfg."
            )
        task.network.eval()
        return task, Precision.from_cfg(self.cfg, device)


def open_model(
    path: str,
    cfg_file: str | None,
    overrides: Sequence[str],
    output_dir: str | Path,
    ignore_unknown: bool = False,
) -> Model:
    """Reads the configuration and the classes of a checkpoint, without building its network.

    Args:
        cfg_file: a YAML file in place of the configuration in the checkpoint; None: that one.
        overrides: ``[KEY, VALUE, ...]``, which change either.
        output_dir: folder of the predictions.
        ignore_unknown: whether unknown keys cause one warning instead of an error.

    Raises:
        UserError: there is no such file, it has no configuration and none is given, or the
            configuration cannot predict.
    """
    if not file_exists(path):
        raise UserError(f"--checkpoint: there is no file {path}.")
    cfg = get_cfg()
    if cfg_file:
        merge_file(cfg, cfg_file, ignore_unknown)
        merge_list(cfg, list(overrides), ignore_unknown=ignore_unknown)
    stored = _read(cfg, path)
    if not cfg_file:
        if not isinstance(stored.get("cfg"), str) or not stored["cfg"].strip():
            raise UserError(
                f"{path}: has no configuration in it, so that its network is not known. Name the "
                "YAML file of the network as --cfg, such as --cfg configs/Kinetics/X3D_M.yaml."
            )
        merge_stored(cfg, stored["cfg"], f"{STORED} {path}")
        merge_list(cfg, list(overrides), ignore_unknown=ignore_unknown)
    _set_up(cfg, path, output_dir)
    classes = known_classes(cfg, path, stored)
    return Model(path, compute_digest(Path(path)), cfg, classes)


def _read(cfg: CfgNode, path: str) -> dict[str, Any]:
    """The entries of a checkpoint beside its tensors; none of weights of another program."""
    if cfg.TEST.CHECKPOINT_TYPE == "caffe2":
        return {}
    content = read_weight_file(path, lazily=True).content
    if not is_own_format(content):
        return {}  # weights of another program
    return {name: value for name, value in content.items() if not name.endswith("_state")}


def _set_up(cfg: CfgNode, path: str, output_dir: str | Path) -> None:
    """Makes the configuration of a training run that of a prediction. Raises UserError."""
    rgb = sees_rgb(cfg) or facts_for(cfg).always_rgb
    changes = {
        "TRAIN.ENABLE": False,
        "TEST.ENABLE": True,
        "TEST.DATASET": cfg.TRAIN.DATASET,
        "TEST.CHECKPOINT_FILE_PATH": path,
        "TEST.WEIGHTS": "last",
        "TEST.NUM_ENSEMBLE_VIEWS": 1,
        "TEST.NUM_SPATIAL_CROPS": cfg.PREDICT.SPATIAL_CROPS,
        "TEST.SAVE_RESULTS_PATH": "",
        "DATA.REVERSE_INPUT_CHANNEL": rgb,
        "TENSORBOARD.ENABLE": False,
        "OUTPUT_DIR": str(output_dir),
        # Training on several machines says nothing of the machines of a prediction.
        "NUM_SHARDS": 1,
        "SHARD_ID": 0,
    }
    merge_list(cfg, [part for pair in changes.items() for part in pair], "set by tools/predict.py")
    fit_to_machine(cfg)
    cfg.TEST.BATCH_SIZE = processes_of_machine(cfg)  # not read; it has to be a multiple of this
    for key in sheet_keys(cfg):
        if is_stored(cfg, key) and not Path(get(cfg, key)).is_file():
            set_value(cfg, key, "")  # a sheet of another machine; the checkpoint has the names
    assert_and_infer_cfg(cfg)
    if facts_for(cfg).gives_images:
        raise UserError(
            f"TRAIN.DATASET {cfg.TRAIN.DATASET}: this network takes single images, and "
            "predictions, features and exported files are of videos. Test it with "
            "tools/run_net.py; for videos, train a network of clips from its weights "
            "(TRAIN.CHECKPOINT_FILE_PATH, TRAIN.CHECKPOINT_INFLATE True)."
        )
    if feature_shape(cfg):
        raise UserError(
            f"MODEL.MODEL_NAME {cfg.MODEL.MODEL_NAME}: takes features and no videos. Train the "
            "classifier inside its network to use it on videos: MODEL.DETACH_FINAL_FC True, as "
            "docs/DECOUPLED_TRAINING.md says."
        )
