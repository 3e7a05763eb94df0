"""The command line of the programs: configuration files, options and overrides.

Overrides follow ``--opts`` or come at the end, as on the two upstream branches, before or after
other options. A value arrives as it is written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.config.defaults import get_cfg
from slowfast.config.explain import explain
from slowfast.config.merge import UnknownKeys, merge_file, merge_list
from slowfast.utils.command_line import OverridesParser
from slowfast.utils.terminal import print_all

# Address at which the processes of a run on one machine connect.
DEFAULT_INIT_METHOD = "tcp://localhost:9999"

_WITHOUT_UNKNOWN = (
    "Correct the names. Keys of another version or of a fork can be left out: "
    "--ignore-unknown-keys runs without them."
)

_USAGE = "%(prog)s --cfg FILE.yaml [FILE.yaml ...] [options]\n       [KEY VALUE ...]"

# The text of --help for a terminal of 80 columns; {name} is the program.
_EXAMPLES = """\
show what a run will cost, before it starts:
  {name} --cfg configs/AK/SLOWFAST_8x8_R50.yaml --dry-run
    Reads data and weights, builds the network, takes two steps, and prints
    parameters, multiply-adds, memory, time per step and time to train. It
    writes no file.

train, then test the trained network:
  {name} --cfg configs/AK/SLOWFAST_8x8_R50.yaml
    OUTPUT_DIR receives the log (stdout.log), figures (json_stats.log), the
    configuration, each start with its versions (runs.jsonl), checkpoints/
    and the results of the test.
  {name} --cfg configs/AK/X3D_L.yaml \\
      configs/AK/I3D_8x8_R50.yaml
    One run after the other.

change settings for this run only, with any key of the YAML files:
  {name} --cfg configs/AK/I3D_8x8_R50.yaml \\
      TRAIN.BATCH_SIZE 4 SOLVER.BASE_LR 0.05
  {name} --cfg configs/AK/SLOWFAST_8x8_R50.yaml \\
      --opts SOLVER.STEPS '[0, 20, 30]'
    The same with --opts; a list goes in quotes.
  {name} --cfg configs/AK/X3D_L.yaml \\
      NUM_GPUS 0 OUTPUT_DIR logs/x3d-cpu
    On the CPU, into a folder of its own.
  {name} --keys SOLVER.STEPS
  {name} --keys TEST
    What a key means; all keys of a group.

stop and resume:
  Ctrl-C or SIGTERM saves the state of the run and ends it with status 75; a
  second Ctrl-C ends it at once. The same command continues from the newest
  intact checkpoint with the same results. After a crash at most
  TRAIN.CHECKPOINT_MINUTES are lost. For a new run give another OUTPUT_DIR,
  or set TRAIN.AUTO_RESUME False.

only test a checkpoint:
  {name} --cfg configs/AK/X3D_L.yaml TRAIN.ENABLE False \\
      TEST.CHECKPOINT_FILE_PATH logs/x3d-l/checkpoints/best.pyth

take a configuration that others have published, with keys of their own:
  {name} --cfg theirs.yaml --ignore-unknown-keys \\
      TRAIN.ENABLE False TEST.ENABLE True
    A run refuses only the settings that it reads. One warning names the
    others.

several GPUs, several machines:
  {name} --cfg configs/AK/I3D_8x8_R50.yaml NUM_GPUS 8
    One process for each GPU; they divide TRAIN.BATCH_SIZE.
  {name} --cfg configs/AK/X3D_L.yaml \\
      --num_shards 2 --shard_id 0 --init_method tcp://first-machine:9999
    The first of two machines; the same on the second with --shard_id 1. Each
    takes TRAIN.BATCH_SIZE clips.
  torchrun --nnodes 2 --nproc_per_node 8 --max_restarts 3 --rdzv_id 1 \\
      --rdzv_backend c10d --rdzv_endpoint first-machine:29500 \\
      tools/run_net.py --cfg configs/AK/X3D_L.yaml
    The same with torchrun, on each machine; it restarts failed processes.

exit status:
  0 done; 1 failed, with a traceback; 2 an error to correct, with a message;
  75 stopped and saved: start it again; 130 stopped at once. torchrun returns
  1 for every status other than 0.
"""


def parse_args(
    argv: Sequence[str] | None = None, *, needs_file: bool = False
) -> argparse.Namespace:
    """Reads the command line.

    Args:
        argv: the words; None: those of this process.
        needs_file: whether a missing ``--cfg`` is an error, which ends the program. Scripts that
            name their file themselves call `load_config` with its path.

    Returns:
        a namespace of ``cfg_files`` (list of paths), ``opts`` (``[KEY, VALUE, ...]``),
        ``ignore_unknown_keys``, ``dry_run``, ``init_method``, ``num_shards`` and ``shard_id``
        (None if not given: the configuration decides).
    """
    name = f"python {sys.argv[0]}"
    parser = OverridesParser(
        prog=name,
        usage=_USAGE,
        description="Train a video network, then test it, as the configuration says.",
        epilog=_EXAMPLES.format(name=name),
    )
    parser.add_argument(
        "--cfg",
        dest="cfg_files",
        nargs="+",
        default=[],
        metavar="FILE.yaml",
        help="configuration files",
    )
    parser.add_configuration_options()
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="build everything, take two steps, print the cost of the run, and exit",
    )
    parser.add_argument(
        "--init_method",
        default=DEFAULT_INIT_METHOD,
        help="address at which the processes of a run connect (default: %(default)s)",
    )
    parser.add_argument("--num_shards", type=int, help="machines of the run (NUM_SHARDS)")
    parser.add_argument("--shard_id", type=int, help="number of this machine (SHARD_ID)")
    parser.add_argument(
        "--keys",
        nargs="?",
        const="",
        metavar="NAME",
        help="explain a key or a group, and exit",
    )
    args = parser.parse(argv)
    if args.keys is not None:
        try:
            print_all(explain(args.keys))
        except UserError as error:
            parser.error(str(error))
        parser.exit()
    if needs_file and not args.cfg_files:
        parser.error("--cfg is missing: name a file, such as configs/AK/SLOWFAST_8x8_R50.yaml")
    return args


def load_config(args: argparse.Namespace, path_to_config: str | Path | None = None) -> CfgNode:
    """Returns the defaults, changed by a YAML file and then by the command line.

    Args:
        args: the result of ``parse_args``, or any namespace with some of its fields.
        path_to_config: the YAML file; None: the first of ``args.cfg_files``, if any.

    Raises:
        UserError: a file is missing or broken, keys are unknown, values have a wrong type.
    """
    cfg = get_cfg()
    files = getattr(args, "cfg_files", None) or [getattr(args, "cfg_file", None)]
    path = path_to_config if path_to_config is not None else files[0]
    ignore = bool(getattr(args, "ignore_unknown_keys", False))
    mistakes: list[UserError] = []
    for merge, given in ((merge_file, path), (merge_list, getattr(args, "opts", None) or [])):
        try:
            if given is not None:
                merge(cfg, given, ignore_unknown=ignore)
        except UserError as error:
            mistakes.append(error)
    if mistakes:
        unknown = any(isinstance(error, UnknownKeys) for error in mistakes)
        lines = [*map(str, mistakes), *[_WITHOUT_UNKNOWN] * unknown]
        raise UserError("\n".join(lines))
    for field in ("num_shards", "shard_id", "rng_seed", "output_dir"):
        value = getattr(args, field, None)
        if value is not None:
            merge_list(cfg, [field.upper(), value])
    return cfg
