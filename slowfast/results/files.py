"""The files of a test.

Below OUTPUT_DIR, at TEST.SAVE_RESULTS_PATH: upstream's pickle of [predictions, labels], a CSV with
one row per clip, and a JSON with the figures and how they were obtained. If the task's figures are
figures of classes, OUTPUT_DIR also gets a table with one row per class and, with one class a clip,
the confusion matrix. Each number of views and each label set has its own files.

A clip that could not be read has no row in any file. The JSON names it and the reason in
``missing_clips``, and clips that were scored from a part of their frames in ``incomplete_clips``;
``json_stats`` has their numbers under these names.

Scores are saved before figures are computed from them, so that no later failure loses them. A file
that cannot be written causes a warning at once, and an error after the table at the end.
"""

from __future__ import annotations

import csv
import json
import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import Tensor

from slowfast.ak.classes.label_sets import Classes, by_set, of_set
from slowfast.ak.errors import UserError
from slowfast.ak.metrics.figure_sets import sets_of
from slowfast.ak.metrics.figures import Figures
from slowfast.checkpoints.loading import LoadedWeights
from slowfast.results.confusion import write_confusion
from slowfast.results.per_class import ClassResult, results_of, write_class_results
from slowfast.tasks import EvaluationFigures
from slowfast.utils import distributed, logging

logger = logging.get_logger(__name__)

_MOST_NAMES = 5


@dataclass
class Outcome:
    """The result of one test: R rows, one per clip, or several, such as one per box.

    Attributes:
        views: the number of views in words.
        suffix: part of file names, such as "_2x3"; "" if one number of views is tested.
        scores: (R, ...), for classification (N, C); or by label set.
        targets: (R, ...), for classification (N, C) or (N,); or by label set; None: the task has
            none.
        numbers: (R,) numbers of the clips in the data set, in the order of the list.
        clips: the data set.
        classes: names and segments of the classes, or by label set; None: not known.
        weights: the tested weights.
        missing, incomplete: reasons by name, for clips that could not be read at all or in part.
        figures: all figures; None before they are computed.
        stats: the line ``test_final`` of json_stats.
        files: paths of the files written, by kind.
        unwritten: a message for each file that could not be written.
    """

    views: str
    suffix: str
    scores: Tensor | Mapping[str, Tensor]
    targets: Tensor | Mapping[str, Tensor] | None
    numbers: Tensor
    clips: object
    classes: Classes
    weights: LoadedWeights
    missing: dict[str, str] = field(default_factory=dict)
    incomplete: dict[str, str] = field(default_factory=dict)
    figures: EvaluationFigures | None = None
    stats: dict = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    unwritten: list[str] = field(default_factory=list)

    @cached_property
    def per_class(self) -> dict[str, list[ClassResult]]:
        """One row per class, by label set; empty unless the figures are figures of classes.

        The only label set of classification has the name "".
        """
        return {
            name: results_of(figures, of_set(self.classes, name))
            for name, figures in sets_of(self.figures).items()
        }

    @cached_property
    def names(self) -> list[str]:
        """(R,) names of the clips."""
        return [self.clips.clip_name(number) for number in self.numbers.tolist()]

    def check_scores(self) -> None:
        """Checks that no score is nan.

        Raises:
            UserError: names the clips with such scores.
        """
        parts = by_set(self.scores).values()
        bad = torch.stack([part.flatten(1).isnan().any(dim=1) for part in parts]).any(dim=0)
        if not bad.any():
            return
        rows = bad.nonzero().flatten().tolist()
        found = list(dict.fromkeys(self.names[row] for row in rows))
        names = ", ".join(found[:_MOST_NAMES])
        saved = f" They are saved in {self.files['scores']}." if "scores" in self.files else ""
        raise UserError(
            f"{len(found)} of {self.num_clips} clips have scores that are nan: {names}"
            f"{', ...' if len(found) > _MOST_NAMES else ''}.{saved} The weights of "
            f"{self.weights.path or 'this run'} may have diverged: test an earlier checkpoint "
            "(TEST.CHECKPOINT_FILE_PATH), or with TRAIN.MIXED_PRECISION False."
        )

    @property
    def num_clips(self) -> int:
        """The number of clips with a row."""
        return len(self.numbers.unique())

    def write(self, kind: str, path: Path, write: Callable[[Path], None]) -> None:
        """Writes one file. A failure causes a warning and a message in ``unwritten``."""
        try:
            write(path)
        except OSError as error:
            self.unwritten.append(f"{path} cannot be written ({error.strerror})")
            logger.warning(f"{self.unwritten[-1]}; the test goes on.")
        else:
            self.files[kind] = path


def check_results_path(cfg: CfgNode) -> None:
    """Makes the folder of TEST.SAVE_RESULTS_PATH before a run begins.

    Raises:
        UserError: results cannot be written there.
    """
    path = ResultFiles.from_cfg(cfg).results
    if not (cfg.TEST.ENABLE and path and distributed.is_master_proc()):
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"TEST.SAVE_RESULTS_PATH: {error.filename or path} cannot be written "
            f"({error.strerror}); give another path below OUTPUT_DIR."
        ) from None
    if path.is_dir():
        raise UserError(
            f"TEST.SAVE_RESULTS_PATH: {path} is a folder; name a file in it, such as "
            f"{cfg.TEST.SAVE_RESULTS_PATH}/results.pkl"
        )


