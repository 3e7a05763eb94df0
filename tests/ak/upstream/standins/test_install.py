"""Stand-ins, tried in processes of their own, since they change what a whole process imports."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from slowfast.ak.upstream.standins import install

PROJECT = Path(__file__).parents[4]
BEGIN = """
from slowfast.ak.upstream.standins import finder, install, record
install.install()
"""


def run(code: str, *packages: Path) -> subprocess.CompletedProcess:
    """Runs a program after `install`; `packages` are folders that come first on Python's path."""
    path = ":".join(map(str, (*packages, PROJECT)))
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-c", BEGIN + code]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def package(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


# Each is called by one process, in this order.
PARTS = {
    "detectron2 can be imported, and its use says what to install": """
assert "detectron2" not in str(record.in_use())
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
assert "detectron2" in str(record.in_use())
import pickle
assert pickle.loads(pickle.dumps(DefaultPredictor)) is DefaultPredictor  # a process gets it so
""",
    "ROIAlign gives detectron2's values": """
import pickle, torch, torchvision
from detectron2.layers import ROIAlign
x = torch.arange(64.0).view(1, 1, 8, 8)  # linear: the mean of a bin is the value at its centre
boxes = torch.tensor([[0.0, 4.0, 8.0, 12.0, 12.0]])  # in an image of 16 x 16
layer = ROIAlign((2, 2), spatial_scale=0.5, sampling_ratio=0)
# The box covers rows 4 to 6 and columns 2 to 6. Pixels have their centres at halves, so that the
# centres of the bins are rows 4, 5 and columns 2.5, 4.5.
expected = torch.tensor([[[[34.5, 36.5], [42.5, 44.5]]]])
torch.testing.assert_close(layer(x, boxes), expected)
torch.testing.assert_close(
    ROIAlign((2, 2), 0.5, 0, aligned=False)(x, boxes),
    torchvision.ops.roi_align(x, boxes, (2, 2), 0.5, 0, aligned=False),
)
assert pickle.loads(pickle.dumps(layer)).aligned
torch.testing.assert_close(layer(x.double(), boxes), expected.double())  # float32 boxes
""",
    "pytorchvideo gets the names that no release has": """
from pytorchvideo.losses.soft_target_cross_entropy import SoftTargetCrossEntropyLoss
from pytorchvideo.layers.distributed import (
    cat_all_gather, get_local_process_group, get_local_rank, get_local_size, get_world_size,
    init_distributed_training)
from pytorchvideo.layers.batch_norm import NaiveSyncBatchNorm1d, NaiveSyncBatchNorm3d
import pytorchvideo.transforms  # it imports torchvision.transforms.functional_tensor
import torch, torchvision.transforms.functional_tensor as F_t
assert F_t.hflip(torch.tensor([[[1, 2]]])).tolist() == [[[2, 1]]]
init_distributed_training(2, 0)  # one process: nothing happens
assert (get_local_rank(), get_local_size(), get_world_size()) == (0, 1, 1)
x = torch.randn(4, 3)
assert cat_all_gather(x) is x
norm = NaiveSyncBatchNorm1d(num_features=3, num_sync_devices=2, global_sync=False)
torch.testing.assert_close(norm(x), torch.nn.BatchNorm1d(3)(x))
used = " ".join(record.in_use())
for name in ("functional_tensor", "cat_all_gather", "NaiveSyncBatchNorm1d", "losses"):
    assert name in used, (name, used)
""",
    "torch._six has its names": """
from torch._six import inf, int_classes, string_classes
assert isinstance(3, int_classes) and isinstance("a", string_classes) and inf > 1e300
assert "_six" in str(record.in_use())
""",
    "numpy gets its old aliases": """
import numpy as np
assert (np.float, np.int, np.object) == (float, int, object)
assert np.zeros(2, np.float).dtype == np.float64
assert np.bool in (bool, np.bool_)
assert np.bool8 in (bool, np.bool_)  # TensorBoard of 2022 uses it
assert "numpy" in str(record.in_use())
""",
    "vision.fair.slowfast is the checkout": f"""
import importlib.util
import vision.fair.slowfast
import vision.fair.slowfast.tests.media as media
assert media.__file__.startswith({str(PROJECT)!r}), media.__file__
assert importlib.util.find_spec("vision.fair.slowfast.tools.run_net").origin.endswith("run_net.py")
""",
    "each stand-in is logged once": """
import io, logging, sys
text = io.StringIO()
logging.basicConfig(level=logging.INFO, stream=text)
install.install()
record.log()
record.log()
assert sum(type(each) is finder.LastFinder for each in sys.meta_path) == 1
lines = [line for line in text.getvalue().splitlines() if "Stand-in: " in line]
assert len(lines) == len(set(lines)) > 1, lines
assert sum("detectron2 is not installed" in line for line in lines) == 1
""",
    "a missing module is named with the command that installs it": """
import sys
sys.modules["pytorchvideo"] = None
for module, words in {
    "pytorchvideo.models": "pip install -r slowfast/ak/requirements.txt",
    "detectron2.structures": "detectron2.git",
    "numpy.nothing": "",
}.items():
    found = finder.how_to_install(module)
    assert words in found and bool(words) == bool(found), (module, found)
""",
}


