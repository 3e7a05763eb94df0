"""A network that a library builds, with the head of this project in place of its classifier."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fvcore.common.config import CfgNode
from torch import Tensor, nn

from slowfast.ak.errors import UserError
from slowfast.models.layers.clips import as_clips
from slowfast.models.layers.head import HeadSpec, PoolHead

# Parameters before the first block, and tables of positions and class tokens in all of them.
_FIRST = re.compile(
    r"model\.(?:stem\.|features\.0\.|conv_proj\.|patch_embed\.|pos_encoding\.|.*embeddings\.)"
)
_POSITION = re.compile(
    r".*(?:class_token|cls_token|class_pos|spatial_pos|temporal_pos|rel_pos_[thw]"
    r"|relative_position_bias_table|position_embeddings|time_embeddings)$"
)


class LibraryBackbone(nn.Module):
    """Clips -> scores. A subclass says how the network of the library is called.

    Args:
        model: the network of the library, which returns what its classifier would take.
        width: channels of that.
        block: the pattern for the beginning of the name of a parameter of a block. Blocks are
            numbered in the order of the parameters.
        head: settings of the head.
        init_std: standard deviation of the first weights of the classifier.
        size: frames and side of the clips, if the network takes no others; None: it does.
    """

    def __init__(
        self,
        model: nn.Module,
        width: int,
        block: str,
        head: HeadSpec,
        init_std: float,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.model, self.size = model, size
        self.head = PoolHead([width], head, [(1, 1, 1)])
        nn.init.normal_(self.head.projection.weight, std=init_std)
        nn.init.zeros_(self.head.projection.bias)
        self._block = re.compile(block)
        found = (self._block.match(name) for name, _ in self.named_parameters())
        self._blocks = list(dict.fromkeys(match[0] for match in found if match))

    @classmethod
    def head_arguments(cls, cfg: CfgNode) -> dict:
        """The arguments of the head that a configuration gives."""
        return {"head": HeadSpec.from_cfg(cfg), "init_std": cfg.MODEL.FC_INIT_STD}

    def pooled(self, clip: Tensor) -> Tensor:
        """What the classifier of the library would take of clips: (N, C)."""
        raise NotImplementedError

    def positions(self, clip: Tensor) -> Tensor:
        """The last features of clips at each position: (N, P, C), in the order time, height, width.

        Class tokens are left out.
        """
        raise NotImplementedError

    def forward(self, clips: Sequence[Tensor]) -> Tensor:
        """Scores clips.

        Args:
            clips: a list of one float tensor (N, 3, T, H, W).

        Returns:
            (N, classes): logits in training, activated scores in evaluation.

        Raises:
            UserError: the clips have a size that the network does not take.
        """
        return self.head([self.pooled(self._checked(clips))[:, :, None, None, None]])

    def vectors(self, clips: Sequence[Tensor], each_position: bool = False) -> Tensor:
        """What the classifier projects of clips, in float32.

        Args:
            clips: as in `forward`.
            each_position: whether to return the last features at each position.

        Returns:
            (N, P, C): P positions, in the order time, height, width; P = 1 for what is projected.
        """
        clip = self._checked(clips)
        return self.positions(clip).float() if each_position else self.pooled(clip)[:, None].float()

    @property
    def depth(self) -> int:
        """The number of blocks."""
        return len(self._blocks)

    def layer_of(self, name: str) -> int:
        """The layer of a parameter, for learning rates by layer.

        Returns:
            0 for what comes before the blocks; N + 1 for block N; `depth` + 1 for the head and what
            else comes after the blocks.
        """
        if match := self._block.match(name):
            return self._blocks.index(match[0]) + 1
        return 0 if _FIRST.match(name) else self.depth + 1

    def undecayed(self) -> set[str]:
        """The names of class tokens and of tables of positions."""
        return {name for name, _ in self.named_parameters() if _POSITION.match(name)}

    def _checked(self, clips: Sequence[Tensor]) -> Tensor:
        (clip,) = as_clips(clips, [3])
        if self.size and tuple(clip.shape[2:]) != (self.size[0], self.size[1], self.size[1]):
            found = " x ".join(map(str, clip.shape[2:]))
            frames, side = self.size
            raise UserError(
                f"the network received clips of {found} (frames, height, width), and it only takes "
                f"{frames} x {side} x {side}."
            )
        return clip
