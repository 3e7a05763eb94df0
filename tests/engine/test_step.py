"""The fast step computes the plain step up to rounding, and waits for no device."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from slowfast.ak.losses import base
from slowfast.engine.average import AveragedWeights
from slowfast.engine.device.pending import PendingSteps
from slowfast.engine.device.prefetch import DeviceBatches
from slowfast.engine.learner import Learner
from slowfast.engine.step import TrainStep
from slowfast.tasks import Batch, Moment
from slowfast.utils.distributed import unwrap
from tests.engine.runs import assert_same, in_two_processes
from tests.models.network_cases import I3D, SLOWFAST, TINY, X3D, network_cfg

MULTI_LABEL = {
    "DATA.MULTI_LABEL": True,
    "MODEL.LOSS_FUNC": "bce_loss",
    "MODEL.HEAD_ACT": "sigmoid",
    "SOLVER.CLIP_GRAD_L2NORM": 1.0,
}
PLAIN = {
    "SPEED.CHANNELS_LAST": False,
    "SPEED.FUSED_OPTIMIZER": False,
    "SPEED.BUCKET_VIEW": False,
    "SPEED.STATIC_GRAPH": False,
    "SPEED.PREFETCH": False,
}
KINDS = pytest.mark.parametrize("kind", [I3D, SLOWFAST, X3D], ids=["i3d", "slowfast", "x3d"])


def some_batches(multi_label=True, clips=4):
    generator = torch.Generator().manual_seed(0)
    while True:
        pixels = torch.randint(256, (clips, 3, 4, 64, 64), dtype=torch.uint8, generator=generator)
        if multi_label:
            labels = torch.randint(2, (clips, 5), generator=generator).float()
        else:
            labels = torch.randint(5, (clips,), generator=generator)
        yield Batch([pixels], labels, torch.arange(clips))


def make_step(cfg, change=lambda model: model) -> TrainStep:
    torch.manual_seed(0)
    learner = Learner.from_cfg(cfg)
    change(unwrap(learner.network))
    return TrainStep.from_cfg(cfg, learner)


def run(step, batches, count=3) -> tuple[torch.Tensor, dict]:
    """What `count` steps measure, and the network's state after them."""
    measured = []
    batches = DeviceBatches(batches, step.learner.precision.device)
    for number, batch in zip(range(count), batches, strict=False):
        values = step(batch, 0.01, Moment(0, 0, number, 0)).values()
        measured.append(torch.stack([value.detach() for value in values]))
    return torch.stack(measured), unwrap(step.learner.network).state_dict()


def without_kinks(model: nn.Module) -> None:
    """Takes out the places at which a rounding may turn a gradient on or off."""
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.ReLU):
                setattr(parent, name, nn.Softplus())
            if isinstance(layer, nn.MaxPool3d):
                setattr(parent, name, nn.AvgPool3d(layer.kernel_size, layer.stride, layer.padding))


@pytest.fixture(params=[1, pytest.param(2, marks=pytest.mark.slow)], ids=["1 thread", "2 threads"])
def _threads(request):
    """PyTorch picks other kernels for one thread."""
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(1)


@pytest.mark.usefixtures("_threads")
@KINDS
def test_the_default_settings_change_a_result_only_by_rounding(kind, monkeypatch):
    monkeypatch.setattr(torch, "relu", nn.functional.softplus)
    (measured, state), (plain_measured, plain_state) = (
        run(
            make_step(network_cfg(TINY, kind, MULTI_LABEL, settings), without_kinks), some_batches()
        )
        for settings in ({}, PLAIN)
    )
    torch.testing.assert_close(measured, plain_measured, rtol=1e-5, atol=1e-5)
    for name, value in plain_state.items():
        torch.testing.assert_close(state[name], value, rtol=1e-5, atol=1e-5)


class Waits(TorchDispatchMode):
    """Finds operators for which Python would wait, if the tensors were on a device."""

    ASKING = {
        "_local_scalar_dense",  # item, int, float, bool, if
        "_unique2",
        "equal",
        "is_nonzero",
        "masked_select",
        "nonzero",
        "unique_dim",
    }

    def __init__(self):
        super().__init__()
        self.names, self.found = set(), []

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        name = operator.name().removeprefix("aten::").split(".")[0]
        by_mask = name == "index" and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        self.names.add(name)
        if name in self.ASKING or by_mask:
            self.found.append(name)
        return operator(*args, **(kwargs or {}))


def test_each_wait_is_found():
    for ask in (lambda x: x.sum().item(), lambda x: x[x > 0], lambda x: x.unique()):
        with Waits() as waits:
            ask(torch.ones(1))
        assert waits.found


