"""A video network is a chain of named layers: stem, stages, head.

Every layer except the last takes and returns a list with one tensor for each pathway. The last
layer, the head, turns the list into scores. A network needs no forward pass of its own: it computes
the layers in the order in which the builder lists them. The names of the layers are prefixes of the
parameter names, which are those of the published weights.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from slowfast.models.layers.clips import as_clips
from slowfast.models.layers.recomputation import recomputed


class Pathways(nn.Module):
    """One chain of layers for each pathway, side by side.

    The layer ``res0`` of the first pathway is the child ``pathway0_res0``.

    Args:
        chains: the layers of each pathway by name, in the order of computation.
        recompute: whether only the input of each layer is kept for the backward pass of training,
            which then computes the layer again.
    """

    def __init__(self, chains: Sequence[Mapping[str, nn.Module]], recompute: bool = False) -> None:
        super().__init__()
        self._recompute = recompute
        self._chains: list[list[str]] = []
        for pathway, layers in enumerate(chains):
            self._chains.append([f"pathway{pathway}_{name}" for name in layers])
            for child, layer in zip(self._chains[-1], layers.values(), strict=True):
                self.add_module(child, layer)

    def forward(self, pathways: list[Tensor]) -> list[Tensor]:
        """Applies each chain to its own pathway, a tensor (N, C, T, H, W)."""
        outputs = []
        for x, chain in zip(pathways, self._chains, strict=True):
            for child in chain:
                layer = getattr(self, child)
                x = recomputed(layer, x) if self._recompute and self.training else layer(x)
            outputs.append(x)
        return outputs


class Network(nn.Module):
    """The whole chain of layers, from clips to scores.

    Args:
        layers: the layers by name, in the order of computation.
        input_channels: channels of the clips of each pathway, slow pathway first.
    """

    def __init__(self, layers: Mapping[str, nn.Module], input_channels: Sequence[int]) -> None:
        super().__init__()
        self.input_channels = tuple(input_channels)
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, clips: Sequence[Tensor]) -> Tensor:
        """Scores clips.

        Args:
            clips: one float tensor (N, C, T, H, W) for each pathway, slow pathway first. A network
                of one pathway takes images (N, C, H, W) too.

        Returns:
            (N, classes): logits in training, activated scores in evaluation.

        Raises:
            UserError: the clips do not fit the pathways of this network.
        """
        x = as_clips(clips, self.input_channels)
        for layer in self.children():
            x = layer(x)
        return x

    @property
    def depth(self) -> int:
        """The number of layers with parameters between the first and the last."""
        return len(self._layers()) - 2

    def layer_of(self, name: str) -> int:
        """The number of the layer that has a parameter: 0 for the first, depth + 1 for the last."""
        return self._layers().index(_layer_name(name))

    def _layers(self) -> list[str]:
        """The layers with parameters. What joins pathways after a layer belongs to it."""
        return list(dict.fromkeys(_layer_name(name) for name, _ in self.named_parameters()))

    def vectors(self, clips: Sequence[Tensor], each_position: bool = False) -> Tensor:
        """What the classifier projects of clips: float32 (N, P, C), as `Head.vectors` says."""
        *layers, head = self.children()
        x = as_clips(clips, self.input_channels)
        for layer in layers:
            x = layer(x)
        return head.vectors(x, each_position)


def _layer_name(parameter: str) -> str:
    return parameter.partition(".")[0].removesuffix("_fuse")
