"""Small trees for the tests of the script: a project, checkouts of both branches, and the data.

The checkouts have what the script needs to recognise them and nothing else; they cannot train.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

_METERS = """\
class TestMeter:
    def reset(self): ...
    def update_stats(self, preds, labels, clip_ids): ...
    def finalize_metrics(self, ks=(1, 5)): ...


class ValMeter:
    def update_predictions(self, preds, labels): ...
    def log_epoch_stats(self, cur_epoch): ...


def get_map(preds, labels):
    return 0.0
"""
_LOADER = """\
def construct_loader(cfg, split, is_precise_bn=False):
    return []


def shuffle_dataset(loader, cur_epoch):
    pass
"""
_TRAIN = """\
def train_epoch({parameters}):
    for cur_iter, ({fields}) in enumerate(train_loader):
        pass
"""
_FILES = {
    "slowfast/__init__.py": "made = True\n",
    "slowfast/config/custom_config.py": "def add_custom_config(_C):\n    pass\n",
    "slowfast/config/defaults.py": (
        "def get_cfg():\n    return {}\n\n\ndef assert_and_infer_cfg(cfg):\n    return cfg\n"
    ),
    "slowfast/utils/parser.py": (
        "def parse_args():\n    pass\n\n\ndef load_config(args, path_to_config=None):\n    pass\n"
    ),
    "slowfast/models/build.py": "MODEL_REGISTRY = {}\n\n\ndef build_model(cfg, gpu_id=None): ...\n",
    "slowfast/models/losses.py": "_LOSSES = {}\n\n\ndef get_loss_func(name):\n    return name\n",
    "slowfast/datasets/__init__.py": "from .build import DATASET_REGISTRY\n",
    "slowfast/datasets/build.py": (
        "DATASET_REGISTRY = {}\n\n\ndef build_dataset(name, cfg, split):\n    pass\n"
    ),
    "slowfast/datasets/loader.py": _LOADER,
    "slowfast/utils/logging.py": "def log_json_stats(stats, output_dir=None): ...\n",
    "slowfast/utils/meters.py": _METERS,
    "tools/run_net.py": "import slowfast\n\nprint(slowfast.__file__)\n",
    "setup.py": 'NEEDED = ["numpy", "PIL", "sklearn"]\n',
    "configs/Kinetics/C2D.yaml": "NUM_GPUS: 8\n",
}
_LOOPS = {
    "main": (
        "train_loader, model, optimizer, scaler, train_meter, cur_epoch, cfg, writer=None",
        "inputs, labels, index, time, meta",
    ),
    "patch-2": (
        "train_loader, model, optimizer, train_meter, cur_epoch, cfg, writer=None",
        "inputs, labels, _, meta",
    ),
}
_ONLY_READ = ("build.py", "run_net.py", "logging.py", ".yaml")
EDITED = [name for name in _FILES if not name.endswith(_ONLY_READ)]
EDITED += ["slowfast/models/build.py", "tools/train_net.py"]


def make_upstream(root: Path, branch: str = "main") -> Path:
    """Makes a checkout; one file ends without a newline, and one has the newlines of Windows."""
    parameters, fields = _LOOPS[branch]
    train = _TRAIN.format(parameters=parameters, fields=fields)
    for name, text in {**_FILES, "tools/train_net.py": train}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    losses, meters = root / "slowfast/models/losses.py", root / "slowfast/utils/meters.py"
    losses.write_bytes(losses.read_bytes().rstrip(b"\n"))
    meters.write_bytes(meters.read_bytes().replace(b"\n", b"\r\n"))
    (root / "tools/train_net.py").chmod(0o755)
    (root / "slowfast/utils/parser.py").chmod(0o600)
    return root


def make_project(root: Path) -> Path:
    """Makes a project of few files, with a cache that must not be carried."""
    files = {
        "slowfast/ak/__init__.py": "",
        "slowfast/ak/classes.csv": "0,sitting\n",
        "slowfast/ak/losses/__init__.py": "GAMMA = 2\n",
        "slowfast/ak/upstream/__init__.py": "def prepare():\n    pass\n",
        "slowfast/ak/__pycache__/old.cpython-311.pyc": "cache",
        "configs/AK/SMALL.yaml": "NUM_GPUS: 1\n",
        "configs/AK/X.yaml": "_BASE_: SMALL.yaml\n",
        "slowfast/engine/training.py": "",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def make_data(root: Path) -> Path:
    """Makes the folders of the data set."""
    for name in ("annotation", "dataset/image", "dataset/video"):
        (root / name).mkdir(parents=True)
    return root


def snapshot(root: Path) -> dict[str, tuple]:
    """Returns the kinds, modes, contents and targets of links of all paths of a tree."""
    found = {}
    for top, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(top, name)
            key = path.relative_to(root).as_posix()
            mode = path.lstat().st_mode
            if path.is_symlink():
                found[key] = ("link", str(path.readlink()))
            else:
                found[key] = (mode, path.read_bytes() if path.is_file() else None)
    return found


def copy(tree: Path, to: Path) -> Path:
    """Copies a tree to `to`, which is removed first; links stay links."""
    shutil.rmtree(to, ignore_errors=True)
    return Path(shutil.copytree(tree, to, symlinks=True))
