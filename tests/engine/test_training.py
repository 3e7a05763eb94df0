"""Training: it goes on where it stopped, and it never saves what has diverged."""

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
from tests.engine.runs import last_state, stats


@pytest.fixture
def spoil_loss(monkeypatch):
    """Lets training meet a loss that a function changes at one of its calls, counted from 1."""

    def spoil(at: int, change) -> None:
        calls = itertools.count(1)

        class Loss(torch.nn.Module):
            def forward(self, logits, labels):
                value = logits.square().mean()
                return change(value) if next(calls) == at else value

        monkeypatch.setattr(classification, "build_loss", lambda cfg: Loss())

    return spoil


def test_a_loss_that_diverges_stops_the_run_and_is_never_saved(small_cfg, spoil_loss):
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 3, "SOLVER.BASE_LR": 0.03})
    batches = len(training.construct_loader(cfg, "train"))
    # In the last step of the second epoch: nothing but the epoch's end reads losses after it.
    spoil_loss(2 * batches, lambda loss: loss * float("nan"))
    with pytest.raises(UserError) as error:
        train(cfg)
    text = str(error.value)
    assert "epoch 2/3" in text
    assert f"iteration {batches}" in text
    assert "learning rate 0.0" in text
    clips = training.construct_loader(cfg, "train").dataset
    assert sum(clips.clip_name(i) in text for i in range(len(clips))) == cfg.TRAIN.BATCH_SIZE
    saved = [p.name for p in Path(cfg.OUTPUT_DIR, "checkpoints").glob("*.pyth")]
    assert sorted(saved) == ["best.pyth", "checkpoint_epoch_00001.pyth"]


def test_a_last_gradient_that_diverges_is_not_saved_either(small_cfg, spoil_loss):
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 1})

    def spoil_gradient(loss):
        loss.register_hook(lambda gradient: gradient * float("inf"))
        return loss

    spoil_loss(len(training.construct_loader(cfg, "train")), spoil_gradient)
    with pytest.raises(UserError, match="gradient norm became"):
        train(cfg)
    assert not list(Path(cfg.OUTPUT_DIR).rglob("*.pyth"))


def test_sub_batch_norm_is_saved_as_plain_batch_norm_with_what_it_measured(small_cfg):
    split = {"BN.NORM_TYPE": "sub_batchnorm", "BN.NUM_SPLITS": 2, "BN.USE_PRECISE_STATS": False}
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 1, **split})
    train(cfg)
    state = last_state(cfg)["model_state"]
    assert not [name for name in state if "split_bn" in name]
    plain = build_model(small_cfg("plain"))
    assert state.keys() == plain.state_dict().keys()
    for name in (name for name in state if name.endswith("running_mean")):
        assert state[name].abs().max() > 0, name


def test_evaluates_and_saves_at_its_periods(small_cfg):
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 3, "TRAIN.EVAL_PERIOD": 2, "TRAIN.CHECKPOINT_PERIOD": 2})
    train(cfg)
    assert [line["epoch"] for line in stats(cfg, "val_epoch")] == ["2/3", "3/3"]
    saved = sorted(p.name for p in Path(cfg.OUTPUT_DIR, "checkpoints").glob("*.pyth"))
    assert saved == ["best.pyth", "checkpoint_epoch_00002.pyth", "checkpoint_epoch_00003.pyth"]


def test_validation_is_the_same_however_often_and_in_whatever_batches(small_cfg):
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 1})
    train(cfg)
    (first,) = stats(cfg, "val_epoch")
    again = small_cfg("again", **{"SOLVER.MAX_EPOCH": 1, "DATA_LOADER.NUM_WORKERS": 2})
    train(again)
    (second,) = stats(again, "val_epoch")
    assert first["map"] == second["map"]


def test_json_stats_have_upstreams_keys(small_cfg):
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 1})
    train(cfg)
    iteration = stats(cfg, "train_iter_")[0]
    assert {"dt", "dt_data", "dt_net", "epoch", "eta", "gpu_mem", "iter", "loss", "lr"} <= set(
        iteration
    )
    assert iteration["epoch"] == "1/1"
    assert iteration["iter"].startswith("1/")
    assert {"grad_norm", "loss", "lr", "RAM"} <= set(stats(cfg, "train_epoch")[0])
    assert 0 <= stats(cfg, "val_epoch")[0]["map"] <= 1


