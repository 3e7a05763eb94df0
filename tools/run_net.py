"""Trains, then tests: `python tools/run_net.py --cfg configs/AK/SLOWFAST_8x8_R50.yaml`.

Several configurations are separate runs, one after the other. `--help` shows more. torchrun starts
it as well: `torchrun --nproc-per-node 8 tools/run_net.py --cfg ...`.

Exit status: 0; 2 for what the user can mend, told in words; 75 for a run that was asked to stop and
has saved what it had; 130 for one that was interrupted before it had anything to save; 1 else.
torchrun has a status of its own.
"""

import sys
from argparse import Namespace
from contextlib import suppress

from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.config.defaults import assert_and_infer_cfg
from slowfast.config.derived import draws_pictures
from slowfast.utils.parser import load_config, parse_args


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns its exit status."""
    args = parse_args(argv)
    from slowfast.utils import torchrun  # brings torch, for which --help need not wait

    return torchrun.as_worker(run_all)(args)


def run_all(args: Namespace) -> int:
    """Runs all configurations, and says how it ended; returns the exit status."""
    from slowfast.utils import launch
    from slowfast.utils.torchrun import print_once

    cfg = None
    try:
        # All are checked before the first one runs for days.
        for cfg in [configure(args, path) for path in args.cfg_files]:
            run(cfg, args.init_method, args.dry_run)
    except UserError as error:
        if print_once(f"error: {error}", error) and cfg is not None and not args.dry_run:
            log(cfg, error)
        return 2
    except launch.WorkerError as error:
        print_once(f"error: {error}")
        return 1
    except launch.Stopped:
        print_once("stopped; the same command continues from here.")
        return launch.EXIT_STOPPED
    except KeyboardInterrupt:
        print_once("interrupted; the same command continues from the last saved state, if any.")
        return 130
    return 0


def configure(args: Namespace, path: str) -> CfgNode:
    """The checked configuration of one run, for the processes that it will have."""
    from slowfast.utils.launch import fit_to_machine

    cfg = load_config(args, path)
    fit_to_machine(cfg)
    return assert_and_infer_cfg(cfg)


def run(cfg: CfgNode, init_method: str, dry: bool = False) -> None:
    """Trains and tests, as the configuration says.

    Args:
        dry: whether to build all of it and tell what it will cost, and write nothing.
    """
    from slowfast.engine import test, train
    from slowfast.engine.dry_run import dry_run
    from slowfast.engine.visualize import visualize
    from slowfast.utils.launch import launch_job

    if dry:
        launch_job(cfg, init_method, dry_run)
        return
    if cfg.TRAIN.ENABLE:
        launch_job(cfg, init_method, train)
    if cfg.TEST.ENABLE:
        launch_job(cfg, init_method, test)
    if draws_pictures(cfg):
        launch_job(cfg, init_method, visualize)


def log(cfg: CfgNode, error: UserError) -> None:
    """Writes an error to the run's log too, which processes of their own had."""
    from slowfast.utils import logging

    with suppress(UserError):  # a folder that cannot be written is what was told
        logging.setup_logging(cfg.OUTPUT_DIR)
        # debug, because the terminal has been told
        logging.get_logger("slowfast.run").debug(f"Stopped by an error: {error}")


if __name__ == "__main__":
    sys.exit(main())
