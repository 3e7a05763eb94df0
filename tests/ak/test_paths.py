"""Local paths are left alone; those with a scheme go to the handler that is registered."""

import pytest
from iopath.common.file_io import PathHandler

from slowfast.ak import paths
from slowfast.utils.env import pathmgr


class Elsewhere(PathHandler):
    """Files of a local folder, as if they were on another machine."""

    def __init__(self, folder):
        self.folder, self.fetched = folder, []

    def _get_supported_prefixes(self):
        return ["elsewhere://"]

    def _isfile(self, path, **kwargs):
        return (self.folder / path.removeprefix("elsewhere://")).is_file()

    def _get_local_path(self, path, force=False, **kwargs):
        self.fetched.append(path)
        return str(self.folder / path.removeprefix("elsewhere://"))


@pytest.fixture
def elsewhere(tmp_path):
    handler = Elsewhere(tmp_path)
    pathmgr.register_handler(handler, allow_override=True)
    yield handler
    pathmgr._path_handlers.pop("elsewhere://")


def test_a_path_with_a_scheme_is_fetched_by_its_handler(elsewhere, tmp_path):
    (tmp_path / "a b.jpg").write_text("x")
    path = paths.join("elsewhere://", "a b.jpg")
    assert paths.is_file(path)
    assert not paths.is_file("elsewhere://b.jpg")
    assert paths.local_path(path) == str(tmp_path / "a b.jpg")
    assert elsewhere.fetched == [path]


def test_a_local_path_stays_as_it_is(tmp_path, elsewhere):
    (tmp_path / "a.jpg").write_text("x")
    path = paths.join(str(tmp_path), "a.jpg")
    assert paths.local_path(path) == path
    assert paths.is_file(path)
    assert not paths.is_file(str(tmp_path))
    assert elsewhere.fetched == []


def test_what_is_whole_is_not_put_below_a_folder():
    assert paths.join("/data", "/other/a.jpg") == "/other/a.jpg"
    assert paths.join("/data", "s3://bucket/a.jpg") == "s3://bucket/a.jpg"
    assert paths.join("s3://bucket/image", "a/a_1.jpg") == "s3://bucket/image/a/a_1.jpg"
    assert paths.join("", "a.jpg") == "a.jpg"
