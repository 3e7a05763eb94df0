"""Training: it logs what it does, and it never saves weights that diverged."""

import itertools
import shutil
from pathlib import Path

import pytest
import torch

from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.errors import UserError
from slowfast.config.defaults import assert_and_infer_cfg
from slowfast.engine import training
from slowfast.engine.training import train
from slowfast.models import build_model
from slowfast.tasks import classification
from slowfast.utils import timing
from tests.engine.runs import checkpoints, last_state, log, stats


@pytest.fixture
def use_loss(monkeypatch):
    """Makes training call a function of the loss value and the targets, which returns the loss."""

    def use(change) -> None:
        class Loss(torch.nn.BCEWithLogitsLoss):
            def forward(self, logits, targets):
                return change(super().forward(logits, targets), targets)

        monkeypatch.setattr(classification, "build_loss", lambda cfg: Loss())

    return use


def at_call(number: int, change):
    """A function that changes a loss at one of its calls, counted from 1."""
    calls = itertools.count(1)
    return lambda loss, _: change(loss) if next(calls) == number else loss


def test_a_loss_that_diverges_stops_the_run_and_is_never_saved(small_cfg, use_loss):
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 3, "SOLVER.BASE_LR": 0.03})
    # The last step of the second epoch: only the end of the epoch reads losses after it.
    use_loss(at_call(4, lambda loss: loss * float("nan")))
    with pytest.raises(UserError, match=r"epoch 2/3.*iteration 2") as error:
        train(cfg)
    assert "learning rate 0.0" in str(error.value)
    clips = training.construct_loader(cfg, "train").dataset
    found = [clips.clip_name(i) in str(error.value) for i in range(len(clips))]
    assert sum(found) == cfg.TRAIN.BATCH_SIZE
    saved = [p.name for p in checkpoints(cfg).glob("*.pyth")]
    assert sorted(saved) == ["best.pyth", "checkpoint_epoch_00001.pyth"]


def test_a_loss_that_grows_suddenly_stops_the_run_if_that_is_asked_for(small_cfg, use_loss):
    settings = {"SOLVER.MAX_EPOCH": 5, "LOG_PERIOD": 1, "SOLVER.BASE_LR": 0.01}
    use_loss(lambda loss, _: loss / loss.detach())
    train(small_cfg(**settings, **{"TRAIN.KILL_LOSS_EXPLOSION_FACTOR": 1.5}))

    cfg = small_cfg(**settings, **{"TRAIN.KILL_LOSS_EXPLOSION_FACTOR": 2.0})
    cfg.OUTPUT_DIR += "_2"
    grown = at_call(6, lambda loss: 2.5 * loss)
    use_loss(lambda loss, targets: grown(loss / loss.detach(), targets))
    with pytest.raises(UserError, match=r"epoch 3/5, iteration 2: the loss rose to 2\.5") as error:
        train(cfg)
    assert "FACTOR 2 times the mean before, 1, is the most" in str(error.value)


def test_a_last_gradient_that_diverges_is_not_saved(small_cfg, use_loss):
    def spoil_gradient(loss):
        loss.register_hook(lambda gradient: gradient * float("inf"))
        return loss

    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 1})
    use_loss(at_call(2, spoil_gradient))
    with pytest.raises(UserError, match="gradient norm became"):
        train(cfg)
    assert not list(Path(cfg.OUTPUT_DIR).rglob("*.pyth"))


def test_sub_batch_norm_in_fp16_is_saved_as_plain_batch_norm_beside_the_scaler(small_cfg):
    settings = {
        "BN.NORM_TYPE": "sub_batchnorm",
        "BN.NUM_SPLITS": 2,
        "BN.USE_PRECISE_STATS": False,
        "TRAIN.MIXED_PRECISION": True,
        "TRAIN.MIXED_PRECISION_TYPE": "fp16",
    }
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 1, **settings})
    train(cfg)
    checkpoint = last_state(cfg)
    assert "scale" in checkpoint["scaler_state"]
    state = checkpoint["model_state"]
    assert state.keys() == build_model(small_cfg("plain")).state_dict().keys()
    for name in (name for name in state if name.endswith("running_mean")):
        assert state[name].abs().max() > 0, name


