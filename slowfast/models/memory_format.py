"""The memory layout of a network, and its compilation. Both change the speed, not the results.

Names, shapes and values of the state dict stay the same. Checkpoints are written contiguous, so
that they are the same with every layout and any SlowFast can read them.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import Tensor, nn
from torch.fx import GraphModule

from slowfast.models.layers.depthwise import DepthwiseConv3d, replace_depthwise
from slowfast.models.layers.linear import replace_linear
from slowfast.utils import logging

logger = logging.get_logger(__name__)


def optimise_layout(cfg: CfgNode, network: nn.Module) -> None:
    """Applies the keys of SPEED that concern the layers of a network, which is on its device.

    Call it before DistributedDataParallel and the optimizer receive the parameters.
    """
    if cfg.SPEED.DEPTHWISE:
        replace_depthwise(network)
    if cfg.SPEED.LINEAR and not _on_gpu(cfg):
        replace_linear(network)
    if channels_last(cfg):
        convert_to_channels_last(network)
    if cfg.SPEED.COMPILE:
        logger.info("SPEED.COMPILE: the first steps compile the network, which takes minutes.")
        # `compile` adds no wrapper, so names stay the same and evaluation is compiled too.
        network.compile(backend=_inductor_if_possible)


def channels_last(cfg: CfgNode) -> bool:
    """Whether clips and convolution weights are stored with channels last.

    SPEED.CHANNELS_LAST decides, except in bf16 on the CPU, where the layout is contiguous. There,
    oneDNN's weight gradient of convolutions with few channels accesses memory outside its tensors
    in the channels-last layout (PyTorch 2.14.1, AVX-512). The fast pathway has such convolutions.
    """
    in_bf16 = cfg.TRAIN.MIXED_PRECISION and cfg.TRAIN.MIXED_PRECISION_TYPE == "bf16"
    return cfg.SPEED.CHANNELS_LAST and (_on_gpu(cfg) or not in_bf16)


def _on_gpu(cfg: CfgNode) -> bool:
    return cfg.NUM_GPUS > 0 and torch.cuda.is_available()


@torch.no_grad()
def convert_to_channels_last(network: nn.Module) -> None:
    """Stores the weights of 3D convolutions with channels last.

    A convolution with such a weight computes in this layout, whatever the layout of its input. On
    CUDA a `DepthwiseConv3d` keeps its contiguous weight.
    """
    for layer in network.modules():
        for parameter in layer.parameters(recurse=False):
            stays = isinstance(layer, DepthwiseConv3d) and parameter.device.type == "cuda"
            if parameter.ndim == 5 and not stays:
                # `contiguous` would keep the strides of 1 x 1 x 1 weights, which differ from those
                # of their gradients on CUDA. DistributedDataParallel warns of that.
                data = torch.empty_like(parameter, memory_format=torch.channels_last_3d)
                parameter.data = data.copy_(parameter)


def _inductor_if_possible(graph: GraphModule, inputs: Sequence[Tensor]) -> Callable[..., Any]:
    """Compiles a graph. If that fails, logs the reason and returns the graph as it is."""
    try:
        return torch._dynamo.lookup_backend("inductor")(graph, inputs)
    except (torch._dynamo.exc.RestartAnalysis, torch._dynamo.exc.SkipFrame):
        raise  # dynamo raises these to start its own analysis again
    except Exception as error:  # for example a compiler that is missing or too old
        cause = next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)
        logger.warning(f"SPEED.COMPILE: the network is not compiled and runs as it is: {cause}")
        return graph.forward