SINGLE_LABEL = {"MODEL.LOSS_FUNC": "cross_entropy"}
FP16 = {"TRAIN.MIXED_PRECISION": True, "TRAIN.MIXED_PRECISION_TYPE": "fp16"}
BF16 = {"TRAIN.MIXED_PRECISION": True, "TRAIN.MIXED_PRECISION_TYPE": "bf16"}
STEPS = pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (SLOWFAST, MULTI_LABEL),
        (X3D, MULTI_LABEL),
        (I3D, SINGLE_LABEL),
        (I3D, MULTI_LABEL | {"MIXUP.ENABLE": True, "SOLVER.ACCUMULATE_STEPS": 2}),
        (I3D, SINGLE_LABEL | {"MIXUP.ENABLE": True, "SOLVER.OPTIMIZING_METHOD": "adamw"}),
        (I3D, MULTI_LABEL | FP16),
        (X3D, MULTI_LABEL | BF16),
        (I3D, MULTI_LABEL | {"MODEL.LOSS_FUNC": "focal_loss", "SOLVER.CLIP_GRAD_VAL": 0.1}),
        (I3D, MULTI_LABEL | {"BN.NORM_TYPE": "sub_batchnorm", "BN.NUM_SPLITS": 2}),
        (SLOWFAST, MULTI_LABEL | {"MODEL.ACT_CHECKPOINT": True, "MODEL.DROPCONNECT_RATE": 0.5}),
    ],
)


def two_steps(cfg) -> Callable[[], None]:
    """Two steps with all that the loop does between reading losses; the second one may do less."""
    step = make_step(cfg)
    average = AveragedWeights(step.learner.network, 0.9)
    pending = PendingSteps(str, "epoch 1", step.skips_bad_gradients)
    batches = some_batches(cfg.DATA.MULTI_LABEL)
    device = step.learner.precision.device
    batches = [next(iter(DeviceBatches([next(batches)], device))) for _ in range(2)]

    def take() -> None:
        for number, batch in enumerate(batches):
            measured = step(batch, 0.01, Moment(0, 0, number, 0))
            pending.add(number, batch.clips, 0.01, measured)
            average.update()

    return take


@STEPS
def test_a_step_waits_for_nothing(kind, settings, monkeypatch):
    monkeypatch.setattr(base, "check_targets", lambda targets: None)  # it runs only on the CPU
    take = two_steps(network_cfg(TINY, kind, settings))
    with Waits() as waits:
        take()
    assert waits.found == []
    assert {"convolution_backward", "native_batch_norm_backward"} & waits.names


@pytest.mark.cuda
@STEPS
def test_cuda_finds_no_wait_either(kind, settings):
    take = two_steps(network_cfg(TINY, kind, settings, {"NUM_GPUS": 1}))
    take()  # kernels are looked for once
    torch.cuda.set_sync_debug_mode("error")
    try:
        take()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def _train_as_one_of_two(rank: int, settings: dict) -> dict[str, dict]:
    states = {}
    for name, more in {
        "configured": {},
        "plain": PLAIN,
        "recomputed": {"MODEL.ACT_CHECKPOINT": True},
    }.items():
        cfg = network_cfg(TINY, I3D, MULTI_LABEL, settings, more)
        _, states[name] = run(make_step(cfg, without_kinks), own_share(rank), count=4)
    return states


def own_share(rank):
    """Two of each four clips."""
    return (batch.part(2 * rank, 2 * rank + 2) for batch in some_batches())


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"MODEL.FROZEN_BN": True},
        {"MODEL.FROZEN_BN": True, "SOLVER.ACCUMULATE_STEPS": 2},
        {"BN.NORM_TYPE": "sync_batchnorm", "BN.NUM_SYNC_DEVICES": 2},
    ],
    ids=["frozen norms", "accumulated", "synchronised norms"],
)
def test_two_processes_compute_the_result_of_one(tmp_path, settings):
    settings = settings | {"SOLVER.CLIP_GRAD_L2NORM": 0.0}
    one, other = in_two_processes(_train_as_one_of_two, tmp_path, settings)
    _, alone = run(
        make_step(network_cfg(TINY, I3D, MULTI_LABEL, settings), without_kinks), some_batches(), 4
    )
    assert_same(one, other)
    for name, state in one.items():
        for key, value in state.items():
            torch.testing.assert_close(
                value, alone[key], rtol=1e-4, atol=1e-5, msg=f"{name}: {key}"
            )
