"""pytorchvideo's names: its hub's files, and files of the PTV networks of SlowFast."""

import re

import torch

from slowfast.checkpoints.namings.naming import Naming, State, apply, register, rules

_STEM = rules(
    ("conv", "stem.conv"),
    ("norm", "stem.bn"),
    # X3D. The library has the two names the other way round: its `conv_t` spans 1 x 3 x 3.
    (r"conv\.conv_t", "stem.conv_xy"),
    (r"conv\.conv_xy", "stem.conv"),
)
_BLOCK = rules(
    (r"res_blocks\.(\d+)\.branch1_conv", r"res\1.branch1"),
    (r"res_blocks\.(\d+)\.branch1_norm", r"res\1.branch1_bn"),
    (r"res_blocks\.(\d+)\.branch2\.conv_([abc])", r"res\1.branch2.\2"),
    (r"res_blocks\.(\d+)\.branch2\.norm_([abc])(?:\.0)?", r"res\1.branch2.\2_bn"),
    (r"res_blocks\.(\d+)\.branch2\.norm_b\.1\.block\.0", r"res\1.branch2.se.fc1"),
    (r"res_blocks\.(\d+)\.branch2\.norm_b\.1\.block\.2", r"res\1.branch2.se.fc2"),
)
_FUSION = rules(
    (r"multipathway_fusion\.conv_fast_to_slow", "fuse.conv_f2s"),
    (r"multipathway_fusion\.norm", "fuse.bn"),
)
_HEAD = rules(
    (r"blocks\.\d+\.proj|detection_head\.proj", "head.projection"),
    (r"blocks\.\d+\.pool\.pre_conv", "head.conv_5"),
    (r"blocks\.\d+\.pool\.pre_norm", "head.conv_5_bn"),
    (r"blocks\.\d+\.pool\.post_conv", "head.lin_5"),
    (r"blocks\.\d+\.pool\.post_norm", "head.lin_5_bn"),
)
_NAME = re.compile(r"blocks\.(\d+)\.(?:multipathway_blocks\.(\d+)\.)?(.+)")


@register
class PyTorchVideo(Naming):
    """``blocks.N``: C2D, I3D, Slow, SlowFast and X3D, which compute what ours compute."""

    title = "pytorchvideo names"
    anchor = re.compile(r"blocks\.0\.(?:multipathway_blocks\.0\.)?conv(?:\.conv_t)?\.weight")

    def rename(self, state: State) -> dict[str, str]:
        # In C2D and I3D `blocks.2` is a pool, which has no entries.
        has_pool = not any(name.startswith("blocks.2.") for name in state)
        renamed = {}
        for name in state:
            module, _, leaf = name.rpartition(".")
            if here := apply(_HEAD, module) or _in_a_stage(module, has_pool):
                renamed[name] = f"{here}.{leaf}"
        return renamed

    def refusal(self, state: State) -> str:
        kernels = {n: v for n, v in state.items() if ".branch2.conv_b." in n and v.ndim == 5}
        if any("conv_b.conv_t" in name for name in kernels):
            return "the weights are of R(2+1)D, which MODEL.MODEL_NAME PTVR2plus1D takes"
        is_x3d = "blocks.0.conv.conv_t.weight" in state
        if kernels and not is_x3d and all(kernel.shape[1] == 1 for kernel in kernels.values()):
            return "the weights are of a channel-separated network, which PTVCSN takes"
        return ""

    def neutral(self, state: State, wanted: set[str]) -> set[str]:
        # X3D of this library has no norm after the shortcut of the first block.
        here = set(self.rename(state).values())
        norms = {
            name.replace(".branch1.weight", ".branch1_bn.")
            for name in here
            if name.endswith(".branch1.weight")
        }
        return {name for name in wanted - here if name.rpartition(".")[0] + "." in norms}


def _in_a_stage(module: str, has_pool: bool) -> str | None:
    """Returns the name here of a layer of the stem, a stage or a lateral connection."""
    if not (match := _NAME.fullmatch(module)):
        return None
    block, pathway, layer = int(match[1]), match[2] or "0", match[3]
    stage = block if has_pool and block > 2 else block + 1
    if fusion := apply(_FUSION, layer):
        return f"s{stage}_{fusion}"
    inside = apply(_BLOCK if block else _STEM, layer)
    return inside and f"s{stage}.pathway{pathway}_{inside}"


_MVIT = rules(
    (r"patch_embed\.patch_model\.(\w+)", r"patch_embed.proj.\1"),
    (r"cls_positional_encoding\.(\w+)", r"\1"),
    (r"norm_embed\.(\w+)", r"norm.\1"),
    (r"head\.proj\.(\w+)", r"head.projection.\1"),
    (r"(blocks\.\d+\.attn)\.[qkv]\.(\w+)", r"\1.qkv.\2"),
    (r"(blocks\.\d+\..+)", r"\1"),
)


@register
class PyTorchVideoMViT(Naming):
    """``patch_embed.patch_model``: MViT, of videos and of images."""

    title = "pytorchvideo names of MViT"
    anchor = re.compile(r"patch_embed\.patch_model\.weight")
    entries = _MVIT

    def convert(self, here: str, value: torch.Tensor, state: State) -> torch.Tensor:
        # Three layers there make queries, keys and values; here it is one.
        if ".attn.qkv." not in here or here in state:
            return value
        parts = (here.replace(".qkv.", f".{part}.") for part in "qkv")
        return torch.cat([state[part] for part in parts if part in state])

    def is_of_images(self, state: State) -> bool:
        return state["patch_embed.patch_model.weight"].ndim == 4

    def cautions(self, state: State) -> list[str]:
        if not any(".attn.norm_" in name for name in state):
            return []
        return [
            "The norms of queries, keys and values add 1e-5 to the variance in pytorchvideo, and "
            "1e-6 here: scores differ slightly."
        ]


@register
class PyTorchVideoHub(Naming):
    """The library's names, for the networks here that the library builds: PTVResNet and others.

    These networks hold the one of the library as `model`.
    """

    title = "names of pytorchvideo's hub"
    anchor = re.compile(rf"{PyTorchVideo.anchor.pattern}|{PyTorchVideoMViT.anchor.pattern}")

    def rename(self, state: State) -> dict[str, str]:
        return {name: f"model.{name}" for name in state}
