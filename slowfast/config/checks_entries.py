"""Checks of the names of networks, data sets, losses and tasks, and the checks that entries bring.

Names of a kind are checked only if entries of this kind are registered. For example, a program that
has not imported the networks gets the error when it builds one.
"""

from __future__ import annotations

from collections.abc import Iterator

from fvcore.common.config import CfgNode

from slowfast.ak.keys import Finding
from slowfast.ak.registries.datasets import DATASETS
from slowfast.ak.registries.losses import LOSSES
from slowfast.ak.registries.networks import NETWORKS
from slowfast.ak.registries.registry import Registry
from slowfast.ak.registries.tasks import TASKS
from slowfast.config.checks import problem, warning
from slowfast.config.derived import enabled_phases, is_supervised
from slowfast.config.dotted import get


def _named_entries(cfg: CfgNode) -> Iterator[tuple[Registry, str]]:
    """(registry, key that names an entry) of everything that the run uses."""
    yield NETWORKS, "MODEL.MODEL_NAME"
    for phase in enabled_phases(cfg):
        yield DATASETS, f"{phase}.DATASET"
    if cfg.TRAIN.ENABLE:
        yield LOSSES, "MODEL.LOSS_FUNC"


@problem
def _unknown_names(cfg: CfgNode) -> Iterator[Finding]:
    for registry, key in _named_entries(cfg):
        words = registry.problem_with(get(cfg, key)) if len(registry) else ""
        if words:
            yield key, words


@problem
def _architecture(cfg: CfgNode) -> Iterator[Finding]:
    yield from NETWORKS.architecture_problems(cfg)


@problem
def _features(cfg: CfgNode) -> Iterator[Finding]:
    name = cfg.MODEL.MODEL_NAME
    takes_features = NETWORKS.facts(name).feature_shape is not None
    for phase in enabled_phases(cfg) if name in NETWORKS else ():
        data_set = cfg[phase].DATASET
        gives_features = DATASETS.facts(data_set).gives_features
        if DATASETS.problem_with(data_set) or gives_features == takes_features:
            continue
        given, taken = ("features", "pixels") if gives_features else ("pixels", "features")
        yield f"{phase}.DATASET", f"gives {given}, and MODEL.MODEL_NAME {name} takes {taken}"


@problem
def _unknown_task(cfg: CfgNode) -> Iterator[Finding]:
    if not is_supervised(cfg) and not any(task.applies(cfg) for _, task in TASKS):
        yield (
            "TASK",
            "asks for a training task that is not built here yet; expected '' or, to train with "
            "labels too, a name that begins with ssl_eval",
        )


@problem
def _problems_of_entries(cfg: CfgNode) -> Iterator[Finding]:
    yield from _findings(cfg, "problems")


@warning
def _warnings_of_entries(cfg: CfgNode) -> Iterator[Finding]:
    yield from _findings(cfg, "warnings")


def _findings(cfg: CfgNode, kind: str) -> list[Finding]:
    """The findings of all entries that the run uses, each once; two phases may share a data set."""
    findings: list[Finding] = []
    facts = [registry.facts(get(cfg, key)) for registry, key in _named_entries(cfg)]
    facts += [TASKS.facts(name) for name, task in TASKS if task.applies(cfg)][:1]
    for each in facts:
        check = getattr(each, kind)
        findings += check(cfg) if check else ()
    return list(dict.fromkeys(findings))
