"""MViT, MViTv2, ViT and their reversible forms: one network, planned by the keys of MVIT.

Fan et al., "Multiscale Vision Transformers", ICCV 2021; Li et al., "MViTv2", CVPR 2022; Dosovitskiy
et al., "An Image is Worth 16x16 Words", ICLR 2021; Mangalam et al., "Reversible Vision
Transformers", CVPR 2022. Patches of a clip become tokens. Blocks pool the tokens over time and
space, so that later blocks have fewer tokens with more channels. ViT does not pool.
"""

import re
from collections.abc import Sequence

import torch
from fvcore.common.config import CfgNode
from torch import Tensor, nn

from slowfast.ak.errors import UserError
from slowfast.models.build import MODEL_REGISTRY
from slowfast.models.layers.clips import as_clips
from slowfast.models.layers.head import Head, pool_head
from slowfast.models.layers.recomputation import recomputed
from slowfast.models.transformer import checks, positions
from slowfast.models.transformer.block import Block
from slowfast.models.transformer.patch_embed import PatchEmbed
from slowfast.models.transformer.plan import TransformerPlan
from slowfast.models.transformer.reversible import ReversibleTrunk
from slowfast.models.transformer.tokens import Grid, layer_norm

_BLOCK = re.compile(r"(?:blocks|rev_backbone\.layers)\.(\d+)\.")
_EMBEDDING = re.compile(r"pos_embed|patch_embed\.|cls_token")
_POSITION = re.compile(r"pos_embed|cls_token|.*\.rel_pos_[thw]$")


