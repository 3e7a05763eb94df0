"""Each in a process of its own: a stand-in changes what all of a process imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
BEGIN = "from slowfast.ak.upstream import standins\nstandins.install()\n"


def run(code: str, *packages: Path, **env: str) -> subprocess.CompletedProcess:
    """A program after `install`; `packages` are folders of packages that come before all others."""
    path = ":".join(map(str, (*packages, PROJECT)))
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **env}
    command = [sys.executable, "-W", "ignore", "-c", BEGIN + code]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def assert_holds(code: str, *packages: Path, **env: str) -> None:
    done = run(code, *packages, **env)
    assert done.returncode == 0, done.stderr


def package(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def installed(folder: Path, **versions: str) -> Path:
    """A folder in which distributions of these versions look installed."""
    return package(
        folder,
        {
            f"{name}-{version}.dist-info/METADATA": f"Name: {name}\nVersion: {version}\n"
            for name, version in versions.items()
        },
    )


def test_detectron2_can_be_imported_and_says_what_to_install_when_it_is_used():
    assert_holds(
        """
assert standins.in_use() == [] or "detectron2" not in str(standins.in_use())
import detectron2.layers
from detectron2 import model_zoo
from detectron2.config import get_cfg
from detectron2.engine import DefaultPredictor
from detectron2.utils.visualizer import Visualizer
from slowfast.ak.errors import UserError
class Mine(Visualizer):
    def draw(self): pass
for use in (get_cfg, DefaultPredictor, Mine, lambda: model_zoo.get_config_file("x.yaml")):
    try: use()
    except UserError as error: assert "detectron2.git" in str(error), error
    else: raise SystemExit("it can be used")
assert "detectron2" in str(standins.in_use())
import pickle
assert pickle.loads(pickle.dumps(DefaultPredictor)) is DefaultPredictor  # processes are sent it
"""
    )


def test_what_is_not_installed_is_named_with_how_to_install_it():
    assert_holds(
        """
import sys
sys.modules["pytorchvideo"] = None
for module, words in {
    "pytorchvideo.models": "pip install -r slowfast/ak/requirements.txt",
    "detectron2.structures": "detectron2.git",
    "numpy.nothing": "",
}.items():
    found = standins.how_to_install(module)
    assert words in found and bool(words) == bool(found), (module, found)
"""
    )


def test_roi_align_is_detectron2s(tmp_path):
    assert_holds(
        """
import pickle, torch, torchvision
from detectron2.layers import ROIAlign
x = torch.arange(64.0).view(1, 1, 8, 8)  # linear, so that a bin's mean is the value at its centre
boxes = torch.tensor([[0.0, 4.0, 8.0, 12.0, 12.0]])  # of an image of 16 x 16
layer = ROIAlign((2, 2), spatial_scale=0.5, sampling_ratio=0)
# Rows 4 to 6 and columns 2 to 6 of pixels whose centres are half a pixel in: bins' centres are
# rows 4, 5 and columns 2.5, 4.5.
expected = torch.tensor([[[[34.5, 36.5], [42.5, 44.5]]]])
torch.testing.assert_close(layer(x, boxes), expected)
torch.testing.assert_close(
    ROIAlign((2, 2), 0.5, 0, aligned=False)(x, boxes),
    torchvision.ops.roi_align(x, boxes, (2, 2), 0.5, 0, aligned=False),
)
assert pickle.loads(pickle.dumps(layer)).aligned
torch.testing.assert_close(layer(x.double(), boxes), expected.double())  # boxes stay single
"""
    )


def test_what_is_installed_is_used(tmp_path):
    real = package(
        tmp_path,
        {
            "detectron2/__init__.py": "",
            "detectron2/layers.py": "ROIAlign = 'the real one'",
            "pytorchvideo/__init__.py": "",
            "pytorchvideo/losses/__init__.py": "",
            "pytorchvideo/losses/soft_target_cross_entropy.py": "SoftTargetCrossEntropyLoss = 1",
            "pytorchvideo/layers/__init__.py": "",
            "pytorchvideo/layers/distributed.py": "def get_world_size(): pass\n"
            "cat_all_gather = get_local_process_group = get_local_rank = get_world_size\n"
            "get_local_size = init_distributed_training = get_world_size",
            "pytorchvideo/layers/batch_norm.py": "class NaiveSyncBatchNorm3d:\n"
            "    def __init__(self, num_sync_devices=None, global_sync=True): pass\n"
            "NaiveSyncBatchNorm1d = NaiveSyncBatchNorm3d",
            "vision/__init__.py": "MINE = 1",
        },
    )
    assert_holds(
        """
