"""Running out of memory: a network of the test refuses more clips than it has room for."""

import os
import weakref

import pytest
import torch
import torch.distributed as dist
from torch import multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from slowfast.ak.clips.mixing.mixup import BatchMixer
from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.errors import UserError
from slowfast.engine.device.memory import MemoryAdvice, shortage
from slowfast.engine.device.runtime import Precision
from slowfast.tasks.classification import Classification

CPU = torch.device("cpu")


class Small(nn.Module):
    """A network with room for `room` clips; `seen` holds the sizes of its batches."""

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


def advice(network: nn.Module, **settings) -> MemoryAdvice:
    """Advice for 16 clips of 4 x 8 x 8 in a batch of one process."""
    task = Classification(
        network,
        nn.BCEWithLogitsLoss(),
        InputTransform((0.45,) * 3, (0.225,) * 3),
        BatchMixer(5),
        multi_label=True,
        frames=4,
        crops=(8, 8),
    )
    defaults = {
        "precision": Precision(CPU),
        "batches": {"TRAIN": 16, "TEST": 16},
        "processes": 1,
        "samples": 1,
        "parts": 1,
        "frames": 4,
        "crops": {"TRAIN": 8, "TEST": 8},
        "recomputes": False,
        "workers": 2,
    }
    return MemoryAdvice(task, **defaults | settings)


def run_out(network: nn.Module, split: str = "train", **settings) -> str:
    """The error of a pass with 16 clips."""
    memory = advice(network, **settings)
    context = memory.training(network) if split == "train" else memory.scoring(network, split)
    with pytest.raises(UserError) as caught, context:
        network([torch.zeros(16, 3, 4, 8, 8)])
    return str(caught.value)


def test_the_error_names_the_clips_that_fit_and_the_keys_that_help():
    network = Small(5)
    text = run_out(network)
    assert "16 clips of 4 x 8 x 8 in a pass do not fit, 4 do (tried)" in text
    for remedy in (
        "SOLVER.ACCUMULATE_STEPS 4 ",
        "MODEL.ACT_CHECKPOINT True",
        "TRAIN.MIXED_PRECISION True",
        "TRAIN.BATCH_SIZE 4 ",
    ):
        assert remedy in text
    assert network.seen == [16, 16, 8, 4]
    assert network.norm.num_batches_tracked == 1, "the trials change no statistics"
    assert all(weight.grad is None for weight in network.parameters())


def test_settings_that_are_on_are_not_advised():
    text = run_out(Small(8), recomputes=True, precision=Precision(CPU, torch.bfloat16))
    assert "SOLVER.ACCUMULATE_STEPS 2" in text
    assert "ACT_CHECKPOINT" not in text
    assert "MIXED_PRECISION" not in text


def test_parts_divide_the_share_of_a_process():
    """Each of 2 processes has 12 clips, in 2 parts now; 3 fit, so 4 parts of 3 clips do."""
    text = run_out(Small(4), batches={"TRAIN": 24}, processes=2, parts=2)
    assert "6 clips of" in text
    assert "3 do (tried)" in text
    assert "SOLVER.ACCUMULATE_STEPS 4 " in text
    assert "TRAIN.BATCH_SIZE 12 " in text


def test_samples_of_a_video_count_as_clips():
    """Each of 8 videos has 2 clips; 5 clips fit, so 2 videos do, in 4 parts."""
    text = run_out(Small(5), batches={"TRAIN": 8}, samples=2)
    assert "16 clips of 4 x 8 x 8 in a pass do not fit, 4 do (tried)" in text
    assert "SOLVER.ACCUMULATE_STEPS 4 " in text
    assert "see 4 clips at a time" in text
    assert "TRAIN.BATCH_SIZE 2 " in text
    assert "TRAIN.BATCH_SIZE" not in run_out(Small(1), batches={"TRAIN": 8}, samples=2)


def test_smaller_clips_are_advised_if_not_one_fits():
    text = run_out(Small(0))
    assert "not even 1 does" in text
    assert "DATA.TRAIN_CROP_SIZE" in text
    assert "ACCUMULATE_STEPS" not in text