def test_evaluates_and_saves_at_its_periods(small_cfg):
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 3, "TRAIN.EVAL_PERIOD": 2, "TRAIN.CHECKPOINT_PERIOD": 2})
    train(cfg)
    assert [line["epoch"] for line in stats(cfg, "val_epoch")] == ["2/3", "3/3"]
    saved = sorted(p.name for p in checkpoints(cfg).glob("*.pyth"))
    assert saved == ["best.pyth", "checkpoint_epoch_00002.pyth", "checkpoint_epoch_00003.pyth"]


def test_json_stats_have_upstreams_keys(trained):
    iteration = stats(trained, "train_iter_")[0]
    keys = {"dt", "dt_data", "dt_net", "epoch", "eta", "gpu_mem", "iter", "loss", "lr"}
    assert keys <= iteration.keys()
    assert (iteration["epoch"], iteration["iter"]) == ("1/1", "1/2")
    assert {"grad_norm", "loss", "lr", "RAM"} <= stats(trained, "train_epoch")[0].keys()
    assert 0 <= stats(trained, "val_epoch")[0]["map"] <= 1


def test_the_log_describes_the_run_and_how_it_differs_from_the_recipe(trained):
    text = log(trained)
    run = "global batch 4 clips, norm group 4 clips, learning rate 0.05; weights from scratch"
    assert run in text
    assert "published with a global batch of 8 clips; this run has 4" in text
    assert "published with a norm group" not in text
    assert "starts from kinetics; this run starts from scratch" in text


def test_clips_of_both_lists_cause_a_warning_before_training(small_cfg, tiny_ak, tmp_path):
    annot = shutil.copytree(tiny_ak.annot, tmp_path / "annot")
    with (annot / "val.csv").open("a") as file:
        file.writelines(f't4 9 {k} t4/t4_{k + 1:06d}.jpg "3"\n' for k in range(5))
    for folder, warned in ((tiny_ak.annot, False), (annot, True)):
        cfg = small_cfg(f"warned-{warned}", DATA__PATH_TO_DATA_DIR=str(folder))
        training._prepare_folder(cfg)
        training._open_data(cfg)
        found = "1 of the 5 clips" in log(cfg) and "tools/check_data.py" in log(cfg)
        assert found is warned


def test_a_finished_run_is_not_trained_again(copy_of_trained):
    cfg = copy_of_trained()
    path = checkpoints(cfg) / "checkpoint_epoch_00001.pyth"
    before = path.stat().st_mtime_ns
    train(cfg)
    assert path.stat().st_mtime_ns == before
    assert len(stats(cfg, "train_epoch")) == 1


def test_a_new_run_in_the_folder_of_another_moves_the_old_log(copy_of_trained):
    cfg = copy_of_trained()
    old_log = Path(cfg.OUTPUT_DIR, "json_stats.log")
    first = old_log.read_bytes()
    shutil.rmtree(checkpoints(cfg))
    train(cfg)
    assert old_log.with_stem("json_stats_1").read_bytes() == first
    assert len(stats(cfg, "train_epoch")) == 1


def test_a_saved_state_of_another_loss_is_refused(copy_of_trained):
    cfg = copy_of_trained(**{"SOLVER.MAX_EPOCH": 2})
    checkpoint = last_state(cfg) | {"extra": {"loss": {"weights": torch.ones(3)}}}
    torch.save(checkpoint, checkpoints(cfg) / "checkpoint_epoch_00001.pyth")
    (checkpoints(cfg) / "epoch_00001.sha256").unlink()
    with pytest.raises(UserError, match=r"the saved state \(loss\) does not fit"):
        train(cfg)


def test_an_average_that_is_switched_on_starts_from_the_weights(copy_of_trained, caplog):
    cfg = copy_of_trained(**{"SOLVER.MAX_EPOCH": 2, "SOLVER.EMA_DECAY": 0.9})
    with caplog.at_level("INFO"):
        train(cfg)
    assert "the average starts from its weights" in caplog.text
    assert "weights from scratch, resumed from checkpoint_epoch_00001.pyth" in caplog.text
    assert "ema_state" in last_state(cfg)


