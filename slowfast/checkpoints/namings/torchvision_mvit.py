"""torchvision's names of MViT: `mvit_v1_b` and `mvit_v2_s`, which compute what ours compute."""

import re
from typing import Any

import torch

from slowfast.checkpoints.namings.naming import Naming, State, register, rules

_ENTRIES = rules(
    (r"pos_encoding\.class_token", "cls_token"),
    (r"pos_encoding\.class_pos", "pos_embed_class"),
    (r"pos_encoding\.(spatial|temporal)_pos", r"pos_embed_\1"),
    (r"conv_proj\.(\w+)", r"patch_embed.proj.\1"),
    (r"norm\.(\w+)", r"norm.\1"),
    (r"head\.1\.(\w+)", r"head.projection.\1"),
    (r"(blocks\.\d+)\.(norm[12]\.\w+)", r"\1.\2"),
    (r"(blocks\.\d+)\.project\.(\w+)", r"\1.proj.\2"),
    (r"(blocks\.\d+)\.mlp\.0\.(\w+)", r"\1.mlp.fc1.\2"),
    (r"(blocks\.\d+)\.mlp\.3\.(\w+)", r"\1.mlp.fc2.\2"),
    (r"(blocks\.\d+\.attn)\.(qkv\.\w+|rel_pos_[hwt])", r"\1.\2"),
    (r"(blocks\.\d+\.attn)\.project\.0\.(\w+)", r"\1.proj.\2"),
    (r"(blocks\.\d+\.attn\.pool_[qkv])\.pool\.(\w+)", r"\1.\2"),
    (r"(blocks\.\d+\.attn)\.pool_([qkv])\.norm_act\.0\.(\w+)", r"\1.norm_\2.\3"),
)


@register
class TorchvisionMViT(Naming):
    """``conv_proj``, ``pos_encoding`` and ``blocks.N``."""

    title = "torchvision names of MViT"
    anchor = re.compile(r"conv_proj\.weight")
    entries = _ENTRIES

    def recognises(self, state: State, key: str) -> bool:
        return "blocks.0.attn.qkv.weight" in state

    def convert(self, here: str, value: torch.Tensor, state: State) -> torch.Tensor:
        if here != "cls_token" and not here.startswith("pos_embed_"):
            return value
        return value.reshape(1, -1, value.shape[-1])  # (C) or (length, C) there

    def settings(self, state: State) -> dict[str, Any]:
        return {"DATA.MEAN": [0.45] * 3, "DATA.STD": [0.225] * 3}
