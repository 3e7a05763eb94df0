"""Checks that the lists of a run have the labels that its network scores."""

from __future__ import annotations

from collections.abc import Iterator

from fvcore.common.config import CfgNode

from slowfast.ak.keys import Finding
from slowfast.ak.registries.datasets import DATASETS, names_with
from slowfast.ak.registries.networks import NETWORKS
from slowfast.config.derived import enabled_phases


def label_set_problems(cfg: CfgNode) -> Iterator[Finding]:
    """Finds data sets whose label columns are not the label sets of the network.

    Of a network that is not built, which another check reports, the label sets are not known.
    """
    name = cfg.MODEL.MODEL_NAME
    if name not in NETWORKS:
        return
    heads = set(NETWORKS.facts(name).label_sets)
    for phase in enabled_phases(cfg):
        columns = DATASETS.facts(cfg[phase].DATASET).label_columns
        if set(columns) == heads:
            continue
        found = f"has lists with {' and '.join(columns)}" if columns else "has one label column"
        scored = " and ".join(sorted(heads)) if heads else "one set of classes"
        fitting = names_with(lambda facts: set(facts.label_columns) == heads)
        networks = [each for each, _ in NETWORKS if _scores(each, columns)]
        yield (
            f"{phase}.DATASET",
            f"{found}, and MODEL.MODEL_NAME {name} scores {scored}; take the data set "
            f"{' or '.join(fitting)}, or the network {' or '.join(networks)}",
        )


def _scores(network: str, columns: tuple[str, ...]) -> bool:
    """Whether a network takes pixels and scores these label columns."""
    facts = NETWORKS.facts(network)
    return facts.feature_shape is None and set(facts.label_sets) == set(columns)
