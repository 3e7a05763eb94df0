"""ResNet-18 for branches that only have ResNet-50 and ResNet-101."""

from __future__ import annotations

import sys

_TABLE = "_MODEL_STAGE_DEPTH"
# Blocks of each stage: He et al., "Deep Residual Learning" (CVPR 2016), table 1.
_BLOCKS = (2, 2, 2, 2)


def add_depth_18() -> None:
    """Lets RESNET.DEPTH be 18, as in configs/AK/DEMO.yaml; call it before a network is built.

    Nothing is done if the checkout has no table of depths under upstream's private name.
    """
    module = sys.modules.get("slowfast.models.video_model_builder")
    table = getattr(module, _TABLE, None)
    if isinstance(table, dict):
        table.setdefault(18, _BLOCKS)
