"""Fine-tuning from Kinetics weights, from training to test."""

from pathlib import Path

import torch

from slowfast.engine import test as run_test
from slowfast.engine import train
from slowfast.models import build_model
from tests.engine.runs import last_state, log, results

KINETICS = {
    "MODEL.NUM_CLASSES": 400,
    "MODEL.HEAD_ACT": "softmax",
    "DATA.MULTI_LABEL": False,
    "MODEL.LOSS_FUNC": "cross_entropy",
}


def write_weights(path: Path, cfg) -> dict[str, torch.Tensor]:
    """Writes random weights, with variances above 1, as a file of the model zoo; returns them."""
    state = {n: 0.1 * torch.randn_like(t.float()) for n, t in build_model(cfg).state_dict().items()}
    state = {n: 1 + t.abs() if n.endswith("running_var") else t for n, t in state.items()}
    content = {"epoch": 195, "model_state": state, "optimizer_state": {}, "cfg": cfg.dump()}
    torch.save(content, path)
    return state


def test_fine_tunes_from_kinetics_weights(small_cfg, tmp_path):
    path = tmp_path / "kinetics.pyth"
    weights = write_weights(path, small_cfg("kinetics", **KINETICS))
    cfg = small_cfg(
        **{
            "TRAIN.CHECKPOINT_FILE_PATH": str(path),
            "TRAIN.CHECKPOINT_EPOCH_RESET": True,
            "RECIPE.INIT": "kinetics",
            "SOLVER.BASE_LR": 0.0,  # so that the loaded weights can be seen after training
            "SOLVER.MAX_EPOCH": 1,
        }
    )
    train(cfg)
    run_test(cfg)
    saved = last_state(cfg)
    for key, value in saved["model_state"].items():
        statistics = key.endswith(("running_mean", "running_var", "num_batches_tracked"))
        if not (key.startswith("head.projection") or statistics):
            assert torch.equal(value, weights[key]), key
    assert saved["epoch"] == 0
    assert path.name in saved["initialisation"]
    assert "head in the file is for 400 classes and this model's for 5" in log(cfg)
    assert "The recipe starts from" not in log(cfg)
    assert path.name in results(cfg)["initialisation"]
