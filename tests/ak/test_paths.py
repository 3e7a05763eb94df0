"""Local paths are not changed. Paths with a scheme go to the registered handler."""

import pytest
from iopath.common.file_io import PathHandler

from slowfast.ak import paths
from slowfast.ak.clips.animal_kingdom import Ak
from slowfast.ak.clips.from_cfg import has_list
from slowfast.ak.errors import UserError
from slowfast.ak.frames.images import JpegFrames
from slowfast.ak.frames.video import VideoFrames
from slowfast.ak.lists.clip_list import ClipList
from slowfast.utils.env import pathmgr


class Elsewhere(PathHandler):
    """A handler that gives files of a local folder as if they were on another machine."""

    def __init__(self, folder):
        self.folder, self.fetched = folder, []

    def _get_supported_prefixes(self):
        return ["elsewhere://"]

    def _at(self, path):
        return self.folder / path.removeprefix("elsewhere://")

    def _isfile(self, path, **kwargs):
        return self._at(path).is_file()

    def _isdir(self, path, **kwargs):
        return self._at(path).is_dir()

    def _ls(self, path, **kwargs):
        return [entry.name for entry in self._at(path).iterdir()]

    def _get_local_path(self, path, force=False, **kwargs):
        if not self._at(path).is_file():
            raise KeyError(path)  # some clients raise their own kinds of errors
        self.fetched.append(path)
        return str(self._at(path))


class Fetching(Elsewhere):
    """A handler that can only fetch files, as iopath's handler for http."""

    _isfile, _isdir, _ls = PathHandler._isfile, PathHandler._isdir, PathHandler._ls


@pytest.fixture(params=[Elsewhere, Fetching], ids=["listing", "fetching"])
def elsewhere(tmp_path, request):
    handler = request.param(tmp_path)
    pathmgr.register_handler(handler, allow_override=True)
    yield handler
    pathmgr._path_handlers.pop("elsewhere://")


def test_a_path_with_a_scheme_is_fetched_by_its_handler(elsewhere, tmp_path):
    (tmp_path / "a b.jpg").write_text("x")
    path = paths.join("elsewhere://", "a b.jpg")
    assert paths.is_file(path)
    assert not paths.is_file("elsewhere://b.jpg")
    assert paths.local_path(path) == str(tmp_path / "a b.jpg")
    assert set(elsewhere.fetched) == {path}
    with pytest.raises(OSError, match=r"elsewhere://b\.jpg"):
        paths.local_path("elsewhere://b.jpg")


def test_remote_folders(elsewhere, tmp_path):
    (tmp_path / "image").mkdir()
    (tmp_path / "image/a.jpg").write_text("x")
    assert paths.is_folder("elsewhere://image")
    if type(elsewhere) is Elsewhere:
        assert not paths.is_folder("elsewhere://video")
        assert paths.names_in("elsewhere://image") == ["a.jpg"]
    else:
        assert paths.is_folder("elsewhere://video")  # the handler cannot say
        with pytest.raises(OSError, match="its handler does not support ls"):
            paths.names_in("elsewhere://image")
    assert paths.is_folder(str(tmp_path / "image"))
    assert not paths.is_folder(str(tmp_path / "video"))
    assert paths.names_in(str(tmp_path / "image")) == ["a.jpg"]


def test_a_handler_that_can_do_nothing_has_no_files(elsewhere, monkeypatch):
    monkeypatch.setattr(type(elsewhere), "_get_local_path", PathHandler._get_local_path)
    monkeypatch.setattr(type(elsewhere), "_isfile", PathHandler._isfile)
    assert not paths.is_file("elsewhere://a.jpg")
    with pytest.raises(OSError, match="its handler does not support get_local_path"):
        paths.local_path("elsewhere://a.jpg")


def test_paths_beside_a_folder():
    assert paths.beside("data/ak/image", "video") == "data/ak/video"
    assert paths.beside("data/ak/image/", "video") == "data/ak/video"
    assert paths.beside("s3://bucket/image", "video") == "s3://bucket/video"
    assert paths.beside("image", "video") == paths.beside("", "video") == "video"


