"""Every key with its default, from the table that `make_checkout` copies next to this file."""

import json
from pathlib import Path

from fvcore.common.config import CfgNode
from slowfast import flavour
from slowfast.config import custom_config


def _from_table(path: Path) -> CfgNode:
    root = CfgNode()
    for dotted, default in json.loads(path.read_text()).items():
        *parents, leaf = dotted.split(".")
        node = root
        for name in parents:
            node = node.setdefault(name, CfgNode())
        node[leaf] = default
    return root


_C = _from_table(Path(__file__).with_name("keys.json"))
custom_config.add_custom_config(_C)


def get_cfg():
    return _C.clone()


def assert_and_infer_cfg(cfg):
    for batch in (cfg.TRAIN.BATCH_SIZE, cfg.TEST.BATCH_SIZE):
        if cfg.NUM_GPUS or not flavour.CHECKS_FOR_NO_GPU:
            remainder = batch % cfg.NUM_GPUS  # with no GPU this is the older branch's fault
            assert remainder == 0, "a batch cannot be cut into equal parts"
    assert cfg.TRAIN.CHECKPOINT_TYPE in ("pytorch", "caffe2")
    assert cfg.TEST.CHECKPOINT_TYPE in ("pytorch", "caffe2")
    assert cfg.BN.WEIGHT_DECAY >= 0.0 and cfg.RESNET.NUM_GROUPS > 0
    assert cfg.SHARD_ID < cfg.NUM_SHARDS
    if cfg.SOLVER.BASE_LR_SCALE_NUM_SHARDS:
        for key in ("BASE_LR", "WARMUP_START_LR", "COSINE_END_LR"):
            cfg.SOLVER[key] *= cfg.NUM_SHARDS
    return cfg
