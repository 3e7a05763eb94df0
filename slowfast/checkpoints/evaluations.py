"""The record of a run's evaluations, OUTPUT_DIR/checkpoints/evaluations.json.

A resumed run reads from it the best evaluation so far, and whether its last epoch was evaluated.
"""

from __future__ import annotations

import json
from pathlib import Path

from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.checkpoints.best import Best
from slowfast.checkpoints.folder import resumes
from slowfast.checkpoints.names import get_path_to_evaluations
from slowfast.utils import distributed
from slowfast.utils.files import atomic


def write_evaluations(best: Best, output_dir: str | Path) -> None:
    """Writes the best and the last evaluation.

    Raises:
        UserError: the file cannot be written.
    """
    content = json.dumps(best.as_dict()).encode() + b"\n"
    atomic.write(Path(get_path_to_evaluations(output_dir)), content)


def evaluations_so_far(cfg: CfgNode, metric: str) -> Best | None:
    """Returns the evaluations of the run that this one resumes; None if it resumes none.

    All processes call this.

    Args:
        metric: name of the figure that chooses the best evaluation.

    Raises:
        UserError: the record cannot be read.
    """
    return distributed.call_on_master(lambda: _read(cfg, metric))


def _read(cfg: CfgNode, metric: str) -> Best | None:
    if not resumes(cfg):
        return None
    path = Path(get_path_to_evaluations(cfg.OUTPUT_DIR))
    try:
        stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        return Best.from_cfg(cfg, metric, stored)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{path}: cannot be read as a record of evaluations: {error}. Move the file away to "
            "continue. The next evaluation is then the best so far."
        ) from None
