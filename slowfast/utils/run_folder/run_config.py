"""The resolved configuration of a run, OUTPUT_DIR/config.yaml."""

from pathlib import Path

from fvcore.common.config import CfgNode

from slowfast.utils.files import atomic

CONFIG_FILE = "config.yaml"


def save_config(cfg: CfgNode) -> Path:
    """Writes every key with its value, as a file that ``--cfg`` reads.

    A different file from before is kept as config_1.yaml, config_2.yaml and so on.

    Raises:
        UserError: the file cannot be written. The old file stays.
    """
    path, content = Path(cfg.OUTPUT_DIR, CONFIG_FILE), cfg.dump().encode()
    if not (path.is_file() and path.read_bytes() == content):
        atomic.write(path, content, keep_old=True)
    return path
