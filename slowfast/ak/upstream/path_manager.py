"""Remote paths, such as `s3://bucket/ak/image`, are opened by the checkout's own path manager.

Branch main has the path manager `slowfast.utils.env.pathmgr`, at which users register handlers.
Branch haooooooqi-patch-2 has none: there users register handlers at `slowfast.ak.paths.pathmgr`.
"""

from __future__ import annotations

import importlib

from slowfast.ak import paths


def share() -> None:
    """Lets slowfast.ak open paths with the checkout's path manager, if the checkout has one."""
    try:
        env = importlib.import_module("slowfast.utils.env")
    except ModuleNotFoundError as error:
        if error.name != "slowfast.utils.env":
            raise
        return  # a fork without the module
    if (manager := getattr(env, "pathmgr", None)) is not None:
        paths.use_path_manager(manager)
