"""Two processes train one network, and evaluate every clip once."""

import pytest

from slowfast.engine import evaluation_pass as evaluation
from slowfast.engine import test as run_test
from slowfast.engine import train
from slowfast.tasks import classification
from tests.engine.runs import assert_same, checkpoints, in_two_processes, results, stats


@pytest.mark.parametrize("norm", ["batchnorm", "sync_batchnorm"])
def test_two_processes_end_with_one_network(small_cfg, tmp_path, monkeypatch, norm):
    (tmp_path / "holdout.txt").write_text("t0\nt3\nt5\n")  # an odd number for two processes
    cfg = small_cfg(
        **{
            "AK.HOLDOUT": str(tmp_path / "holdout.txt"),
            "TEST.WEIGHTS": "best",
            "NUM_SHARDS": 2,
            "TRAIN.BATCH_SIZE": 2,
            "BN.NORM_TYPE": norm,
            "BN.NUM_SYNC_DEVICES": 2,
        }
    )
    models, counted = [], []
    build, gather = classification.build_model, evaluation.gather_rows

    def build_model(cfg):
        models.append(build(cfg))
        return models[-1]

    def gather_rows(*args):
        gathered = gather(*args)
        counted.append(len(gathered.keys))
        return gathered

    monkeypatch.setattr(classification, "build_model", build_model)
    monkeypatch.setattr(evaluation, "gather_rows", gather_rows)

    def train_and_test(rank):
        train(cfg)
        run_test(cfg)
        return models[0].module.state_dict(), counted

    (one, numbers), (other, _) = in_two_processes(train_and_test, tmp_path)
    monkeypatch.undo()
    assert_same(one, other)
    assert numbers == [3, 3], "a clip counts once in each evaluation"
    names = {"checkpoint_epoch_0000{}.pyth", "epoch_0000{}.sha256"}
    names = {name.format(epoch) for name in names for epoch in (1, 2)}
    names |= {"best.pyth", "best.sha256", "evaluations.json"}
    assert {p.name for p in checkpoints(cfg).iterdir()} == names
    assert len([line for line in stats(cfg) if line.get("split") == "test_final"]) == 1

    # One process that tests the same weights computes the same figures.
    path = str(checkpoints(cfg) / "best.pyth")
    alone = small_cfg("alone", **{"TEST.CHECKPOINT_FILE_PATH": path})
    run_test(alone)
    assert results(alone)["map"] == results(cfg)["map"]
    assert results(alone)["clips"] == results(cfg)["clips"] == 4
