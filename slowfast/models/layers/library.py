"""Networks that the library pytorchvideo builds, with the heads of this project.

The library makes the layers, so that its weight files fit by name. Pooling, projection and
activation are those of `slowfast.models.layers.head`: in training the whole map is pooled and
logits are returned, in evaluation each position is activated before the mean.
"""

from __future__ import annotations

import importlib.util
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from slowfast.ak.errors import UserError
from slowfast.models.layers.blocks import Kernel
from slowfast.models.layers.clips import as_clips
from slowfast.models.layers.head import Head, HeadSpec, Pool

HOW_TO_INSTALL = "it is built by pytorchvideo; install that with: pip install pytorchvideo"
_POSITIONS = re.compile(r"model\.cls_positional_encoding\.")
_BLOCK = re.compile(r"model\.blocks\.(\d+)\.")


def is_installed() -> bool:
    """Whether the library can be imported."""
    return importlib.util.find_spec("pytorchvideo") is not None


@contextmanager
def importing_library() -> Iterator[None]:
    """A context in which pytorchvideo is imported.

    Raises:
        UserError: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of functions that the library uses and we do not
            yield
    except ModuleNotFoundError as error:
        raise UserError(f"MODEL.MODEL_NAME: {HOW_TO_INSTALL} ({error})") from None


class Kept(nn.Module):
    """Layers that stand in the place of a block, for their names alone. It returns its input."""

    def __init__(self, **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Any) -> Any:
        return x


class LibraryNetwork(Head):
    """A residual network of the library: `model` holds all of its layers.

    The last block of the library has the classifier ``proj``. This class does its work.

    Args:
        model: the network that the library built.
        spec, windows: see `Head`.
        input_channels: channels of the clips of each pathway, slow pathway first.
    """

    def __init__(
        self,
        model: nn.Module,
        spec: HeadSpec,
        windows: Sequence[Kernel],
        input_channels: Sequence[int],
    ) -> None:
        super().__init__(spec, windows)
        self.input_channels = tuple(input_channels)
        blocks = model.blocks
        blocks[-1] = Kept(
            **{
                name: each
                for name, each in blocks[-1].named_children()
                if next(each.parameters(), None) is not None
            }
        )
        self.model = model

    @property
    def projection(self) -> nn.Linear:
        """The classifier."""
        return self.model.blocks[-1].proj

    def forward(self, clips: Sequence[Tensor]) -> Tensor:
        """Scores clips.

        Args:
            clips: one float tensor (N, C, T, H, W) for each pathway, slow pathway first.

        Returns:
            (N, classes): logits in training, activated scores in evaluation.

        Raises:
            UserError: the clips do not fit the pathways of this network.
        """
        return super().forward(self._maps(clips))

    def vectors(self, clips: Sequence[Tensor], each_position: bool = False) -> Tensor:
        """What the classifier projects of clips: float32 (N, P, C), as `Head.vectors` says."""
        return super().vectors(self._maps(clips), each_position)

    def features(self, pathways: list[Tensor], pool: Pool) -> Tensor:
        """See `Head`. Layers of the last block, such as X3D's, stand before and after the pool."""
        if not hasattr(self.model.blocks[-1], "pool"):
            return pool(pathways)
        (x,) = pathways
        for name, layer in self.model.blocks[-1].pool.named_children():
            x = pool([x]) if name == "pool" else layer(x)
        return x

    def _maps(self, clips: Sequence[Tensor]) -> list[Tensor]:
        # The library writes into a list that it is given.
        clips = as_clips(clips, self.input_channels)
        maps = self.model(clips if len(clips) > 1 else clips[0])
        return maps if isinstance(maps, list) else [maps]


class LibraryTransformer(Head):
    """The transformer of the library: `model` holds all of its layers.

    Args:
        model: the network that the library built.
        spec: see `Head`.
        channels_in: channels of a clip.
        size: frames, height and width of a clip.

    Attributes:
        depth: number of blocks.
    """

    def __init__(self, model: nn.Module, spec: HeadSpec, channels_in: int, size: Sequence[int]):
        super().__init__(spec, [(1, 1, 1)])
        self.input_channels, self.size = (channels_in,), tuple(size)
        self.depth = len(model.blocks)
        model.head = Kept(proj=model.head.proj)
        self.model = model

    @property
    def projection(self) -> nn.Linear:
        """The classifier."""
        return self.model.head.proj

    def forward(self, clips: Sequence[Tensor]) -> Tensor:
        """Scores clips.

        Args:
            clips: a list of one float tensor (N, C, T, H, W), of the size of training.

        Returns:
            (N, classes): logits in training, activated scores in evaluation.

        Raises:
            UserError: the clips have another size.
        """
        return super().forward([_as_map(self._tokens(clips)[:, :1])])

    def vectors(self, clips: Sequence[Tensor], each_position: bool = False) -> Tensor:
        """What the classifier projects of clips: float32 (N, 1, C), the class token.

        Args:
            each_position: whether to return the other tokens (N, P, C), in the order time, height,
                width.
        """
        tokens = self._tokens(clips)
        return (tokens[:, 1:] if each_position else tokens[:, :1]).float()

    def features(self, pathways: list[Tensor], pool: Pool) -> Tensor:
        """See `Head`. The class token needs no pool."""
        return pathways[0]

    def layer_of(self, name: str) -> int:
        """The layer of a parameter: 0 for the embeddings, 1 for the first block, and so on."""
        if name.startswith("model.patch_embed.") or _POSITIONS.match(name):
            return 0
        block = _BLOCK.match(name)
        return int(block[1]) + 1 if block else self.depth + 1

    def _tokens(self, clips: Sequence[Tensor]) -> Tensor:
        """Tokens (N, 1 + P, C) after the last norm, the class token first."""
        (clip,) = as_clips(clips, self.input_channels)
        if tuple(clip.shape[2:]) != self.size:
            expected = " x ".join(map(str, self.size))
            raise UserError(
                f"PTVMViT received clips of {' x '.join(map(str, clip.shape[2:]))} (frames, "
                f"height, width); it only takes {expected}, the size of its training."
            )
        return self.model(clip)


def _as_map(tokens: Tensor) -> Tensor:
    """Tokens (N, P, C) as a map (N, C, P, 1, 1)."""
    return tokens.transpose(1, 2)[..., None, None]
