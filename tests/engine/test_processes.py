"""Two processes train one network, and evaluate every clip once."""

import json
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp

from slowfast.engine import evaluation_pass as evaluation
from slowfast.engine import test as run_test
from slowfast.engine import train
from slowfast.tasks import classification
from slowfast.utils import distributed


def _train_and_test(rank: int, cfg, init: str, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(0, 1, rank, 2, init, "gloo")
    models, counted = [], []
    build, gather = classification.build_model, evaluation.gather_rows

    def build_model(cfg):
        models.append(build(cfg))
        return models[-1]

    def gather_rows(*args):
        gathered = gather(*args)
        counted.append(len(gathered.keys))
        return gathered

    classification.build_model = build_model
    evaluation.gather_rows = gather_rows
    train(cfg)
    run_test(cfg)
    torch.save((models[0].module.state_dict(), counted), f"{folder}/rank{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.parametrize("norm", ["batchnorm", "sync_batchnorm"])
def test_two_processes_end_with_one_network(small_cfg, tmp_path, norm):
    (tmp_path / "holdout.txt").write_text("t0\nt3\nt5\n")  # an odd number for two processes
    cfg = small_cfg(
        **{
            "AK.HOLDOUT": str(tmp_path / "holdout.txt"),
            "TEST.WEIGHTS": "best",
            "NUM_SHARDS": 2,
            "TRAIN.BATCH_SIZE": 2,
            "SOLVER.MAX_EPOCH": 2,
            "BN.NORM_TYPE": norm,
            "BN.NUM_SYNC_DEVICES": 2,
        }
    )
    init = f"file://{tmp_path}/rendezvous"
    mp.spawn(_train_and_test, args=(cfg, init, str(tmp_path)), nprocs=2)

    (one, counted), (other, _) = (torch.load(tmp_path / f"rank{r}.pt") for r in range(2))
    for name in one:
        assert torch.equal(one[name], other[name]), name
    assert counted == [3, 3], "a clip counts once in each evaluation"

    saved = Path(cfg.OUTPUT_DIR, "checkpoints")
    assert sorted(p.name for p in saved.iterdir()) == [
        "best.pyth",
        "best.sha256",
        "checkpoint_epoch_00001.pyth",
        "checkpoint_epoch_00002.pyth",
        "epoch_00001.sha256",
        "epoch_00002.sha256",
        "evaluations.json",
    ]
    lines = Path(cfg.OUTPUT_DIR, "json_stats.log").read_text().splitlines()
    finals = [line for line in lines if "test_final" in line]
    assert len(finals) == 1

    # The same weights tested by one process give the same scores.
    alone = small_cfg("alone", **{"TEST.CHECKPOINT_FILE_PATH": str(saved / "best.pyth")})
    run_test(alone)
    one, two = (json.loads(Path(c.OUTPUT_DIR, "results.json").read_text()) for c in (alone, cfg))
    assert one["map"] == two["map"]
    assert one["clips"] == two["clips"] == 4
