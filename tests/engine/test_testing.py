"""Testing: views are scored, joined and written as promised."""

import csv
import json
import pickle
from pathlib import Path

import pytest
import torch

from slowfast.ak.pixels import InputTransform
from slowfast.datasets.loader import construct_loader
from slowfast.engine import test as run_test
from slowfast.engine import train
from slowfast.engine.testing import score_clips, temporal_view_counts, view_batches
from slowfast.models import build_model


class Views:
    """Stands in for a clip: view v of clip c is the number 100 c + v."""

    def __init__(self, clip: int, count: int) -> None:
        self.clip, self.count = clip, count

    def __len__(self) -> int:
        return self.count

    def batch(self, start: int, stop: int) -> torch.Tensor:
        return 100 * self.clip + torch.arange(start, stop)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 7, 100])
def test_batches_of_views_span_clips_and_lose_none(size):
    clips = [Views(0, 3), Views(1, 1), Views(2, 6), Views(3, 2)]
    batches = list(view_batches(iter(clips), size))
    seen = torch.cat([batch for batch, _ in batches]).tolist()
    assert seen == [100 * c.clip + v for c in clips for v in range(c.count)]
    assert all(len(batch) == size for batch, _ in batches[:-1])
    assert [n for _, ends in batches for n in ends] == [3, 1, 6, 2]
    done = 0
    scored = 0
    for batch, ends in batches:  # a clip is ended by the batch that holds its last view
        scored += len(batch)
        done += sum(ends)
        assert done <= scored


def test_which_view_counts(small_cfg):
    assert temporal_view_counts(small_cfg(**{"TEST.NUM_ENSEMBLE_VIEWS": -1})) == [1, 3, 5, 7, 10]
    assert temporal_view_counts(small_cfg(**{"TEST.NUM_ENSEMBLE_VIEWS": 1})) == [1]
    assert temporal_view_counts(small_cfg(**{"TEST.NUM_TEMPORAL_CLIPS": [1, 4]})) == [1, 4]


@pytest.mark.parametrize("method", ["max", "sum"])
@pytest.mark.parametrize("batch_size", [4, 6, 5])
def test_scores_are_those_of_the_views_one_by_one(small_cfg, method, batch_size):
    cfg = small_cfg(**{"DATA.ENSEMBLE_METHOD": method, "TEST.BATCH_SIZE": batch_size})
    model = build_model(cfg).eval()
    to_input = InputTransform.from_cfg(cfg)
    loader = construct_loader(cfg, "test")
    scores, targets = score_clips(cfg, loader, model, to_input, "test")
    assert len(scores) == len(targets) == len(loader.dataset)
    for (views,), labels, index, *_ in loader:
        assert len(views) == 6
        with torch.no_grad():
            each = torch.cat([model(to_input(views.batch(v, v + 1))) for v in range(6)])
        expected = each.amax(0) if method == "max" else each.sum(0)
        torch.testing.assert_close(scores[int(index)], expected, rtol=1e-4, atol=1e-5)
        assert torch.equal(targets[int(index)], torch.as_tensor(labels))


def test_results_are_written_as_promised(small_cfg):
    cfg = small_cfg(
        **{
            "SOLVER.MAX_EPOCH": 1,
            "TEST.SAVE_RESULTS_PATH": "new/folder/scores.pkl",
            "AK.HEAD_MIN": 4,
            "AK.TAIL_MAX": 1,
        }
    )
    train(cfg)
    run_test(cfg)
    folder = Path(cfg.OUTPUT_DIR, "new", "folder")
    with (folder / "scores.pkl").open("rb") as file:
        predictions, labels = pickle.load(file)
    assert predictions.shape == labels.shape == (len(predictions), 5)
    with (folder / "scores.csv").open() as file:
        rows = list(csv.reader(file))
    assert len(rows) == len(predictions) + 1
    assert float(rows[1][2]) == pytest.approx(predictions[0, 0].item(), rel=1e-4)
    summary = json.loads((folder / "scores.json").read_text())
    assert summary["initialisation"] == "from scratch"
    assert summary["checkpoint"].endswith("checkpoint_epoch_00001.pyth")
    last = Path(cfg.OUTPUT_DIR, "json_stats.log").read_text().splitlines()[-1]
    final = json.loads(last.removeprefix("json_stats: "))
    assert final["split"] == "test_final"
    assert final["map"] == final["top1_acc"] == final["top5_acc"] == summary["map"]
    assert "." in final["map"]
    log = Path(cfg.OUTPUT_DIR, "stdout.log").read_text()
    for words in ("overall", "head", "middle", "tail", "random scores", "scores.pkl"):
        assert words in log


def test_tests_a_checkpoint_alone_with_each_number_of_views(small_cfg):
    trained = small_cfg("trained", **{"SOLVER.MAX_EPOCH": 1})
    train(trained)
    path = str(Path(trained.OUTPUT_DIR, "checkpoints", "checkpoint_epoch_00001.pyth"))
    cfg = small_cfg(
        "alone",
        **{
            "TRAIN.ENABLE": False,
            "TEST.CHECKPOINT_FILE_PATH": path,
            "TEST.NUM_ENSEMBLE_VIEWS": -1,
            "TEST.NUM_SPATIAL_CROPS": 1,
        },
    )
    run_test(cfg)
    names = {p.name for p in Path(cfg.OUTPUT_DIR).glob("*.pkl")}
    assert names == {f"results_{n}x1.pkl" for n in (1, 3, 5, 7, 10)}
    log = Path(cfg.OUTPUT_DIR, "stdout.log").read_text()
    assert "10 x 1 views" in log
