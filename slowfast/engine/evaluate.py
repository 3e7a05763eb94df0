"""Evaluation during training: one deterministic view of every validation clip, every clip once.

Notable: a clip that cannot be read comes as a black one, so that batches keep their shape; it is
scored with the others, and its scores are thrown away.
"""

from collections.abc import Collection

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.classes.table import ClassTable
from slowfast.ak.clips.loader import ClipLoader
from slowfast.ak.clips.network_input import InputTransform
from slowfast.datasets.loader import shuffle_dataset
from slowfast.engine.device.prefetch import DeviceBatches
from slowfast.engine.device.queue import DeviceQueue
from slowfast.engine.device.runtime import autocast, get_device
from slowfast.engine.meters import ValMeter
from slowfast.engine.progress import progress_bar
from slowfast.engine.stopping import StopRequests
from slowfast.utils import distributed
from slowfast.utils.distributed import unwrap


@torch.no_grad()
def evaluate(
    cfg: CfgNode,
    epoch: int,
    loader: ClipLoader,
    model: nn.Module,
    to_input: InputTransform,
    meter: ValMeter,
    classes: ClassTable | None,
    stop: StopRequests,
) -> dict:
    """Scores the validation clips, and logs and returns mAP or, single label, top-k errors.

    Raises:
        Stopped: when the run was asked to stop. Nothing of the evaluation is kept.
    """
    device = get_device(cfg)
    network = unwrap(model).eval()
    shuffle_dataset(loader, epoch)
    scores, targets, indices = [], [], []
    queue = DeviceQueue(device)
    bar = progress_bar(len(loader), "evaluation")
    meter.iter_tic()
    batches = DeviceBatches(loader, device, cfg.SPEED.PREFETCH)
    for iteration, (clips, labels, index) in enumerate(batches):
        meter.data_toc(queue.is_idle())
        if stop.asked:
            break
        with autocast(cfg, device):
            scores.append(network(to_input(clips)).float())
        targets.append(labels)
        indices.append(index)
        queue.add()
        meter.iter_toc()
        meter.log_iter_stats(epoch, iteration)
        bar.update()
        meter.iter_tic()
    bar.close()
    stop.stop_if_asked(device)
    loader.bad_clips.share()
    loader.bad_clips.stop_if_none_read(len(loader.dataset))
    scores, targets, _ = gather_clips(scores, targets, indices, loader.bad_clips.clips("missing"))
    meter.counts = loader.bad_clips.counts("missing", "incomplete")
    meter.update_predictions(scores, targets)
    figures = meter.log_epoch_stats(epoch, segments=classes.segments if classes else None)
    meter.reset()
    return figures


def gather_clips(
    scores: list[torch.Tensor],
    targets: list[torch.Tensor],
    indices: list[torch.Tensor],
    missing: Collection[int] = (),
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Joins batches of all processes, in the order of the clips, each clip once.

    Args:
        scores: (N, C) a batch; targets: (N, C) or (N,); indices: (N,).
        missing: clips to leave out.

    Returns:
        CPU tensors of all clips' scores and targets, and of their indices.
    """
    own = [torch.cat(part).cpu() if part else None for part in (scores, targets, indices)]
    shards = [shard for shard in distributed.all_gather_unaligned(own) if shard[2] is not None]
    scores, targets, indices = (torch.cat(parts) for parts in zip(*shards, strict=True))
    clips, where = indices.unique(return_inverse=True)
    first = torch.empty_like(clips).scatter_(0, where.flip(0), torch.arange(len(where)).flip(0))
    read = ~torch.isin(clips, torch.tensor(sorted(missing), dtype=clips.dtype))
    return scores[first][read], targets[first][read], clips[read]
