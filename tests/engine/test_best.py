"""The best evaluation: found, kept over a resume, tested, and told with what it was chosen on."""

import json
from pathlib import Path

import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.ak.lists.holdout import fingerprint
from slowfast.checkpoints.best import Best
from slowfast.checkpoints.names import get_last_checkpoint
from slowfast.engine import test as run_test
from slowfast.engine.evaluation_pass import EvaluationPass
from slowfast.engine.train_pass import TrainPass
from slowfast.engine.training import train
from tests.engine.runs import stats


@pytest.fixture
def evaluations(monkeypatch):
    """Lets evaluations find these mAPs, one after the other."""

    def give(*values: float) -> None:
        found = iter(values)

        def run(self, epoch):
            self.best = self.best.after_evaluation(epoch + 1, {"map": next(found)})
            return {"map": self.best.value}

        monkeypatch.setattr(EvaluationPass, "run", run)

    return give


@pytest.mark.parametrize(
    ("metric", "values", "chosen"),
    [("map", [0.2, 0.5, 0.5, 0.3], 2), ("top1_err", [30.0, 25.0, 25.0, 40.0], 2)],
)
def test_the_best_has_the_highest_map_or_the_lowest_error(small_cfg, metric, values, chosen):
    found = Best.from_cfg(small_cfg(), metric)
    for epoch, value in enumerate(values, start=1):
        found = found.after_evaluation(epoch, {metric: value})
        assert found.evaluated == epoch
    assert (found.epoch, found.value) == (chosen, values[chosen - 1])
    assert found.stats()["best_chosen_on"] == "the test set (val.csv)"


def best(cfg) -> dict:
    return torch.load(Path(cfg.OUTPUT_DIR, "checkpoints", "best.pyth"), weights_only=True)


def test_the_best_is_kept_over_a_resume(small_cfg, evaluations):
    evaluations(0.2, 0.5)
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 2})
    train(cfg)
    evaluations(0.4, 0.3)
    train(small_cfg(**{"SOLVER.MAX_EPOCH": 4}))
    kept = best(cfg)
    assert kept["best"] == {
        "metric": "map",
        "chosen_on": "the test set (val.csv)",
        "epoch": 2,
        "value": 0.5,
        "evaluated": 2,
    }
    second = torch.load(
        Path(cfg.OUTPUT_DIR, "checkpoints/checkpoint_epoch_00002.pyth"), weights_only=True
    )
    assert kept["epoch"] == second["epoch"] == 1
    for name, value in second["model_state"].items():
        assert torch.equal(kept["model_state"][name], value), name
    assert "optimizer_state" not in kept
    assert get_last_checkpoint(cfg.OUTPUT_DIR).endswith("checkpoint_epoch_00004.pyth")

    evaluations(0.1)
    train(small_cfg(**{"SOLVER.MAX_EPOCH": 1, "TRAIN.AUTO_RESUME": False}))
    assert best(cfg)["best"]["value"] == 0.1, "another run's best is not this one's"


def test_a_run_is_not_taken_up_with_other_clips_held_out(small_cfg, tmp_path):
    """They would have been trained on, and the best be chosen on them."""
    one, same, other = (tmp_path / name for name in ("one.txt", "same.txt", "other.txt"))
    one.write_text("t0\nt1\n")
    same.write_text("# moved\nt1\nt0\n")
    other.write_text("t0\nt2\n")
    train(small_cfg(**{"SOLVER.MAX_EPOCH": 1, "AK.HOLDOUT": str(one)}))
    train(small_cfg(**{"SOLVER.MAX_EPOCH": 2, "AK.HOLDOUT": str(same)}))
    for path, words in [(str(other), "is .*other.txt"), ("", "is empty")]:
        with pytest.raises(UserError, match=f"the clips of .* held out, but AK.HOLDOUT {words}"):
            train(small_cfg(**{"SOLVER.MAX_EPOCH": 3, "AK.HOLDOUT": path}))


def test_a_checkpoint_tells_of_the_hold_out_that_was_trained_with(small_cfg, tmp_path, monkeypatch):
    """Whatever becomes of its file while the run goes on."""
    path = tmp_path / "h.txt"
    path.write_text("t0\nt1\n")
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 1, "AK.HOLDOUT": str(path)})
    expected = fingerprint(cfg)
    run = TrainPass.run

    def change_the_file(*args):
        path.write_text("t0\nt2\n")
        return run(*args)

    monkeypatch.setattr(TrainPass, "run", change_the_file)
    train(cfg)
    last = torch.load(get_last_checkpoint(cfg.OUTPUT_DIR), weights_only=True)
    assert last["holdout"] == best(cfg)["holdout"] == expected != fingerprint(cfg)


