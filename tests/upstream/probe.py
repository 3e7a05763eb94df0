"""Finds the faults of an unchanged look-alike; it repairs each one in memory to find the next.

Run `python probe.py` in a checkout. It prints a JSON object: what was tried, and the error, which
is empty if there was none.
"""

import contextlib
import io
import json
import sys
import types
from importlib import import_module
from pathlib import Path

import pytorchvideo.layers.batch_norm as norms
import pytorchvideo.layers.distributed as processes
import torch
from torch import nn

sys.modules["detectron2"] = None  # not installed, also if this machine has it
SEEN: dict[str, str] = {}


@contextlib.contextmanager
def tried(what: str):
    try:
        yield
    except BaseException as error:
        SEEN[what] = f"{type(error).__name__}: {error}"
    else:
        SEEN[what] = ""


def module(name: str, **content: object) -> None:
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(content, __path__=[])


with tried("processes"):
    import_module("slowfast.utils.distributed")
for name in ("cat_all_gather", "init_distributed_training"):
    setattr(processes, name, lambda *_: None)
for name in ("process_group", "rank", "size"):
    setattr(processes, f"get_local_{name}", lambda: 1)

with tried("heads"):
    import_module("slowfast.models.head_helper")
module("detectron2.layers", ROIAlign=nn.Identity)
sys.modules["detectron2"] = types.ModuleType("detectron2")

said = io.StringIO()
with tried("data sets"), contextlib.redirect_stdout(said):
    import_module("slowfast.datasets")
SEEN["data sets left out"] = said.getvalue()
module("torchvision.transforms.functional_tensor", **vars(torch))
module("pytorchvideo.transforms", Normalize=object)

with tried("losses"):
    import_module("slowfast.models.losses")
module("pytorchvideo.losses")
module("pytorchvideo.losses.soft_target_cross_entropy", SoftTargetCrossEntropyLoss=nn.Module)

with tried("meters"):
    import_module("slowfast.utils.meters")
module("vision")
module("vision.fair")
module("vision.fair.slowfast")
sys.modules["vision.fair.slowfast"].__path__ = [str(Path.cwd())]

with tried("evaluation of detections"):
    import_module("slowfast.utils.ava_eval_helper").evaluate_ava([1, 0])

defaults, models = import_module("slowfast.config.defaults"), import_module("slowfast.models")
cfg = defaults.get_cfg()
cfg.DATA.NUM_FRAMES, cfg.MODEL.NUM_CLASSES = 8, 5
cfg.BN.NORM_TYPE, cfg.BN.NUM_SYNC_DEVICES = "sync_batchnorm", 1
cfg.NUM_GPUS = 1
with tried("settings for one GPU"):
    defaults.assert_and_infer_cfg(cfg)
with tried("network on one GPU"):
    models.build_model(cfg)
cfg.NUM_GPUS = 0
with tried("settings for no GPU"):
    defaults.assert_and_infer_cfg(cfg)
with tried("synchronised norms"):
    models.build_model(cfg)
norms.NaiveSyncBatchNorm3d = nn.BatchNorm3d
cfg.BN.NORM_TYPE = "batchnorm"
network = models.build_model(cfg)

with tried("run_net"):
    sys.path.insert(0, "tools")
    import_module("demo_net")
train_net, losses = import_module("train_net"), import_module("slowfast.models.losses")
meters, loader = import_module("slowfast.utils.meters"), import_module("slowfast.datasets.loader")

built = []


class Counted(nn.CrossEntropyLoss):
    def __init__(self, **settings):
        super().__init__(**settings)
        built.append(self)


losses._LOSSES["counted"] = Counted
cfg.MODEL.LOSS_FUNC = "counted"
clip = [torch.zeros(2, 3, 2, 64, 64), torch.zeros(2, 3, 8, 64, 64)]
batch = [clip, torch.tensor([0, 1]), torch.arange(2), torch.zeros(2), {}]
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
scaler = torch.amp.GradScaler("cpu", enabled=False)
is_main = "scaler" in train_net.train_epoch.__code__.co_varnames


def epoch() -> None:
    items = batch if is_main else [batch[0], batch[1], batch[2], batch[4]]
    grades = [scaler] if is_main else []
    train_net.train_epoch(
        [items, items], network, optimizer, *grades, meters.TrainMeter(2, cfg), 0, cfg, None
    )


if not torch.cuda.is_available():
    with tried("an epoch without CUDA"):
        epoch()
built.clear()
torch.cuda.synchronize = lambda: None
with tried("an epoch"):
    epoch()
SEEN["losses built in two iterations"] = str(len(built))
with tried("a loss that is not there"):
    losses.get_loss_func("unheard_of")
with tried("shuffling what is not shuffled"):
    loader.shuffle_dataset(torch.utils.data.DataLoader([1, 2]), 0)
print(json.dumps(SEEN))
