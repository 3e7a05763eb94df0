"""The steps that run upstream's code: each recipe is built, and the three loops run.

The checkout's own loaders, network, optimizer, meters and loops take two training steps, an
evaluation and a test. The data are four clips of noise in a temporary folder. All steps run in one
process, with one GPU if there is one: a recipe for several GPUs is built as in each of its
processes.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from slowfast.ak.errors import UserError
from slowfast.ak.upstream.check.report import Unserved

CLASSES = 5
# Settings with which a step of a recipe takes seconds on a CPU.
SMALL = {
    "TRAIN.BATCH_SIZE": 2,
    "TRAIN.CHECKPOINT_FILE_PATH": "",
    "TEST.BATCH_SIZE": 4,
    "TEST.NUM_ENSEMBLE_VIEWS": 2,
    "TEST.NUM_SPATIAL_CROPS": 1,
    "DATA.TRAIN_JITTER_SCALES": [64, 72],
    "DATA.TRAIN_CROP_SIZE": 64,
    "DATA.TEST_CROP_SIZE": 64,
    "DATA_LOADER.NUM_WORKERS": 1,
    "MODEL.NUM_CLASSES": CLASSES,
    "MODEL.LOSS_FUNC": "EQL",  # it needs class counts, and counts steps
    "RESNET.WIDTH_PER_GROUP": 16,
}


def load(file: Path, settings: dict[str, Any] | None = None):
    """Returns a recipe as the checkout loads and checks it, for one process.

    Raises:
        UserError: the checkout does not know the keys of slowfast.ak.
        Unserved: this branch does not know a key of the recipe.
    """
    import torch

    from slowfast.config.defaults import assert_and_infer_cfg, get_cfg

    cfg = get_cfg()
    if "RECIPE" not in cfg:
        raise UserError(
            "slowfast/config/custom_config.py does not add the keys of slowfast.ak: run "
            "scripts/prepare_dir_AR.sh again, which appends the block that does"
        )
    try:
        cfg.merge_from_file(str(file))
    except KeyError as error:  # fvcore's words name the key
        raise Unserved(f"not for this branch of SlowFast: {error.args[0]}") from error
    cfg.merge_from_list([part for pair in (settings or {}).items() for part in pair])
    cfg.NUM_GPUS = min(cfg.NUM_GPUS, torch.cuda.device_count(), 1)
    return assert_and_infer_cfg(cfg)


def build(file: Path) -> str:
    """Builds the network of a recipe; returns what was built, in words."""
    cfg = load(file)
    from slowfast.models import build_model

    model = build_model(cfg)
    size = sum(parameter.numel() for parameter in model.parameters())
    return f"{cfg.MODEL.MODEL_NAME}, {size:,} parameters, {cfg.BN.NORM_TYPE}"


def run_loops(run_net: ModuleType) -> str:
    """Trains an epoch of two steps, evaluates and tests; returns what was done, in words.

    Args:
        run_net: the checkout's tools/run_net.py as a module.
    """
    train_net, test_net = (sys.modules[f.__module__] for f in (run_net.train, run_net.test))
    with tempfile.TemporaryDirectory() as folder:
        write_noise(Path(folder))
        where = {
            "DATA.PATH_TO_DATA_DIR": f"{folder}/annot",
            "DATA.PATH_PREFIX": f"{folder}/image",
            "OUTPUT_DIR": folder,
        }
        cfg = load(Path("configs/AK/SLOWFAST_8x8_R50.yaml"), SMALL | where)
        start = time.perf_counter()
        given = _train(cfg, train_net.train_epoch)
        _call(train_net.eval_epoch, given | _evaluation(cfg))
        _call(test_net.perform_test, given | _test(cfg))
    return (
        f"2 steps of a small {cfg.MODEL.MODEL_NAME} with {cfg.MODEL.LOSS_FUNC} on made-up clips, "
        f"an evaluation and a test, {time.perf_counter() - start:.1f} s"
    )


def _train(cfg, train_epoch: Callable[..., Any]) -> dict[str, Any]:
    """Trains an epoch; returns the arguments of the loops by name.

    Raises:
        RuntimeError: no weight has changed, or a weight is not finite.
    """
    import torch

    from slowfast.datasets.loader import construct_loader, shuffle_dataset
    from slowfast.models import build_model
    from slowfast.models.optimizer import construct_optimizer
    from slowfast.utils.meters import TrainMeter

    torch.manual_seed(cfg.RNG_SEED)
    model, loader = build_model(cfg), construct_loader(cfg, "train")
    shuffle_dataset(loader, 0)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    arguments = {
        "train_loader": loader,
        "model": model,
        "optimizer": construct_optimizer(model, cfg),
        "scaler": torch.amp.GradScaler("cuda", enabled=False),
        "train_meter": TrainMeter(len(loader), cfg),
        "cur_epoch": 0,
        "cfg": cfg,
        "writer": None,
    }
    _call(train_epoch, arguments)
    after = list(model.parameters())
    if not all(bool(parameter.isfinite().all()) for parameter in after):
        raise RuntimeError("weights are not finite after training")
    if all(torch.equal(*pair) for pair in zip(before, after, strict=True)):
        raise RuntimeError("training has changed no weight")
    return arguments


def _evaluation(cfg) -> dict[str, Any]:
    from slowfast.datasets.loader import construct_loader
    from slowfast.utils.meters import ValMeter

    loader = construct_loader(cfg, "val")
    return {"val_loader": loader, "val_meter": ValMeter(len(loader), cfg)}


def _test(cfg) -> dict[str, Any]:
    from slowfast.datasets.loader import construct_loader
    from slowfast.utils.meters import TestMeter

    loader = construct_loader(cfg, "test")
    views = cfg.TEST.NUM_ENSEMBLE_VIEWS * cfg.TEST.NUM_SPATIAL_CROPS
    meter = TestMeter(
        loader.dataset.num_videos // views,
        views,
        cfg.MODEL.NUM_CLASSES,
        len(loader),
        cfg.DATA.MULTI_LABEL,
        cfg.DATA.ENSEMBLE_METHOD,
    )
    return {"test_loader": loader, "test_meter": meter}


def _call(loop: Callable[..., Any], arguments: dict[str, Any]) -> None:
    """Calls a loop. Raises RuntimeError if the loop needs other arguments than upstream's."""
    wanted = inspect.signature(loop).parameters
    own = [p for p in wanted.values() if p.name not in arguments and p.default is p.empty]
    if own := [p.name for p in own if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]:
        raise RuntimeError(
            f"{loop.__name__} needs {', '.join(own)}, which upstream's does not have; with default "
            "values it can be tried here"
        )
    loop(**{name: value for name, value in arguments.items() if name in wanted})