@dataclass(frozen=True)
class ResultFiles:
    """Writes the files of the tests of a run.

    Attributes:
        folder: OUTPUT_DIR.
        results: the path of the pickle; None: TEST.SAVE_RESULTS_PATH is empty, and only the table
            of classes is written.
        ensemble: DATA.ENSEMBLE_METHOD.
    """

    folder: Path
    results: Path | None
    ensemble: str

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> ResultFiles:
        folder, path = Path(cfg.OUTPUT_DIR), cfg.TEST.SAVE_RESULTS_PATH
        return cls(folder, folder / path if path else None, cfg.DATA.ENSEMBLE_METHOD)

    def write_scores(self, outcome: Outcome) -> None:
        """Writes the pickle and the CSV of clips."""
        if self.results is None:
            return
        path = _with_suffix(self.results, outcome)
        outcome.write("scores", path, lambda path: _write_pickle(path, outcome))
        outcome.write("clips", path.with_suffix(".csv"), lambda path: _write_csv(path, outcome))

    def write_figures(self, outcome: Outcome) -> None:
        """Writes the tables of classes and of confusions, if there are some, and the JSON."""
        for name, figures in sets_of(outcome.figures).items():
            self._write_classes(outcome, name, figures)
        if self.results is not None:
            path = _with_suffix(self.results, outcome).with_suffix(".json")
            outcome.write("summary", path, lambda path: self._write_summary(path, outcome))

    def _write_classes(self, outcome: Outcome, name: str, figures: Figures) -> None:
        rows, end = outcome.per_class[name], f"_{name}" if name else ""
        measure = "_ap" if figures.many_labels else ""
        path = _with_suffix(self.folder / f"per_class{measure}{end}.csv", outcome)
        outcome.write(_kind("classes", name), path, lambda path: write_class_results(path, rows))
        if figures.many_labels or figures.scores is None:
            return
        path = _with_suffix(self.folder / f"confusion{end}.csv", outcome)
        clips, names = figures.ranks.confusion(), [row.name for row in rows]
        outcome.write(
            _kind("confusion", name), path, lambda path: write_confusion(path, clips, names)
        )

    def _write_summary(self, path: Path, outcome: Outcome) -> None:
        def tables(kind: str) -> dict[str, str] | str | None:
            # Relative, so that they are found again when the folder of the run has been moved.
            found = {
                name: os.path.relpath(outcome.files[_kind(kind, name)], path.parent)
                for name in outcome.per_class
                if _kind(kind, name) in outcome.files
            }
            return found.get("", found or None)

        classes = by_set(outcome.classes) if outcome.classes else {}
        sources = {name: table.source for name, table in classes.items() if table}
        summary = {
            **outcome.stats,
            "views": outcome.views,
            "ensemble": self.ensemble,
            "clips": outcome.num_clips,
            "missing_clips": outcome.missing,
            "incomplete_clips": outcome.incomplete,
            "checkpoint": outcome.weights.path,
            "initialisation": outcome.weights.initialisation,
            "segments": sources.get("", sources or None),
            "per_class": tables("classes"),
            "confusion": tables("confusion"),
        }
        path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def check_all_written(outcomes: Sequence[Outcome]) -> None:
    """Checks that every file was written.

    Raises:
        UserError: names the files that could not be written.
    """
    if unwritten := [message for outcome in outcomes for message in outcome.unwritten]:
        raise UserError(
            f"{'; '.join(unwritten)}. Everything else was written. Make room or give another "
            "OUTPUT_DIR or TEST.SAVE_RESULTS_PATH, and test again (TRAIN.ENABLE False)."
        )


def _kind(kind: str, name: str) -> str:
    """The kind of a file of a label set."""
    return f"{kind} {name}".rstrip()


def _with_suffix(path: Path, outcome: Outcome) -> Path:
    return path.with_name(f"{path.stem}{outcome.suffix}{path.suffix}")


def _write_pickle(path: Path, outcome: Outcome) -> None:
    with path.open("wb") as file:
        pickle.dump([outcome.scores, outcome.targets], file)


def _write_csv(path: Path, outcome: Outcome) -> None:
    """Writes one line per row: the name of the clip, the class ids of its labels, all scores.

    Labels stay empty if the task has no targets. With several label sets, each has a column of
    labels, such as "animal labels", and its scores have columns such as "animal 17".
    """
    scores = {name: part.flatten(1) for name, part in by_set(outcome.scores).items()}
    heads, labels = [], []
    for name, part in scores.items():
        table = of_set(outcome.classes, name)
        columns = table.names if table else map(str, range(part.shape[1]))
        heads += [f"{name} {column}".lstrip() for column in columns]
        labels.append(_labels(outcome.targets, name, len(part)))
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", *(f"{name} labels".lstrip() for name in scores), *heads])
        rows = torch.cat([part.float() for part in scores.values()], dim=1).tolist()
        for name, own, row in zip(outcome.names, zip(*labels, strict=True), rows, strict=True):
            writer.writerow([name, *own, *(f"{score:.6g}" for score in row)])


def _labels(targets: Any, name: str, rows: int) -> list[str]:
    """The class ids of the labels of each row in a label set, as text."""
    if targets is None:
        return [""] * rows
    return [" ".join(map(str, _class_ids(target))) for target in of_set(targets, name)]


def _class_ids(target: Tensor) -> list[int]:
    return target.nonzero().flatten().tolist() if target.ndim else [int(target)]
