"""The resolved configuration that a run leaves in its folder: OUTPUT_DIR/config.yaml."""

from pathlib import Path

from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.utils.atomic import set_aside

CONFIG_FILE = "config.yaml"


def save_config(cfg: CfgNode) -> Path:
    """Writes every key with its value; the file is one that ``--cfg`` takes.

    Where the folder has one that differs, it is kept beside it as config_1.yaml, config_2.yaml ...

    Raises:
        UserError: it cannot be written.
    """
    path = Path(cfg.OUTPUT_DIR, CONFIG_FILE)
    text = cfg.dump()
    try:
        if path.is_file() and path.read_bytes() == text.encode():
            return path
        # Beside it first, so that a full disk leaves the one that is there.
        new = path.with_suffix(".tmp")
        new.write_bytes(text.encode())
        if path.is_file():
            set_aside(path)
        new.replace(path)
    except OSError as error:
        raise UserError(
            f"OUTPUT_DIR: {path} cannot be written ({error.strerror}); name another folder."
        ) from None
    return path
