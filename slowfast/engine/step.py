"""One step of training: a batch on the device becomes new weights.

Notable: a step waits for no device. What it measures stays there, for whoever reads it later
(``pending``). With SOLVER.ACCUMULATE_STEPS a process takes its clips in equal parts, one after the
other; a loss that is a mean over clips has the gradients of the whole batch then, as long as no
layer looks at other clips, as batch norm does unless it is frozen.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from fvcore.common.config import CfgNode
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from slowfast.ak.clips.mixup import BatchMixer
from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.metrics.top_k import topk_errors
from slowfast.engine.device.runtime import autocast
from slowfast.engine.trained import Trained
from slowfast.models.optimizer import clip_gradients, set_lr


class TrainStep:
    """Takes steps with one network and its optimizer.

    Args:
        cfg: SOLVER.ACCUMULATE_STEPS, SOLVER.CLIP_GRAD_*, MIXUP and DATA.MULTI_LABEL are read.
        trained: its average, where it has one, follows the weights.

    Attributes:
        shows: is given the first batch that comes, as the network is given it, and its targets.
    """

    def __init__(self, cfg: CfgNode, trained: Trained, to_input: InputTransform) -> None:
        self._cfg = cfg
        self._trained = trained
        self._to_input = to_input
        self._mix = BatchMixer.from_cfg(cfg)
        self._parts = cfg.SOLVER.ACCUMULATE_STEPS
        self.shows: Callable[[list[Tensor], Tensor], None] | None = None

    @property
    def model(self) -> nn.Module:
        return self._trained.model

    @property
    def skips_bad_gradients(self) -> bool:
        """Whether a step whose gradient is not finite leaves the weights as they are."""
        return self._trained.scaler.is_enabled()

    def __call__(
        self, clips: Tensor, labels: Tensor, lr: float, key: tuple[int, ...]
    ) -> tuple[Tensor, ...]:
        """Moves the weights once.

        Args:
            clips: uint8 (N, 3, T, H, W) on the device.
            labels: (N, C) or (N,) there.
            lr: the learning rate.
            key: what the randomness of mixing clips is a function of.

        Returns:
            Scalars on the device: loss, norm of the gradients before they are clipped, and with
            one label a clip the top-1 and top-5 errors in per cent.
        """
        optimizer, scaler = self._trained.optimizer, self._trained.scaler
        set_lr(optimizer, lr)
        inputs = self._to_input(clips)
        targets = self._mix(inputs, labels, key)
        if self.shows:
            self.shows(inputs, targets)
            self.shows = None
        optimizer.zero_grad(set_to_none=True)
        loss, logits = self._gradients(inputs, targets)
        scaler.unscale_(optimizer)
        grad_norm = clip_gradients(
            self.model, self._cfg.SOLVER.CLIP_GRAD_VAL, self._cfg.SOLVER.CLIP_GRAD_L2NORM
        )
        scaler.step(optimizer)
        scaler.update()
        if self._trained.average:
            self._trained.average.update()
        if self._cfg.DATA.MULTI_LABEL:
            return loss, grad_norm
        # Of a mixed clip the class with the larger share counts.
        classes = targets if targets.ndim == 1 else targets.argmax(dim=1)
        return loss, grad_norm, *topk_errors(logits, classes, (1, 5))

    def _gradients(self, inputs: list[Tensor], targets: Tensor) -> tuple[Tensor, Tensor]:
        """Adds the gradients of a batch up; its loss, and its logits (N, C)."""
        losses, logits = [], []
        parts = [x.chunk(self._parts) for x in (*inputs, targets)]
        for number, (*clips, labels) in enumerate(zip(*parts, strict=True), start=1):
            with self._exchange(number == self._parts):
                with autocast(self._cfg, labels.device):
                    scores = self.model(clips)
                loss = self._trained.loss_function(scores.float(), labels) / self._parts
                self._trained.scaler.scale(loss).backward()
            losses.append(loss.detach())
            logits.append(scores.detach())
        return torch.stack(losses).sum(), torch.cat(logits)

    def _exchange(self, is_last: bool) -> AbstractContextManager:
        """Lets processes exchange gradients in the backward pass of the last part alone."""
        if is_last or not isinstance(self.model, DistributedDataParallel):
            return nullcontext()
        return self.model.no_sync()
