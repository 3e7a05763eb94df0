"""What a test leaves behind.

Below OUTPUT_DIR, where TEST.SAVE_RESULTS_PATH says: upstream's pickle of [predictions, labels], a
CSV with a row a clip, and a JSON with the figures and how they came about. In OUTPUT_DIR itself,
with many labels, a table with a row a class. With several numbers of views each has its own files.

A clip that could not be read has no row anywhere; the JSON names it with the reason, in
``missing_clips``, and those that were scored from a part of their frames in ``incomplete_clips``,
where ``json_stats`` has their numbers.

Notable: scores are saved before anything is made of them, so that no later failure costs them. A
file that cannot be written is told at once and is an error in the end, after the closing table.
"""

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
from slowfast.ak.metrics.average_precision import average_precision
from slowfast.checkpoints.checkpoint import LoadedWeights
from slowfast.results.per_class import ClassResult, class_results, write_class_results
from slowfast.utils import distributed, logging

logger = logging.get_logger(__name__)

_NAMED = 5


@dataclass
class Outcome:
    """One test: ``scores`` (N, C) and ``targets`` (N, C) or (N,) in the order of the list, of the
    clips with these ``numbers`` (N,) in the data set ``clips``.

    missing, incomplete: by name, clips that could not be read, and such as have been read in part,
    with the reasons. stats: the figures, once they are measured. files: what was written, by what
    it is; unwritten: what could not be, in words.
    """

    views: str
    scores: torch.Tensor
    targets: torch.Tensor
    numbers: torch.Tensor
    clips: object
    classes: ClassTable | None
    weights: LoadedWeights
    missing: dict[str, str] = field(default_factory=dict)
    incomplete: dict[str, str] = field(default_factory=dict)
    stats: dict = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    unwritten: list[str] = field(default_factory=list)

    @cached_property
    def per_class(self) -> list[ClassResult]:
        """A row a class; none with one label a clip."""
        if self.targets.ndim == 1:
            return []
        scores, targets = self.scores.numpy(), self.targets.numpy()
        return class_results(average_precision(scores, targets), targets.sum(axis=0), self.classes)

    @cached_property
    def names(self) -> list[str]:
        """Of the clips, a row of the scores each."""
        return [self.clips.clip_name(number) for number in self.numbers.tolist()]

    def check_scores(self) -> None:
        """Raises UserError, with the clips, where scores are nan."""
        bad = self.scores.isnan().any(dim=1).nonzero().flatten().tolist()
        if not bad:
            return
        names = ", ".join(self.names[row] for row in bad[:_NAMED])
        saved = f" They are saved in {self.files['scores']}." if "scores" in self.files else ""
        raise UserError(
            f"{len(bad)} of {len(self.scores)} clips have scores that are nan: {names}"
            f"{', ...' if len(bad) > _NAMED else ''}.{saved} The weights of "
            f"{self.weights.path or 'this run'} may have diverged: test an earlier checkpoint "
            "(TEST.CHECKPOINT_FILE_PATH), or with TRAIN.MIXED_PRECISION False."
        )

    def write(self, kind: str, path: Path, write: Callable[[Path], None]) -> None:
        """Writes one file; what fails is told, and stands in ``unwritten``."""
        try:
            write(path)
        except OSError as error:
            self.unwritten.append(f"{path} cannot be written ({error.strerror})")
            logger.warning(f"{self.unwritten[-1]}; the test goes on.")
        else:
            self.files[kind] = path


def check_results_path(cfg: CfgNode) -> None:
    """Makes the folder of TEST.SAVE_RESULTS_PATH, before days are spent on what goes there.

    Raises:
        UserError: the results could not be written.
    """
    if not (cfg.TEST.ENABLE and cfg.TEST.SAVE_RESULTS_PATH and distributed.is_master_proc()):
        return
    path = _results_path(cfg)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"TEST.SAVE_RESULTS_PATH: {error.filename or path} cannot be written "
            f"({error.strerror}); give a path below OUTPUT_DIR that can."
        ) from None
    if path.is_dir():
        raise UserError(
            f"TEST.SAVE_RESULTS_PATH: {path} is a folder; name a file in it, such as "
            f"{cfg.TEST.SAVE_RESULTS_PATH}/results.pkl"
        )


