"""Remote paths in a checkout are opened by its own path manager, if it has one."""

import sys
from types import ModuleType

import pytest
from iopath.common.file_io import PathHandler, PathManager

import slowfast.utils
from slowfast.ak import paths
from slowfast.ak.upstream import path_manager
from slowfast.upstream_names import UpstreamFinder


class Bucket(PathHandler):
    """Serves `bucket://NAME` from a folder."""

    def __init__(self, folder):
        self.folder = folder

    def _get_supported_prefixes(self):
        return ["bucket://"]

    def _get_local_path(self, path, force=False, **options):
        return str(self.folder / path.removeprefix("bucket://"))


@pytest.fixture
def env(monkeypatch):
    """The module `slowfast.utils.env` of a checkout, as patch-2 has it."""
    module = ModuleType("slowfast.utils.env")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(slowfast.utils, "env", module, raising=False)
    monkeypatch.setattr(paths, "pathmgr", PathManager())
    return module


def test_handlers_of_the_checkouts_path_manager_serve(env, tmp_path):
    env.pathmgr = PathManager()
    path_manager.share()
    env.pathmgr.register_handler(Bucket(tmp_path))
    assert paths.local_path("bucket://train.csv") == str(tmp_path / "train.csv")


def test_without_one_handlers_of_the_own_path_manager_serve(env, tmp_path):
    path_manager.share()
    paths.pathmgr.register_handler(Bucket(tmp_path))
    assert paths.local_path("bucket://train.csv") == str(tmp_path / "train.csv")


def test_a_checkout_without_the_module_is_not_changed(env, monkeypatch):
    monkeypatch.delattr(slowfast.utils, "env")
    monkeypatch.delitem(sys.modules, "slowfast.utils.env")
    monkeypatch.setattr(slowfast.utils, "__path__", [])
    # A checkout has no finder of upstream's names; this tree has one, which would find the module.
    finders = [finder for finder in sys.meta_path if not isinstance(finder, UpstreamFinder)]
    monkeypatch.setattr(sys, "meta_path", finders)
    before = paths.pathmgr
    path_manager.share()
    assert paths.pathmgr is before
