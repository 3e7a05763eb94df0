"""A task in a file of its own trains through the whole loop, without a branch in the engine.

The toy task learns from two views of a clip and no labels: the two embeddings of a clip shall be
closer to each other than to the embeddings of earlier clips, which it keeps in a queue.
"""

import pickle
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from slowfast.ak.registries.tasks import TASKS
from slowfast.config.checks import problems
from slowfast.engine import test as run_test
from slowfast.engine.training import train
from slowfast.tasks import Batch, Loss, Rows, Task
from slowfast.utils import distributed
from tests.engine.conftest import make_small_cfg  # noqa: F401  fixture
from tests.engine.runs import (
    assert_same,
    in_two_processes,
    last_state,
    stats,
    train_with_a_stop,
)


class Agreement:
    """The figures of an evaluation: how close the views of a clip are, and the sum of the queue."""

    def __init__(self, rows: Rows, queue: float) -> None:
        self.value, self.queue = float(rows.scores.mean()), queue

    def evaluation_line(self) -> dict[str, float]:
        return {"agreement": self.value}

    def test_line(self) -> dict[str, str]:
        return {"agreement": f"{self.value:.4f}", "queue": f"{self.queue:.4f}"}


class Queue(nn.Module):
    """The embeddings of the last eight clips."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("embeddings", torch.ones(8, 4))

    def add(self, embeddings: torch.Tensor) -> None:
        (everywhere,) = distributed.all_gather([embeddings])
        self.embeddings.copy_(torch.cat([everywhere, self.embeddings])[:8])


class TwoViews(Task):
    """Tells two views of a clip from other clips."""

    best = "agreement"

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.queue = network, Queue()

    @staticmethod
    def applies(cfg) -> bool:
        return cfg.TASK == "toy"

    @classmethod
    def from_cfg(cls, cfg, device, trains):
        network = nn.Sequential(nn.Conv3d(3, 4, 3, 2), nn.BatchNorm3d(4), nn.ReLU())
        if distributed.get_world_size() > 1:
            network = nn.parallel.DistributedDataParallel(network)
        return cls(network)

    @staticmethod
    def collate(items):
        """The second view of a clip is the first one played backwards."""
        batch = Batch.collate(items)
        (pixels,) = batch.inputs
        return Batch([pixels, pixels.flip(2)], None, batch.clips, batch.meta)

    def prepare(self, batch, moment=None):
        views = [view.float() / 255 for view in batch.inputs]
        if moment is not None:  # a random part of the picture
            generator = torch.Generator().manual_seed(hash(moment) % 2**31)
            top = int(torch.randint(8, (), generator=generator))
            views = [view[..., top : top + 24, :] for view in views]
        return Batch(views, None, batch.clips)

    def example(self, clips, training, device):
        views = torch.zeros(2, clips, 3, 4, 32, 32, dtype=torch.uint8, device=device)
        return Batch(list(views), None, torch.arange(clips))

    def _embeddings(self, network, batch):
        features = network(torch.cat(list(batch.inputs))).mean(dim=(2, 3, 4))
        return F.normalize(features.float(), dim=1).chunk(2)

    def compute_loss(self, network, batch):
        one, other = self._embeddings(network, batch)
        same = (one * other).sum(dim=1, keepdim=True)
        similarities = torch.cat([same, one @ self.queue.embeddings.T], dim=1)
        value = F.cross_entropy(similarities, torch.zeros(len(one), dtype=torch.int64))
        self._last = one.detach()
        return Loss(value, {"similarity": same.detach().mean()})

    def after_step(self, batch):
        self.queue.add(self._last)

    def rows(self, network, batch):
        one, other = self._embeddings(network, batch)
        return Rows(batch.clips[:, None], (one * other).sum(dim=1, keepdim=True), None)

    def figures(self, rows, options=None):
        return Agreement(rows, float(self.queue.embeddings.sum()))


@pytest.fixture(scope="module")
def toy_cfg(make_small_cfg, tmp_path_factory):  # noqa: F811
    """Makes a configuration of the toy task, which is registered for this module."""

    def needs_pairs(cfg):
        if cfg.TRAIN.BATCH_SIZE == 1:
            yield "TRAIN.BATCH_SIZE", "the toy task compares clips; take at least 2"

    TASKS.register("toy", problems=needs_pairs)(TwoViews)
    yield partial(
        make_small_cfg,
        tmp_path_factory.mktemp("toy"),
        **{"TASK": "toy", "TRAIN.BATCH_SIZE": 2},
    )
    del TASKS["toy"]


@pytest.fixture(scope="module")
def whole(toy_cfg):
    """The configuration of a run that was trained without a stop."""
    cfg = toy_cfg("whole")
    train(cfg)
    return cfg


def test_the_checks_of_the_toy_task_are_made(toy_cfg):
    (found,) = problems(toy_cfg("checked", **{"TRAIN.BATCH_SIZE": 1}))
    assert found.endswith("the toy task compares clips; take at least 2")
    assert problems(toy_cfg("checked")) == []


def test_the_toy_task_stops_and_resumes_bit_for_bit(whole, toy_cfg):
    parts = toy_cfg("parts")
    parts.TRAIN.CHECKPOINT_ITERATIONS = 1
    train_with_a_stop(parts, step=3)
    one, other = last_state(whole), last_state(parts)
    for key in ("epoch", "model_state", "optimizer_state", "extra"):
        assert_same(one[key], other[key], key)
    queue = one["extra"]["queue"]["embeddings"]
    assert (queue != 1).all(), "the queue holds embeddings of clips"
    assert not [name for name in one["model_state"] if "queue" in name]

    evaluations = stats(whole, "val_epoch")
    best = max(evaluations, key=lambda line: line["agreement"])
    assert evaluations[-1]["best_agreement"] == best["agreement"]
    assert f"{evaluations[-1]['best_epoch']}/2" == best["epoch"]
    assert "similarity" in stats(whole, "train_epoch")[0]
    assert "agreement" in Path(whole.OUTPUT_DIR, "stdout.log").read_text()


@pytest.mark.parametrize("weights", ["last", "best"])
def test_the_toy_task_is_tested_with_its_saved_state(whole, weights):
    cfg = whole.clone()
    cfg.merge_from_list(["TRAIN.ENABLE", False, "TEST.WEIGHTS", weights])
    run_test(cfg)
    folder = Path(cfg.OUTPUT_DIR)
    line = stats(cfg)[-1]
    scores, targets = pickle.loads((folder / "results.pkl").read_bytes())
    assert scores.shape == (4, 1)
    assert targets is None
    assert line["split"] == "test_final"
    # The largest score of six views of a clip; the mean over clips.
    assert line["agreement"] == f"{scores.mean():.4f}"
    file = torch.load(line_of_table(folder, "checkpoint"), weights_only=True)
    assert line["queue"] == f"{file['extra']['queue']['embeddings'].sum():.4f}"
    assert line_of_table(folder, "agreement") == line["agreement"]
    assert not (folder / "per_class_ap.csv").exists()
    assert not (folder / "report").exists()


def line_of_table(folder: Path, name: str) -> str:
    """The last word of the last line of the log that begins with a name."""
    lines = (folder / "stdout.log").read_text().splitlines()
    return [line.split()[-1] for line in lines if line.strip().startswith(f"{name} ")][-1]


def test_two_processes_train_the_toy_task(toy_cfg, tmp_path):
    cfg = toy_cfg("shared", **{"NUM_SHARDS": 2, "SOLVER.MAX_EPOCH": 1})
    in_two_processes(lambda rank: train(cfg), tmp_path)
    assert (last_state(cfg)["extra"]["queue"]["embeddings"] != 1).all()
    assert "agreement" in stats(cfg, "val_epoch")[0]