@pytest.mark.parametrize(
    ("settings", "smallest", "mixed"),
    [({"LOSS.LABEL_SMOOTHING": 0.1}, 0.02, False), ({"MIXUP.ENABLE": True}, 0.02, True)],
)
def test_targets_are_mixed_and_smoothed(small_cfg, use_loss, settings, smallest, mixed):
    seen = []
    use_loss(lambda loss, targets: seen.append(targets) or loss)
    train(small_cfg(**{"SOLVER.MAX_EPOCH": 1, "TRAIN.EVAL_PERIOD": 9, **settings}))
    values = torch.cat(seen)
    assert float(values.min()) == pytest.approx(smallest)
    assert (len(values.unique()) > 2) == mixed


def test_each_batch_of_each_epoch_and_process_is_mixed_in_its_own_way(small_cfg, monkeypatch):
    keys = []
    mix = classification.BatchMixer.__call__
    monkeypatch.setattr(
        classification.BatchMixer, "__call__", lambda *args: keys.append(args[-2]) or mix(*args)
    )
    monkeypatch.setattr(training.distributed, "get_rank", lambda: 5)
    cfg = small_cfg(**{"MIXUP.ENABLE": True, "RNG_SEED": 7, "TRAIN.EVAL_PERIOD": 9})
    train(cfg)
    assert keys == [(7, epoch, iteration, 5) for epoch in (0, 1) for iteration in (0, 1)]


def test_the_errors_of_mixed_single_labels_are_counted(small_cfg, tmp_path):
    lines = [f't{i} 0 0 t{i}/t{i}_000001.jpg "{i % 5}"' for i in range(8)]
    for name in ("train", "val"):
        text = "\n".join(["original_vido_id video_id frame_id path labels", *lines])
        (tmp_path / f"{name}.csv").write_text(text)
    cfg = small_cfg(
        **{
            "SOLVER.MAX_EPOCH": 1,
            "DATA.PATH_TO_DATA_DIR": str(tmp_path),
            "DATA.MULTI_LABEL": False,
            "MODEL.LOSS_FUNC": "cross_entropy",
            "MODEL.HEAD_ACT": "softmax",
            "MIXUP.ENABLE": True,
        }
    )
    train(assert_and_infer_cfg(cfg))
    (epoch,) = stats(cfg, "train_epoch")
    assert 0 <= epoch["top1_err"] <= 100
    assert epoch["top5_err"] == 0, "there are five classes"


@pytest.mark.parametrize("method", ["sgd", "adam", "adamw"])
def test_each_optimizer_lowers_the_loss(small_cfg, method):
    cfg = small_cfg(
        **{
            "SOLVER.OPTIMIZING_METHOD": method,
            "SOLVER.MAX_EPOCH": 6,
            "SOLVER.BASE_LR": 0.05 if method == "sgd" else 0.003,
            "SOLVER.CLIP_GRAD_L2NORM": 1.0,
            "MODEL.DROPOUT_RATE": 0.0,
            "TRAIN.EVAL_PERIOD": 10,
            "TRAIN.CHECKPOINT_PERIOD": 10,
        }
    )
    train(assert_and_infer_cfg(cfg))
    losses = [line["loss"] for line in stats(cfg, "train_epoch")]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("reading", "computing", "verdict"),
    [
        (0.5, 60.0, "The CPU was the bottleneck: 3% of the time"),
        (5.0, 20.0, "The data were the bottleneck: 50% of the time"),
    ],
)
def test_the_log_ends_with_the_bottleneck(
    small_cfg, monkeypatch, use_loss, reading, computing, verdict
):
    """A clock of the test advances while a clip is read and while the loss is computed."""
    clock = {"now": 0.0}
    monkeypatch.setattr(timing, "perf_counter", lambda: clock["now"])
    item = ClipDataset.__getitem__

    def advance(seconds, result):
        clock["now"] += seconds
        return result

    monkeypatch.setattr(
        ClipDataset, "__getitem__", lambda self, key: advance(reading, item(self, key))
    )
    use_loss(lambda loss, _: advance(computing, loss))
    monkeypatch.setattr(training, "_STEPS_THAT_SHOW_THE_BOTTLENECK", 2)
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 1})
    train(cfg)
    (epoch,) = stats(cfg, "train_epoch")
    assert epoch["dt_data"] == epoch["dt_idle"] == pytest.approx(4 * reading)
    assert epoch["dt_net"] == pytest.approx(computing)
    assert verdict in log(cfg)
