"""Trains, then tests: `python tools/run_net.py --cfg configs/AK/SLOWFAST_8x8_R50.yaml`.

Several configurations are separate runs, one after the other. `--help` shows more.
"""

import sys
from argparse import Namespace

from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.config.defaults import assert_and_infer_cfg
from slowfast.utils.parser import load_config, parse_args


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns its exit status."""
    args = parse_args(argv)
    try:
        # All are checked before the first one runs for days.
        for cfg in [configure(args, path) for path in args.cfg_files]:
            run(cfg, args.init_method, args.dry_run)
    except UserError as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from the last checkpoint.", file=sys.stderr)
        return 130
    return 0


def configure(args: Namespace, path: str) -> CfgNode:
    """The checked configuration of one run, on the GPUs that there are."""
    from slowfast.utils.misc import available_gpus  # brings torch, for which --help need not wait

    cfg = load_config(args, path)
    available_gpus(cfg)
    return assert_and_infer_cfg(cfg)


def run(cfg: CfgNode, init_method: str, dry: bool = False) -> None:
    """Trains and tests, as the configuration says; an error stands in the run's log too.

    Args:
        dry: whether to build all of it and tell what it will cost, and write nothing.
    """
    from slowfast.engine import test, train
    from slowfast.engine.dry_run import dry_run
    from slowfast.utils import logging
    from slowfast.utils.misc import launch_job

    if dry:
        launch_job(cfg, init_method, dry_run)
        return
    try:
        if cfg.TRAIN.ENABLE:
            launch_job(cfg, init_method, train)
        if cfg.TEST.ENABLE:
            launch_job(cfg, init_method, test)
    except UserError as error:
        # Processes of their own had the log; debug, because the terminal is told by `main`.
        logging.setup_logging(cfg.OUTPUT_DIR)
        logging.get_logger("slowfast.run").debug(f"Stopped by an error: {error}")
        raise


if __name__ == "__main__":
    sys.exit(main())
