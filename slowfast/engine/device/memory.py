"""Out of memory, in words: how many clips fit, and which keys help.

The number of clips that fit is found by trials, with halves of the batch. Only one process tries
while the others wait elsewhere, so no trial exchanges anything with them: it calls the network
without DistributedDataParallel, and norm layers use their running statistics. The run ends
afterwards.
"""

from __future__ import annotations

import gc
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from fvcore.common.config import CfgNode
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from slowfast.ak.errors import UserError
from slowfast.ak.registries.datasets import clips_of_a_video
from slowfast.ak.run.cores import processes_of_machine
from slowfast.engine.device.runtime import Precision
from slowfast.tasks import Task
from slowfast.utils import logging
from slowfast.utils.distributed import unwrap
from slowfast.utils.memory_use import cpu_mem_usage

logger = logging.get_logger(__name__)

_GIB = 1024**3
# Texts of errors without a type of their own.
_DEVICE_TEXTS = re.compile(
    r"CUDA(?: driver)? error: out of memory"
    r"|CUBLAS_STATUS_ALLOC_FAILED"
    r"|CUDNN_STATUS_ALLOC_FAILED"
    r"|CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"
    r"|Triton Error \[CUDA\]: out of memory"
    r"|Cuda failure(?: \d+)? '?out of memory"  # NCCL
)
_HOST_TEXTS = ("DefaultCPUAllocator: ", "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED")
# Errors of a loader's workers and of its pinning thread name their place in the text.
_LOADER_TEXTS = ("in DataLoader worker process", "in pin memory thread")


def shortage(error: BaseException) -> str:
    """What an error says was out of memory: ``device`` (the GPU), ``host`` (the machine's main
    memory), ``loader`` (the same, while clips were read); empty: it says nothing of the kind."""
    text = str(error)
    on_device = isinstance(error, torch.OutOfMemoryError)
    on_host = isinstance(error, MemoryError)
    if isinstance(error, RuntimeError):
        on_device = on_device or bool(_DEVICE_TEXTS.search(text))
        on_host = on_host or any(words in text for words in _HOST_TEXTS)
    if (on_device or on_host) and any(words in text for words in _LOADER_TEXTS):
        return "loader"
    return "device" if on_device else "host" if on_host else ""


