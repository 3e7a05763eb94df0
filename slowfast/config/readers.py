"""Whether a run reads a key: its phases, its data sets, its network, its loss and its switches.

``keys/readers.yaml`` has the conditions on other keys. The registries have the keys that only some
networks, data sets and losses read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from fvcore.common.config import CfgNode

from slowfast.ak.registries.datasets import DATASETS
from slowfast.ak.registries.losses import LOSSES
from slowfast.ak.registries.networks import NETWORKS
from slowfast.config.derived import enabled_phases
from slowfast.config.dotted import get, key_and_value


class Unread(NamedTuple):
    """Why a run does not read a key.

    Args:
        decided_by: the setting that decides it, to complete "is not read with ...".
        warn: whether a setting of the key is worth a warning.
        certain: whether nothing in the run can read the key. A loss can build another loss, with
            the settings of that one.
    """

    decided_by: str
    warn: bool
    certain: bool = True


class _Condition(NamedTuple):
    """An entry of ``readers.yaml``."""

    keys: tuple[str, ...]
    exceptions: frozenset[str]
    when: tuple[dict[str, Any], ...]
    warn: bool

    def concerns(self, key: str) -> bool:
        return key not in self.exceptions and _begins_with(key, self.keys)

    def broken_in(self, cfg: CfgNode) -> str:
        """The first key of the first alternative that does not hold; empty if one holds."""
        broken = [
            next((key for key, wanted in each.items() if not _holds(get(cfg, key), wanted)), "")
            for each in self.when
        ]
        return broken[0] if all(broken) else ""


def _read_conditions() -> tuple[_Condition, ...]:
    path = Path(__file__).parent / "keys" / "readers.yaml"
    return tuple(
        _Condition(
            keys=tuple(entry["keys"]),
            exceptions=frozenset(entry.get("except", ())).union(*entry["when"]),
            when=tuple(entry["when"]),
            warn=entry["warn"],
        )
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))
    )


def _begins_with(key: str, keys: tuple[str, ...]) -> bool:
    return any(key == each or (each[-1:] in "._" and key.startswith(each)) for each in keys)


def _holds(value: Any, wanted: Any) -> bool:
    return bool(value) if wanted == "any" else value == wanted


CONDITIONS = _read_conditions()


def why_unread(cfg: CfgNode, key: str) -> Unread | None:
    """Why the run of a configuration does not read a dotted key; None if it reads the key."""
    return next(_reasons(cfg, key), None)


def can_be_read(cfg: CfgNode, key: str) -> bool:
    """Whether the run of a configuration may read a dotted key."""
    return not any(reason.certain for reason in _reasons(cfg, key))


def _reasons(cfg: CfgNode, key: str) -> Iterator[Unread]:
    for condition in CONDITIONS:
        if condition.concerns(key) and (broken := condition.broken_in(cfg)):
            yield Unread(_setting(cfg, broken), condition.warn)
    yield from _of_networks(cfg, key)
    yield from _of_data_sets(cfg, key)
    yield from _of_crops(cfg, key)
    yield from _of_losses(cfg, key)


def _setting(cfg: CfgNode, key: str) -> str:
    return key_and_value(cfg, key) if get(cfg, key) != "" else f"an empty {key}"


def _of_networks(cfg: CfgNode, key: str) -> Iterator[Unread]:
    others = NETWORKS.keys_of_others(cfg.MODEL.MODEL_NAME)
    for beginning, owner in others.items():
        if key.startswith(beginning):
            setting = key_and_value(cfg, "MODEL.MODEL_NAME")
            yield Unread(f"{setting}; MODEL.MODEL_NAME {owner} reads it", True)


def _of_data_sets(cfg: CfgNode, key: str) -> Iterator[Unread]:
    phases = enabled_phases(cfg) or ["TRAIN", "TEST"]
    used = [DATASETS.facts(cfg[phase].DATASET) for phase in phases]
    is_of_others = any(DATASETS.facts(name).reads(key) for name, _ in DATASETS)
    is_unread = is_of_others and all(facts.reads(key) is False for facts in used)
    if is_unread or all(key in facts.ignored_keys for facts in used):
        yield Unread(key_and_value(cfg, f"{phases[0]}.DATASET"), True)


def _of_crops(cfg: CfgNode, key: str) -> Iterator[Unread]:
    """Relative scales replace the scales in pixels, which random validation still reads."""
    relative = "DATA.TRAIN_JITTER_SCALES_RELATIVE"
    in_pixels = key in ("DATA.TRAIN_JITTER_SCALES", "DATA.INV_UNIFORM_SAMPLE")
    if in_pixels and get(cfg, relative) and not DATASETS.facts(cfg.TRAIN.DATASET).random_validation:
        yield Unread(key_and_value(cfg, relative), True)


def _of_losses(cfg: CfgNode, key: str) -> Iterator[Unread]:
    name = cfg.MODEL.LOSS_FUNC
    group = key.split(".")[1] if key.startswith("LOSS.") and key.count(".") > 1 else ""
    is_of_another = group not in ("", name.upper())
    needs_no_counts = key == "LOSS.CLASS_COUNTS" and LOSSES.facts(name).needs_counts is False
    if is_of_another or needs_no_counts:
        trains = cfg.TRAIN.ENABLE
        yield Unread(key_and_value(cfg, "MODEL.LOSS_FUNC"), warn=trains, certain=not trains)
