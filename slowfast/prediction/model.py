"""The network of a checkpoint, as the configuration in it says, and the classes it predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.classes.counts import read_class_table
from slowfast.ak.clips.network_input import sees_rgb
from slowfast.ak.errors import UserError
from slowfast.ak.registries.datasets import facts_for
from slowfast.ak.registries.networks import NETWORKS
from slowfast.ak.run.cores import processes_of_machine
from slowfast.checkpoints.configured import load_named_file
from slowfast.checkpoints.digests import compute_digest
from slowfast.checkpoints.file import file_exists, is_own_format, read_weight_file
from slowfast.config.defaults import assert_and_infer_cfg, get_cfg
from slowfast.config.merge import merge_file, merge_list, merge_stored
from slowfast.engine.device.runtime import Precision, get_device
from slowfast.engine.device.speed import prepare_device
from slowfast.tasks import Task, build_task
from slowfast.utils import logging
from slowfast.utils.processes.launch import fit_to_machine

logger = logging.get_logger(__name__)


@dataclass(frozen=True)
class KnownClasses:
    """The classes of a network.

    Attributes:
        names: of all C classes of the network.
        predicted: numbers of the classes that are predicted: those that had a training clip.
        without_clips: names of the others.
    """

    names: tuple[str, ...]
    predicted: tuple[int, ...]
    without_clips: tuple[str, ...]

    @property
    def predicted_names(self) -> tuple[str, ...]:
        """The names of the predicted classes."""
        return tuple(self.names[number] for number in self.predicted)


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
        merge_stored(cfg, stored["cfg"], f"configuration in {path}")
        merge_list(cfg, list(overrides), ignore_unknown=ignore_unknown)
    _set_up(cfg, path, output_dir)
    classes = _known_classes(cfg, path, stored)
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
    if cfg.AK.CLASSES and not Path(cfg.AK.CLASSES).is_file():
        cfg.AK.CLASSES = ""  # a sheet of another machine; the names are in the checkpoint
    assert_and_infer_cfg(cfg)
    if sets := NETWORKS.facts(cfg.MODEL.MODEL_NAME).label_sets:
        raise UserError(
            f"MODEL.MODEL_NAME {cfg.MODEL.MODEL_NAME} scores {len(sets)} sets of classes "
            f"({', '.join(sets)}). Prediction is built for networks with one set."
        )
    if cfg.DATA.SAMPLING == "uniform" and not cfg.PREDICT.WINDOW:
        raise UserError(
            "DATA.SAMPLING uniform takes frames from whole clips, and a video has no clips. Add "
            "PREDICT.WINDOW and the usual length of the training clips in seconds."
        )


def _known_classes(cfg: CfgNode, path: str, stored: dict[str, Any]) -> KnownClasses:
    """The classes by what the checkpoint stores, or else by the sheet and lists of its data."""
    size = cfg.MODEL.NUM_CLASSES
    names, counts = stored.get("class_names"), stored.get("train_counts")
    table = None
    if names is None or counts is None:
        table = read_class_table(cfg)
    if names is None and table is not None and cfg.AK.CLASSES:
        names = table.names
    elif names is None:
        names = table.names if table else [str(number) for number in range(size)]
        if list(names) == [str(number) for number in range(size)]:
            logger.warning(
                f"{path}: has no names of classes, so that they are numbered. AK.CLASSES can name "
                "a sheet with the columns index and action."
            )
    if counts is None and table is not None and table.train_counts is not None:
        counts = table.train_counts.tolist()
    for what, values in (("names of classes", names), ("numbers of training clips", counts)):
        if values is not None and len(values) != size:
            raise UserError(
                f"{path}: has {len(values)} {what}, and MODEL.NUM_CLASSES is {size}. Leave "
                "MODEL.NUM_CLASSES as the checkpoint has it, or name the right --cfg."
            )
    if counts is None:
        logger.warning(
            f"{path}: does not say how many training clips each class had, so that all {size} "
            "classes are predicted. A class that had none has no meaningful score."
        )
        counts = [1] * size
    shared = {str(name) for name in names if list(map(str, names)).count(str(name)) > 1}
    names = [f"{name} ({n})" if str(name) in shared else str(name) for n, name in enumerate(names)]
    predicted = tuple(number for number in range(size) if counts[number] > 0)
    without = tuple(names[number] for number in range(size) if counts[number] <= 0)
    if not predicted:
        raise UserError(f"{path}: no class had a training clip, so that none can be predicted.")
    if without:
        shown = ", ".join(without[:8]) + (", ..." if len(without) > 8 else "")
        logger.warning(
            f"{len(without)} of {size} classes had no training clip and are not predicted: {shown}"
        )
    return KnownClasses(tuple(names), predicted, without)
