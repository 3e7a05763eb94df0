"""Layers that are computed a second time in the backward pass, to keep less in memory."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint


def recomputed(layer: nn.Module, *inputs: Any) -> Any:
    """``layer(*inputs)``. The backward pass computes the layer again, and only inputs are kept.

    The second computation has the random draws of the first, and norm layers count a batch once.
    """

    def contexts() -> tuple[AbstractContextManager, AbstractContextManager]:
        return nullcontext(), _with_buffers_kept(layer)

    return checkpoint(layer, *inputs, use_reentrant=False, context_fn=contexts)


@contextmanager
def _with_buffers_kept(layer: nn.Module) -> Iterator[None]:
    """Replaces running statistics by copies, because a second pass would update them again."""
    buffers = [(m, name, b) for m in layer.modules() for name, b in m.named_buffers(recurse=False)]
    for module, name, buffer in buffers:
        setattr(module, name, buffer.clone())
    try:
        yield
    finally:
        for module, name, buffer in buffers:
            setattr(module, name, buffer)
