"""The log: the master process writes it to the terminal and to stdout.log."""

import builtins
import json
import logging
import sys
from pathlib import Path

from slowfast import flavour
from slowfast.utils import distributed as du


def setup_logging(output_dir=None):
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.handlers.clear()
    if not du.is_master_proc():
        root.addHandler(logging.NullHandler())
        builtins.print = lambda *_, **__: None
        return
    handlers = [logging.StreamHandler(sys.stdout)]
    if output_dir is not None and du.is_master_proc(du.get_world_size()):
        handlers.append(logging.FileHandler(Path(output_dir, "stdout.log")))
    for handler in handlers:
        handler.setFormatter(logging.Formatter("[%(levelname)s] %(filename)s: %(message)s"))
        root.addHandler(handler)


def get_logger(name):
    return logging.getLogger(name)


def log_json_stats(stats, output_dir=None):
    rounded = {key: round(x, 5) if isinstance(x, float) else x for key, x in stats.items()}
    line = "json_stats: " + json.dumps(rounded, sort_keys=True)
    get_logger(__name__).info(line)
    if flavour.WRITES_JSON_FILE and output_dir and du.is_master_proc(du.get_world_size()):
        with Path(output_dir, "json_stats.log").open("a") as file:
            file.write(line + "\n")