def _results_path(cfg: CfgNode) -> Path:
    return Path(cfg.OUTPUT_DIR) / cfg.TEST.SAVE_RESULTS_PATH


def save_scores(cfg: CfgNode, outcome: Outcome, several: bool) -> None:
    """Writes pickle and CSV of clips, where TEST.SAVE_RESULTS_PATH asks for them.

    Args:
        several: whether more than one number of views is tested; then each has its own files.
    """
    if not cfg.TEST.SAVE_RESULTS_PATH:
        return
    path = _with_views(cfg, _results_path(cfg), several)
    outcome.write("scores", path, lambda path: _write_pickle(path, outcome))
    outcome.write("clips", path.with_suffix(".csv"), lambda path: _write_csv(path, outcome))


def save_figures(cfg: CfgNode, outcome: Outcome, several: bool) -> None:
    """Writes the table of classes, and the JSON where TEST.SAVE_RESULTS_PATH asks for it; as
    `save_scores`."""
    if outcome.per_class:
        path = _with_views(cfg, Path(cfg.OUTPUT_DIR, "per_class_ap.csv"), several)
        outcome.write("classes", path, lambda path: write_class_results(path, outcome.per_class))
    if cfg.TEST.SAVE_RESULTS_PATH:
        path = _with_views(cfg, _results_path(cfg), several).with_suffix(".json")
        outcome.write("summary", path, lambda path: _write_summary(path, cfg, outcome))


def check_all_written(outcomes: Sequence[Outcome]) -> None:
    """Raises UserError where something could not be written."""
    if unwritten := [told for outcome in outcomes for told in outcome.unwritten]:
        raise UserError(
            f"{'; '.join(unwritten)}. Everything else was written. Make room or give another "
            "OUTPUT_DIR or TEST.SAVE_RESULTS_PATH, and test again (TRAIN.ENABLE False)."
        )


def _with_views(cfg: CfgNode, path: Path, several: bool) -> Path:
    views = f"_{cfg.TEST.NUM_ENSEMBLE_VIEWS}x{cfg.TEST.NUM_SPATIAL_CROPS}" if several else ""
    return path.with_name(f"{path.stem}{views}{path.suffix}")


def _write_pickle(path: Path, outcome: Outcome) -> None:
    with path.open("wb") as file:
        pickle.dump([outcome.scores, outcome.targets], file)


def _write_csv(path: Path, outcome: Outcome) -> None:
    """A row a clip: its name, its labels' class ids, and the score of each class."""
    num_classes = outcome.scores.shape[1]
    names = outcome.classes.names if outcome.classes else [str(c) for c in range(num_classes)]
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "labels", *names])
        rows = zip(outcome.names, outcome.scores.tolist(), outcome.targets, strict=True)
        for name, scores, target in rows:
            labels = target.nonzero().flatten().tolist() if target.ndim else [int(target)]
            writer.writerow(
                [
                    name,
                    " ".join(map(str, labels)),
                    *(f"{score:.6g}" for score in scores),
                ]
            )


def _write_summary(path: Path, cfg: CfgNode, outcome: Outcome) -> None:
    table = outcome.files.get("classes")
    summary = {
        **outcome.stats,
        "views": outcome.views,
        "ensemble": cfg.DATA.ENSEMBLE_METHOD,
        "clips": len(outcome.scores),
        "missing_clips": outcome.missing,
        "incomplete_clips": outcome.incomplete,
        "checkpoint": outcome.weights.path,
        "initialisation": outcome.weights.initialisation,
        "segments": outcome.classes.source if outcome.classes else None,
        # From here, so that it is found again where the run's folder has been moved.
        "per_class": os.path.relpath(table, path.parent) if table else None,
    }
    path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
