"""An exported network gives the scores of the network, for batches of any size."""

import json
import runpy
from pathlib import Path

import pytest
import torch

from slowfast.prediction.model import open_model
from slowfast.prediction.scoring import side_by_side
from slowfast.tasks import Batch
from tests.prediction.conftest import NAMES, small_cfg, write_model

REPOSITORY = Path(__file__).parents[2]
main = runpy.run_path(str(REPOSITORY / "tools" / "export.py"))["main"]

I3D = {"MODEL.ARCH": "i3d"}
SLOWFAST = {
    "MODEL.ARCH": "slowfast",
    "MODEL.MODEL_NAME": "SlowFast",
    "SLOWFAST.ALPHA": 2,
    "SLOWFAST.BETA_INV": 2,
    "DATA.INPUT_CHANNEL_NUM": [3, 3],
    "DATA.REVERSE_INPUT_CHANNEL": False,
}
# Clips without a rate, which a video could not be cut into, can be exported.
LABEL_SETS = {
    "MODEL.MODEL_NAME": "ResNet_composition",
    "TRAIN.DATASET": "mammalnet",
    "DATA.MULTI_LABEL": False,
    "MODEL.HEAD_ACT": "softmax",
    "MODEL.LOSS_FUNC": "cross_entropy",
    "MODEL.NUM_CLASSES_BEHAVIOR": 3,
    "MODEL.NUM_CLASSES_ANIMAL": 2,
    "DATA.SAMPLING": "uniform",
}
X3D = {
    "MODEL.ARCH": "x3d",
    "MODEL.MODEL_NAME": "X3D",
    "RESNET.TRANS_FUNC": "x3d_transform",
    "X3D.WIDTH_FACTOR": 0.5,
    "X3D.DEPTH_FACTOR": 0.2,
    "X3D.DIM_C5": 32,
}


def read_as_the_page_says(path: Path):
    """Runs the function that docs/PREDICTION.md shows."""
    text = (REPOSITORY / "docs" / "PREDICTION.md").read_text(encoding="utf-8")
    code = text.partition("```python\n")[2].partition("```")[0]
    assert "def read_exported" in code
    names = {}
    exec(compile(code, "docs/PREDICTION.md", "exec"), names)  # our own page
    return names["read_exported"](path)


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        (I3D, "pixels"),
        (SLOWFAST, "pixels"),
        (SLOWFAST, "floats"),
        (X3D, "pixels"),
        (LABEL_SETS, "pixels"),
    ],
    ids=["i3d", "slowfast", "slowfast, normalised", "x3d", "label sets"],
)
def test_scores_are_those_of_the_network(family, kind, tmp_path, capsys):
    checkpoint = write_model(tmp_path / "run", small_cfg(**family))
    path = tmp_path / "model.pt2"
    assert main(["--checkpoint", str(checkpoint), "--out", str(path), "--input", kind]) == 0
    assert "differ from those of the network by at most" in capsys.readouterr().out
    program, metadata = read_as_the_page_says(path)
    assert metadata["input"]["shape"] == ["batch", 3, 4, 32, 32]
    assert metadata["normalisation"]["mean"] == [0.45, 0.45, 0.45]

    task, _ = open_model(str(checkpoint), None, [], "unused").load()
    for size in (1, 5):
        clips = torch.randint(256, (size, 3, 4, 32, 32), dtype=torch.uint8)
        given = clips
        if kind == "floats":  # as a reader of the metadata makes them
            normal, channels = metadata["normalisation"], metadata["input"]["channels"]
            mean, std = (torch.tensor(normal[n]).view(3, 1, 1, 1) for n in ("mean", "std"))
            given = ((clips if channels == "RGB" else clips.flip(1)) / 255 - mean) / std
        with torch.no_grad():
            batch = task.prepare(Batch([clips], None, torch.arange(size)))
            expected = side_by_side(task.rows(task.network, batch).scores)
        torch.testing.assert_close(program(given), expected, atol=1e-4, rtol=0)


def test_the_metadata_name_the_classes_and_their_thresholds(checkpoint, tmp_path):
    own = tmp_path / "best.pyth"
    own.write_bytes(checkpoint.read_bytes())
    content = {"classes": [{"name": name, "threshold": 0.25} for name in NAMES[:3]]}
    (tmp_path / "thresholds.json").write_text(json.dumps(content), encoding="utf-8")
    assert main(["--checkpoint", str(own)]) == 0
    _, metadata = read_as_the_page_says(tmp_path / "best.pt2")
    assert metadata["classes"] == NAMES
    assert metadata["classes_without_training_clips"] == ["never seen"]
    assert metadata["thresholds"] == dict.fromkeys(NAMES[:3], 0.25)
    assert metadata["sampling"]["distance_in_frames"] == 2


def test_what_cannot_be_exported_is_said(checkpoint, tmp_path, capsys):
    assert main(["--checkpoint", str(checkpoint), "--out", str(tmp_path / "model.onnx")]) == 2
    assert "ends in .pt2" in capsys.readouterr().err
    assert main(["--checkpoint", str(tmp_path / "none.pyth")]) == 2
    assert "there is no file" in capsys.readouterr().err
