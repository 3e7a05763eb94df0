"""Namings of networks that are not built here. They are recognised to say what a file holds."""

import re
from dataclasses import dataclass

from slowfast.ak.registries.networks import NETWORKS
from slowfast.checkpoints.namings.naming import NAMINGS, Naming, State


@dataclass(frozen=True)
class NotLoaded(Naming):
    """A naming whose networks are not built here.

    Attributes:
        title: see `Naming`.
        network: what the weights are of.
        anchor: see `Naming`.
        marks: patterns, each of which matches the name of another entry.
        absent: patterns, none of which matches the name of an entry.
        keys: the keys of a file under which alone the naming is found; empty: any.
        dimensions: the number of dimensions of the anchor's entry; 0: any.
        why: why they cannot be loaded, in words that follow `network`.
        advice: what can be done with the weights; "" if nothing.
    """

    title: str
    network: str
    anchor: re.Pattern
    marks: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    dimensions: int = 0
    why: str = "which is not built here"
    advice: str = ""

    def recognises(self, state: State, key: str) -> bool:
        shapes = {value.ndim for name, value in state.items() if self.anchor.fullmatch(name)}

        def has(pattern: str) -> bool:
            return any(re.fullmatch(pattern, name) for name in state)

        return (
            all(map(has, self.marks))
            and not any(map(has, self.absent))
            and (not self.keys or key in self.keys)
            and (not self.dimensions or self.dimensions in shapes)
        )

    def rename(self, state: State) -> dict[str, str]:
        return {}

    def refusal(self, state: State) -> str:
        words = f"the weights are of {self.network}, {self.why}"
        names = NETWORKS.shown_names()
        built = ", ".join(name for name in names if NETWORKS.facts(name).feature_shape is None)
        advice = self.advice or f"Name weights of a network that MODEL.MODEL_NAME takes: {built}"
        return f"{words}. {advice}"


_ATTENTION = r"blocks\.0\.attn\.qkv\.weight"
_PATCHES = r"patch_embed\.proj\.weight"
# Entries that MViT of SlowFast has, and that the transformers which are not built lack.
_OF_MVIT = ("cls_token", r"blocks\.\d+\.attn\.(?:pool_|rel_pos_).*")

_OTHER_NETWORK = "and the configuration has another network"
_TORCHVISION = "Set MODEL.MODEL_NAME TorchvisionVideo, and MODEL.ARCH {}"
_TRANSFORMERS = (
    "Set MODEL.MODEL_NAME TransformersVideo, and MODEL.PRETRAINED to the folder of the file, in "
    "which its config.json lies"
)

# The first that is recognised describes a file.
NAMINGS += [
    NotLoaded(
        "names of a LoRA adapter",
        "a LoRA adapter",
        re.compile(r".*\.lora_A\.(?:default\.)?weight"),
        why="which only changes a network of another file",
        advice="Merge it into its network first: merge_and_unload() of peft",
    ),
    NotLoaded("V-JEPA names", "V-JEPA", re.compile(_PATCHES), keys=("encoder", "target_encoder")),
    NotLoaded(
        "torchvision names of Swin3D",
        "a video Swin transformer",
        re.compile(r"features\.0\.0\.attn\.relative_position_bias_table"),
        (_PATCHES,),
        why=_OTHER_NETWORK,
        advice=_TORCHVISION.format("swin3d_t, swin3d_s or swin3d_b"),
    ),
    NotLoaded(
        "torchvision names of S3D",
        "S3D",
        re.compile(r"features\.0\.0\.0\.weight"),
        dimensions=5,
        why=_OTHER_NETWORK,
        advice=_TORCHVISION.format("s3d"),
    ),
    NotLoaded(
        "torchvision names of R3D, MC3 and R(2+1)D",
        "R3D, MC3 or R(2+1)D of torchvision",
        re.compile(r"stem\.0\.weight"),
        (r"layer1\.0\.conv1\.0(?:\.0)?\.weight",),
        why=_OTHER_NETWORK,
        advice=_TORCHVISION.format("r3d_18, mc3_18 or r2plus1d_18"),
    ),
    NotLoaded(
        "names of Video Swin",
        "a video Swin transformer",
        re.compile(_PATCHES),
        (r"layers\.0\.blocks\.0\.attn\.relative_position_bias_table",),
    ),
    NotLoaded(
        "names of TimeSformer",
        "TimeSformer",
        re.compile(_PATCHES),
        (r"blocks\.0\.temporal_attn\.qkv\.weight",),
    ),
    NotLoaded("names of UniFormer", "UniFormer", re.compile(r"patch_embed1\.proj\.weight")),
    NotLoaded(
        "MMAction2 names of transformers",
        "a video transformer of MMAction2",
        re.compile(r"patch_embed\.projection\.weight"),
    ),
    *(
        NotLoaded(
            f"transformers' names of {network}",
            network,
            re.compile(rf"{family}\.encoder\.layer\.0\.attention\..*\.weight"),
            why=_OTHER_NETWORK,
            advice=_TRANSFORMERS,
        )
        for family, network in (
            ("videomae", "VideoMAE"),
            ("vjepa2", "V-JEPA 2"),
            ("timesformer", "TimeSformer"),
            ("vivit", "ViViT"),
        )
    ),
    NotLoaded(
        "transformers' names",
        "a transformer of the library transformers",
        re.compile(r"encoder\.layer\.0\.attention\..*\.weight"),
        why=_OTHER_NETWORK,
        advice=_TRANSFORMERS,
    ),
    NotLoaded(
        "names of Hiera",
        "Hiera",
        re.compile(_PATCHES),
        ("pos_embed_spatial", r"blocks\.\d+\.proj\.weight"),
        absent=_OF_MVIT,
        dimensions=5,
    ),
    NotLoaded("names of VideoMAE", "VideoMAE", re.compile(_PATCHES), (r"blocks\.0\.attn\.q_bias",)),
    NotLoaded(
        "names of vision transformers",
        "a video transformer, such as VideoMAE or V-JEPA",
        re.compile(_PATCHES),
        (_ATTENTION,),
        absent=(*_OF_MVIT, "pos_embed_spatial", r"head\.projection\..*"),
        dimensions=5,
    ),
    NotLoaded(
        "detectron2 names",
        "a detector of detectron2",
        re.compile(r"bottom_up\.(?:stem\.conv1|res2\.0\.conv1)\.weight"),
    ),
]
