"""Video networks of torchvision: Swin3D, MViT, S3D, R3D, MC3 and R(2+1)D.

Liu et al., "Video Swin Transformer", CVPR 2022; Fan et al., "Multiscale Vision Transformers", ICCV
2021; Li et al., "MViTv2", CVPR 2022; Xie et al., "Rethinking Spatiotemporal Feature Learning", ECCV
2018; Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", CVPR 2018.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.error import URLError

from fvcore.common.config import CfgNode
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights

from slowfast.ak.errors import UserError
from slowfast.ak.keys import Finding
from slowfast.ak.nearest import suggestion
from slowfast.ak.registries.networks import NETWORKS, Pretrained
from slowfast.config.dotted import get
from slowfast.models.libraries.backbone import LibraryBackbone
from slowfast.models.libraries.described_input import DescribedInput


@dataclass(frozen=True)
class Architecture:
    """A kind of network of torchvision.

    Attributes:
        frames: of the clips of its published training.
        classifier: the module whose output are logits.
        maps: the module that returns the last features.
        layout: of these features: ``channels first`` (N, C, T, H, W), ``channels last``
            (N, T, H, W, C), or ``tokens`` (N, 1 + P, C), the class token first.
        block: see `LibraryBackbone`.
        fixed: whether it takes clips of its own size only.
        least: the smallest number of frames and the smallest side.
    """

    frames: int
    classifier: str
    maps: str
    layout: str
    block: str
    fixed: bool = False
    least: tuple[int, int] = (1, 1)


_RESNET = Architecture(16, "fc", "layer4", "channels first", r"model\.layer\d\.")
_MVIT = Architecture(16, "head", "norm", "tokens", r"model\.blocks\.\d+\.", fixed=True)
_SWIN = Architecture(
    32, "head", "norm", "channels last", r"model\.features\.(?:[0246]\.\d+|[135])\."
)
_S3D = Architecture(
    *(128, "classifier", "features", "channels first"),
    block=r"model\.features\.[1-9]\d*\.",
    least=(14, 224),
)
ARCHITECTURES = {
    **dict.fromkeys(("r3d_18", "mc3_18", "r2plus1d_18"), _RESNET),
    "s3d": _S3D,
    **dict.fromkeys(("mvit_v1_b", "mvit_v2_s"), _MVIT),
    **dict.fromkeys(("swin3d_t", "swin3d_s", "swin3d_b"), _SWIN),
}
_ADVICE = {
    "mvit_v1_b": "for other sizes take MODEL.MODEL_NAME MViT, which loads the same weight files",
    "mvit_v2_s": "for other sizes take MODEL.MODEL_NAME MViT, which loads the same weight files",
}


class TorchvisionBackbone(LibraryBackbone):
    """A network of torchvision, in `model`, and a head.

    Args:
        model: the network.
        kind: which kind it is.
        arguments: further arguments of `LibraryBackbone`.
    """

    def __init__(self, model: nn.Module, kind: Architecture, **arguments: Any) -> None:
        *_, last = (
            each
            for each in model.get_submodule(kind.classifier).modules()
            if getattr(each, "weight", None) is not None
        )
        setattr(model, kind.classifier, nn.Identity())
        super().__init__(model, last.weight.shape[1], kind.block, **arguments)
        self._kind = kind

    def pooled(self, clip: Tensor) -> Tensor:
        return self.model(clip)

    def positions(self, clip: Tensor) -> Tensor:
        found: list[Tensor] = []
        layer = self.model.get_submodule(self._kind.maps)
        hook = layer.register_forward_hook(lambda _layer, _given, output: found.append(output))
        try:
            self.model(clip)
        finally:
            hook.remove()
        if self._kind.layout == "tokens":
            return found[-1][:, 1:]
        if self._kind.layout == "channels last":
            return found[-1].flatten(1, 3)
        return found[-1].flatten(2).transpose(1, 2)


def described_input(arch: str) -> DescribedInput:
    """The input of the published weights of an architecture."""
    made = get_model_weights(arch).DEFAULT.transforms()
    (side, _) = made.crop_size
    return DescribedInput(ARCHITECTURES[arch].frames, side, tuple(made.mean), tuple(made.std))


def _settings(cfg: CfgNode) -> dict[str, Any]:
    known = cfg.MODEL.ARCH in ARCHITECTURES
    return described_input(cfg.MODEL.ARCH).settings(cfg) if known else {}


# What the library cannot be told.
_SERVED = {"BN.NORM_TYPE": "batchnorm", "MODEL.DROPCONNECT_RATE": 0.0}


def _problems(cfg: CfgNode) -> Iterator[Finding]:
    arch = cfg.MODEL.ARCH
    if arch not in ARCHITECTURES:
        return
    kind, wanted = ARCHITECTURES[arch], described_input(arch)
    for key, value in _SERVED.items():
        if get(cfg, key) != value:
            yield key, f"MODEL.MODEL_NAME {cfg.MODEL.MODEL_NAME} only takes {value}"
    names = [each.name for each in get_model_weights(arch)]
    if cfg.MODEL.PRETRAINED and cfg.MODEL.PRETRAINED not in names:
        near = suggestion(cfg.MODEL.PRETRAINED, names)
        words = f"torchvision has no such weights of {arch}; {near} expected {' or '.join(names)}"
        yield (
            "MODEL.PRETRAINED",
            f"{words}, or nothing and a file as TRAIN.CHECKPOINT_FILE_PATH",
        )
    yield from wanted.pixel_problems(cfg)
    if kind.fixed:
        yield from wanted.size_problems(cfg, _ADVICE[arch])
    frames, side = kind.least
    sides = ["DATA.TEST_CROP_SIZE", *["DATA.TRAIN_CROP_SIZE"] * cfg.TRAIN.ENABLE]
    for key, least in [("DATA.NUM_FRAMES", frames), *((each, side) for each in sides)]:
        if get(cfg, key) < least:
            yield key, f"{arch} takes {least} and more"


def _warnings(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.MODEL.ACT_CHECKPOINT:
        words = f"is not read with MODEL.MODEL_NAME {cfg.MODEL.MODEL_NAME}, which keeps activations"
        yield "MODEL.ACT_CHECKPOINT", words


def _pretrained(cfg: CfgNode) -> Pretrained | None:
    if not cfg.MODEL.PRETRAINED:
        return None
    weights = get_model_weights(cfg.MODEL.ARCH)[cfg.MODEL.PRETRAINED]
    return Pretrained(f"{weights} of torchvision", partial(_download, weights))


def _download(weights: Any) -> Mapping[str, Tensor]:
    """The entries of published weights, which torchvision downloads and keeps.

    Raises:
        UserError: they cannot be downloaded, or are damaged.
    """
    try:
        return weights.get_state_dict(progress=False, check_hash=True)
    except (URLError, OSError, RuntimeError) as error:
        raise UserError(
            f"MODEL.PRETRAINED {weights.name}: {weights.url} could not be downloaded ({error}). "
            "Download it on a machine with access, and name the file as TRAIN.CHECKPOINT_FILE_PATH "
            "with an empty MODEL.PRETRAINED."
        ) from None


@NETWORKS.register(
    archs=tuple(ARCHITECTURES),
    pathways=1,
    own_keys=("MODEL.PRETRAINED",),
    problems=_problems,
    warnings=_warnings,
    derived_settings=_settings,
    pretrained=_pretrained,
)
def TorchvisionVideo(cfg: CfgNode) -> TorchvisionBackbone:
    """A video network of torchvision, without its published weights.

    It takes a list of one clip (N, 3, T, H, W).
    """
    kind = ARCHITECTURES[cfg.MODEL.ARCH]
    model = get_model(cfg.MODEL.ARCH, weights=None)
    wanted = described_input(cfg.MODEL.ARCH)
    size = (wanted.frames, wanted.side) if kind.fixed else None
    return TorchvisionBackbone(model, kind, size=size, **LibraryBackbone.head_arguments(cfg))
