"""The default configuration, and the check that a configuration can run.

``get_cfg`` returns the keys of both upstream branches, of ``custom_config``, and of registered
losses and other entries. If the defaults of the branches differ, it has the default of main.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

from fvcore.common.config import CfgNode

from slowfast.ak.config import add_key
from slowfast.ak.errors import UserError
from slowfast.ak.registries.networks import NETWORKS
from slowfast.config import (
    checks,
    checks_data,  # noqa: F401 -- this import and the next four register their checks
    checks_entries,  # noqa: F401
    checks_meaning,  # noqa: F401
    checks_run,  # noqa: F401
    checks_training,  # noqa: F401
    provenance,
)
from slowfast.config.custom_config import add_custom_config
from slowfast.config.dotted import has, set_value
from slowfast.config.keys import PREDICTION_KEYS, UPSTREAM_KEYS, registered_keys
from slowfast.config.merge import Config

logger = logging.getLogger(__name__)

# Called before a check: they register what a configuration can name. A script can check its
# configuration before it imports networks and data sets.
before_checks: list[Callable[[], None]] = []


@functools.lru_cache(maxsize=1)
def declared_defaults() -> Config:
    """The defaults that `get_cfg` copies, without the keys of registered entries."""
    cfg = Config()
    for name, key in {**UPSTREAM_KEYS, **PREDICTION_KEYS}.items():
        add_key(cfg, name, key.default)
    add_custom_config(cfg)
    return cfg


def get_cfg() -> CfgNode:
    """A new copy of the default configuration."""
    cfg = declared_defaults().clone()
    for name, key in registered_keys().items():
        if not has(cfg, name):
            add_key(cfg, name, key.default)
    return cfg


def assert_and_infer_cfg(cfg: CfgNode) -> CfgNode:
    """Checks that a run can do what the configuration asks for, and returns the configuration.

    Settings that can run but are seldom intended are logged as warnings. If
    SOLVER.BASE_LR_SCALE_NUM_SHARDS is True, the learning rates are multiplied by NUM_SHARDS and the
    key is set to False. So a second check, a copy in another process, or the configuration from a
    checkpoint does not multiply them again.

    Keys that nobody set take the values for which the network is made, where it states some.

    Raises:
        UserError: one line for each problem, with the file that set the key, the key, its value,
            and what to do.
    """
    for register in before_checks:
        register()
    _take_settings_of_network(cfg)
    problems = checks.problems(cfg)
    if problems:
        raise UserError("\n".join(problems))
    for warning in checks.warnings(cfg):
        logger.warning(warning)
    _scale_learning_rates(cfg)
    return cfg


def _take_settings_of_network(cfg: CfgNode) -> None:
    """Sets keys that nobody set to what follows from the network. The log of a run lists them."""
    derive = NETWORKS.facts(cfg.MODEL.MODEL_NAME).derived_settings
    if derive is None:
        return
    frozen = cfg.is_frozen()
    cfg.defrost()
    for key, value in derive(cfg).items():
        if not provenance.is_set(cfg, key):
            set_value(cfg, key, value)
            provenance.record(cfg, key, provenance.FOR_NETWORK)
    if frozen:
        cfg.freeze()


def _scale_learning_rates(cfg: CfgNode) -> None:
    if not cfg.SOLVER.BASE_LR_SCALE_NUM_SHARDS:
        return
    frozen = cfg.is_frozen()
    cfg.defrost()
    for key in ("BASE_LR", "WARMUP_START_LR", "COSINE_END_LR"):
        if cfg.SOLVER[key] is None:  # no value, in a run that does not read it
            continue
        source = provenance.source_of(cfg, f"SOLVER.{key}")
        cfg.SOLVER[key] *= cfg.NUM_SHARDS
        if cfg.NUM_SHARDS > 1:
            provenance.record(cfg, f"SOLVER.{key}", f"{source}, times NUM_SHARDS")
    cfg.SOLVER.BASE_LR_SCALE_NUM_SHARDS = False
    if frozen:
        cfg.freeze()