def test_the_run_states_itself_and_where_it_differs_from_the_recipe(small_cfg):
    cfg = small_cfg(
        **{
            "SOLVER.MAX_EPOCH": 1,
            "RECIPE.GLOBAL_BATCH": 8,
            "RECIPE.NORM_GROUP": 4,
            "RECIPE.BASE_LR": 0.05,
            "RECIPE.INIT": "kinetics",
        }
    )
    train(cfg)
    log = Path(cfg.OUTPUT_DIR, "stdout.log").read_text()
    assert (
        "global batch 4 clips, norm group 4 clips, learning rate 0.05; weights from scratch" in log
    )
    assert "published with a global batch of 8 clips; this run has 4" in log
    assert "published with a norm group" not in log
    assert "starts from kinetics; this run starts from scratch" in log


def test_a_clip_of_both_lists_is_told_before_training(small_cfg, tiny_ak, tmp_path, monkeypatch):
    def end(*_):
        raise UserError("that will do")

    annot = tmp_path / "annot"
    shutil.copytree(tiny_ak.annot, annot)
    with (annot / "val.csv").open("a") as file:
        file.writelines(f't4 9 {k} t4/t4_{k + 1:06d}.jpg "3"\n' for k in range(5))
    monkeypatch.setattr(classification, "build_model", end)
    for folder, told in ((tiny_ak.annot, False), (annot, True)):
        cfg = small_cfg(output=f"told-{told}", DATA__PATH_TO_DATA_DIR=str(folder))
        with pytest.raises(UserError, match="that will do"):
            train(cfg)
        log = Path(cfg.OUTPUT_DIR, "stdout.log").read_text()
        assert ("1 of the 5 clips" in log and "tools/check_data.py" in log) is told


def test_a_finished_run_trains_nothing_again(small_cfg):
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 1})
    train(cfg)
    path = Path(cfg.OUTPUT_DIR, "checkpoints", "checkpoint_epoch_00001.pyth")
    before = path.stat().st_mtime_ns
    train(cfg)
    assert path.stat().st_mtime_ns == before
    assert len(stats(cfg, "train_epoch")) == 1


@pytest.fixture
def seen_by_the_loss(monkeypatch):
    """Every batch of targets that training gives the loss."""
    targets = []

    class Loss(torch.nn.BCEWithLogitsLoss):
        def forward(self, logits, labels):
            targets.append(labels)
            return super().forward(logits, labels)

    monkeypatch.setattr(classification, "build_loss", lambda cfg: Loss())
    return targets


@pytest.mark.parametrize(
    ("settings", "smallest", "mixed"),
    [
        ({}, 0, False),
        ({"LOSS.LABEL_SMOOTHING": 0.1}, 0.02, False),
        ({"MIXUP.ENABLE": True}, 0.02, True),
    ],
)
def test_targets_are_mixed_and_smoothed_as_asked_for(
    small_cfg, seen_by_the_loss, settings, smallest, mixed
):
    train(small_cfg(**{"SOLVER.MAX_EPOCH": 1, **settings}))
    values = torch.cat(seen_by_the_loss)
    assert float(values.min()) == pytest.approx(smallest)
    assert (len(values.unique()) > 2) == mixed


def test_each_batch_of_each_epoch_and_process_is_mixed_in_its_own_way(small_cfg, monkeypatch):
    keys = []
    mix = classification.BatchMixer.__call__
    monkeypatch.setattr(
        classification.BatchMixer, "__call__", lambda *args: keys.append(args[-1]) or mix(*args)
    )
    monkeypatch.setattr(training.distributed, "get_rank", lambda: 5)
    cfg = small_cfg(**{"MIXUP.ENABLE": True, "RNG_SEED": 7, "TRAIN.EVAL_PERIOD": 9})
    train(cfg)
    assert keys == [(7, epoch, iteration, 5) for epoch in (0, 1) for iteration in (0, 1)]