@pytest.fixture(scope="module")
def passed() -> str:
    """The names of the parts that passed, and the error of one that did not."""
    done = run("".join(f"{code}\nprint({name!r}, flush=True)\n" for name, code in PARTS.items()))
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", PARTS)
def test_stand_ins_on_current_packages(passed, name):
    assert name in passed.splitlines(), passed


def test_installed_packages_are_used(tmp_path):
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
    done = run(
        """
from detectron2.layers import ROIAlign
assert ROIAlign == "the real one"
from pytorchvideo.losses.soft_target_cross_entropy import SoftTargetCrossEntropyLoss
import pytorchvideo.layers.batch_norm as norms, pytorchvideo.layers.distributed as functions
assert norms.NaiveSyncBatchNorm3d.__module__ == "pytorchvideo.layers.batch_norm"
assert functions.cat_all_gather is functions.get_world_size
used = str(record.in_use())
assert "detectron2" not in used and "pytorchvideo" not in used, used
import vision.fair.slowfast
assert vision.MINE
""",
        real,
    )
    assert done.returncode == 0, done.stderr


def test_an_old_pytorchvideo_gets_the_modules_that_it_lacks(tmp_path):
    old = package(tmp_path, {"pytorchvideo/__init__.py": "", "pytorchvideo/layers/__init__.py": ""})
    done = run(
        """
from pytorchvideo.layers.distributed import cat_all_gather, get_world_size
from pytorchvideo.layers.batch_norm import NaiveSyncBatchNorm3d
NaiveSyncBatchNorm3d(num_sync_devices=2, global_sync=False, num_features=3)
""",
        old,
    )
    assert done.returncode == 0, done.stderr


def test_pytorchvideo_itself_is_not_replaced():
    done = run("import sys; sys.modules['pytorchvideo'] = None\nimport pytorchvideo.losses")
    assert "ModuleNotFoundError" in done.stderr
    assert "pytorchvideo" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("tensorboard", "protobuf", "before", "after"),
    [
        ("2.9.1", "4.25.3", None, "python"),
        ("2.9.1", "4.25.3", "upb", "upb"),
        ("2.9.1", "3.20.0", None, None),
        ("2.20.0", "6.31.0", None, None),
    ],
)
def test_an_old_tensorboard_uses_protobuf_in_python(
    monkeypatch, tensorboard, protobuf, before, after
):
    key = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"
    versions = {"tensorboard": tensorboard, "protobuf": protobuf}
    monkeypatch.setattr(metadata, "version", versions.get)
    monkeypatch.setitem(os.environ, key, before or "")
    if not before:
        del os.environ[key]
    install._reconcile_protobuf()
    assert os.environ.get(key) == after