def test_remote_lists_images_and_videos(elsewhere, tiny_ak, cfg, tmp_path):
    for folder in ("annot", "image", "video"):
        (tmp_path / folder).symlink_to(getattr(tiny_ak, folder))
    here = [Ak(cfg, split) for split in ("train", "test")]
    assert elsewhere.fetched == []
    cfg.DATA.PATH_TO_DATA_DIR, cfg.DATA.PATH_PREFIX = "elsewhere://annot", "elsewhere://image"
    assert has_list(cfg, "train")
    there = [Ak(cfg, split) for split in ("train", "test")]
    assert isinstance(there[0].reader, JpegFrames)
    assert there[0].clips.path == "elsewhere://annot/train.csv"
    for one, other in zip(here, there, strict=True):
        assert len(one) == len(other)
        assert (one.label_matrix() == other.label_matrix()).all()
        assert (one.reader.read(1, [0, 5]) == other.reader.read(1, [0, 5])).all()
    assert "elsewhere://image/t1/t1_000006.jpg" in elsewhere.fetched
    one, other = (VideoFrames(here[0].clips, at) for at in (tiny_ak.video, "elsewhere://video"))
    assert other.missing(1) is None
    assert (one.read(1, [0, 5]) == other.read(1, [0, 5])).all()
    with pytest.raises(UserError, match=r"elsewhere://annot/train.csv:\d+: label 4 is outside"):
        ClipList.read("elsewhere://annot/train.csv", 4)
    with pytest.raises(UserError, match=r"elsewhere://annot/none.csv: there is no such frame list"):
        ClipList.read("elsewhere://annot/none.csv")


def test_a_list_may_have_absolute_and_remote_paths(elsewhere, tiny_ak, tmp_path):
    (tmp_path / "image").symlink_to(tiny_ak.image)
    header = "original_vido_id video_id frame_id path labels"
    for folder in ("elsewhere://image", str(tiny_ak.image)):
        lines = [f'a 0 {k} {folder}/t1/t1_{k + 1:06d}.jpg "1"' for k in range(9)]
        (tmp_path / "a.csv").write_text("\n".join([header, *lines]))
        reader = JpegFrames(ClipList.read(tmp_path / "a.csv"), "nowhere")
        reader.check()
        assert reader.read(0, [0, 8]).shape == (2, 48, 64, 3)


def test_a_list_that_cannot_be_fetched_is_reported(elsewhere, monkeypatch):
    monkeypatch.setattr(paths, "is_file", lambda path: True)  # as if it was deleted since
    with pytest.raises(UserError, match=r"elsewhere://train.csv: this list cannot be fetched"):
        ClipList.read("elsewhere://train.csv")


def test_a_server_that_does_not_answer_is_reported(elsewhere, tiny_ak, monkeypatch):
    def silent(path, **kwargs):
        raise ConnectionError("no route to it")

    monkeypatch.setattr(elsewhere, "_isfile", silent)
    with pytest.raises(UserError, match=r"train\.csv: this list cannot be looked for: no route"):
        ClipList.read("elsewhere://annot/train.csv")
    clips = ClipList.read(tiny_ak.annot / "train.csv")
    for reader in (JpegFrames(clips, "elsewhere://i"), VideoFrames(clips, "elsewhere://v")):
        with pytest.raises(UserError, match="its clips cannot be looked for: no route"):
            reader.check()


def test_a_local_path_is_not_changed(tmp_path, elsewhere):
    (tmp_path / "a.jpg").write_text("x")
    path = paths.join(str(tmp_path), "a.jpg")
    assert paths.local_path(path) == path
    assert paths.is_file(path)
    assert not paths.is_file(str(tmp_path))
    assert elsewhere.fetched == []


def test_absolute_paths_are_not_joined_to_a_folder():
    assert paths.join("/data", "/other/a.jpg") == "/other/a.jpg"
    assert paths.join("/data", "s3://bucket/a.jpg") == "s3://bucket/a.jpg"
    assert paths.join("s3://bucket/image", "a/a_1.jpg") == "s3://bucket/image/a/a_1.jpg"
    assert paths.join("", "a.jpg") == "a.jpg"