@pytest.mark.parametrize("mixed", [False, True])
def test_single_labels_are_mixed_and_their_errors_counted(small_cfg, tiny_ak, tmp_path, mixed):
    lines = [f't{i} 0 0 t{i}/t{i}_000001.jpg "{i % 5}"' for i in range(8)]
    text = "\n".join(["original_vido_id video_id frame_id path labels", *lines])
    for name in ("train", "val"):
        (tmp_path / f"{name}.csv").write_text(text)
    cfg = small_cfg(
        **{
            "SOLVER.MAX_EPOCH": 1,
            "DATA.PATH_TO_DATA_DIR": str(tmp_path),
            "DATA.MULTI_LABEL": False,
            "MODEL.LOSS_FUNC": "cross_entropy",
            "MODEL.HEAD_ACT": "softmax",
            "MIXUP.ENABLE": mixed,
        }
    )
    train(assert_and_infer_cfg(cfg))
    (epoch,) = stats(cfg, "train_epoch")
    assert 0 <= epoch["top5_err"] <= epoch["top1_err"] <= 100
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


def test_fp16_trains_through_the_scaler_and_saves_it(small_cfg):
    cfg = small_cfg(
        **{
            "SOLVER.MAX_EPOCH": 1,
            "TRAIN.MIXED_PRECISION": True,
            "TRAIN.MIXED_PRECISION_TYPE": "fp16",
        }
    )
    train(cfg)
    assert "scale" in last_state(cfg)["scaler_state"]


@pytest.mark.parametrize(
    ("reading", "computing", "verdict"),
    [
        (0.5, 60.0, "The CPU was the bottleneck: 3% of the time"),
        (5.0, 20.0, "The data were the bottleneck: 50% of the time"),
    ],
)
def test_the_last_words_say_what_held_it_up(small_cfg, monkeypatch, reading, computing, verdict):
    """By a clock of its own, which goes on while a clip is read and while the loss is computed."""
    clock = {"now": 0.0}
    monkeypatch.setattr(timing, "perf_counter", lambda: clock["now"])
    item = ClipDataset.__getitem__

    def read(self, key):
        clock["now"] += reading
        return item(self, key)

    class Loss(torch.nn.BCEWithLogitsLoss):
        def forward(self, logits, labels):
            clock["now"] += computing
            return super().forward(logits, labels)

    monkeypatch.setattr(ClipDataset, "__getitem__", read)
    monkeypatch.setattr(classification, "build_loss", lambda cfg: Loss())
    monkeypatch.setattr(training, "_STEPS_THAT_SHOW_THE_BOTTLENECK", 2)
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 1})
    train(cfg)
    (epoch,) = stats(cfg, "train_epoch")
    assert epoch["dt_data"] == epoch["dt_idle"] == pytest.approx(4 * reading)
    assert epoch["dt_net"] == pytest.approx(computing)
    assert verdict in Path(cfg.OUTPUT_DIR, "stdout.log").read_text()


def test_a_run_that_begins_where_another_was_sets_its_log_aside(small_cfg):
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 1})
    train(cfg)
    log = Path(cfg.OUTPUT_DIR, "json_stats.log")
    first = log.read_bytes()
    shutil.rmtree(Path(cfg.OUTPUT_DIR, "checkpoints"))
    train(cfg)
    assert log.with_stem("json_stats_1").read_bytes() == first
    assert len(stats(cfg, "train_epoch")) == 1
    train(cfg)  # nothing is left to do
    assert len(stats(cfg, "train_epoch")) == 1


def test_a_state_of_the_loss_that_does_not_fit_is_told(small_cfg):
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 1})
    train(cfg)
    checkpoint = last_state(cfg)
    checkpoint["extra"]["loss"] = {"weights": torch.ones(3)}
    (path,) = Path(cfg.OUTPUT_DIR, "checkpoints").glob("checkpoint_*")
    torch.save(checkpoint, path)
    for digest in path.parent.glob("*.sha256"):
        digest.unlink()
    with pytest.raises(UserError, match=r"the saved state \(loss\) does not fit"):
        train(small_cfg(**{"SOLVER.MAX_EPOCH": 2}))


def test_an_average_that_is_switched_on_starts_from_the_weights(small_cfg, caplog):
    train(small_cfg(**{"SOLVER.MAX_EPOCH": 1}))
    with caplog.at_level("INFO"):
        train(small_cfg(**{"SOLVER.MAX_EPOCH": 2, "SOLVER.EMA_DECAY": 0.9}))
    assert "the average starts from its weights" in caplog.text
    assert "weights from scratch, resumed from checkpoint_epoch_00001.pyth" in caplog.text
    assert "ema_state" in last_state(small_cfg(**{"SOLVER.MAX_EPOCH": 2}))
