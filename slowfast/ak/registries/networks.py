"""The registry of networks, which MODEL.MODEL_NAME names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slowfast.ak.keys import Finding, Key, keys_from_signature
from slowfast.ak.registries.registry import Facts, Registry


@dataclass(frozen=True)
class Pretrained:
    """Published weights that a configuration names (MODEL.PRETRAINED).

    Args:
        name: of the weights, in words.
        read: reads or downloads them. It returns tensors by name, under a naming of
            `slowfast.checkpoints.namings`.
    """

    name: str
    read: Callable[[], Mapping[str, Any]]


@dataclass(frozen=True)
class NetworkFacts(Facts):
    """Facts about a network.

    Args:
        archs: the values of MODEL.ARCH that the network takes; empty: any.
        label_sets: names of the sets of classes that the network scores, in the order of its
            outputs; empty: it scores one set, and its output is a tensor (N, C).
        pathways: the number of input tensors; 0: MODEL.MULTI_PATHWAY_ARCH decides.
        feature_shape: gives, by the configuration, the shape (P, C) of a clip's features, if the
            network takes features (N, P, C) from a data set that has them. None: it takes pixels.
        own_keys: beginnings of the keys that only networks read that name them, such as ``X3D.``.
            None: it is not known which keys the network reads, so that no key counts as unread.
        derived_settings: gives, by the configuration, values of keys that follow from the network
            or from its weights, such as the size of the clips. Keys that nobody has set take them
            before the configuration is checked.
        pretrained: gives the published weights that a configuration names; None: it names none.
    """

    archs: tuple[str, ...] = ()
    label_sets: tuple[str, ...] = ()
    pathways: int = 0
    feature_shape: Callable[[Any], tuple[int, int]] | None = None
    own_keys: tuple[str, ...] | None = None
    derived_settings: Callable[[Any], dict[str, Any]] | None = None
    pretrained: Callable[[Any], Pretrained | None] | None = None


def pathway_count(cfg: Any) -> int:
    """The number of input tensors: 2 for an architecture of MODEL.MULTI_PATHWAY_ARCH, else 1."""
    return 2 if cfg.MODEL.ARCH in cfg.MODEL.MULTI_PATHWAY_ARCH else 1


def feature_shape(cfg: Any) -> tuple[int, int] | None:
    """The shape (P, C) of the features of a clip that the network takes; None: it takes pixels."""
    shape = NETWORKS.facts(cfg.MODEL.MODEL_NAME).feature_shape
    return shape(cfg) if shape else None


def pretrained_weights(cfg: Any) -> Pretrained | None:
    """The published weights that MODEL.PRETRAINED names; None: it names none."""
    find = NETWORKS.facts(cfg.MODEL.MODEL_NAME).pretrained
    return find(cfg) if find else None


class NetworkRegistry(Registry[NetworkFacts]):
    """Networks by name. The keys <NAME>.<PARAMETER> follow from the signature of a network."""

    def keys_of(self, name: str, entry: Any) -> dict[str, Key]:
        return keys_from_signature(entry, name.upper())

    def settings(self, name: str, cfg: Any) -> dict[str, Any]:
        """The values in a configuration of the parameters that are keys, by parameter."""
        leaves = [key.rpartition(".")[2] for key in self.keys_of(name, self[name])]
        group = cfg.get(name.upper(), {})
        return {leaf.lower(): group[leaf] for leaf in leaves if leaf in group}

    def architecture_problems(self, cfg: Any) -> Iterator[Finding]:
        """Why the network does not take MODEL.ARCH or its number of pathways."""
        name, arch = cfg.MODEL.MODEL_NAME, cfg.MODEL.ARCH
        facts, count = self.facts(name), pathway_count(cfg)
        if facts.archs and arch not in facts.archs:
            # A network for many architectures is the usual one for each of them.
            owners = [each for each in self.keys() if arch in self.facts(each).archs]
            owner = max(owners, key=lambda each: len(self.facts(each).archs), default=None)
            hint = f", or MODEL.MODEL_NAME {owner}" if owner else ""
            yield "MODEL.ARCH", f"MODEL.MODEL_NAME {name} takes {' or '.join(facts.archs)}{hint}"
        elif facts.pathways not in (0, count):
            yield (
                "MODEL.MULTI_PATHWAY_ARCH",
                f"gives MODEL.ARCH {arch} {count} pathway(s), and MODEL.MODEL_NAME {name} takes "
                f"{facts.pathways}; leave the key at its default",
            )

    def keys_of_others(self, name: str) -> dict[str, str]:
        """The beginnings of keys that only other networks read, with the first such network."""
        own_keys = self.facts(name).own_keys
        if own_keys is None:
            return {}
        return {
            beginning: other
            for other in reversed(self.keys())
            for beginning in self.facts(other).own_keys or ()
            if beginning not in own_keys
        }


NETWORKS = NetworkRegistry(
    "network",
    "MODEL.MODEL_NAME",
    NetworkFacts,
    not_built={
        "MaskMViT": "masked pre-training is not built here yet",
        "ContrastiveModel": "contrastive training is not built here yet",
    },
)
