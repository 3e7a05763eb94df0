"""What only a CUDA device can show: `make cuda-check` runs these tests on a machine with a GPU."""

import gc
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from benchmarks.step_parts.settings import as_options
from benchmarks.step_parts.steps import Stepper, load_cfg
from slowfast.ak.errors import UserError
from slowfast.ak.norms.sync import SyncBatchNorm3d
from slowfast.engine.training import train

pytestmark = pytest.mark.cuda
ROOT = Path(__file__).parents[2]
DEMO = ROOT / "configs" / "AK" / "DEMO.yaml"
X3D = ROOT / "configs" / "AK" / "X3D_L.yaml"


def join(rank: int, folder: str) -> None:
    """Joins two processes that share one GPU; NCCL refuses that, so they meet over gloo."""
    torch.cuda.set_device(0)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)


def _compare_norms(rank: int, folder: str) -> None:
    join(rank, folder)
    x = torch.randn(3, 8, 2, 4, 4, generator=torch.Generator().manual_seed(rank)).cuda()
    results = []
    for layer in (SyncBatchNorm3d(8).cuda(), nn.SyncBatchNorm(8).cuda()):
        inputs = x.clone().requires_grad_()
        outputs = layer(inputs)
        (
            outputs * torch.linspace(0, 1, 8, device="cuda").view(8, 1, 1, 1)
        ).square().sum().backward()
        results.append((outputs, inputs.grad, layer.weight.grad, layer.running_var))
    for own, other in zip(*results, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-5)
    dist.destroy_process_group()


def test_both_synchronised_norms_compute_the_same(tmp_path):
    mp.spawn(_compare_norms, (str(tmp_path),), nprocs=2)


def _step_without_warnings(rank: int, folder: str, options: list[str]) -> None:
    join(rank, folder)
    # DistributedDataParallel warns if a gradient has other strides than its bucket.
    warnings.filterwarnings("error", message="(?s).*strides")
    stepper = Stepper(load_cfg(str(X3D), options))
    for _ in range(2):
        stepper()
    dist.destroy_process_group()


def test_gradients_have_the_strides_of_their_buckets(tiny_ak, tmp_path):
    small = {
        "DATA.PATH_TO_DATA_DIR": tiny_ak.annot,
        "DATA.PATH_PREFIX": tiny_ak.image,
        "DATA.TRAIN_CROP_SIZE": 64,
        "DATA.TRAIN_JITTER_SCALES": [64, 72],
        "DATA_LOADER.NUM_WORKERS": 0,
        "TRAIN.BATCH_SIZE": 2,
        "MODEL.LOSS_FUNC": "bce_loss",
        "BN.NUM_SYNC_DEVICES": 2,
        "NUM_GPUS": 1,
    }
    mp.spawn(_step_without_warnings, (str(tmp_path), as_options(small)), nprocs=2)


def test_the_batch_size_that_a_memory_error_names_trains(small_cfg):
    def run(name: str, batch: int) -> None:
        larger = {
            "NUM_GPUS": 1,
            "SPEED.CUDNN_BENCHMARK": False,  # its workspaces take what memory there is
            "RESNET.WIDTH_PER_GROUP": 32,
            "DATA.NUM_FRAMES": 8,
            "DATA.TRAIN_CROP_SIZE": 256,
            "DATA.TRAIN_JITTER_SCALES": [256, 288],
            "SOLVER.MAX_EPOCH": 1,
            "TRAIN.BATCH_SIZE": batch,
        }
        gc.collect()
        torch.cuda.empty_cache()
        train(small_cfg(name, **larger))

    torch.cuda.reset_peak_memory_stats()
    run("two", batch=2)
    limit = 1.3 * torch.cuda.max_memory_reserved()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(limit / total)
    try:
        with pytest.raises(UserError, match="ran out of memory") as error:
            run("eight", batch=8)
        named = re.search(r"TRAIN\.BATCH_SIZE (\d+)", str(error.value))
        run("named", batch=int(named[1]))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def test_a_run_on_the_cpu_does_not_use_the_gpu(tiny_ak, tmp_path):
    """A run with NUM_GPUS 0 opens no context on a GPU, which may be full."""
    options = {
        "DATA.PATH_TO_DATA_DIR": tiny_ak.annot,
        "DATA.PATH_PREFIX": tiny_ak.image,
        "DATA.TRAIN_CROP_SIZE": 32,
        "DATA.TRAIN_JITTER_SCALES": [32, 40],
        "DATA_LOADER.PIN_MEMORY": True,
        "TRAIN.BATCH_SIZE": 4,
        "SOLVER.MAX_EPOCH": 1,
        "SOLVER.WARMUP_EPOCHS": 0,
        "TEST.ENABLE": False,
        "NUM_GPUS": 0,
        "OUTPUT_DIR": tmp_path,
    }
    arguments = ["--cfg", str(DEMO), "--opts", *as_options(options)]
    code = (
        "import runpy, torch\n"
        f"main = runpy.run_path({str(ROOT / 'tools' / 'run_net.py')!r})['main']\n"
        f"assert main({arguments!r}) == 0\n"
        "assert not torch.cuda.is_initialized()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