@dataclass(frozen=True)
class MemoryAdvice:
    """Turns running out of memory into a UserError that says how many clips fit and what helps.

    Attributes:
        batches: global batch sizes of training and test, by the node of the configuration.
        processes: of this machine, which share a batch.
        samples: clips that training takes of each item of its batch.
        parts: SOLVER.ACCUMULATE_STEPS.
        frames: of a clip.
        crops: sides of the clips in training and scoring, pixels.
        recomputes: MODEL.ACT_CHECKPOINT.
        workers: that read clips, as DATA_LOADER.NUM_WORKERS says.
    """

    task: Task
    precision: Precision
    batches: dict[str, int]
    processes: int
    samples: int
    parts: int
    frames: int
    crops: dict[str, int]
    recomputes: bool
    workers: int

    @classmethod
    def from_cfg(cls, cfg: CfgNode, task: Task, precision: Precision) -> MemoryAdvice:
        return cls(
            task,
            precision,
            batches={"TRAIN": cfg.TRAIN.BATCH_SIZE, "TEST": cfg.TEST.BATCH_SIZE},
            processes=processes_of_machine(cfg),
            samples=clips_of_a_video(cfg),
            parts=cfg.SOLVER.ACCUMULATE_STEPS,
            frames=cfg.DATA.NUM_FRAMES,
            crops={"TRAIN": cfg.DATA.TRAIN_CROP_SIZE, "TEST": cfg.DATA.TEST_CROP_SIZE},
            recomputes=cfg.MODEL.ACT_CHECKPOINT,
            workers=cfg.DATA_LOADER.NUM_WORKERS,
        )

    @contextmanager
    def training(self, network: nn.Module) -> Iterator[None]:
        """The context of training steps of a network, wrapped or not.

        Raises:
            UserError: instead of an error that says that memory ran out.
        """
        videos = self.batches["TRAIN"] // self.processes
        share = videos * self.samples
        one_pass = share // self.parts
        plain = unwrap(network)
        weights = [weight for weight in plain.parameters() if weight.requires_grad]

        def attempt(clips: int) -> None:
            for layer in plain.train().modules():
                if isinstance(layer, _NormBase):
                    layer.eval()
            for weight in weights:
                weight.grad = None
            # Room for the state of the optimizer, which may not exist yet.
            _room = [torch.empty_like(weight) for weight in weights for _ in range(2)]
            # All clips of a step are on the device, also where a pass takes a part of them.
            batch = self.task.prepare(self.task.example(share, True, self.precision.device))
            loss = self.task.compute_loss(self.precision.run(plain), batch.part(0, clips))
            torch.autograd.grad(loss.value, weights, allow_unused=True)

        def advice(fits: int) -> list[str]:
            divisors = (n for n in range(1, videos + 1) if not videos % n and share // n <= fits)
            parts = next(divisors, 0)
            found = []
            if fits < one_pass and parts:
                found.append(
                    f"SOLVER.ACCUMULATE_STEPS {parts} (batch and learning rate stay; norm layers "
                    f"that are not frozen see {share // parts} clips at a time)"
                )
            if not self.recomputes:
                found.append("MODEL.ACT_CHECKPOINT True (a step takes about a third longer)")
            found += self._half_precision()
            if fits < one_pass and (fitting := fits // self.samples):
                batch = fitting * self.parts * self.processes
                found.append(f"TRAIN.BATCH_SIZE {batch} (and a learning rate for it)")
            return found if fits else [*found, *_smaller_clips("TRAIN")]

        with self._explained("Training", self.crops["TRAIN"], one_pass, attempt, advice):
            yield

    @contextmanager
    def scoring(self, network: nn.Module, split: str) -> Iterator[None]:
        """The context of an evaluation (split ``val``) or a test (``test``); as `training`."""
        key = "TEST" if split == "test" else "TRAIN"
        batch = max(1, self.batches[key] // self.processes)
        plain = unwrap(network)

        @torch.no_grad()
        def attempt(clips: int) -> None:
            example = self.task.example(clips, False, self.precision.device)
            self.task.rows(self.precision.run(plain.eval()), self.task.prepare(example))

        def advice(fits: int) -> list[str]:
            found = []
            if 0 < fits < batch:
                cost = "" if split == "test" else " (and a learning rate for it)"
                found.append(f"{key}.BATCH_SIZE {fits * self.processes}{cost}")
            found += self._half_precision()
            return found if fits else [*found, *_smaller_clips("TEST")]

        what = "The test" if split == "test" else "The evaluation"
        with self._explained(what, self.crops["TEST"], batch, attempt, advice):
            yield

    def _half_precision(self) -> list[str]:
        if self.precision.dtype is not None:
            return []
        return ["TRAIN.MIXED_PRECISION True (activations in half the memory)"]

    @contextmanager
    def _explained(
        self,
        what: str,
        side: int,
        clips: int,
        attempt: Callable[[int], None],
        advice: Callable[[int], list[str]],
    ) -> Iterator[None]:
        """Explains an error.

        Args:
            what: the activity, for the message.
            side: of the clips, pixels.
            clips: of a pass.
            attempt: tries a pass with so many clips.
            advice: gives the remedies if so many clips fit.
        """
        try:
            yield
            return
        except Exception as error:
            short_of = shortage(error)
            if not short_of:
                raise
            logger.debug("Out of memory:", exc_info=True)
            # The trials need the memory that the failed calls still hold.
            traceback.clear_frames(error.__traceback__)
            first_line = f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]
        on_cpu = self.precision.device.type == "cpu"
        if short_of == "loader" or (short_of == "host" and not on_cpu):
            raise UserError(self._host_message(what, short_of, first_line))
        fits = _most_that_fit(attempt, clips)
        wanted = f"{clips} clip{'s' * (clips > 1)} of {self.frames} x {side} x {side} in a pass"
        if fits == clips:
            found = f"{wanted} fitted when tried again, so little was missing"
        else:
            most = f"{fits} {'do' if fits > 1 else 'does'}" if fits else "not even 1 does"
            found = f"{wanted} do not fit, {most} (tried)"
        raise UserError(
            f"{what} ran out of memory {_place(self.precision.device)}: {found}. What helps, each "
            f"by itself: {'; '.join(advice(fits)) or 'a device with more memory'}. Other programs "
            "may hold memory too. The same command with such a change goes on from what is saved."
        )

    def _host_message(self, what: str, short_of: str, first_line: str) -> str:
        used, total = cpu_mem_usage()
        reading = " while clips were read" if short_of == "loader" else ""
        advice = ["close other programs"]
        if self.workers:
            advice.insert(0, f"fewer workers (DATA_LOADER.NUM_WORKERS is {self.workers})")
        return (
            f"{what} ran out of the main memory of the machine{reading} ({first_line}); "
            f"{used:.1f} of {total:.1f} GiB are used now. What helps, each by itself: "
            f"{'; '.join([*advice, 'DATA_LOADER.PIN_MEMORY False'])}; fewer clips in a batch; "
            "fewer or smaller frames. The memory of a GPU is not the cause. The same command with "
            "such a change goes on from what is saved."
        )


def _most_that_fit(attempt: Callable[[int], None], clips: int) -> int:
    """The largest of `clips`, its half, its quarter ... with which the attempt succeeds, or 0."""
    while clips:
        _free_memory()
        try:
            attempt(clips)
        except Exception as error:
            if not shortage(error):
                raise
            clips //= 2
        else:
            break
    _free_memory()
    return clips


def _free_memory() -> None:
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
