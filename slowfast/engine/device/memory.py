"""Out of memory, in words: how many clips do fit, and which keys help.

Notable: what fits is tried, not reckoned, with ever smaller halves of the batch. A process tries by
itself while others wait elsewhere, so no pass here may exchange anything with them: gradients are
taken where DistributedDataParallel does not see them, and norm layers use their running statistics.
The run ends after it.
"""

import gc
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from fvcore.common.config import CfgNode
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.errors import UserError
from slowfast.ak.run.cores import processes_of_machine
from slowfast.engine.device.runtime import autocast, get_device
from slowfast.utils import logging
from slowfast.utils.distributed import unwrap

logger = logging.get_logger(__name__)

_GIB = 1024**3
# Of allocators that raise no type of their own: the CPU's, CUDA's, and those of its libraries.
_WORDS = (
    "DefaultCPUAllocator: ",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)


@contextmanager
def explained_training(
    cfg: CfgNode, model: nn.Module, loss_function: nn.Module, to_input: InputTransform
) -> Iterator[None]:
    """Around steps of training: running out of memory becomes a UserError.

    Args:
        model: on its device, wrapped or not.
        loss_function: of logits (N, C) and targets.
    """
    share = cfg.TRAIN.BATCH_SIZE // processes_of_machine(cfg)
    one_pass = share // cfg.SOLVER.ACCUMULATE_STEPS
    network = unwrap(model)
    weights = [weight for weight in network.parameters() if weight.requires_grad]

    def attempt(clips: int) -> None:
        for layer in network.train().modules():
            if isinstance(layer, _NormBase):
                layer.eval()
        for weight in weights:
            weight.grad = None
        # Room for what an optimizer keeps of each weight and may not have made yet.
        _room = [torch.empty_like(weight) for weight in weights for _ in range(2)]
        # All clips of a step are on the device, also where it takes them in parts.
        inputs = to_input(black_clips(cfg, share, cfg.DATA.TRAIN_CROP_SIZE))
        with autocast(cfg, inputs[0].device):
            logits = network([x[:clips] for x in inputs])
        loss = loss_function(logits.float(), _no_labels(cfg, clips, logits.device))
        torch.autograd.grad(loss, weights, allow_unused=True)

    def help_with(fits: int) -> list[str]:
        batch = fits * cfg.TRAIN.BATCH_SIZE // one_pass
        parts = next((n for n in range(1, share + 1) if share % n == 0 and share // n <= fits), 0)
        help_ = []
        if fits < one_pass and parts:
            help_.append(
                f"SOLVER.ACCUMULATE_STEPS {parts} (batch and learning rate stay; norm layers that "
                f"are not frozen see {share // parts} clips at a time)"
            )
        if not cfg.MODEL.ACT_CHECKPOINT:
            help_.append("MODEL.ACT_CHECKPOINT True (a step takes about a third longer)")
        if not cfg.TRAIN.MIXED_PRECISION:
            help_.append("TRAIN.MIXED_PRECISION True (activations in half the memory)")
        if 0 < fits < one_pass:
            help_.append(f"TRAIN.BATCH_SIZE {batch} (and a learning rate for it)")
        return [*help_, *_smaller_clips("TRAIN")] if not fits else help_

    shape = cfg.DATA.NUM_FRAMES, cfg.DATA.TRAIN_CROP_SIZE
    with _explained(cfg, "Training", shape, one_pass, attempt, help_with):
        yield


@contextmanager
def explained_scoring(
    cfg: CfgNode, model: nn.Module, to_input: InputTransform, split: str
) -> Iterator[None]:
    """Around an evaluation (``val``) or a test (``test``): the same without gradients."""
    key = "TEST" if split == "test" else "TRAIN"
    processes = processes_of_machine(cfg)
    batch = max(1, cfg[key].BATCH_SIZE // processes)
    network = unwrap(model)

    @torch.no_grad()
    def attempt(clips: int) -> None:
        inputs = to_input(black_clips(cfg, clips, cfg.DATA.TEST_CROP_SIZE))
        with autocast(cfg, inputs[0].device):
            network.eval()(inputs)

    def help_with(fits: int) -> list[str]:
        help_ = []
        if 0 < fits < batch:
            cost = "" if split == "test" else " (and a learning rate for it)"
            help_.append(f"{key}.BATCH_SIZE {fits * processes}{cost}")
        if not cfg.TRAIN.MIXED_PRECISION:
            help_.append("TRAIN.MIXED_PRECISION True (activations in half the memory)")
        return [*help_, *_smaller_clips("TEST")] if not fits else help_

    shape = cfg.DATA.NUM_FRAMES, cfg.DATA.TEST_CROP_SIZE
    what = "The test" if split == "test" else "The evaluation"
    with _explained(cfg, what, shape, batch, attempt, help_with):
        yield


@contextmanager
def _explained(
    cfg: CfgNode,
    what: str,
    shape: tuple[int, int],
    clips: int,
    attempt: Callable[[int], None],
    help_with: Callable[[int], list[str]],
) -> Iterator[None]:
    """Turns the error into what was found, for passes of so many clips of (frames, side)."""
    try:
        yield
        return
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        logger.debug("Out of memory:", exc_info=True)
        # What the calls that failed still hold would be missing from what is tried.
        traceback.clear_frames(error.__traceback__)
    fits = _most_that_fit(attempt, clips)
    wanted = f"{clips} clip{'s' * (clips > 1)} of {shape[0]} x {shape[1]} x {shape[1]} in a pass"
    if fits == clips:
        found = f"{wanted} fitted when tried again, so that little was missing"
    else:
        found = (
            f"{wanted} do not fit, {fits or 'not even 1'} {'do' if fits > 1 else 'does'} (tried)"
        )
    raise UserError(
        f"{what} ran out of memory {_place(get_device(cfg))}: {found}. What helps, each by itself: "
        f"{'; '.join(help_with(fits)) or 'a device with more memory'}. Other programs may hold "
        "memory too. The same command with such a change goes on from what is saved."
    )


def _most_that_fit(attempt: Callable[[int], None], clips: int) -> int:
    """The largest of `clips`, its half, its quarter ... with which the attempt succeeds, or 0."""
    while clips:
        _give_back()
        try:
            attempt(clips)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            clips //= 2
        else:
            break
    _give_back()
    return clips


def _give_back() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _place(device: torch.device) -> str:
    if device.type == "cpu":
        return "on the CPU"
    free, total = torch.cuda.mem_get_info(device)
    name = torch.cuda.get_device_name(device)
    return (
        f"on GPU {device.index} ({name}, {total / _GIB:.1f} GiB, {free / _GIB:.1f} of them free "
        "without the batch)"
    )


def _smaller_clips(part: str) -> tuple[str, str]:
    return f"a smaller DATA.{part}_CROP_SIZE", "fewer DATA.NUM_FRAMES"


def black_clips(cfg: CfgNode, clips: int, crop: int) -> Tensor:
    """uint8 (N, 3, T, H, W) on the device."""
    shape = clips, 3, cfg.DATA.NUM_FRAMES, crop, crop
    return torch.zeros(shape, dtype=torch.uint8, device=get_device(cfg))


def _no_labels(cfg: CfgNode, clips: int, device: torch.device) -> Tensor:
    if cfg.DATA.MULTI_LABEL:
        return torch.zeros(clips, cfg.MODEL.NUM_CLASSES, device=device)
    return torch.zeros(clips, dtype=torch.int64, device=device)
