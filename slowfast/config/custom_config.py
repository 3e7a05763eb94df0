"""The place for keys of one's own: whatever is added here, YAML files and commands can set."""

from fvcore.common.config import CfgNode

from slowfast.ak.config import add_ak_config


def add_custom_config(_C: CfgNode) -> None:
    """Add own keys to the defaults, such as ``_C.MINE = CfgNode(); _C.MINE.SIZE = 3``.

    The type of a key follows from its default; one of None takes any value.
    """
    add_ak_config(_C)
