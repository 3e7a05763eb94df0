"""Wraps `train_epoch`: losses get the run and the epoch, and the log gets the recipe.

Upstream builds a loss by its name, once an epoch or once an iteration. Everything else that a loss
needs is in `slowfast.ak.losses.context`, which the wrapped `train_epoch` updates. Class counts are
read once a run, when a loss asks for them first.
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
from slowfast.ak.errors import UserError
from slowfast.ak.losses import context, set_loss_context
from slowfast.ak.norms.frozen import HEAD
from slowfast.ak.run.processes import rank_and_size
from slowfast.ak.upstream.arguments import binder
from slowfast.ak.upstream.losses import explanation_of_name_clash, is_checkouts_own

logger = logging.getLogger(__name__)

_NEEDED = ("cfg", "model", "cur_epoch")


def tells_losses(train_epoch: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `train_epoch`, changed so that the losses know the run and the epoch.

    Raises:
        UserError: `train_epoch` lacks one of the parameters cfg, model and cur_epoch.
    """
    bind, run = binder(train_epoch, *_NEEDED), Run()

    @functools.wraps(train_epoch)
    def train(*args: Any, **kwargs: Any) -> Any:
        given = bind(*args, **kwargs)
        run.begin_epoch(*(given.arguments[name] for name in _NEEDED))
        if given.arguments.get("writer") is not None:
            given.arguments["writer"] = _Writer(given.arguments["writer"])
        return train_epoch(*given.args, **given.kwargs)

    return train


class _Writer:
    """A TensorBoard writer that leaves out values of None.

    Upstream passes None as the top-1 error of clips with several labels.
    """

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def add_scalars(self, data_dict: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        known = {name: value for name, value in data_dict.items() if value is not None}
        return self._writer.add_scalars(known, *args, **kwargs)


class Run:
    """The current run. Another configuration or another model begins a new run."""

    def __init__(self) -> None:
        self._cfg: Any = None
        self._epoch: int | None = None
        self._model: Callable[[], nn.Module | None] = lambda: None

    def begin_epoch(self, cfg, model: nn.Module, epoch: int) -> None:
        """Sets the epoch of the losses. At the start of a run, logs the recipe and resets the head.

        An epoch that is trained in several calls begins once.
        """
        rank, _ = rank_and_size()
        is_new_model = self._model() is not model
        if is_new_model or cfg != self._cfg:
            set_loss_context(cfg, rank)
            if rank % max(1, cfg.NUM_GPUS) == 0:
                _describe(cfg)
            self._cfg, self._model, self._epoch = cfg.clone(), weakref.ref(model), None
        # A resumed run begins with a later epoch.
        if is_new_model and epoch == 0 and _skips_head(cfg):
            initialise_head(model, cfg.MODEL.FC_INIT_STD, cfg.RNG_SEED)
        if epoch != self._epoch:
            context.set_epoch(epoch)
            self._epoch = epoch


def _describe(cfg) -> None:
    """Logs the settings that decide the result. The master process of each machine calls it."""
    world_size = max(1, cfg.NUM_GPUS) * cfg.NUM_SHARDS
    on_gpu = cfg.NUM_GPUS > 0 and torch.cuda.is_available()
    device = torch.device("cuda", torch.cuda.current_device()) if on_gpu else torch.device("cpu")
    describe_run(cfg, configured_initialisation(cfg), world_size, device)
    name = cfg.MODEL.LOSS_FUNC
    if is_checkouts_own(name):
        logger.warning(f"MODEL.LOSS_FUNC {name}: {explanation_of_name_clash(name)}")


def _skips_head(cfg) -> bool:
    return bool(cfg.TRAIN.CHECKPOINT_SKIP_HEAD and cfg.TRAIN.CHECKPOINT_FILE_PATH)


@torch.no_grad()
def initialise_head(model: nn.Module, std: float, seed: int) -> None:
    """Initialises the head's projection: normally distributed weights, and biases of 0.

    The weights depend on the seed only, so that all processes have the same.

    Args:
        model: the network, wrapped or not.
        std: standard deviation of the weights.
        seed: the seed of the run.

    Raises:
        UserError: the model has no ``head.projection``.
    """
    generator = torch.Generator().manual_seed(seed)
    named = [(n, p) for n, p in model.named_parameters() if f".{HEAD}" in f".{n}"]
    if not named:
        raise UserError(
            f"TRAIN.CHECKPOINT_SKIP_HEAD gives {HEAD}* new values, but {type(model).__name__} has "
            "no such parameters; set the key to False, or give the last layer this name."
        )
    for name, parameter in named:
        fresh = torch.zeros(parameter.shape)
        if name.endswith("weight"):
            fresh.normal_(0, std, generator=generator)
        parameter.copy_(fresh)
    logger.info("TRAIN.CHECKPOINT_SKIP_HEAD: the head's projection gets new random weights.")
