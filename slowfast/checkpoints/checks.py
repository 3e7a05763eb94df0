"""Checks of settings that depend on whether training resumes a run in OUTPUT_DIR."""

from __future__ import annotations

from collections.abc import Iterator

from fvcore.common.config import CfgNode

from slowfast.ak.keys import Finding
from slowfast.checkpoints.folder import resumes
from slowfast.config.checks import problem, warning
from slowfast.config.dotted import key_and_value


def _starts_from_random_weights(cfg: CfgNode) -> bool:
    return not cfg.TRAIN.CHECKPOINT_FILE_PATH and not resumes(cfg)


@problem
def _frozen_norms_at_zero(cfg: CfgNode) -> Iterator[Finding]:
    frozen_at_zero = cfg.MODEL.FROZEN_BN and cfg.RESNET.ZERO_INIT_FINAL_BN
    if cfg.TRAIN.ENABLE and frozen_at_zero and _starts_from_random_weights(cfg):
        yield (
            "MODEL.FROZEN_BN",
            f"freezes norms that {key_and_value(cfg, 'RESNET.ZERO_INIT_FINAL_BN')} starts at zero, "
            "so that residual branches have no effect; name the weights to fine-tune as "
            "TRAIN.CHECKPOINT_FILE_PATH, or set one of the two False",
        )


@warning
def _frozen_features(cfg: CfgNode) -> Iterator[Finding]:
    if not (cfg.TRAIN.ENABLE and cfg.MODEL.DETACH_FINAL_FC):
        return
    if _starts_from_random_weights(cfg):
        words = "freezes random weights; name the weights to keep as TRAIN.CHECKPOINT_FILE_PATH"
        yield "MODEL.DETACH_FINAL_FC", words
    if not cfg.MODEL.FROZEN_BN:
        yield (
            "MODEL.FROZEN_BN",
            f"{key_and_value(cfg, 'MODEL.DETACH_FINAL_FC')} keeps the weights below the head, but "
            "norm statistics still follow the training clips; set it True to keep both",
        )
