"""How a network lies in memory and how it is computed: nothing of what it computes.

Notable: names, shapes and values of its state dict stay what they are, so that a checkpoint tells
nothing of these choices and any SlowFast can read it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import Tensor, nn
from torch.fx import GraphModule

from slowfast.models.depthwise import replace_depthwise
from slowfast.utils import logging

logger = logging.get_logger(__name__)


def arrange(cfg: CfgNode, network: nn.Module) -> None:
    """Arranges a network on its device as SPEED.DEPTHWISE, SPEED.CHANNELS_LAST and SPEED.COMPILE
    say, before DistributedDataParallel and the optimizer are given its parameters."""
    if cfg.SPEED.DEPTHWISE:
        replace_depthwise(network)
    if channels_last(cfg):
        lay_out_channels_last(network)
    if cfg.SPEED.COMPILE:
        logger.info("SPEED.COMPILE: the first steps compile the network, which takes minutes.")
        # In place: no wrapper that would change names, and evaluation is compiled too.
        network.compile(backend=_inductor_or_not)


def channels_last(cfg: CfgNode) -> bool:
    """Whether clips and convolutions lie with channels last: with SPEED.CHANNELS_LAST, and not in
    bf16 on the CPU.

    There oneDNN's gradient of the weights of convolutions with few channels, which a fast pathway
    has, reads and writes memory that is not its own in this layout (PyTorch 2.14.1, AVX-512).
    """
    on_cpu = cfg.NUM_GPUS == 0 or not torch.cuda.is_available()
    in_bf16 = cfg.TRAIN.MIXED_PRECISION and cfg.TRAIN.MIXED_PRECISION_TYPE == "bf16"
    return cfg.SPEED.CHANNELS_LAST and not (on_cpu and in_bf16)


@torch.no_grad()
def lay_out_channels_last(network: nn.Module) -> None:
    """Lays the weights of 3D convolutions out with channels last, which makes a convolution
    compute in that layout whatever it is given. State dicts stay contiguous."""
    for parameter in network.parameters():
        if parameter.ndim == 5:
            parameter.data = parameter.contiguous(memory_format=torch.channels_last_3d)
    network.register_state_dict_post_hook(_make_contiguous)


def _make_contiguous(network: nn.Module, state: dict[str, Tensor], *_: Any) -> None:
    for name, value in state.items():
        if not isinstance(value, nn.Parameter):  # whoever asks for these wants the network's own
            state[name] = value.contiguous()


def _inductor_or_not(graph: GraphModule, inputs: Sequence[Tensor]) -> Callable[..., Any]:
    """A compiled graph, or, where it cannot be had, the graph as it is."""
    try:
        return torch._dynamo.lookup_backend("inductor")(graph, inputs)
    except (torch._dynamo.exc.RestartAnalysis, torch._dynamo.exc.SkipFrame):
        raise  # how dynamo has itself begin anew
    except Exception as error:  # A compiler that is missing, too old, in want of memory, ...
        cause = next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)
        logger.warning(f"SPEED.COMPILE: the network is not compiled, and runs as it is: {cause}")
        return graph.forward
