"""FrameStack in training: the AP of the last epoch, resumed runs, several processes, features."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from torch import nn

from slowfast.ak.clips.mixing.frame_stack import FrameStack
from slowfast.ak.errors import UserError
from slowfast.config.defaults import assert_and_infer_cfg
from slowfast.engine import train
from slowfast.tasks import Batch, Moment, build_task, classification
from slowfast.tasks.running_precision import RunningPrecision
from slowfast.upstream_names.programs import train_epoch
from tests.engine.runs import (
    assert_same,
    assert_same_run,
    in_two_processes,
    last_state,
    train_with_a_stop,
)

STACKED = {
    "FRAMESTACK.ENABLE": True,
    "SOLVER.MAX_EPOCH": 3,
    "TRAIN.EVAL_PERIOD": 9,
    "BN.USE_PRECISE_STATS": False,
}
PROBE = {
    "MODEL.MODEL_NAME": "Probe",
    "PROBE.KIND": "attentive",
    "PROBE.CHANNELS": 8,
    "PROBE.TOKENS": 4,
    "TRAIN.DATASET": "features",
    "TEST.DATASET": "features",
    "TEST.ENABLE": False,
    "FRAMESTACK.ENABLE": True,
}


class Recorded(nn.Module):
    """A loss that keeps what it gets."""

    def __init__(self, loss, logits):
        super().__init__()
        self.loss, self._logits = loss, logits

    def forward(self, logits, targets):
        self._logits.append(logits.detach().clone())
        return self.loss(logits, targets)


def expected_precision(logits, labels, counts, before):
    """AP of each class by scikit-learn; of a class without a positive clip, the value before."""
    found = list(before)
    for c in range(len(found)):
        true, scores = labels[counts][:, c], logits[counts][:, c].sigmoid()
        if true.any():
            found[c] = average_precision_score(true, scores)
    return found


@pytest.mark.parametrize(
    "settings", [{}, {"SOLVER.ACCUMULATE_STEPS": 2, "LOSS.LABEL_SMOOTHING": 0.2}]
)
def test_shares_follow_the_precision_of_the_last_epoch_on_clips_that_were_not_mixed(
    small_cfg, monkeypatch, settings
):
    logits, steps = [], []
    build, stack = classification.build_loss, FrameStack.__call__

    def record(self, clips, labels, precision, *rest):
        found = stack(self, clips, labels, precision, *rest)
        steps.append((labels.clone(), precision.clone(), ~found.is_mixed))
        return found

    monkeypatch.setattr(classification, "build_loss", lambda cfg: Recorded(build(cfg), logits))
    monkeypatch.setattr(FrameStack, "__call__", record)
    train(small_cfg(**STACKED, **settings))

    assert len(steps) == 6  # two steps of four clips in each of three epochs
    precision = [0.0] * 5
    for epoch in range(3):
        own = steps[2 * epoch : 2 * epoch + 2]
        for _, used, counts in own:
            assert used.numpy() == pytest.approx(np.array(precision), abs=1e-6)
            assert counts.sum() == 2
        rows = torch.cat(logits)[8 * epoch : 8 * epoch + 8]
        labels, counts = (torch.cat([step[part] for step in own]) for part in (0, 2))
        precision = expected_precision(rows, labels, counts, precision)
        assert any(precision)


def test_a_run_stopped_within_an_epoch_is_bit_identical(small_cfg):
    whole, parts = small_cfg("whole", **STACKED), small_cfg("parts", **STACKED)
    parts.TRAIN.CHECKPOINT_ITERATIONS = 1
    train(whole)
    train_with_a_stop(parts, step=4)
    assert_same_run(whole, parts)
    states = [last_state(cfg)["extra"]["precision"] for cfg in (whole, parts)]
    assert_same(*states)
    assert states[0]["of_class"].any()
    assert len(states[0]["_extra_state"]["scores"]) == 4, "half of the eight clips of the epoch"


def test_processes_share_the_precision(small_cfg, tmp_path, monkeypatch):
    cfg = small_cfg(**STACKED, **{"NUM_SHARDS": 2, "TRAIN.BATCH_SIZE": 2})
    found, begin = [], RunningPrecision.begin_epoch

    def record(self):
        begin(self)
        found.append(self.of_class.clone())

    monkeypatch.setattr(RunningPrecision, "begin_epoch", record)

    def work(rank):
        train(cfg)
        return found

    one, other = in_two_processes(work, tmp_path)
    assert_same(one, other)
    assert one[-1].any()
    state = last_state(cfg)["extra"]["precision"]["_extra_state"]
    assert len(state["scores"]) == 4, "the clips of both processes"


def test_one_class_a_clip_is_stacked_too(small_cfg, tmp_path):
    lines = [f't{i} 0 0 t{i}/t{i}_000001.jpg "{i % 5}"' for i in range(8)]
    for name in ("train", "val"):
        text = "\n".join(["original_vido_id video_id frame_id path labels", *lines])
        (tmp_path / f"{name}.csv").write_text(text)
    own = {
        "DATA.PATH_TO_DATA_DIR": str(tmp_path),
        "DATA.MULTI_LABEL": False,
        "MODEL.LOSS_FUNC": "cross_entropy",
        "MODEL.HEAD_ACT": "softmax",
        "DATA.NUM_FRAMES": 8,
        "TEST.ENABLE": False,
    }
    cfg = small_cfg(**STACKED, **own)
    train(assert_and_infer_cfg(cfg))
    labels = last_state(cfg)["extra"]["precision"]["_extra_state"]["labels"]
    assert (labels.sum(dim=1) == 1).all()


def test_both_pathways_show_the_same_frames(small_cfg):
    cfg = small_cfg(**{"FRAMESTACK.ENABLE": True, "DATA.NUM_FRAMES": 8, "DATA.MEAN": [0, 0, 0]})
    task = build_task(cfg, torch.device("cpu"))
    pixels = torch.arange(32, dtype=torch.uint8).view(4, 1, 8, 1, 1).expand(-1, 3, -1, 4, 4)
    batch = Batch([pixels], torch.eye(5)[:4], torch.arange(4))
    slow, fast = task.prepare(batch, Moment(0, 0, 0, 0)).inputs
    kept = task.prepare(batch).inputs[1]
    assert not torch.equal(fast, kept)
    assert torch.equal(slow, fast[:, :, [0, 7]])


def test_positions_of_features_are_stacked(small_cfg):
    cfg = small_cfg(**PROBE)
    task = build_task(cfg, torch.device("cpu"))
    features = torch.arange(6.0)[:, None, None].expand(6, 4, 8).half()
    labels = torch.eye(5)[[0, 1, 2, 3, 4, 1]]
    batch = task.prepare(Batch([features], labels, torch.arange(6)), Moment(0, 0, 0, 0))
    (stacked,) = batch.inputs
    for row in batch.is_mixed.nonzero().flatten().tolist():
        partner = (row + 1) % 6
        assert stacked[row, :, 0].tolist() == [partner, partner, row, row]
        assert sorted(batch.targets[row].unique().tolist()) == [0, 0.5]
    assert batch.is_mixed.sum() == 3


def test_scores_that_are_kept_on_the_cpu_count(monkeypatch):
    monkeypatch.setattr("slowfast.tasks.running_precision._STEPS_ON_DEVICE", 2)
    precision = RunningPrecision(1)
    for score, label in ((3.0, True), (2.0, False), (1.0, True), (float("nan"), True)):
        precision.add(torch.tensor([[score]]), torch.tensor([[label]]), torch.tensor([True]))
        precision.finish_step()
    precision.begin_epoch()
    assert precision.of_class.item() == pytest.approx((1 + 2 / 3) / 2)


def test_a_state_of_other_classes_is_refused():
    with pytest.raises(RuntimeError, match="size mismatch"):
        RunningPrecision(4).load_state_dict(RunningPrecision(5).state_dict())


def test_a_pass_of_one_epoch_is_refused_in_words(small_cfg):
    cfg = small_cfg(**STACKED)
    with pytest.raises(UserError, match=r"train_epoch: FRAMESTACK\.ENABLE needs the scores"):
        train_epoch(None, None, None, None, None, 0, cfg)
