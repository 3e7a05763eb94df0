"""Video networks of transformers: VideoMAE, V-JEPA 2, TimeSformer, ViViT and VideoPrism.

The description of the network, with its configuration, lies in the configuration of a run
(TRANSFORMERSVIDEO.CONFIG). So a checkpoint is enough to build the network again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fvcore.common.config import CfgNode
from torch import Tensor, nn

from slowfast.ak.errors import UserError
from slowfast.ak.keys import Finding
from slowfast.ak.registries.networks import NETWORKS, Pretrained
from slowfast.config.dotted import get, key_and_value
from slowfast.models.libraries.backbone import LibraryBackbone
from slowfast.models.libraries.description import (
    HOW_TO_INSTALL,
    Description,
    described,
    is_installed,
)

_CONFIG = "TRANSFORMERSVIDEO.CONFIG"


class TransformersBackbone(LibraryBackbone):
    """A network of transformers, in `model`, and a head.

    Args:
        description: of the network.
        frames, side: of the clips.
        recompute: whether blocks are computed again in the backward pass.
        arguments: further arguments of `LibraryBackbone`.
    """

    def __init__(
        self, description: Description, frames: int, side: int, recompute: bool, **arguments: Any
    ) -> None:
        family = description.family
        model = description.build(frames, side)
        model.classifier = nn.Identity()
        for name in family.unused:
            setattr(model.base_model, name, nn.Identity())
        if recompute:
            model.activation_checkpointing_enable({"use_reentrant": False})
        width = description.network[family.width]
        super().__init__(model, width, family.block, size=(frames, side), **arguments)
        self._family, self._frames = family, frames

    def pooled(self, clip: Tensor) -> Tensor:
        return self._called(self.model, clip).logits.flatten(1)  # VideoPrism: (N, 1, C)

    def positions(self, clip: Tensor) -> Tensor:
        arguments = self._family.encoder_arguments
        tokens = self._called(self.model.base_model, clip, **arguments).last_hidden_state
        if self._family.has_class:
            tokens = tokens[:, 1:]
        if self._family.by_position:
            tokens = tokens.unflatten(1, (-1, self._frames)).transpose(1, 2).flatten(1, 2)
        return tokens

    def _called(self, model: nn.Module, clip: Tensor, **arguments: Any) -> Any:
        """The output of a module of the library, which takes clips (N, T, C, H, W)."""
        name = self.model.main_input_name
        return model(**{name: clip.transpose(1, 2)}, **arguments)


def _description(cfg: CfgNode) -> Description:
    """The description in the configuration, unless it is of another network than MODEL.PRETRAINED.

    Otherwise it is read from MODEL.PRETRAINED.

    Raises:
        UserError: it cannot be read.
    """
    if text := cfg.TRANSFORMERSVIDEO.CONFIG:
        kept = Description.parsed(text)
        if cfg.MODEL.PRETRAINED in ("", kept.source):
            return kept
    return described(cfg.MODEL.PRETRAINED)[0]


def _settings(cfg: CfgNode) -> dict[str, Any]:
    if not is_installed() or not (cfg.MODEL.PRETRAINED or cfg.TRANSFORMERSVIDEO.CONFIG):
        return {}
    try:
        found = _description(cfg)
    except UserError:  # `_problems` names it
        return {}
    return {"MODEL.ARCH": found.arch, **found.input.settings(cfg), _CONFIG: found.dump()}


def _problems(cfg: CfgNode) -> Iterator[Finding]:
    if not is_installed():
        yield "MODEL.MODEL_NAME", HOW_TO_INSTALL
        return
    if not (cfg.MODEL.PRETRAINED or cfg.TRANSFORMERSVIDEO.CONFIG):
        words = "name a folder that save_pretrained of transformers wrote, or an id of its hub"
        yield "MODEL.PRETRAINED", words
        return
    try:
        found = _description(cfg)
    except UserError as error:
        yield _CONFIG if cfg.TRANSFORMERSVIDEO.CONFIG else "MODEL.PRETRAINED", str(error)
        return
    if (text := cfg.TRANSFORMERSVIDEO.CONFIG) and found != Description.parsed(text):
        words = f"describes another network than MODEL.PRETRAINED {found.source}"
        yield _CONFIG, f"{words}; leave the key out"
        return
    if found.arch != cfg.MODEL.ARCH:
        yield "MODEL.ARCH", f"{found.source} is {found.arch}; set this, or leave the key out"
        return
    yield from found.input.pixel_problems(cfg)
    yield from _size_problems(cfg, found)


def _size_problems(cfg: CfgNode, found: Description) -> Iterator[Finding]:
    if not found.family.any_size:
        advice = "its positions are made for this size; set it, or leave the key out"
        yield from found.input.size_problems(cfg, advice)
        return
    if cfg.TRAIN.ENABLE and cfg.DATA.TRAIN_CROP_SIZE != cfg.DATA.TEST_CROP_SIZE:
        size = key_and_value(cfg, "DATA.TRAIN_CROP_SIZE")
        yield "DATA.TEST_CROP_SIZE", f"{found.arch} takes one size; expected that of {size}"
    for key, entry in (("DATA.NUM_FRAMES", "tubelet_size"), ("DATA.TEST_CROP_SIZE", "patch_size")):
        part = found.network[entry]
        if get(cfg, key) < part or get(cfg, key) % part:
            yield key, f"{found.arch} takes multiples of {part}"


def _warnings(cfg: CfgNode) -> Iterator[Finding]:
    found = _description(cfg)
    if cfg.MODEL.PRETRAINED and not found.mean:
        yield (
            "DATA.MEAN",
            f"{found.source} does not say how its pixels are normalised; compare DATA.MEAN and "
            "DATA.STD with what its weights were trained with",
        )


def _pretrained(cfg: CfgNode) -> Pretrained | None:
    if not cfg.MODEL.PRETRAINED:
        return None
    source = cfg.MODEL.PRETRAINED
    return Pretrained(f"{source} (transformers, {cfg.MODEL.ARCH})", lambda: _read(cfg))


def _read(cfg: CfgNode) -> Mapping[str, Tensor]:
    """The entries of MODEL.PRETRAINED by the names of the network here."""
    found, classes = described(cfg.MODEL.PRETRAINED)
    entries = found.weights(cfg.DATA.NUM_FRAMES, cfg.DATA.TEST_CROP_SIZE, classes)
    return {_here(name): value for name, value in entries.items()}


def _here(name: str) -> str:
    head = name.removeprefix("classifier.")
    return f"model.{name}" if head == name else f"head.projection.{head}"


@NETWORKS.register(
    own_keys=("MODEL.PRETRAINED", "TRANSFORMERSVIDEO."),
    problems=_problems,
    warnings=_warnings,
    derived_settings=_settings,
    pretrained=_pretrained,
)
def TransformersVideo(cfg: CfgNode, config: str = "") -> TransformersBackbone:
    """A video network of transformers, without its published weights.

    It takes a list of one clip (N, 3, T, H, W).

    Args:
        config: the description of the network, as JSON. Leave it out: MODEL.PRETRAINED gives it,
            and the configuration of a run and its checkpoints keep it, so that they need neither
            folder nor hub.
    """
    del config  # `_description` reads it
    found = _description(cfg)
    return TransformersBackbone(
        found,
        cfg.DATA.NUM_FRAMES,
        cfg.DATA.TEST_CROP_SIZE,
        cfg.MODEL.ACT_CHECKPOINT,
        **LibraryBackbone.head_arguments(cfg),
    )