class VisionTransformer(nn.Module):
    """Clips -> scores.

    The network takes clips of other sizes than those of its training. Tables of absolute and
    relative positions are then interpolated in the forward pass.

    Args:
        plan: all sizes.
        head: takes a list of one map (N, plan.channels_out, 1, 1, 1).

    Attributes:
        depth: number of blocks.
    """

    def __init__(self, plan: TransformerPlan, head: Head) -> None:
        super().__init__()
        self.plan, self.depth = plan, len(plan.blocks)
        channels, (frames, height, width) = plan.patch.channels, plan.grid
        if plan.has_class:
            self.cls_token = _table(1, channels)
        if plan.positions == "separate":
            self.pos_embed_spatial = _table(height * width, channels)
            self.pos_embed_temporal = _table(frames, channels)
            if plan.has_class:
                self.pos_embed_class = _table(1, channels)
        elif plan.positions:
            self.pos_embed = _table(int(plan.has_class) + frames * height * width, channels)
        self.patch_embed = PatchEmbed(plan.patch)
        self.pos_drop = nn.Dropout(plan.dropout)
        if plan.reversible:
            self.rev_backbone = ReversibleTrunk(
                plan.blocks, plan.transitions, plan.fusion, plan.recompute
            )
        else:
            self.blocks = nn.ModuleList(Block(spec) for spec in plan.blocks)
        self.norm = layer_norm(plan.channels_out)
        self.head = head
        self._draw_weights()

    def _draw_weights(self) -> None:
        """Linear layers: normal with deviation 0.02, bias 0. Tables of positions alike."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if self.plan.positions == "fixed":
            self.pos_embed.requires_grad_(False)
            sines = positions.sines(self.plan.patch.channels, self.plan.grid)
            with torch.no_grad():
                self.pos_embed.zero_()[:, int(self.plan.has_class) :] = sines
        with torch.no_grad():
            for parameter in self.head.parameters():
                parameter.mul_(self.plan.head_scale)

    def forward(self, clips: Sequence[Tensor]) -> Tensor:
        """Scores clips.

        Args:
            clips: a list with one float tensor (N, C, T, H, W). A network of images (MVIT.PATCH_2D)
                takes (N, C, 1, H, W) or (N, C, H, W).

        Returns:
            (N, classes): logits in training, activated scores in evaluation. With several label
            sets it is a tuple of such tensors.

        Raises:
            UserError: the clips do not fit.
        """
        tokens, _ = self._encoded(clips)
        return self.head([self._pooled(tokens)])

    def vectors(self, clips: Sequence[Tensor], each_position: bool = False) -> Tensor:
        """What the classifier projects of clips, in float32.

        Args:
            clips: as in `forward`.
            each_position: whether to return all tokens but the class token, after the last norm.

        Returns:
            (N, P, C): P positions, in the order time, height, width; P = 1 for what is projected.
        """
        tokens, grid = self._encoded(clips)
        if not each_position:
            return self.head.vectors([self._pooled(tokens)])
        maps = self.norm(self._patches(tokens)).transpose(1, 2).unflatten(2, grid)
        return self.head.vectors([maps], each_position)

    def layer_of(self, name: str) -> int:
        """The layer of a parameter, for learning rates by layer.

        Returns:
            0 for the embedding of patches, positions and class token; N + 1 for block N;
            `depth` + 1 for the norm and the head after the blocks.
        """
        if block := _BLOCK.match(name):
            return int(block[1]) + 1
        return 0 if _EMBEDDING.match(name) else self.depth + 1

    def undecayed(self) -> set[str]:
        """The names of positions and class token if MVIT.ZERO_DECAY_POS_CLS is on, else none."""
        if self.plan.decays_positions:
            return set()
        return {name for name, _ in self.named_parameters() if _POSITION.match(name)}

    def _encoded(self, clips: Sequence[Tensor]) -> tuple[Tensor, Grid]:
        """Tokens (N, L, C) after the blocks, before the last norm, and their grid."""
        (clip,) = as_clips(clips, [self.plan.patch.channels_in])
        if self.plan.patch.of_images:
            if clip.shape[2] != 1:
                raise UserError(
                    f"the network received clips {tuple(clip.shape)}; a network of images "
                    "(MVIT.PATCH_2D) takes one frame: (N, C, 1, H, W) or (N, C, H, W)"
                )
            clip = clip[:, :, 0]
        x, grid = self.patch_embed(clip)
        if self.plan.has_class:
            x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1)
        if self.plan.positions:
            x = x + self._positions(grid)
        x = self.pos_drop(x)
        if self.plan.reversible:
            return self.rev_backbone(x, grid)
        again = self.plan.recompute and self.training
        for block in self.blocks:
            x, grid = recomputed(block, x, grid) if again else block(x, grid)
        return x, grid

    def _positions(self, grid: Grid) -> Tensor:
        """The absolute positions of all tokens of a grid, (1, L, C)."""
        made_for = self.plan.grid
        if self.plan.positions == "separate":
            of_class = [self.pos_embed_class] if self.plan.has_class else []
            spatial = positions.spatial_at(self.pos_embed_spatial, made_for, grid)
            temporal = positions.temporal_at(self.pos_embed_temporal, made_for, grid)
            return torch.cat([*of_class, positions.separate(spatial, temporal)], dim=1)
        count = int(self.plan.has_class)
        of_class, of_patches = self.pos_embed.split([count, self.pos_embed.shape[1] - count], dim=1)
        return torch.cat([of_class, positions.joint_at(of_patches, made_for, grid)], dim=1)

    def _patches(self, tokens: Tensor) -> Tensor:
        """Tokens without the class token."""
        return tokens[:, 1:] if self.plan.has_class else tokens

    def _pooled(self, tokens: Tensor) -> Tensor:
        """What the classifier takes of tokens (N, L, C), as a map (N, C, 1, 1, 1)."""
        if self.plan.averages:
            pooled = self.norm(self._patches(tokens).mean(dim=1))
        elif self.plan.has_class:
            pooled = self.norm(tokens[:, 0])
        else:
            pooled = self.norm(tokens).mean(dim=1)
        return pooled[:, :, None, None, None]


def _table(*size: int) -> nn.Parameter:
    """A learned table (1, ...) that starts normal with deviation 0.02."""
    return nn.Parameter(nn.init.normal_(torch.empty(1, *size), std=0.02))


@MODEL_REGISTRY.register(
    archs=("mvit", "slow"),
    pathways=1,
    own_keys=("MVIT.",),
    problems=checks.problems,
    warnings=checks.warnings,
)
def MViT(cfg: CfgNode) -> VisionTransformer:
    """The vision transformer that the keys of MVIT describe.

    It takes a list of one clip (N, C, T, H, W).
    """
    return vision_transformer(cfg)


def vision_transformer(cfg: CfgNode, label_sets: Sequence[str] = ()) -> VisionTransformer:
    """The network `MViT`, with a head for `label_sets` as in `pool_head`."""
    plan = TransformerPlan.from_cfg(cfg)
    return VisionTransformer(plan, pool_head(cfg, [plan.channels_out], [(1, 1, 1)], label_sets))
