"""Networks with a head for behaviour and one for animal, as MammalNet trains them.

The trunk is that of `SlowFast`, `ResNet` or `MViT`, so that their published weights load. The
layers of the heads are ``head._behavior_head`` and ``head._animal_head``, with MammalNet's names
(Chen et al., CVPR 2023).
"""

from __future__ import annotations

from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.registries.networks import NETWORKS
from slowfast.models.build import MODEL_REGISTRY
from slowfast.models.mvit import VisionTransformer, vision_transformer
from slowfast.models.network import Network
from slowfast.models.resnet import resnet
from slowfast.models.slowfast import slowfast

LABEL_SETS = ("behavior", "animal")


def _facts(name: str) -> dict[str, Any]:
    """The facts about a network whose trunk is that of another one."""
    facts = NETWORKS.facts(name)
    shared = ("archs", "pathways", "problems", "warnings")
    own_keys = (*(facts.own_keys or ()), "COMPOSITION.", "MODEL.NUM_CLASSES_")
    own = {"label_sets": LABEL_SETS, "own_keys": own_keys}
    return own | {each: getattr(facts, each) for each in shared}


@MODEL_REGISTRY.register("SlowFast_composition", **_facts("SlowFast"))
def slowfast_composition(cfg: CfgNode) -> Network:
    """SlowFast with two heads. It returns (behaviour, animal), scores (N, classes) each."""
    return slowfast(cfg, LABEL_SETS)


@MODEL_REGISTRY.register("ResNet_composition", **_facts("ResNet"))
def resnet_composition(cfg: CfgNode) -> Network:
    """ResNet with two heads. It returns (behaviour, animal), scores (N, classes) each."""
    return resnet(cfg, LABEL_SETS)


@MODEL_REGISTRY.register("MViT_composition", **_facts("MViT"))
def mvit_composition(cfg: CfgNode) -> VisionTransformer:
    """MViT with two heads. It returns (behaviour, animal), scores (N, classes) each."""
    return vision_transformer(cfg, LABEL_SETS)
