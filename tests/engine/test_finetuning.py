"""Fine-tuning from Kinetics weights, end to end, from both formats they come in."""

import json
import pickle
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast.engine import test as run_test
from slowfast.engine import train
from slowfast.models import build_model

KINETICS = {
    "MODEL.NUM_CLASSES": 400,
    "MODEL.HEAD_ACT": "softmax",
    "DATA.MULTI_LABEL": False,
    "MODEL.LOSS_FUNC": "cross_entropy",
}


def formula_weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A state that is a function of the names alone."""
    state = {}
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.zeros_like(tensor)
            continue
        generator = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
        noise = torch.from_numpy(generator.standard_normal(tensor.shape).astype(np.float32))
        if name.endswith("running_var"):
            noise = 1 + noise.abs()
        state[name] = 0.1 * noise
    return state


def caffe2_name(name: str) -> str:
    """The blob of a parameter, by the naming that `tests/reference/caffe2_names.json` shows."""
    suffix = {"weight": "w", "bias": "b", "running_mean": "rm", "running_var": "riv"}
    stem, _, kind = name.rpartition(".")
    is_norm = stem.endswith("bn")
    end = ("s" if kind == "weight" else suffix[kind]) if is_norm else suffix[kind]
    fast = "t_" if "pathway1" in name or "_fuse" in name else ""
    if stem == "head.projection":
        return f"pred_{end}"
    if "stem" in stem:
        return f"{fast}res_conv1_bn_{end}" if is_norm else f"{fast}conv1_{end}"
    if "_fuse" in stem:
        last = {"2": "res2_1", "3": "res3_1", "4": "res4_1", "1": "pool1"}[stem[1]]
        branch = "" if stem[1] == "1" else "_branch2c_bn"
        return f"t_{last}{branch}_subsample{'_bn' if is_norm else ''}_{end}"
    stage, block, branch = re.match(r"s(\d)\.pathway\d_res(\d+)\.(.*)", stem).groups()
    branch = branch.removesuffix("_bn").replace(".", "")
    return f"{fast}res{stage}_{block}_{branch}{'_bn' if is_norm else ''}_{end}"


def write_pyth(path: Path, state: dict, cfg) -> None:
    torch.save({"epoch": 195, "model_state": state, "optimizer_state": {}, "cfg": cfg.dump()}, path)


def write_caffe2(path: Path, state: dict, cfg) -> None:
    blobs = {
        caffe2_name(name): tensor.numpy()
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    }
    blobs["conv1_w_momentum"] = np.zeros(3, np.float32)
    blobs["lr"] = np.float32(0.1)
    with path.open("wb") as file:
        pickle.dump({"blobs": blobs}, file, protocol=2)


@pytest.mark.parametrize(
    ("kind", "name", "write"),
    [("pytorch", "kinetics.pyth", write_pyth), ("caffe2", "kinetics.pkl", write_caffe2)],
)
def test_fine_tunes_from_kinetics_weights(small_cfg, tmp_path, kind, name, write):
    kinetics = small_cfg("kinetics", **KINETICS)
    weights = formula_weights(build_model(kinetics))
    write(tmp_path / name, weights, kinetics)

    cfg = small_cfg(
        **{
            "TRAIN.CHECKPOINT_FILE_PATH": str(tmp_path / name),
            "TRAIN.CHECKPOINT_TYPE": kind,
            "TRAIN.CHECKPOINT_EPOCH_RESET": True,
            "RECIPE.INIT": "kinetics",
            "SOLVER.BASE_LR": 0.0,  # so that the loaded weights can be seen after training
            "SOLVER.MAX_EPOCH": 1,
        }
    )
    train(cfg)
    run_test(cfg)

    saved = torch.load(
        Path(cfg.OUTPUT_DIR, "checkpoints", "checkpoint_epoch_00001.pyth"), weights_only=True
    )
    for key, value in saved["model_state"].items():
        statistics = key.endswith(("running_mean", "running_var", "num_batches_tracked"))
        if not (key.startswith("head.projection") or statistics):
            torch.testing.assert_close(value, weights[key], rtol=0, atol=0, msg=key)
    assert saved["epoch"] == 0
    assert name in saved["initialisation"]
    log = Path(cfg.OUTPUT_DIR, "stdout.log").read_text()
    assert "head in the file is for 400 classes and this model's for 5" in log
    assert "The recipe starts from" not in log
    summary = json.loads(Path(cfg.OUTPUT_DIR, "results.json").read_text())
    assert name in summary["initialisation"]


def test_epoch_and_optimizer_never_come_along_with_another_head(small_cfg, tmp_path):
    kinetics = small_cfg("kinetics", **KINETICS)
    write_pyth(tmp_path / "k.pyth", formula_weights(build_model(kinetics)), kinetics)
    cfg = small_cfg(
        **{"TRAIN.CHECKPOINT_FILE_PATH": str(tmp_path / "k.pyth"), "SOLVER.MAX_EPOCH": 1}
    )
    assert not cfg.TRAIN.CHECKPOINT_EPOCH_RESET
    train(cfg)
    assert Path(cfg.OUTPUT_DIR, "checkpoints", "checkpoint_epoch_00001.pyth").exists()
