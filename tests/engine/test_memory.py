"""Running out of memory: a stand-in network refuses more clips than it has room for."""

import weakref

import pytest
import torch
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.ak.pixels import InputTransform
from slowfast.engine.memory import explained_scoring, explained_training, is_out_of_memory


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
