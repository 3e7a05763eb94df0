"""Settings that can be run but seldom mean what they say: the log warns of them.

Notable: findings as in ``combinations``; every check there has passed when these are asked.
"""

from __future__ import annotations

from collections.abc import Iterator

from fvcore.common.config import CfgNode

from slowfast.ak.config import KEYS as AK_KEYS
from slowfast.ak.norms.group import norm_group
from slowfast.ak.registries.datasets import facts_for
from slowfast.ak.run.cores import processes_of_machine
from slowfast.config.combinations import (
    ARCHS,
    Finding,
    phases,
    resumes,
    shown,
    smoothing_key,
)
from slowfast.config.keys import UPSTREAM_KEYS
from slowfast.config.provenance import get, recorded

# Losses that do not go by the number of a class's clips.
WITHOUT_COUNTS = (
    *("bce_loss", "bce_logit", "focal_loss", "asymmetric_loss", "mse"),
    *("cross_entropy", "soft_cross_entropy"),
)


def _idle(cfg: CfgNode) -> Iterator[Finding]:
    for name in recorded(cfg):
        key = UPSTREAM_KEYS.get(name)
        if key and key.idle and get(cfg, name) != key.default:
            yield name, f"has no effect here: {key.idle}"


def _long_warmup(cfg: CfgNode) -> Iterator[Finding]:
    solver = cfg.SOLVER
    if cfg.TRAIN.ENABLE and solver.WARMUP_EPOCHS >= solver.MAX_EPOCH:
        words = f"with {shown(cfg, 'SOLVER.MAX_EPOCH')} the learning rate never leaves its warm-up"
        yield "SOLVER.WARMUP_EPOCHS", words


