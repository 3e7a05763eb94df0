"""A ResNet of 18 layers for branches that know those of 50 and 101 alone.

Notable: the table of depths is a name of upstream's inside; where it has gone nothing is done.
"""

from __future__ import annotations

import sys

_TABLE = "_MODEL_STAGE_DEPTH"
_BLOCKS = (2, 2, 2, 2)  # blocks a stage: He et al., "Deep Residual Learning" (CVPR 2016), table 1


def lend_depths() -> None:
    """Let RESNET.DEPTH be 18, as configs/AK/DEMO.yaml has it. Call it before a network is built."""
    module = sys.modules.get("slowfast.models.video_model_builder")
    table = getattr(module, _TABLE, None)
    if isinstance(table, dict):
        table.setdefault(18, _BLOCKS)
