"""A network as a file of torch.export, which runs without this project.

The exported program contains the input transform: by default it takes uint8 pixels and returns the
scores that a prediction gives to a window with one crop.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export, load, save

from slowfast.ak.clips.from_cfg import sampling
from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.clips.sampling import slow_indices
from slowfast.ak.errors import UserError
from slowfast.ak.registries.datasets import facts_for
from slowfast.ethograms.thresholds import FILE, read_thresholds
from slowfast.prediction.model import Model
from slowfast.prediction.scoring import side_by_side
from slowfast.prediction.store import replacing
from slowfast.tasks import Batch, Task

METADATA = "metadata.json"  # the name of the metadata inside the file
INPUTS = ("pixels", "floats")
TOLERANCE = 1e-4
# Overrides for `open_model`: plain layers in float32 on the CPU, which any device can run.
PLAIN = [
    *("NUM_GPUS", "0", "TRAIN.MIXED_PRECISION", "False", "SPEED.DEPTHWISE", "False"),
    *("SPEED.CHANNELS_LAST", "False", "SPEED.COMPILE", "False"),
]


class Exported(NamedTuple):
    """What an export wrote.

    Attributes:
        metadata: as in the file.
        difference: the largest difference between a score of the file and of the network.
    """

    metadata: dict[str, Any]
    difference: float


class ClipScores(nn.Module):
    """A network with its input transform: clips -> scores (N, C), all label sets side by side.

    Args:
        network: takes a list with one tensor for each pathway.
        to_input: the transform of the network's task.
        frames: T.
        kind: ``pixels``: the module takes uint8 (N, 3, T, H, W), RGB. ``floats``: it takes float32
            of the same shape, normalised, in the channel order of the network.
    """

    def __init__(
        self, network: nn.Module, to_input: InputTransform, frames: int, kind: str
    ) -> None:
        super().__init__()
        self.network = network
        self._normalises, self._flips = kind == "pixels", kind == "pixels" and not to_input.rgb
        alpha = to_input.alpha
        self._slow = None if alpha is None else slow_indices(frames, alpha).tolist()
        self.register_buffer("scale", to_input.scale.clone())
        self.register_buffer("shift", to_input.shift.clone())

    def forward(self, clips: Tensor) -> Tensor:
        if self._normalises:
            clips = (clips.flip(1) if self._flips else clips).float() * self.scale + self.shift
        pathways = [clips]
        if self._slow is not None:
            pathways.insert(0, torch.stack([clips[:, :, t] for t in self._slow], dim=2))
        scores = self.network(pathways)
        return torch.cat(scores, dim=1) if isinstance(scores, tuple) else scores


def export_model(model: Model, path: Path, kind: str = "pixels") -> Exported:
    """Writes the network of a model to a ``.pt2`` file, and compares the file with the network.

    The size of the batch is free. The scores of random clips, in batches of several sizes, may
    differ by `TOLERANCE`; otherwise the file is not written.

    Args:
        model: opened with the overrides `PLAIN`.
        kind: of the input, as in `ClipScores`.

    Raises:
        UserError: the network cannot be exported, or the file differs from the network.
    """
    task, _ = model.load()
    frames, side = model.cfg.DATA.NUM_FRAMES, model.cfg.DATA.TEST_CROP_SIZE
    module = ClipScores(task.network, task.to_input, frames, kind).eval()
    clips = _random_clips(2, frames, side)
    program = _export(model, module, _given(task, clips, kind))
    metadata = _metadata(model, kind)
    with replacing(path) as file:
        save(program, file, extra_files={METADATA: json.dumps(metadata, ensure_ascii=False)})
        file.flush()
        with Path(file.name).open("rb") as written:  # load warns of a name without .pt2
            found = load(written).module()
        difference = max(
            _difference(task, found, _random_clips(size, frames, side), kind) for size in (1, 3)
        )
        if not difference <= TOLERANCE:  # nan too
            raise UserError(
                f"{path}: is not written. Its scores of random clips differ from those of the "
                f"network by {difference:.2g}; expected at most {TOLERANCE:g}. Please report this "
                f"with MODEL.MODEL_NAME {model.cfg.MODEL.MODEL_NAME} and torch {torch.__version__}."
            )
    return Exported(metadata, difference)


def _export(model: Model, module: nn.Module, example: Tensor) -> ExportedProgram:
    try:
        with torch.no_grad():
            return export(module, (example,), dynamic_shapes=({0: Dim("batch", min=1)},))
    except Exception as error:  # torch.export raises errors of many types
        reason = next(filter(None, map(str.strip, str(error).splitlines())), "")
        raise UserError(
            f"MODEL.MODEL_NAME {model.cfg.MODEL.MODEL_NAME}: torch.export of torch "
            f"{torch.__version__} cannot export this network ({type(error).__name__}: {reason})."
        ) from error


def _random_clips(count: int, frames: int, side: int) -> Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(
        256, (count, 3, frames, side, side), dtype=torch.uint8, generator=generator
    )


def _given(task: Task, clips: Tensor, kind: str) -> Tensor:
    """The input of an exported module of this kind, for uint8 clips."""
    return clips if kind == "pixels" else task.to_input(clips)[-1]


@torch.no_grad()
def _difference(task: Task, found: nn.Module, clips: Tensor, kind: str) -> float:
    """The largest difference between scores of the exported program and of the network."""
    batch = task.prepare(Batch([clips], None, torch.arange(len(clips))))
    expected = side_by_side(task.rows(task.network, batch).scores)
    return float((found(_given(task, clips, kind)) - expected).abs().max())


def _metadata(model: Model, kind: str) -> dict[str, Any]:
    """What a program needs to know to use the file."""
    cfg, facts = model.cfg, facts_for(model.cfg)
    data, classes = cfg.DATA, model.classes
    group, _, key = facts.frame_rate_key.partition(".")
    is_dense = sampling(cfg, facts) == "dense"
    return {
        "classes": list(classes.names),
        "classes_without_training_clips": list(classes.without_clips),
        "thresholds": _thresholds(model),
        "several_classes_per_clip": data.MULTI_LABEL,
        "input": {
            "kind": kind,
            "dtype": "uint8" if kind == "pixels" else "float32",
            "shape": ["batch", 3, data.NUM_FRAMES, data.TEST_CROP_SIZE, data.TEST_CROP_SIZE],
            "axes": ["batch", "channel", "frame", "height", "width"],
            "channels": "RGB" if kind == "pixels" or data.REVERSE_INPUT_CHANNEL else "BGR",
        },
        "normalisation": {
            "formula": "(pixel / 255 - mean[channel]) / std[channel]",
            "mean": list(data.MEAN),
            "std": list(data.STD),
            "channels": "RGB" if data.REVERSE_INPUT_CHANNEL else "BGR",
            "is_in_the_file": kind == "pixels",
        },
        "sampling": {
            "frames": data.NUM_FRAMES,
            "distance_in_frames": data.SAMPLING_RATE if is_dense else None,
            "frames_per_second": cfg[group][key] if group else None,
            "window_seconds": None if is_dense else cfg.PREDICT.WINDOW or None,
            "short_side": data.TEST_CROP_SIZE,
            "crop": "centre",
        },
        "output": {
            "shape": ["batch", len(classes.names)],
            "content": f"scores after {cfg.MODEL.HEAD_ACT}",
        },
        "network": cfg.MODEL.MODEL_NAME,
        "checkpoint": {"path": str(model.path), "sha256": model.digest},
        "configuration": cfg.dump(),
        "torch": torch.__version__,
    }


def _thresholds(model: Model) -> dict[str, float] | None:
    """The thresholds beside the checkpoint, by class; None: none were chosen with its weights."""
    path = Path(model.path).with_name(FILE)
    found = read_thresholds(path) if path.is_file() else None
    return found.values if found and found.checkpoint in ("", model.digest) else None
