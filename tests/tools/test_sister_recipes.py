"""Recipes of other animal data sets: a small set of each form is trained on and tested."""

import json
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
import run_net

from slowfast.utils.parser import parse_args
from tests.conftest import HEADER, moving_square

ROOT = Path(__file__).parents[2]
RESNET_18 = "RESNET.DEPTH 18 RESNET.TRANS_FUNC basic_transform RESNET.WIDTH_PER_GROUP"
NETWORK = {
    "X3D": "X3D.DIM_C1 4 X3D.DIM_C5 16 X3D.WIDTH_FACTOR 1.0 X3D.DEPTH_FACTOR 1.0",
    "I3D": f"{RESNET_18} 4",
    "SLOWFAST": f"{RESNET_18} 8",
    "MVITv2": "MVIT.DEPTH 3 MVIT.EMBED_DIM 8 MVIT.DIM_MUL [[1,2.0]] MVIT.HEAD_MUL [[1,2.0]] "
    "MVIT.POOL_Q_STRIDE [[0,1,1,1],[1,1,2,2],[2,1,1,1]] SOLVER.WARMUP_EPOCHS 0",
}
SMALL = (
    "NUM_GPUS 0 DATA.TRAIN_JITTER_SCALES [32,36] DATA.TRAIN_CROP_SIZE 32 DATA.TEST_CROP_SIZE 32 "
    "TRAIN.BATCH_SIZE 2 TEST.BATCH_SIZE 2 SOLVER.MAX_EPOCH 1 BN.NUM_BATCHES_PRECISE 1 "
    "TRAIN.CHECKPOINT_FILE_PATH '' DATA_LOADER.NUM_WORKERS 0 LOG_PERIOD 1 LOG_MODEL_INFO False"
)


def write_frames(folder: Path, count: int, seed: int) -> None:
    """Writes 1.jpg, 2.jpg, ... without leading zeros."""
    folder.mkdir(parents=True)
    for number, frame in enumerate(moving_square(count, 48, 36, seed), start=1):
        cv2.imwrite(str(folder / f"{number}.jpg"), frame)


def write_mini_scenes(root: Path, clips: dict[str, list[list[int]]]) -> list[str]:
    """Writes clips in KABR's form, each as labels of its parts of four frames; returns overrides.

    Args:
        clips: by split, for each clip the labels of its parts.
    """
    (root / "annotation").mkdir()
    seed = 0
    for split, labels in clips.items():
        lines = [HEADER]
        for number, parts in enumerate(labels, start=1):
            name = f"{'GZ'[split == 'val']}0067.{number}"
            write_frames(root / "image" / name, 4 * len(parts), seed := seed + 1)
            for frame, label in enumerate(np.repeat(parts, 4), start=1):
                lines.append(f"{name} {number} {frame} {name}/{frame}.jpg {label}")
        (root / "annotation" / f"{split}.csv").write_text("\n".join(lines) + "\n")
    return ["DATA.PATH_TO_DATA_DIR", f"{root}/annotation", "DATA.PATH_PREFIX", f"{root}/image"]


def run(recipe: str, overrides: list[str], folder: Path) -> list[dict]:
    """Runs a recipe as tools/run_net.py does; returns the lines of json_stats."""
    words = shlex.split(f"{SMALL} {NETWORK[Path(recipe).stem.split('_')[0]]}")
    output = ["OUTPUT_DIR", str(folder)]
    args = parse_args(["--cfg", str(ROOT / recipe), *words, *overrides, *output])
    cfg = run_net.configure(args, args.cfg_files[0])
    run_net.run(cfg, args.init_method)
    lines = (folder / "json_stats.log").read_text().splitlines()
    return [json.loads(line.partition(": ")[2]) for line in lines]


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch):
    monkeypatch.chdir(ROOT)  # for the table of classes


# BaboonLand's recipes differ from KABR's in the data alone.
@pytest.mark.parametrize(
    ("data_set", "model"),
    [("KABR", "X3D"), ("KABR", "I3D"), ("KABR", "SLOWFAST"), ("BaboonLand", "I3D")],
)
def test_mini_scenes(data_set, model, tmp_path):
    last = {"KABR": 7, "BaboonLand": 12}[data_set]
    clips = {
        "train": [[0, 0, 0], [0, 1, 1], [last, last, last]],
        "val": [[0, 0, 0], [1, 1, 1], [0, 1, 1]],
    }
    data = write_mini_scenes(tmp_path, clips)
    recipe, folder = f"configs/{data_set}/{model}.yaml", tmp_path / "run"
    *_, tested = run(recipe, data, folder)
    assert tested["split"] == "test_final"
    assert 0 <= float(tested["map"]) <= 100
    # The published figures: each clip counts for the class of most of its frames.
    one_class = ["TRAIN.ENABLE", "False", "DATA.MULTI_LABEL", "False"]
    *_, tested = run(recipe, [*data, *one_class], folder)
    assert float(tested["top1_micro"]) in (0.0, 33.33, 66.67, 100.0)
    assert float(tested["top1_macro"]) in (0.0, 25.0, 50.0, 75.0, 100.0)
    assert {"top3_macro", "top3_micro", "top5_macro", "top5_micro"} <= tested.keys()
    classes = (folder / "per_class.csv").read_text()
    assert ("Head Up" in classes) == (data_set == "KABR")


@pytest.mark.parametrize("model", ["SLOWFAST_32x8", "I3D_16x24", "MVITv2_B_16x16"])
def test_mammalnet(model, tiny_ak, tmp_path):
    """Behaviours count from 1 here, as the 13 outputs for 12 behaviours suggest."""
    lists = {
        "train": ["t0 1 0", "t1 12 172", "t2 1 0", "t3 12 172"],
        "val": ["v0 1 0", "v1 12 172"],
        "test": ["v0 1 0", "v1 12 172", "v2 1 172"],
    }
    for split, lines in lists.items():
        text = "".join(f"video/{line.replace(' ', '.mp4 ', 1)}\n" for line in lines)
        (tmp_path / f"{split}.csv").write_text(text)
    data = ["DATA.PATH_TO_DATA_DIR", str(tmp_path), "DATA.PATH_PREFIX", str(tiny_ak.root)]
    views = ["TEST.NUM_ENSEMBLE_VIEWS", "1", "TEST.NUM_SPATIAL_CROPS", "1"]
    recipe = f"configs/MammalNet/{model}_composition.yaml"
    *_, tested = run(recipe, [*data, *views], tmp_path / "run")
    for name in ("animal", "behavior", "composition"):
        assert 0 <= float(tested[f"{name}/top1_micro"]) <= float(tested[f"{name}/top5_micro"])
        assert tested[f"perclass_{name}_top1_acc"] == tested[f"{name}/top1_macro"]
    assert float(tested["composition/top1_micro"]) <= float(tested["animal/top1_micro"])
    assert "composition/top1_macro_tail" in tested
