"""Invented runs for the tests of the report: results of a test, and folders of runs."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from slowfast.ak.classes.table import ClassTable
from slowfast.ak.metrics.figure_sets import FigureSets
from slowfast.ak.metrics.figures import Figures, TestOptions
from slowfast.config.defaults import get_cfg
from slowfast.results.per_class import results_of
from slowfast.visualization.report import write_report

CLIPS = 60
NASTY = '</script><b onclick="x()">Würgen & "Schlingen"</b> <!-- 動物'
NAMES = ["Walking", "Eating", "Keeping still", "Flying", NASTY, "Yawning"]
SEGMENTS = ["head", "head", "middle", "middle", "tail", "tail"]
TRAIN_COUNTS = np.array([900, 640, 300, 120, 7, 0])


class FakeClips:
    """The part of a data set that the report reads. Clip 1 has a frame that cannot be decoded."""

    def __init__(self, count: int = CLIPS) -> None:
        self.reader = SimpleNamespace(num_frames=lambda clip: 11 + clip, read=self._frames)
        self.asked: dict[int, list[int]] = {}
        self.count = count

    def clip_name(self, index: int) -> str:
        return f"clip <{index}>"

    def _frames(self, clip, indices):
        self.asked[clip] = list(indices)
        if clip == 1:
            raise OSError("cut off")
        return np.full((1, 480, 640, 3), (200, 30 + clip, 10), np.uint8)


def scores_and_labels(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Returns scores that are better than chance; only class 5 has no clip."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((CLIPS, 6), np.float32)
    for index, count in enumerate((30, 20, 12, 8, 3, 0)):
        labels[rng.permutation(CLIPS)[:count], index] = 1
    scores = rng.random(labels.shape) * 0.7 + 0.3 * labels
    return scores, labels


def outcome(seed: int = 0, **changed) -> SimpleNamespace:
    """Returns the result of a test, with some attributes changed."""
    scores, labels = scores_and_labels(seed)
    values = {
        "views": "3 x 3 views",
        "scores": scores,
        "targets": labels,
        "numbers": np.arange(CLIPS),
        "clips": FakeClips(),
        "missing": {},
        "incomplete": {},
        "classes": ClassTable(NAMES, SEGMENTS, "by a sheet", TRAIN_COUNTS),
        "weights": SimpleNamespace(path="checkpoint.pyth", initialisation="from scratch"),
        **changed,
    }
    names = [values["clips"].clip_name(number) for number in values["numbers"]]
    if isinstance(values.get("figures"), FigureSets):
        return SimpleNamespace(**{"names": names, **values})
    classes = values["classes"]
    segments = classes.segments if classes else None
    figures = Figures(values["scores"], values["targets"], segments, TestOptions())
    stats = {"split": "test_final", "initialisation": "from scratch", **figures.test_line()}
    rows = results_of(figures, classes)
    given = {"figures": figures, "per_class": rows, "stats": stats, "names": names}
    return SimpleNamespace(**{**given, **values})


def single_label(seed: int = 0) -> dict:
    """Returns scores and targets of clips with one class each; only class 5 has no clip."""
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.arange(6), (25, 15, 10, 7, 3, 0))
    return {"scores": rng.random((CLIPS, 6)) + 0.5 * np.eye(6)[classes], "targets": classes}


def several_sets(seed: int = 0) -> dict:
    """Returns the figures, classes and tables of two label sets and of their composition."""
    one, other = single_label(seed), single_label(seed + 1)
    table = ClassTable(NAMES, SEGMENTS, "by training clips", TRAIN_COUNTS)
    sets = {
        name: Figures(each["scores"], each["targets"], SEGMENTS, TestOptions(resamples=5))
        for name, each in (("behavior", one), ("animal", other))
    }
    ranks = replace(sets["animal"].ranks, places=sets["behavior"].ranks.places)
    options = TestOptions(resamples=5)
    sets["composition"] = Figures(None, ranks.classes, SEGMENTS, options, ranks)
    figures = FigureSets(sets)
    return {
        "figures": figures,
        "classes": dict.fromkeys(sets, table),
        "per_class": {name: results_of(each, table) for name, each in sets.items()},
        "stats": {"split": "test_final", **figures.test_line()},
    }


def configuration(folder: Path, *settings):
    cfg = get_cfg()
    cfg.merge_from_list(["OUTPUT_DIR", str(folder), "DATA.MULTI_LABEL", True, *settings])
    return cfg


def write_log(folder: Path, epochs: int = 6) -> None:
    lines = []
    for epoch in range(1, epochs + 1):
        at = f"{epoch}/{epochs}"
        lines.append({"_type": "train_epoch", "epoch": at, "loss": 1 / epoch, "lr": 0.1 / epoch})
        if epoch % 2 == 0:
            maps = {"map": 0.05 * epoch, "map_head": 0.1 * epoch, "map_tail": None}
            lines.append({"_type": "val_epoch", "epoch": at, **maps})
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(f"json_stats: {json.dumps(line)}\n" for line in lines)
    (folder / "json_stats.log").write_text(text)


def make_run(folder: Path, seed: int = 0, settings=(), **changed) -> Path:
    """A run's folder with a log and a report; returns the page."""
    write_log(folder)
    page = write_report(configuration(folder, *settings), [outcome(seed, **changed)])
    assert page is not None
    return page
