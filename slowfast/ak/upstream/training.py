"""What upstream's training loop does not tell: the losses their run and epoch, the log the recipe.

Notable: upstream builds a loss once an epoch or once an iteration, by its name alone. What it has
to know lies in `slowfast.ak.losses.context`, which the wrapped `train_epoch` keeps up to date:
class counts are read once a run, when a loss first asks for them.
"""

from __future__ import annotations

import functools
import logging
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from slowfast.ak.checks.recipe import configured_initialisation, describe_run
from slowfast.ak.classes.counts import set_loss_context
from slowfast.ak.errors import UserError
from slowfast.ak.losses import context
from slowfast.ak.norms.frozen import HEAD
from slowfast.ak.run.processes import rank_and_size
from slowfast.ak.upstream.arguments import binder
from slowfast.ak.upstream.losses import is_own, words_on_own

logger = logging.getLogger(__name__)

_NEEDED = ("cfg", "model", "cur_epoch")


def tells_losses(train_epoch: Callable[..., Any]) -> Callable[..., Any]:
    """`train_epoch`, which first begins its run and its epoch for the losses.

    Raises:
        UserError: it has no parameters cfg, model and cur_epoch.
    """
    bind, run = binder(train_epoch, *_NEEDED), Run()

    @functools.wraps(train_epoch)
    def told(*args: Any, **kwargs: Any) -> Any:
        given = bind(*args, **kwargs)
        run.begin_epoch(*(given.arguments[name] for name in _NEEDED))
        if given.arguments.get("writer") is not None:
            given.arguments["writer"] = _Writer(given.arguments["writer"])
        return train_epoch(*given.args, **given.kwargs)

    return told


class _Writer:
    """A writer of TensorBoard's curves that leaves out what is None: upstream hands it the top-1
    error of clips that have many labels."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def add_scalars(self, data_dict: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        known = {name: value for name, value in data_dict.items() if value is not None}
        return self._writer.add_scalars(known, *args, **kwargs)


class Run:
    """The run whose epochs are trained now, known by its configuration and its model."""

    def __init__(self) -> None:
        self._cfg: Any = None
        self._epoch: int | None = None
        self._model: Callable[[], nn.Module | None] = lambda: None

    def begin_epoch(self, cfg, model: nn.Module, epoch: int) -> None:
        """Tell the losses, and, where a run begins, the log; start the head anew if it is to.

        An epoch that is trained in several calls is begun once.
        """
        rank, _ = rank_and_size()
        is_new_model = self._model() is not model
        if is_new_model or cfg != self._cfg:
            set_loss_context(cfg, rank)
            if rank % max(1, cfg.NUM_GPUS) == 0:
                _describe(cfg)
            self._cfg, self._model, self._epoch = cfg.clone(), weakref.ref(model), None
        # A run that is taken up again begins with a later epoch.
        if is_new_model and epoch == 0 and _skips_head(cfg):
            start_head_anew(model, cfg.MODEL.FC_INIT_STD, cfg.RNG_SEED)
        if epoch != self._epoch:
            context.set_epoch(epoch)
            self._epoch = epoch


def _describe(cfg) -> None:
    """Log what decides the result; the master process of each machine calls it."""
    world_size = max(1, cfg.NUM_GPUS) * cfg.NUM_SHARDS
    on_gpu = cfg.NUM_GPUS > 0 and torch.cuda.is_available()
    device = torch.device("cuda", torch.cuda.current_device()) if on_gpu else torch.device("cpu")
    describe_run(cfg, configured_initialisation(cfg), world_size, device)
    if is_own(cfg.MODEL.LOSS_FUNC):
        logger.warning(
            f"MODEL.LOSS_FUNC {cfg.MODEL.LOSS_FUNC}: {words_on_own(cfg.MODEL.LOSS_FUNC)}"
        )


def _skips_head(cfg) -> bool:
    return bool(cfg.TRAIN.CHECKPOINT_SKIP_HEAD and cfg.TRAIN.CHECKPOINT_FILE_PATH)


@torch.no_grad()
def start_head_anew(model: nn.Module, std: float, seed: int) -> None:
    """Give the head's projection its first weights: normal ones, and biases of 0.

    They are a function of the seed alone, so that all processes have the same.

    Raises:
        UserError: the model, wrapped or not, has no ``head.projection``.
    """
    generator = torch.Generator().manual_seed(seed)
    named = [(n, p) for n, p in model.named_parameters() if f".{HEAD}" in f".{n}"]
    if not named:
        raise UserError(
            f"TRAIN.CHECKPOINT_SKIP_HEAD: starts {HEAD}* anew, and {type(model).__name__} has no "
            "such parameters; set it False, or name its last layer so."
        )
    for name, parameter in named:
        fresh = torch.zeros(parameter.shape)
        if name.endswith("weight"):
            fresh.normal_(0, std, generator=generator)
        parameter.copy_(fresh)
    logger.info("The head's projection starts anew, as TRAIN.CHECKPOINT_SKIP_HEAD asks.")
