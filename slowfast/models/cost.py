"""The cost of a network: parameters, multiply-adds, memory."""

import math
from typing import Any

import torch
from fvcore.common.config import CfgNode
from fvcore.nn import FlopCountAnalysis
from fvcore.nn.jit_handles import get_shape
from torch import nn

from slowfast.ak.registries.networks import feature_shape, pathway_count
from slowfast.config.dotted import key_and_value
from slowfast.config.provenance import set_for_network
from slowfast.utils import distributed, logging
from slowfast.utils.distributed import unwrap
from slowfast.utils.memory_use import gpu_mem_usage

logger = logging.get_logger(__name__)


def log_model_info(model: nn.Module, cfg: CfgNode, use_train_input: bool = True) -> None:
    """Logs the parameters, the multiply-adds of one clip, the GPU memory, and keys set for it.

    The structure of the network goes to the log file only.

    Args:
        use_train_input: whether the clip has the crop size of training, not of testing.
    """
    if not distributed.is_master_proc():
        return
    network = unwrap(model)
    crop = cfg.DATA.TRAIN_CROP_SIZE if use_train_input else cfg.DATA.TEST_CROP_SIZE
    logger.debug(f"Model:\n{network}")
    logger.info(
        f"Model {cfg.MODEL.MODEL_NAME} ({cfg.MODEL.ARCH}): {describe_size(network)}; "
        f"{multiply_adds(network, cfg, crop) / 1e9:.4g} G multiply-adds for a clip of "
        f"{describe_clip(cfg, crop)}"
        + (f"; GPU memory {gpu_mem_usage():.2f} GiB." if torch.cuda.is_available() else ".")
    )
    if keys := set_for_network(cfg):
        values = ", ".join(key_and_value(cfg, key) for key in keys)
        logger.info(f"Set for this network, because the configuration does not: {values}.")


def describe_size(network: nn.Module) -> str:
    """The number of parameters, and of trained ones, in words."""
    size = sum(p.numel() for p in network.parameters())
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return f"{size / 1e6:.4g} M parameters, {trained / 1e6:.4g} M of them trained"


def describe_clip(cfg: CfgNode, crop: int) -> str:
    """The size of what the network takes of a clip, in words."""
    if shape := feature_shape(cfg):
        return f"{' x '.join(map(str, shape))} features"
    return f"{cfg.DATA.NUM_FRAMES} x {crop} x {crop}"


def multiply_adds(network: nn.Module, cfg: CfgNode, crop: int) -> float:
    """The multiply-adds of a forward pass of one clip. If counting fails: nan, and a warning.

    Args:
        network: a network that is not wrapped.
        crop: height and width of the clip in pixels.
    """
    device = next(network.parameters()).device
    was_training = network.training
    try:
        inputs = [torch.zeros(shape, device=device) for shape in _input_shapes(cfg, crop)]
        with torch.no_grad():
            flops = FlopCountAnalysis(_Uncompiled(network.eval()), (inputs,))
            flops.set_op_handle("aten::scaled_dot_product_attention", _attention_multiply_adds)
            flops.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
            return float(flops.total())
    except Exception as error:  # the run goes on without this number
        logger.warning(f"Multiply-adds are unknown ({type(error).__name__}).")
        return math.nan
    finally:
        network.train(was_training)


def _attention_multiply_adds(inputs: list[Any], outputs: list[Any]) -> int:
    """The multiply-adds of attention: queries times keys, then weights times values."""
    q, k, v = map(get_shape, inputs[:3])
    return math.prod(q[:-1]) * k[-2] * (q[-1] + v[-1])


class _Uncompiled(nn.Module):
    """A network without its ``compile``, so that the counter can trace its layers."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, clips: list[torch.Tensor]) -> torch.Tensor:
        return self.network.forward(clips)


def _input_shapes(cfg: CfgNode, crop: int) -> list[tuple[int, ...]]:
    """The shapes of the pathways of one clip, slow pathway first."""
    if shape := feature_shape(cfg):
        return [(1, *shape)]
    channels, frames = cfg.DATA.INPUT_CHANNEL_NUM, cfg.DATA.NUM_FRAMES
    if pathway_count(cfg) == 1:
        return [(1, channels[0], frames, crop, crop)]
    slow, fast = channels
    return [
        (1, slow, frames // cfg.SLOWFAST.ALPHA, crop, crop),
        (1, fast, frames, crop, crop),
    ]
