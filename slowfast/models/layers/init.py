"""Initial weights of a network, drawn as in the published networks."""

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from slowfast.models.layers.blocks import ResidualBlock
from slowfast.models.layers.nonlocal_block import NonLocal


def init_weights(
    model: nn.Module,
    fc_std: float = 0.01,
    zero_final_norm: bool = False,
    zero_final_conv: bool = False,
) -> None:
    """Draws all weights of a network from torch's global generator.

    Convolutions: normal with variance 2 / fan-out (He et al., 2015). Norms: weight 1. Linear
    layers: normal with `fc_std`. All biases: 0.

    Args:
        model: the network.
        fc_std: standard deviation of the weights of linear layers.
        zero_final_norm: whether the last norm of residual and non-local blocks has weight 0. Each
            block then starts as the identity of its shortcut (Goyal et al., 2017).
        zero_final_conv: whether the last convolution of residual blocks has weight 0.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=fc_std)
        elif isinstance(module, _NormBase) and module.affine:
            nn.init.ones_(module.weight)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    for module in model.modules():
        if zero_final_norm and isinstance(module, ResidualBlock | NonLocal):
            nn.init.zeros_(module.final_norm.weight)
        if zero_final_conv and isinstance(module, ResidualBlock):
            nn.init.zeros_(module.final_conv.weight)
