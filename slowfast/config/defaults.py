"""The default configuration, and the check that a configuration can be run.

Notable: ``get_cfg`` gives every key of both upstream branches, where they differ with main's
default, plus what ``custom_config`` adds. It is an fvcore ``CfgNode`` whose merging reports all
mistakes at once, with file, key and nearest valid name.
"""

from __future__ import annotations

import functools
import logging
import shutil
import textwrap

from fvcore.common.config import CfgNode

from slowfast.ak.config import KEYS as AK_KEYS
from slowfast.ak.config import add_key
from slowfast.ak.errors import UserError
from slowfast.config import checks, provenance
from slowfast.config.custom_config import add_custom_config
from slowfast.config.keys import UPSTREAM_KEYS
from slowfast.config.merge import Config, dotted_keys, nearest_key

logger = logging.getLogger(__name__)


@functools.lru_cache(maxsize=1)
def _defaults() -> Config:
    cfg = Config()
    for name, key in UPSTREAM_KEYS.items():
        add_key(cfg, name, key.default)
    add_custom_config(cfg)
    return cfg


def get_cfg() -> CfgNode:
    """A fresh copy of the default configuration, free to be changed."""
    return _defaults().clone()


def explain(name: str = "") -> str:
    """Default and comment of each key of this name or in the group of this name; empty: of all.

    Raises:
        UserError: there is none.
    """
    cfg = get_cfg()
    comments = {key: spec.help for key, spec in UPSTREAM_KEYS.items()}
    comments |= {key: spec.help for key, spec in AK_KEYS.items()}
    wanted = name.upper().strip(".")
    keys = [key for key in dotted_keys(cfg) if f"{key.upper()}.".startswith(f"{wanted}.")]
    if not wanted:
        keys = dotted_keys(cfg)
    if not keys:
        near = nearest_key(cfg, name)
        raise UserError(f"There is no key {name}" + (f"; did you mean {near}?" if near else "."))
    width = shutil.get_terminal_size().columns
    return "\n".join(
        textwrap.fill(
            f"{key}: {provenance.show(provenance.get(cfg, key))}", width, subsequent_indent="    "
        )
        + "\n"
        + textwrap.fill(
            comments.get(key, ""), width, initial_indent="    ", subsequent_indent="    "
        )
        for key in keys
    )


def assert_and_infer_cfg(cfg: CfgNode) -> CfgNode:
    """Check that a run can do what the configuration asks for, and return the configuration.

    Settings that may well be meant but are worth a look are logged as warnings. Where
    SOLVER.BASE_LR_SCALE_NUM_SHARDS asks for it, the learning rates are multiplied by NUM_SHARDS
    and the key is set to False, so that a second check, a copy in another process, or the
    configuration read back from a checkpoint does not multiply them again.

    Raises:
        UserError: one line for each problem, with the file that set the key, the key, its value,
            and what to do.
    """
    problems = checks.problems(cfg)
    if problems:
        raise UserError("\n".join(problems))
    for warning in checks.warnings(cfg):
        logger.warning(warning)
    _scale_learning_rates(cfg)
    return cfg


def _scale_learning_rates(cfg: CfgNode) -> None:
    if not cfg.SOLVER.BASE_LR_SCALE_NUM_SHARDS:
        return
    frozen = cfg.is_frozen()
    cfg.defrost()
    for key in ("BASE_LR", "WARMUP_START_LR", "COSINE_END_LR"):
        source = provenance.source_of(cfg, f"SOLVER.{key}")
        cfg.SOLVER[key] *= cfg.NUM_SHARDS
        if cfg.NUM_SHARDS > 1:
            provenance.record(cfg, f"SOLVER.{key}", f"{source}, times NUM_SHARDS")
    cfg.SOLVER.BASE_LR_SCALE_NUM_SHARDS = False
    if frozen:
        cfg.freeze()
