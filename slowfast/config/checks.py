"""Which settings cannot be run, and which may be run but are worth a second look.

Notable: every check is a generator of ``(key, words)``: the key to blame and what is wrong with
it. ``problems`` and ``warnings`` put file, key and value before the words, so that all of them
come out in one form, and together. Nothing here reads data, builds a network or needs a GPU.
Names of networks, data sets and losses are looked up in their registries where those are loaded;
a program that has not loaded them is told by whoever builds the thing.
"""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.config import KEYS as AK_KEYS
from slowfast.config import combinations
from slowfast.config.combinations import Finding, phases
from slowfast.config.doubts import DOUBTS
from slowfast.config.keys import UPSTREAM_KEYS
from slowfast.config.provenance import describe, get, show
from slowfast.config.schema import Key, WrongType, coerce, expected, numbers_in

_CHECKED_KEYS = UPSTREAM_KEYS | {
    name: Key(key.default, key.comment, choices=key.choices, low=key.low, high=key.high)
    for name, key in AK_KEYS.items()
}

_NETWORKS_NOT_BUILT = {
    "MViT": "vision transformers are not built here yet",
    "MaskMViT": "masked pre-training is not built here yet",
    "ContrastiveModel": "contrastive training is not built here yet",
    "PTVResNet": "pytorchvideo's networks are not built here; ResNet is the same network",
    "PTVSlowFast": "pytorchvideo's networks are not built here; SlowFast is the same network",
    "PTVX3D": "pytorchvideo's networks are not built here; X3D is the same network",
    "PTVMViT": "vision transformers are not built here yet",
    "PTVCSN": "channel-separated networks are not built here yet",
    "PTVR2plus1D": "R(2+1)D networks are not built here yet",
    "ResNet_nopool": "write MODEL.MODEL_NAME ResNet and MODEL.ARCH c2d_nopool or i3d_nopool",
}
_DATASETS_NOT_BUILT = {
    **dict.fromkeys(
        ("ava", "imagenet", "imagenetprefetch", "ssv2"),
        "this data set is not built here yet; there are ak, charades and kinetics",
    ),
    "ptvcharades": "pytorchvideo's loaders are not built here; charades reads the same data",
    "ptvkinetics": "pytorchvideo's loaders are not built here; kinetics reads the same data",
    "ptvssv2": "pytorchvideo's loaders are not built here; there are ak, charades and kinetics",
}
_LOSSES_NOT_BUILT = {
    "contrastive_loss": "contrastive training is not built here yet",
    "multi_mse": "masked pre-training is not built here yet",
    "bce": "it wants probabilities, and a network in training gives logits; take bce_logit",
}


def problems(cfg: CfgNode) -> list[str]:
    """Everything that keeps this configuration from being run, a line each; empty: nothing."""
    impossible = list(_values(cfg))
    blamed = {name for name, _ in impossible}
    mended = _with_defaults(cfg, blamed)
    findings = [
        *_not_built(mended),
        *impossible,
        *_names(mended),
        *(
            (key, words)
            for check in combinations.CONTRADICTIONS
            for key, words in check(mended)
            if not any(name in f"{key} {words}" for name in blamed)
        ),
    ]
    return [f"{describe(cfg, key)}: {words}" for key, words in findings]


def warnings(cfg: CfgNode) -> list[str]:
    """What can be run but is seldom meant, a line each."""
    findings = [found for check in DOUBTS for found in check(cfg)]
    return [f"{describe(cfg, key)}: {words}" for key, words in findings]


# ------------------------------------------------------------------ keys, each for itself


def _not_built(cfg: CfgNode) -> Iterator[Finding]:
    for name, key in UPSTREAM_KEYS.items():
        if key.not_built and get(cfg, name) != key.default:
            words = f"asks for {key.not_built}, which is not built here yet"
            yield name, f"{words}; leave it at {show(key.default)}"


def _values(cfg: CfgNode) -> Iterator[Finding]:
    """Values of a wrong type, out of their limits, not among their choices."""
    for name, key in _CHECKED_KEYS.items():
        value = get(cfg, name)
        if value != key.default and not key.not_built and not key.idle:
            words = _why_impossible(key, value)
            if words:
                yield name, words


def _why_impossible(key: Key, value: Any) -> str:
    # A program may have set what a file or a command would have had converted.
    plain = list(value) if isinstance(value, tuple) else value
    try:
        is_converted = coerce(value, key.default, key.kind) == plain
    except WrongType:
        is_converted = False
    if not is_converted:
        return f"expected {expected(key.default, key.kind)}"
    if key.choices and value not in key.choices:
        return _not_among(value, key.choices)
    if key.length is not None and len(value) != key.length:
        return f"{len(value)} entries; expected {key.length}, such as {key.default}"
    for number in numbers_in(value):
        if not math.isfinite(number):
            return "expected a finite number"
        if key.low is not None and number < key.low:
            return f"expected at least {key.low}"
        if key.high is not None and number > key.high:
            return f"expected at most {key.high}"
    return ""


def _with_defaults(cfg: CfgNode, names: Iterable[str]) -> CfgNode:
    """A copy in which these keys have their defaults, so that the others can be looked at."""
    copy = cfg.clone()
    copy.defrost()
    for name in names:
        section, _, leaf = name.rpartition(".")
        (get(copy, section) if section else copy)[leaf] = _CHECKED_KEYS[name].default
    return copy


def _not_among(value: Any, choices: Any) -> str:
    names = {str(choice).lower(): str(choice) or "''" for choice in choices}
    near = difflib.get_close_matches(str(value).lower(), names, n=1, cutoff=0.6)
    hint = f"did you mean {names[near[0]]}? " if near else ""
    return f"{hint}expected one of {', '.join(names.values())}"


# ------------------------------------------------------------------ names in registries


def _names(cfg: CfgNode) -> Iterator[Finding]:
    """Networks, data sets and losses that are not built, or that nobody has registered."""
    yield from _name(
        "MODEL.MODEL_NAME",
        cfg.MODEL.MODEL_NAME,
        _registered("slowfast.models.build", "MODEL_REGISTRY"),
        _NETWORKS_NOT_BUILT,
    )
    datasets = _registered("slowfast.datasets.build", "DATASET_REGISTRY")
    datasets = None if datasets is None else [name.lower() for name in datasets]
    for phase in phases(cfg):
        yield from _name(
            f"{phase}.DATASET", cfg[phase].DATASET.lower(), datasets, _DATASETS_NOT_BUILT
        )
    if cfg.TRAIN.ENABLE:
        losses = _registered("slowfast.models.losses", "_LOSSES")
        yield from _name("MODEL.LOSS_FUNC", cfg.MODEL.LOSS_FUNC, losses, _LOSSES_NOT_BUILT)


def _name(
    key: str, name: str, registered: list[str] | None, not_built: dict[str, str]
) -> Iterator[Finding]:
    own = registered is not None and name in registered and key != "MODEL.LOSS_FUNC"
    if name in not_built and not own:
        yield key, not_built[name]
    elif registered is not None and name not in registered:
        yield key, f"nothing of this name is registered; {_not_among(name, sorted(registered))}"


def _registered(module: str, attribute: str) -> list[str] | None:
    """The names in a registry of a later room, None where that room has not been entered.

    The configuration imports none of them; a program that has loads them before it asks.
    """
    registry = getattr(sys.modules.get(module), attribute, None)
    return None if registry is None else list(dict(registry))