from detectron2.layers import ROIAlign
assert ROIAlign == "the real one"
from pytorchvideo.losses.soft_target_cross_entropy import SoftTargetCrossEntropyLoss
import pytorchvideo.layers.batch_norm as norms, pytorchvideo.layers.distributed as functions
assert norms.NaiveSyncBatchNorm3d.__module__ == "pytorchvideo.layers.batch_norm"
assert functions.cat_all_gather is functions.get_world_size
told = str(standins.in_use())
assert "detectron2" not in told and "pytorchvideo" not in told, told
import vision.fair.slowfast
assert vision.MINE
""",
        real,
    )


def test_pytorchvideo_gets_what_no_release_has():
    assert_holds(
        """
from pytorchvideo.losses.soft_target_cross_entropy import SoftTargetCrossEntropyLoss
from pytorchvideo.layers.distributed import (
    cat_all_gather, get_local_process_group, get_local_rank, get_local_size, get_world_size,
    init_distributed_training)
from pytorchvideo.layers.batch_norm import NaiveSyncBatchNorm1d, NaiveSyncBatchNorm3d
import pytorchvideo.transforms  # which imports torchvision.transforms.functional_tensor
import torch, torchvision.transforms.functional_tensor as F_t
assert F_t.hflip(torch.tensor([[[1, 2]]])).tolist() == [[[2, 1]]]
init_distributed_training(2, 0)  # nothing runs: nothing happens
assert (get_local_rank(), get_local_size(), get_world_size()) == (0, 1, 1)
x = torch.randn(4, 3)
assert cat_all_gather(x) is x
norm = NaiveSyncBatchNorm1d(num_features=3, num_sync_devices=2, global_sync=False)
torch.testing.assert_close(norm(x), torch.nn.BatchNorm1d(3)(x))
told = " ".join(standins.in_use())
for name in ("functional_tensor", "cat_all_gather", "NaiveSyncBatchNorm1d", "losses"):
    assert name in told, (name, told)
"""
    )


def test_an_early_pytorchvideo_gets_the_modules_that_it_lacks(tmp_path):
    early = package(
        tmp_path, {"pytorchvideo/__init__.py": "", "pytorchvideo/layers/__init__.py": ""}
    )
    assert_holds(
        """
from pytorchvideo.layers.distributed import cat_all_gather, get_world_size
from pytorchvideo.layers.batch_norm import NaiveSyncBatchNorm3d
NaiveSyncBatchNorm3d(num_sync_devices=2, global_sync=False, num_features=3)
""",
        early,
    )


def test_torch_six_is_what_it_was():
    assert_holds(
        """
from torch._six import inf, int_classes, string_classes
assert isinstance(3, int_classes) and isinstance("a", string_classes) and inf > 1e300
assert "_six" in str(standins.in_use())
"""
    )


def test_without_pytorchvideo_nothing_is_made_up(tmp_path):
    done = run("import sys; sys.modules['pytorchvideo'] = None\nimport pytorchvideo.losses")
    assert "ModuleNotFoundError" in done.stderr
    assert "pytorchvideo" in done.stderr.splitlines()[-1]


def test_numpy_has_its_aliases_and_keeps_what_it_has():
    assert_holds(
        """
import numpy as np
assert (np.float, np.int, np.object) == (float, int, object)
assert np.zeros(2, np.float).dtype == np.float64
assert np.bool in (bool, np.bool_)
assert np.bool8 in (bool, np.bool_)  # TensorBoard of 2022 names it
assert "numpy" in str(standins.in_use())
"""
    )


def test_the_path_that_exists_nowhere_is_the_checkout():
    assert_holds(
        f"""
import importlib.util
import vision.fair.slowfast
import vision.fair.slowfast.tests.media as media
assert media.__file__.startswith({str(PROJECT)!r}), media.__file__
assert importlib.util.find_spec("vision.fair.slowfast.tools.run_net").origin.endswith("run_net.py")
"""
    )


@pytest.mark.parametrize(
    ("tensorboard", "protobuf", "expected"),
    [("2.9.1", "4.25.3", "python"), ("2.9.1", "3.20.0", None), ("2.20.0", "6.31.0", None)],
)
def test_an_old_tensorboard_gets_protobuf_in_python(tmp_path, tensorboard, protobuf, expected):
    folder = installed(tmp_path, tensorboard=tensorboard, protobuf=protobuf)
    key = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"
    assert_holds(f"import os; assert os.environ.get({key!r}) == {expected!r}", folder)


def test_protobuf_stays_as_the_environment_has_it(tmp_path):
    folder = installed(tmp_path, tensorboard="2.9.1", protobuf="4.25.3")
    key = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"
    assert_holds(f"import os; assert os.environ[{key!r}] == 'upb'", folder, **{key: "upb"})


def test_each_is_told_once_in_the_log():
    done = run(
        """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout)
standins.install()
import detectron2.layers
standins.tell()
standins.tell()
assert sum(type(finder).__name__ == "_LastFinder" for finder in sys.meta_path) == 1
"""
    )
    lines = [line for line in done.stdout.splitlines() if "Stand-in: " in line]
    assert len(lines) == len(set(lines)) > 1, done.stderr
    assert sum("detectron2 is not installed" in line for line in lines) == 1
