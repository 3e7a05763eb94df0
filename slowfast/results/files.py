"""The files of a test.

Below OUTPUT_DIR, at TEST.SAVE_RESULTS_PATH: upstream's pickle of [predictions, labels], a CSV with
one row per clip, and a JSON with the figures and how they were obtained. If the task's figures are
figures of classes and clips have many labels, OUTPUT_DIR also gets a table with one row per class.
Each number of views has its own files.

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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from fvcore.common.config import CfgNode

from slowfast.ak.classes.table import ClassTable
from slowfast.ak.errors import UserError
from slowfast.ak.metrics.figures import Figures
from slowfast.checkpoints.loading import LoadedWeights
from slowfast.results.per_class import ClassResult, class_results, write_class_results
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
        scores: (R, ...), for classification (N, C).
        targets: (R, ...), for classification (N, C) or (N,); None: the task has none.
        numbers: (R,) numbers of the clips in the data set, in the order of the list.
        clips: the data set.
        classes: names and segments of the classes; None: not known.
        weights: the tested weights.
        missing, incomplete: reasons by name, for clips that could not be read at all or in part.
        figures: all figures; None before they are computed.
        stats: the line ``test_final`` of json_stats.
        files: paths of the files written, by kind.
        unwritten: a message for each file that could not be written.
    """

    views: str
    suffix: str
    scores: torch.Tensor
    targets: torch.Tensor | None
    numbers: torch.Tensor
    clips: object
    classes: ClassTable | None
    weights: LoadedWeights
    missing: dict[str, str] = field(default_factory=dict)
    incomplete: dict[str, str] = field(default_factory=dict)
    figures: EvaluationFigures | None = None
    stats: dict = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    unwritten: list[str] = field(default_factory=list)

    @cached_property
    def per_class(self) -> list[ClassResult]:
        """One row per class; none unless the figures are figures of classes with many labels."""
        if not (isinstance(self.figures, Figures) and self.figures.many_labels):
            return []
        return class_results(self.figures.by_class("map"), self.figures.positives, self.classes)

    @cached_property
    def names(self) -> list[str]:
        """(R,) names of the clips."""
        return [self.clips.clip_name(number) for number in self.numbers.tolist()]

    def check_scores(self) -> None:
        """Checks that no score is nan.

        Raises:
            UserError: names the clips with such scores.
        """
        bad = self.scores.flatten(1).isnan().any(dim=1)
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
        """Writes the table of classes, if the figures have one, and the JSON."""
        if rows := outcome.per_class:
            path = _with_suffix(self.folder / "per_class_ap.csv", outcome)
            outcome.write("classes", path, lambda path: write_class_results(path, rows))
        if self.results is not None:
            path = _with_suffix(self.results, outcome).with_suffix(".json")
            outcome.write("summary", path, lambda path: self._write_summary(path, outcome))

    def _write_summary(self, path: Path, outcome: Outcome) -> None:
        table = outcome.files.get("classes")
        summary = {
            **outcome.stats,
            "views": outcome.views,
            "ensemble": self.ensemble,
            "clips": outcome.num_clips,
            "missing_clips": outcome.missing,
            "incomplete_clips": outcome.incomplete,
            "checkpoint": outcome.weights.path,
            "initialisation": outcome.weights.initialisation,
            "segments": outcome.classes.source if outcome.classes else None,
            # Relative, so that it is found again when the folder of the run has been moved.
            "per_class": os.path.relpath(table, path.parent) if table else None,
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


def _with_suffix(path: Path, outcome: Outcome) -> Path:
    return path.with_name(f"{path.stem}{outcome.suffix}{path.suffix}")


def _write_pickle(path: Path, outcome: Outcome) -> None:
    with path.open("wb") as file:
        pickle.dump([outcome.scores, outcome.targets], file)


def _write_csv(path: Path, outcome: Outcome) -> None:
    """Writes one line per row: the name of the clip, the class ids of its labels, all scores.

    Labels stay empty if the task has no targets.
    """
    scores = outcome.scores.flatten(1)
    columns = outcome.classes.names if outcome.classes else map(str, range(scores.shape[1]))
    targets = [None] * len(scores) if outcome.targets is None else outcome.targets
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "labels", *columns])
        for name, target, row in zip(outcome.names, targets, scores.tolist(), strict=True):
            labels = " ".join(map(str, _class_ids(target)))
            writer.writerow([name, labels, *(f"{score:.6g}" for score in row)])


def _class_ids(target: torch.Tensor | None) -> list[int]:
    if target is None:
        return []
    return target.nonzero().flatten().tolist() if target.ndim else [int(target)]
