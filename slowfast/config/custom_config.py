"""The place for your own keys. YAML files and commands can set each key that is added here."""

from fvcore.common.config import CfgNode

from slowfast.ak.config import add_ak_config


def add_custom_config(_C: CfgNode) -> None:
    """Adds keys to the defaults, such as ``_C.MINE = CfgNode(); _C.MINE.SIZE = 3``.

    The type of a key follows from its default. A key with the default None takes any value.
    """
    add_ak_config(_C)
