"""The best evaluation is found, kept over a resume, tested, and logged with its clips."""

import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.ak.lists.holdout import fingerprint
from slowfast.checkpoints.best import Best
from slowfast.checkpoints.names import get_last_checkpoint
from slowfast.config.checks import problems
from slowfast.engine import test as run_test
from slowfast.engine.evaluation_pass import EvaluationPass
from slowfast.engine.train_pass import TrainPass
from slowfast.engine.training import train
from tests.engine.runs import assert_same, checkpoints, epochs, log, results, stats


@pytest.fixture
def evaluations(monkeypatch):
    """Replaces evaluations by given mAPs, one after the other."""

    def give(*values: float) -> None:
        found = iter(values)

        def run(self, epoch):
            self.best = self.best.after_evaluation(epoch + 1, {"map": next(found)})
            return {"map": self.best.value}

        monkeypatch.setattr(EvaluationPass, "run", run)

    return give


@pytest.mark.parametrize(
    ("metric", "values", "chosen"),
    [("map", [0.2, 0.5, 0.5, 0.3], 3), ("top1_err", [30.0, 25.0, 25.0, 40.0], 3)],
)
def test_the_best_is_the_last_with_the_highest_map_or_the_lowest_error(
    small_cfg, metric, values, chosen
):
    found = Best.from_cfg(small_cfg(), metric)
    for epoch, value in enumerate(values, start=1):
        found = found.after_evaluation(epoch, {metric: value})
        assert found.evaluated == epoch
    assert (found.epoch, found.value) == (chosen, values[chosen - 1])
    assert found.stats()["best_chosen_on"] == "the test set (val.csv)"


def test_an_evaluation_without_a_value_is_never_the_best(small_cfg):
    found = Best.from_cfg(small_cfg(), "map_tail")
    for epoch, value in enumerate([float("nan"), 0.1, float("nan")], start=1):
        found = found.after_evaluation(epoch, {"map_tail": value})
        assert found.epoch == (0 if epoch == 1 else 2)
    assert found.stats()["best_map_tail"] == 0.1
    nothing = Best.from_cfg(small_cfg(), "map_tail").after_evaluation(1, {"map_tail": None})
    nothing = nothing.after_evaluation(2, {"map": 0.5})  # no class is in the tail
    assert str(nothing) == "none, as no evaluation had a value of mAP, tail"
    assert nothing.stats()["best_map_tail"] is None


def test_a_figure_that_evaluations_do_not_report_chooses_the_best(small_cfg):
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 1, "TRAIN.BEST_METRIC": "calibration_error_macro"})
    assert problems(cfg) == []
    train(cfg)
    (line,) = stats(cfg, "val_epoch")
    assert line["best_calibration_error_macro"] == line["calibration_error_macro"]
    assert best(cfg)["best"]["metric"] == "calibration_error_macro"
    # This name of the best value belongs to another figure.
    assert "best_value" in Best.from_cfg(cfg, "f1_macro").stats()


def best(cfg) -> dict:
    return torch.load(checkpoints(cfg) / "best.pyth", weights_only=True)


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
    second = torch.load(checkpoints(cfg) / "checkpoint_epoch_00002.pyth", weights_only=True)
    assert kept["epoch"] == second["epoch"] == 1
    assert_same(kept["model_state"], second["model_state"])
    assert "optimizer_state" not in kept
    assert get_last_checkpoint(cfg.OUTPUT_DIR).endswith("checkpoint_epoch_00004.pyth")

    evaluations(0.1)
    train(small_cfg(**{"SOLVER.MAX_EPOCH": 1, "TRAIN.AUTO_RESUME": False}))
    assert best(cfg)["best"]["value"] == 0.1, "the best of another run does not count"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        # t0 to t7 have the labels 0, 01, 1, 02, 3, 04, 123 and none.
        ({"TRAIN.BEST_METRIC": "map_head"}, "no class is in the segment head .by training clips"),
        (
            {"TRAIN.BEST_METRIC": "map_tail", "AK.TAIL_MAX": 1, "AK.HOLDOUT": "h.txt"},
            "no validation clip has a class of the segment tail",
        ),
    ],
)
def test_a_figure_without_any_value_is_refused_at_the_start(
    small_cfg, tmp_path, monkeypatch, settings, words
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "h.txt").write_text("t0\nt1\n")
    with pytest.raises(UserError, match=f"TRAIN.BEST_METRIC map_.*: {words}"):
        train(small_cfg(**settings))
    train(small_cfg(**{**settings, "TRAIN.BEST_METRIC": "map", "SOLVER.MAX_EPOCH": 1}))


