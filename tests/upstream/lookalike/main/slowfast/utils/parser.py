"""The command line: configuration files, and settings after --opts."""

import argparse

from slowfast.config.defaults import get_cfg
from slowfast.utils import checkpoint as cu


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cfg", dest="cfg_files", nargs="+", required=True)
    parser.add_argument("--shard_id", type=int, default=0)
    parser.add_argument("--num_shards", type=int, default=1)
    parser.add_argument("--init_method", default="tcp://localhost:9999")
    parser.add_argument("--opts", nargs=argparse.REMAINDER)
    return parser.parse_args()


def load_config(args, path_to_config=None):
    cfg = get_cfg()
    if path_to_config:
        cfg.merge_from_file(path_to_config)
    cfg.merge_from_list(args.opts or [])
    for name in ("num_shards", "shard_id"):
        if hasattr(args, name):
            setattr(cfg, name.upper(), getattr(args, name))
    cu.make_checkpoint_dir(cfg.OUTPUT_DIR)
    return cfg