def test_weights_that_saw_the_hold_out_are_warned_of(small_cfg, tmp_path):
    first = small_cfg("first", **{"SOLVER.MAX_EPOCH": 1})
    train(first)
    (tmp_path / "h.txt").write_text("t0\nt1\n")
    settings = {
        "SOLVER.MAX_EPOCH": 1,
        "TRAIN.CHECKPOINT_FILE_PATH": get_last_checkpoint(first.OUTPUT_DIR),
        "TRAIN.CHECKPOINT_EPOCH_RESET": True,
    }
    for name, held_out in [("plain", ""), ("held", str(tmp_path / "h.txt"))]:
        second = small_cfg(name, **{**settings, "AK.HOLDOUT": held_out})
        train(second)
        log = Path(second.OUTPUT_DIR, "stdout.log").read_text()
        assert ("was trained with no clips held out, but AK.HOLDOUT is" in log) == bool(held_out)


@pytest.mark.parametrize("last", [True, False])
def test_an_evaluation_that_was_cut_off_is_made_up_for(small_cfg, train_until_evaluation, last):
    settings = {"SOLVER.MAX_EPOCH": 1 if last else 2, "TEST.WEIGHTS": "best"}
    whole, parts = small_cfg("whole", **settings), small_cfg("parts", **settings)
    train(whole)
    train_until_evaluation(parts)
    train(parts)
    assert best(parts)["best"] == best(whole)["best"]
    told = [
        [(e["epoch"], e["map"], e["best_epoch"]) for e in stats(cfg, "val_epoch")]
        for cfg in (whole, parts)
    ]
    assert told[0] == told[1]
    run_test(parts)
    train(parts)
    assert len(stats(parts, "val_epoch")) == len(told[0])  # and not made twice


def test_none_is_kept_where_none_is_wanted(small_cfg, evaluations):
    evaluations(0.2)
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 1, "TRAIN.KEEP_BEST": False})
    train(cfg)
    assert not Path(cfg.OUTPUT_DIR, "checkpoints", "best.pyth").exists()
    with pytest.raises(UserError, match=r"TEST.WEIGHTS best: there is no .*best.pyth"):
        run_test(small_cfg(**{"TEST.WEIGHTS": "best"}))


def test_a_spoilt_record_of_evaluations_is_said_with_a_way_on(small_cfg):
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 1})
    train(cfg)
    path = Path(cfg.OUTPUT_DIR, "checkpoints", "evaluations.json")
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(UserError, match=r"evaluations.json: cannot be read .* Move the file away"):
        train(small_cfg(**{"SOLVER.MAX_EPOCH": 2}))
    path.unlink()
    train(small_cfg(**{"SOLVER.MAX_EPOCH": 2}))


@pytest.mark.parametrize("held_out", [True, False])
def test_the_best_is_tested_and_says_what_it_was_chosen_on(small_cfg, tmp_path, held_out):
    (tmp_path / "h.txt").write_text("t0\nt1\nt4\n")
    cfg = small_cfg(
        **{
            "SOLVER.MAX_EPOCH": 2,
            "TRAIN.BATCH_SIZE": 2,
            "AK.HOLDOUT": str(tmp_path / "h.txt") if held_out else "",
            "TEST.WEIGHTS": "best",
        }
    )
    train(cfg)
    run_test(cfg)
    lines = Path(cfg.OUTPUT_DIR, "json_stats.log").read_text().splitlines()
    lines = [json.loads(line.removeprefix("json_stats: ")) for line in lines]
    evaluation = [line for line in lines if line.get("_type") == "val_epoch"][-1]
    summary = json.loads(Path(cfg.OUTPUT_DIR, "results.json").read_text())
    log = Path(cfg.OUTPUT_DIR, "stdout.log").read_text()
    for key in ("best_epoch", "best_map", "best_chosen_on"):
        assert lines[-1][key] == evaluation[key]
        assert summary[key] == pytest.approx(evaluation[key], abs=1e-5)
    assert summary["checkpoint"].endswith("best.pyth")
    chosen = f"hold-out {tmp_path}/h.txt" if held_out else "the test set (val.csv)"
    assert evaluation["best_chosen_on"] == chosen
    assert log.count(f"chosen on {chosen}") >= 2
    assert ("optimistic" in log) != held_out