def write_noise(root: Path, clips: int = 4, frames: int = 20) -> None:
    """Writes a data set in the layout of data/ak; its frames are JPEGs of noise, 96 x 72."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(0)
    lines = ["original_vido_id video_id frame_id path labels"]
    for clip in range(clips):
        name, labels = f"c{clip}", f"{clip % CLASSES},{CLASSES - 1}"
        (root / "image" / name).mkdir(parents=True)
        for frame in range(frames):
            path = f"{name}/{name}_{frame + 1:06d}.jpg"
            picture = rng.integers(0, 256, (72, 96, 3), dtype=np.uint8)
            cv2.imwrite(str(root / "image" / path), picture)
            lines.append(f'{name} {clip + 1} {frame} {path} "{labels}"')
    (root / "annot").mkdir()
    for split in ("train", "val"):
        (root / "annot" / f"{split}.csv").write_text("\n".join(lines) + "\n")


def missing(files: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Yields the data and weights that recipes name and that are missing: kind, and words."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for file in files:
        with contextlib.suppress(Exception):  # the step that builds the recipe has reported it
            for what in _missing(load(file)):
                wanted.setdefault(what, []).append(file.stem)
    for (kind, words), names in wanted.items():
        yield kind, f"{words}\nfor {', '.join(names)}"


def _missing(cfg) -> Iterator[tuple[str, str]]:
    from slowfast.ak.clips.from_cfg import has_list, video_folder

    frames = [cfg.DATA.PATH_PREFIX, video_folder(cfg)]
    there = [has_list(cfg, "train"), has_list(cfg, "test"), any(map(os.path.isdir, frames))]
    if not all(there):
        lists = f"{cfg.DATA.PATH_TO_DATA_DIR}/train.csv, val.csv"
        yield "data", f"not complete: {lists}, and {' or '.join(frames)}"
    weights = cfg.TRAIN.CHECKPOINT_FILE_PATH
    if weights and not Path(weights).is_file():
        yield "weights", f"{weights} is missing; the first lines of the recipe say where to get it"
