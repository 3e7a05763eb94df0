"""Weights come through handlers that a user registers."""

import torch
from iopath.common.file_io import PathHandler

from slowfast.checkpoints.file import read_checkpoint
from slowfast.utils.env import pathmgr


def test_a_registered_handler_serves_weights(tmp_path):
    class Shelf(PathHandler):
        def _get_supported_prefixes(self):
            return ["shelf://"]

        def _get_local_path(self, path, force=False, **kwargs):
            return str(tmp_path / path.removeprefix("shelf://"))

    torch.save({"model_state": {"w": torch.ones(1)}}, tmp_path / "x.pyth")
    pathmgr.register_handler(Shelf(), allow_override=True)
    assert read_checkpoint("shelf://x.pyth")["model_state"].keys() == {"w"}