def test_a_batch_that_fits_at_the_second_try_is_reported():
    class Once(Small):
        def forward(self, x):
            self.room = 100 if self.seen else 0
            return super().forward(x)

    assert "fitted when tried again" in run_out(Once(0))


@pytest.mark.parametrize(("split", "key"), [("val", "TRAIN"), ("test", "TEST")])
def test_scoring_names_its_own_key(split, key):
    network = Small(5)
    text = run_out(network, split)
    assert f"{key}.BATCH_SIZE 4" in text
    assert "ACCUMULATE" not in text
    assert network.seen == [16, 16, 8, 4]


def test_memory_of_the_failed_step_is_free_before_the_trials():
    class Holding(Small):
        def forward(self, x):
            assert not [ref for ref in self.held if ref() is not None]
            large = torch.zeros(100)
            self.held.append(weakref.ref(large))
            return super().forward(x) + 0 * large.sum()

    network = Holding(4)
    network.held = []
    assert "4 do" in run_out(network)


def test_other_errors_are_raised_as_they_are():
    network = Small(1)
    with (
        pytest.raises(RuntimeError, match="shapes"),
        advice(network).scoring(network, "val"),
    ):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


WORKER = "Caught {} in DataLoader worker process 0.\nOriginal Traceback ..."


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), "device"),
        (RuntimeError("CUDA error: out of memory"), "device"),
        (RuntimeError("cuBLAS error: CUBLAS_STATUS_ALLOC_FAILED"), "device"),
        (RuntimeError("CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"), "device"),
        (RuntimeError("Triton Error [CUDA]: out of memory"), "device"),
        (RuntimeError("Last error:\nCuda failure 2 'out of memory'"), "device"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "host"),
        (MemoryError("Unable to allocate 8.00 GiB for an array"), "host"),
        (RuntimeError(WORKER.format("RuntimeError") + "DefaultCPUAllocator: "), "loader"),
        (RuntimeError("Caught it in pin memory thread\nCUDA error: out of memory"), "loader"),
        (RuntimeError("shapes cannot be multiplied"), ""),
    ],
)
def test_the_texts_of_allocators_are_known(error, expected):
    assert shortage(error) == expected


def test_the_allocator_of_the_cpu_is_known():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert shortage(caught.value) == "host"


@pytest.mark.parametrize(
    ("device", "error", "words"),
    [
        ("cuda", MemoryError("Unable to allocate 8.00 GiB"), "machine (MemoryError: Unable to"),
        ("cpu", MemoryError(WORKER.format("MemoryError")), "machine while clips were read ("),
    ],
)
def test_a_shortage_of_main_memory_is_not_reported_as_one_of_the_gpu(device, error, words):
    """No trial is made: its result would say nothing about the main memory."""
    network = Small(100)
    memory = advice(network, precision=Precision(torch.device(device)))
    with pytest.raises(UserError) as caught, memory.training(network):
        raise error
    for expected in (words, "DATA_LOADER.NUM_WORKERS is 2", "The memory of a GPU is not the cause"):
        assert expected in str(caught.value)
    assert network.seen == []


class _Refusal(torch.autograd.Function):
    """Runs out of memory in the backward pass, when gradients are being exchanged already."""

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


def _one_of_two(rank, address, path):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    network = _RefusesBackward(100)
    network.scale = nn.Parameter(torch.ones(()))
    model = DistributedDataParallel(network)
    try:
        with advice(network, batches={"TRAIN": 8}).training(model):
            model([torch.ones(8 if rank == 0 else 4, 3, 4, 8, 8)]).sum().backward()
    except UserError as error:
        path.write_text(str(error))
    os._exit(0)  # the other process still waits


def test_a_process_that_runs_out_tries_without_the_others(tmp_path):
    """Process 0 runs out in its backward pass, while process 1 waits for its gradients."""
    arguments, path = (f"file://{tmp_path}/meet", tmp_path / "message"), tmp_path / "message"
    workers = multiprocessing.start_processes(
        _one_of_two, arguments, nprocs=2, join=False, start_method="fork"
    )
    workers.processes[0].join(60)
    for process in workers.processes:
        process.kill()
    assert "8 clips of 4 x 8 x 8 in a pass do not fit, 4 do" in path.read_text()