def _unread_steps(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.SOLVER.STEPS and cfg.SOLVER.LR_POLICY != "steps_with_relative_lrs":
        words = "read by SOLVER.LR_POLICY steps_with_relative_lrs alone"
        yield "SOLVER.STEPS", f"{words}, and it is {cfg.SOLVER.LR_POLICY}"


def _chosen_on_the_test(cfg: CfgNode) -> Iterator[Finding]:
    has_others = cfg.AK.HOLDOUT or facts_for(cfg).has_test_list
    if cfg.TRAIN.ENABLE and cfg.TEST.ENABLE and cfg.TEST.WEIGHTS == "best" and not has_others:
        yield (
            "TEST.WEIGHTS",
            "is chosen on the test set itself (val.csv), so that its figures are optimistic; "
            "tools/make_holdout.py makes training clips to choose on, for AK.HOLDOUT",
        )


def _other_network(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.MODEL.MODEL_NAME not in ARCHS:  # what a network of one's own reads is not known
        return
    is_x3d = cfg.MODEL.MODEL_NAME == "X3D"
    names = [name for name in UPSTREAM_KEYS if name.startswith("X3D.")]
    changed = [name for name in names if get(cfg, name) != UPSTREAM_KEYS[name].default]
    if changed and not is_x3d:
        yield (
            "MODEL.MODEL_NAME",
            f"builds no X3D, though {', '.join(changed)} are set; for an X3D write "
            "MODEL.ARCH x3d and MODEL.MODEL_NAME X3D",
        )
    if is_x3d != (cfg.RESNET.TRANS_FUNC == "x3d_transform"):
        wanted = "x3d_transform" if is_x3d else "bottleneck_transform"
        words = f"an unusual block for MODEL.MODEL_NAME {cfg.MODEL.MODEL_NAME}, which has {wanted}"
        yield "RESNET.TRANS_FUNC", words


def _other_weights(cfg: CfgNode) -> Iterator[Finding]:
    if len(phases(cfg)) == 2 and cfg.TEST.CHECKPOINT_FILE_PATH:
        words = "tests this file and not the network that the run trains; for that one leave it"
        yield "TEST.CHECKPOINT_FILE_PATH", f"{words} empty"


def _growing_loss(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.TRAIN.ENABLE and cfg.DATA.MULTI_LABEL and cfg.MODEL.LOSS_FUNC == "soft_cross_entropy":
        yield (
            "MODEL.LOSS_FUNC",
            f"grows with the number of a clip's labels, and {shown(cfg, 'DATA.MULTI_LABEL')}; "
            "bce_loss is meant for that",
        )


def _plain_loss(cfg: CfgNode) -> Iterator[Finding]:
    """A loss for the long tail that never gets to be one."""
    name, focal, ldam = cfg.MODEL.LOSS_FUNC, cfg.LOSS.FOCAL_LOSS, cfg.LOSS.LDAM
    if not cfg.TRAIN.ENABLE:
        return
    if name == "focal_loss" and (focal.ALPHA, focal.GAMMA) == (1, 0):
        yield (
            "MODEL.LOSS_FUNC",
            "is bce_loss with LOSS.FOCAL_LOSS.ALPHA 1 and GAMMA 0, as released; for a focal loss "
            "set the latter, to 2 for example",
        )
    if name == "LDAM" and ldam.STEP_EPOCH and ldam.STEP_EPOCH[0] >= cfg.SOLVER.MAX_EPOCH:
        yield (
            "LOSS.LDAM.STEP_EPOCH",
            f"no epoch of {shown(cfg, 'SOLVER.MAX_EPOCH')} is re-weighted: the last is "
            f"{cfg.SOLVER.MAX_EPOCH - 1}, counted from 0",
        )


def _unread(cfg: CfgNode) -> Iterator[Finding]:
    """Settings of what is not chosen."""
    if not cfg.TRAIN.ENABLE:
        return
    loss, sampler = shown(cfg, "MODEL.LOSS_FUNC"), shown(cfg, "DATA_LOADER.SAMPLER")
    start = "an empty TRAIN.CHECKPOINT_FILE_PATH"
    own_node = cfg.MODEL.LOSS_FUNC.upper()
    # Beginnings of keys, whether anything reads these, and what decides it.
    rules = [
        *(
            (f"LOSS.{node}.", node == own_node, loss)
            for node, value in cfg.LOSS.items()
            if isinstance(value, CfgNode)
        ),
        ("LOSS.CLASS_COUNTS", cfg.MODEL.LOSS_FUNC not in WITHOUT_COUNTS, loss),
        ("DATA_LOADER.REPEAT_THRESHOLD", cfg.DATA_LOADER.SAMPLER == "repeat_factor", sampler),
        ("TRAIN.CHECKPOINT_SKIP_HEAD", bool(cfg.TRAIN.CHECKPOINT_FILE_PATH), start),
        (
            "DATA.TARGET_FPS",
            facts_for(cfg).frame_rate_key == "DATA.TARGET_FPS",
            shown(cfg, "TRAIN.DATASET"),
        ),
        ("MIXUP.", cfg.MIXUP.ENABLE, shown(cfg, "MIXUP.ENABLE")),
        ("AUG.", cfg.AUG.ENABLE, shown(cfg, "AUG.ENABLE")),
    ]
    for name in filter(lambda name: _is_changed(cfg, name), recorded(cfg)):
        for beginning, is_read, why in rules:
            if name.startswith(beginning) and not is_read:
                yield name, f"is not read with {why}"


def _is_changed(cfg: CfgNode, name: str) -> bool:
    key = AK_KEYS.get(name) or UPSTREAM_KEYS.get(name)  # neither: a key of the user's own
    return key is not None and get(cfg, name) != key.default and not getattr(key, "idle", "")


def _smoothed_margins(cfg: CfgNode) -> Iterator[Finding]:
    key = smoothing_key(cfg)
    if cfg.TRAIN.ENABLE and cfg.MODEL.LOSS_FUNC == "LDAM" and get(cfg, key):
        words = "spreads labels over all classes, whose margins LDAM then adds to each clip's"
        yield key, f"{words}; 0 keeps them what they are"


def _twice_balanced(cfg: CfgNode) -> Iterator[Finding]:
    weighted = ("class_balanced_bce", "class_balanced_focal")
    if (
        cfg.TRAIN.ENABLE
        and cfg.MODEL.LOSS_FUNC in weighted
        and cfg.DATA_LOADER.SAMPLER != "shuffle"
    ):
        words = f"re-balances the classes, and {shown(cfg, 'MODEL.LOSS_FUNC')} does so once more"
        yield "DATA_LOADER.SAMPLER", f"{words}; one of the two is the usual way"


def _frozen_features(cfg: CfgNode) -> Iterator[Finding]:
    if not (cfg.TRAIN.ENABLE and cfg.MODEL.DETACH_FINAL_FC):
        return
    if not cfg.TRAIN.CHECKPOINT_FILE_PATH and not resumes(cfg):
        words = "freezes weights that are random; name those to keep as TRAIN.CHECKPOINT_FILE_PATH"
        yield "MODEL.DETACH_FINAL_FC", words
    if not cfg.MODEL.FROZEN_BN:
        yield (
            "MODEL.FROZEN_BN",
            f"with {shown(cfg, 'MODEL.DETACH_FINAL_FC')} the weights below the head stay, but norm "
            "statistics follow the training clips still; set it True to keep both",
        )


def _norms_of_parts(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.TRAIN.ENABLE and cfg.SOLVER.ACCUMULATE_STEPS > 1 and not cfg.MODEL.FROZEN_BN:
        yield (
            "SOLVER.ACCUMULATE_STEPS",
            f"norm layers take the statistics of {norm_group(cfg, _processes(cfg))} clips at a "
            "time, those of a part, so that gradients are not quite those of the whole batch; they "
            "are with MODEL.FROZEN_BN True",
        )


def _processes(cfg: CfgNode) -> int:
    return processes_of_machine(cfg) * cfg.NUM_SHARDS


DOUBTS = (
    _idle,
    _long_warmup,
    _unread_steps,
    _other_network,
    _other_weights,
    _chosen_on_the_test,
    _growing_loss,
    _plain_loss,
    _unread,
    _smoothed_margins,
    _twice_balanced,
    _frozen_features,
    _norms_of_parts,
)