def test_the_last_of_equal_evaluations_is_kept_over_a_resume(small_cfg, evaluations):
    evaluations(0.3, 0.5)
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 2})
    train(cfg)
    evaluations(0.5, 0.2)
    train(small_cfg(**{"SOLVER.MAX_EPOCH": 4}))
    kept = best(cfg)
    assert (kept["best"]["epoch"], kept["best"]["value"], kept["epoch"]) == (3, 0.5, 2)
    third = torch.load(checkpoints(cfg) / "checkpoint_epoch_00003.pyth", weights_only=True)
    assert_same(kept["model_state"], third["model_state"])


def test_a_run_does_not_resume_with_other_clips_held_out(small_cfg, tmp_path):
    """Clips that were trained on would choose the best."""
    one, same, other = (tmp_path / name for name in ("one.txt", "same.txt", "other.txt"))
    one.write_text("t0\nt1\n")
    same.write_text("# moved\nt1\nt0\n")
    other.write_text("t0\nt2\n")
    train(small_cfg(**{"SOLVER.MAX_EPOCH": 1, "AK.HOLDOUT": str(one)}))
    train(small_cfg(**{"SOLVER.MAX_EPOCH": 2, "AK.HOLDOUT": str(same)}))
    for path, words in [(str(other), "is .*other.txt"), ("", "is empty")]:
        with pytest.raises(UserError, match=f"the clips of .* held out, but AK.HOLDOUT {words}"):
            train(small_cfg(**{"SOLVER.MAX_EPOCH": 3, "AK.HOLDOUT": path}))


def test_a_checkpoint_keeps_the_hold_out_of_the_start(small_cfg, tmp_path, monkeypatch):
    """The file of the hold-out changes while the run goes on."""
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


def test_weights_that_saw_the_hold_out_cause_a_warning(trained, small_cfg, tmp_path):
    (tmp_path / "h.txt").write_text("t0\nt1\n")
    settings = {
        "SOLVER.MAX_EPOCH": 1,
        "TRAIN.CHECKPOINT_FILE_PATH": get_last_checkpoint(trained.OUTPUT_DIR),
        "TRAIN.CHECKPOINT_EPOCH_RESET": True,
    }
    for name, held_out in [("plain", ""), ("held", str(tmp_path / "h.txt"))]:
        cfg = small_cfg(name, **{**settings, "AK.HOLDOUT": held_out})
        train(cfg)
        words = "was trained with no clips held out, but AK.HOLDOUT is"
        assert (words in log(cfg)) == bool(held_out)


@pytest.mark.parametrize("last", [True, False])
def test_an_interrupted_evaluation_is_repeated_once(small_cfg, train_until_evaluation, last):
    settings = {"SOLVER.MAX_EPOCH": 1 if last else 2, "TEST.WEIGHTS": "best"}
    whole, parts = small_cfg("whole", **settings), small_cfg("parts", **settings)
    train(whole)
    train_until_evaluation(parts)
    train(parts)
    assert best(parts)["best"] == best(whole)["best"]
    assert epochs(whole) == epochs(parts)
    run_test(parts)
    train(parts)
    assert epochs(whole) == epochs(parts)


def test_keep_best_false_keeps_none(small_cfg, evaluations):
    evaluations(0.2)
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 1, "TRAIN.KEEP_BEST": False})
    train(cfg)
    assert not (checkpoints(cfg) / "best.pyth").exists()
    with pytest.raises(UserError, match=r"TEST.WEIGHTS best: there is no .*best.pyth"):
        run_test(small_cfg(**{"TEST.WEIGHTS": "best"}))


def test_a_damaged_record_of_evaluations_stops_the_run(copy_of_trained):
    cfg = copy_of_trained(**{"SOLVER.MAX_EPOCH": 2})
    path = checkpoints(cfg) / "evaluations.json"
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(UserError, match=r"evaluations.json: cannot be read .* Move the file away"):
        train(cfg)
    path.unlink()
    train(cfg)


@pytest.mark.parametrize("held_out", [True, False])
def test_the_best_is_tested_and_logged_with_its_clips(small_cfg, tmp_path, held_out):
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
    evaluation, final = stats(cfg, "val_epoch")[-1], stats(cfg)[-1]
    for key in ("best_epoch", "best_map", "best_chosen_on"):
        assert final[key] == evaluation[key]
        assert results(cfg)[key] == pytest.approx(evaluation[key], abs=1e-5)
    assert results(cfg)["checkpoint"].endswith("best.pyth")
    chosen = f"hold-out {tmp_path}/h.txt" if held_out else "the test set (val.csv)"
    assert evaluation["best_chosen_on"] == chosen
    assert log(cfg).count(f"chosen on {chosen}") >= 2
    assert ("optimistic" in log(cfg)) != held_out


def test_checkpoints_hold_names_and_training_clips_of_the_classes(trained):
    """t0 to t7 have the labels 0, 01, 1, 02, 3, 04, 123 and none."""
    for path in checkpoints(trained).glob("*.pyth"):
        content = torch.load(path, weights_only=True)
        assert content["class_names"] == list("01234")
        assert content["train_counts"] == [4, 3, 2, 2, 1]
