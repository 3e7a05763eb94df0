"""Running out of memory: a stand-in network refuses more clips than it has room for."""

import os
import weakref
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.errors import UserError
from slowfast.config.defaults import get_cfg
from slowfast.engine.device.memory import explained_scoring, explained_training, is_out_of_memory


class Small(nn.Module):
    """A network with room for so many clips; it takes note of the batches that it is given."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room, self.seen = room, []
        self.norm = nn.BatchNorm3d(3)
        self.linear = nn.Linear(3, 5)

    def forward(self, x: list[torch.Tensor]) -> torch.Tensor:
        self.seen.append(len(x[0]))
        activations = self.norm(x[0]).mean(dim=(2, 3, 4))
        if len(x[0]) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return self.linear(activations)


@pytest.fixture
def run_out(small_cfg):
    """The error of a step, or of a pass of val or test, that has room for `room` clips only."""

    def run(network: nn.Module, split: str = "train", **overrides) -> str:
        cfg = small_cfg(**{"TRAIN.BATCH_SIZE": 16, "TEST.BATCH_SIZE": 16, **overrides})
        to_input = InputTransform.from_cfg(cfg)
        around = (
            explained_training(cfg, network, nn.BCEWithLogitsLoss(), to_input)
            if split == "train"
            else explained_scoring(cfg, network, to_input, split)
        )
        with pytest.raises(UserError) as caught, around:
            network([torch.zeros(16, 3, 4, 32, 32)])
        return str(caught.value)

    return run


def test_says_how_many_clips_fit_and_what_to_switch_on(run_out):
    network = Small(5)
    text = run_out(network)
    assert "16 clips of 4 x 32 x 32 in a pass do not fit, 4 do" in text
    for remedy in (
        "SOLVER.ACCUMULATE_STEPS 4 ",
        "MODEL.ACT_CHECKPOINT True",
        "TRAIN.MIXED_PRECISION True",
        "TRAIN.BATCH_SIZE 4 ",
    ):
        assert remedy in text
    assert network.seen == [16, 16, 8, 4]


def test_what_is_on_is_not_advised(run_out):
    text = run_out(Small(8), **{"MODEL.ACT_CHECKPOINT": True, "TRAIN.MIXED_PRECISION": True})
    assert "SOLVER.ACCUMULATE_STEPS 2" in text
    assert "ACT_CHECKPOINT" not in text
    assert "MIXED_PRECISION" not in text


def test_parts_divide_the_share_of_a_process(run_out):
    """Of 12 clips on each of 2 processes, in 2 parts now, 3 fit: 4 parts of 3."""
    overrides = {"TRAIN.BATCH_SIZE": 24, "CPU_PROCESSES": 2, "SOLVER.ACCUMULATE_STEPS": 2}
    text = run_out(Small(4), **overrides)
    assert "6 clips of" in text
    assert "3 do (tried)" in text
    assert "SOLVER.ACCUMULATE_STEPS 4 " in text
    assert "TRAIN.BATCH_SIZE 12 " in text


def test_where_not_one_clip_fits_the_clips_have_to_shrink(run_out):
    text = run_out(Small(0))
    assert "not even 1 does" in text
    assert "DATA.TRAIN_CROP_SIZE" in text
    assert "ACCUMULATE_STEPS" not in text


def test_a_batch_that_fits_at_the_second_try_is_told_so(run_out):
    class Once(Small):
        def forward(self, x):
            self.room = 100 if self.seen else 0
            return super().forward(x)

    assert "fitted when tried again" in run_out(Once(0))


def test_norm_statistics_and_gradients_stay_out_of_it(run_out):
    network = Small(4)
    run_out(network)
    assert network.norm.num_batches_tracked == 1  # of the step itself
    assert all(weight.grad is None for weight in network.parameters())


@pytest.mark.parametrize("split", ["val", "test"])
def test_scoring_names_its_own_key(run_out, split):
    network = Small(5)
    text = run_out(network, split)
    assert f"{'TEST' if split == 'test' else 'TRAIN'}.BATCH_SIZE 4" in text
    assert "ACCUMULATE" not in text
    assert network.seen == [16, 16, 8, 4]


def test_what_the_failed_step_held_is_let_go_before_trying(run_out):
    class Holding(Small):
        def forward(self, x):
            alive = [ref for ref in self.held if ref() is not None]
            assert not alive
            large = torch.zeros(100)
            self.held.append(weakref.ref(large))
            return super().forward(x) + 0 * large.sum()

    network = Holding(4)
    network.held = []
    assert "4 do" in run_out(network)


def test_other_errors_pass(small_cfg):
    cfg = small_cfg()
    with (
        pytest.raises(RuntimeError, match="shapes"),
        explained_scoring(cfg, Small(1), InputTransform.from_cfg(cfg), "val"),
    ):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


def test_the_allocator_of_the_cpu_is_known():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


class _Refusal(torch.autograd.Function):
    """Runs out of memory in the backward pass, when gradients are on their way already."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        if len(gradient) > 4:
            raise torch.OutOfMemoryError
        return gradient


class _RefusesBackward(Small):
    def forward(self, x):
        return super().forward([_Refusal.apply(self.scale * x[0])])


def _one_of_two(rank, address, told):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    cfg = get_cfg()
    cfg.NUM_GPUS, cfg.DATA.NUM_FRAMES, cfg.DATA.TRAIN_CROP_SIZE = 0, 2, 8
    cfg.TRAIN.BATCH_SIZE, cfg.MODEL.NUM_CLASSES, cfg.DATA.MULTI_LABEL = 8, 5, True
    cfg.MODEL.ARCH = "slow"
    network = _RefusesBackward(100)
    network.scale = nn.Parameter(torch.ones(()))
    model = DistributedDataParallel(network)
    loss_function, to_input = nn.BCEWithLogitsLoss(), InputTransform.from_cfg(cfg)
    try:
        with explained_training(cfg, model, loss_function, to_input):
            inputs = [torch.ones(8 if rank == 0 else 4, 3, 2, 8, 8)]
            logits = model(inputs)
            loss_function(logits, torch.zeros_like(logits)).backward()
    except UserError as error:
        Path(told).write_text(str(error))
    os._exit(0)  # the other one waits in vain


@pytest.mark.slow
def test_a_process_alone_tries_without_the_others(tmp_path):
    """Process 0 runs out in its backward pass, while process 1 waits for its gradients."""
    told = tmp_path / "told"
    workers = multiprocessing.spawn(
        _one_of_two, (f"file://{tmp_path}/meet", str(told)), nprocs=2, join=False
    )
    workers.processes[0].join(60)
    for process in workers.processes:
        process.kill()
    assert "8 clips of 2 x 8 x 8 in a pass do not fit, 4 do" in told.read_text()
