"""Trains, then tests: `python tools/run_net.py --cfg configs/AK/SLOWFAST_8x8_R50.yaml`.

Several configurations are separate runs, one after the other. `--help` shows more. torchrun can
start this program too: `torchrun --nproc-per-node 8 tools/run_net.py --cfg ...`.

Exit status: 0 for success; 2 for an error that the user can correct, with a message; 75 for a run
that was asked to stop and has saved its state; 130 for a run that was interrupted before it saved
anything; 1 for other errors. torchrun has its own status.
"""

import sys
from argparse import Namespace
from contextlib import suppress

from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.config.defaults import assert_and_infer_cfg
from slowfast.config.derived import draws_pictures
from slowfast.entries import register_entries
from slowfast.utils.parser import load_config, parse_args


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns the exit status."""
    if "--keys" in (sys.argv[1:] if argv is None else argv):
        register_entries()
    args = parse_args(argv, needs_file=True)
    from slowfast.utils.logging import label_early_warnings  # imports torch; --help needs neither
    from slowfast.utils.processes import torchrun

    label_early_warnings()
    return torchrun.as_worker(run_all)(args)


def run_all(args: Namespace) -> int:
    """Runs all configurations, prints how they ended, and returns the exit status."""
    from slowfast.utils.processes import launch
    from slowfast.utils.processes.torchrun import print_once

    cfg = None
    try:
        # All configurations are checked before the first run starts.
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
    """Returns the checked configuration of one run, with the number of its processes."""
    register_entries()
    from slowfast.utils.processes.launch import fit_to_machine

    cfg = load_config(args, path)
    fit_to_machine(cfg)
    return assert_and_infer_cfg(cfg)


def run(cfg: CfgNode, init_method: str, dry: bool = False) -> None:
    """Trains and tests, as the configuration says.

    Args:
        dry: whether only to build everything and print the cost of the run, without writing a file.
    """
    from slowfast.engine import test, train
    from slowfast.engine.dry_run import dry_run
    from slowfast.engine.visualize import visualize
    from slowfast.utils.processes.launch import launch_job

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
    """Writes an error to the log of the run, which other processes can have created."""
    from slowfast.utils import logging

    with suppress(UserError):  # the error can be that this folder cannot be written
        logging.setup_logging(cfg.OUTPUT_DIR)
        # debug: the terminal has shown it already
        logging.get_logger("slowfast.run").debug(f"Stopped by an error: {error}")


if __name__ == "__main__":
    sys.exit(main())
