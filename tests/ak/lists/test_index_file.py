"""An index file equals the list, is shared by workers, and is replaced if it is wrong."""

import multiprocessing.util
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from slowfast.ak.errors import UserError
from slowfast.ak.lists import clip_list, index_file
from slowfast.ak.lists.clip_list import ClipList, StoredIndex
from slowfast.ak.lists.lines import ListForm, Source

HEADER = "original_vido_id video_id frame_id path labels\n"
LINES = [f'clip{c} {c} {k} clip{c}/{k:06d}.jpg "{c % 7}"\n' for c in range(9) for k in range(40)]


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Folders for a list, the cache and temporary files. Small lists get an index file too."""
    monkeypatch.setattr(clip_list, "SMALLEST_LIST", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    multiprocessing.util.get_temp_dir()  # it is made once and later tests need it
    monkeypatch.setattr(index_file.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    (tmp_path / "annot").mkdir()
    (tmp_path / "annot/train.csv").write_text(HEADER + "".join(LINES))
    return tmp_path


def read_afresh(path, num_classes=None) -> ClipList:
    """Reads a list as a new process reads it."""
    clip_list._cached_list.cache_clear()
    return ClipList.read(path, num_classes)


def frame_paths(clips: ClipList, clip: int) -> list[str]:
    return [clips.frame_path(clip, k) for k in range(clips.num_frames(clip))]


def everything(clips: ClipList) -> list:
    return [
        (clips.name(i), clips.labels(i), clips.line(i), frame_paths(clips, i))
        for i in range(len(clips))
    ]


def indices(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*.index*") if p.is_file())


def test_the_list_is_read_once_and_then_the_index_is_used(folders, monkeypatch):
    path = folders / "annot/train.csv"
    first = everything(read_afresh(path))
    assert indices(folders) == ["annot/train.csv.index"]
    monkeypatch.setattr(clip_list, "read_index", lambda *arguments: pytest.fail("read again"))
    again = read_afresh(path)
    assert everything(again) == first
    hot = again.multi_hot(7)
    assert (hot.argmax(axis=1) == np.arange(9) % 7).all()


def test_a_small_list_has_no_index_file(folders, monkeypatch):
    monkeypatch.setattr(clip_list, "SMALLEST_LIST", 1 << 20)
    clips = read_afresh(folders / "annot/train.csv")
    assert indices(folders) == []
    assert everything(pickle.loads(pickle.dumps(clips))) == everything(clips)


@pytest.mark.parametrize("change", ["content", "time", "longer"])
def test_an_old_index_of_a_changed_list_is_not_used(folders, change):
    path = folders / "annot/train.csv"
    read_afresh(path)
    stat = path.stat()
    text = path.read_text()
    if change == "longer":
        path.write_text(text + 'new 9 0 new/1.jpg "1"\n')
    elif change == "time":
        (folders / "annot/train.csv.index").write_bytes(b"")  # the old index would also be right
    else:  # the length and the time stay the same
        path.write_text(text.replace("clip8", "CLIP8"))
    if change != "longer":
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + (change == "time")))
    clips = read_afresh(path)
    expected = {line.split(" ")[0] for line in path.read_text().splitlines()[1:]}
    assert {clips.name(i) for i in range(len(clips))} == expected
    assert isinstance(clips._index, StoredIndex)


def test_the_key_has_size_time_and_both_ends_of_a_long_list(folders, monkeypatch):
    path = folders / "annot/train.csv"
    monkeypatch.setattr("slowfast.ak.lists.lines._HASHED", 300)
    keys = set()
    for place in (0, 250, -250):
        text = bytearray(HEADER.encode() + "".join(LINES).encode())
        text[place] ^= 1
        path.write_bytes(text)
        os.utime(path, ns=(1, 1))
        keys.add(Source.of(str(path), "", ListForm()).key)
    assert len(keys) == 3


def test_a_broken_index_is_replaced(folders, monkeypatch):
    path, index = folders / "annot/train.csv", folders / "annot/train.csv.index"
    expected = everything(read_afresh(path))
    good = index.read_bytes()
    broken = [b"", b"\0" * len(good), b"PK\x03\x04" + good, good + b"\0", good[1:]]
    broken += [good[:size] for size in (3, 22, 25, 30, 100, len(good) // 2, len(good) - 1)]
    broken += [good.replace(b"index 2", b"index 1", 1)]
    rng = np.random.default_rng(0)
    for place in [0, 21, 22, 26, 30, *rng.integers(0, len(good), 20)]:
        one = bytearray(good)
        one[place] ^= 1 << int(rng.integers(8))
        broken.append(bytes(one))
    for content in broken:
        index.write_bytes(content)
        assert everything(read_afresh(path)) == expected
        assert index.read_bytes() == good
    assert indices(folders) == ["annot/train.csv.index"]


def in_the_way(place: Path) -> None:
    """Makes a folder with content, so that no file can be renamed to this path, also by root."""
    (place / "taken").mkdir(parents=True)


def test_the_cache_is_used_if_the_data_folder_is_read_only(folders, monkeypatch):
    path = folders / "annot/train.csv"
    in_the_way(folders / "annot/train.csv.index")
    expected = everything(read_afresh(path))
    (one,) = indices(folders)
    assert one.startswith("cache/slowfast/")
    monkeypatch.setattr(clip_list, "read_index", lambda *arguments: pytest.fail("read again"))
    assert everything(read_afresh(path)) == expected


def test_the_temporary_folder_is_used_after_the_cache_and_then_no_folder(folders, monkeypatch):
    path = folders / "annot/train.csv"
    in_the_way(folders / "annot/train.csv.index")
    (folders / "cache").write_text("no folder")
    expected = everything(read_afresh(path))
    (one,) = indices(folders)
    assert one.startswith(f"tmp/slowfast-{os.getuid()}/")
    assert (folders / one).parent.stat().st_mode & 0o077 == 0

    # Another user can have made this folder in the temporary folder.
    with monkeypatch.context() as other:
        user = os.getuid() + 1
        (folders / one).parent.rename(folders / f"tmp/slowfast-{user}")
        other.setattr(os, "getuid", lambda: user)
        clips = read_afresh(path)
    assert not isinstance(clips._index, StoredIndex)
    assert everything(clips) == expected
    assert everything(pickle.loads(pickle.dumps(clips))) == expected


def test_lists_are_read_without_a_home_and_a_temporary_folder(folders, monkeypatch):
    def nowhere(*arguments):
        raise RuntimeError

    def none():
        raise FileNotFoundError

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "expanduser", nowhere)
    monkeypatch.setattr(index_file.tempfile, "gettempdir", none)
    in_the_way(folders / "annot/train.csv.index")
    assert len(read_afresh(folders / "annot/train.csv")) == 9
    assert indices(folders) == []


def test_lists_with_equal_names_have_their_own_places_in_the_cache(folders):
    for name in ("annot", "other"):
        path = folders / name / "train.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEADER + f'{name} 0 0 a/1.jpg "1"\n')
        in_the_way(path.with_name("train.csv.index"))
    for _ in range(2):
        for name in ("annot", "other"):
            assert read_afresh(folders / name / "train.csv").name(0) == name
    assert len(indices(folders)) == 2


def test_a_stored_index_gives_the_same_error(folders):
    path = folders / "annot/train.csv"
    for _ in range(2):
        with pytest.raises(UserError, match=rf"train.csv:{2 + 40 * 5}: label 5 is outside 0..4"):
            read_afresh(path, 5)


def test_no_index_is_stored_if_the_list_changes_while_it_is_read(folders, monkeypatch):
    path = folders / "annot/train.csv"
    read = clip_list.read_index

    def slow(*arguments):
        index = read(*arguments)
        path.write_text(path.read_text() + 'new 9 0 new/1.jpg "1"\n')
        return index

    monkeypatch.setattr(clip_list, "read_index", slow)
    assert len(read_afresh(path)) == 9
    assert indices(folders) == []


def test_a_pickled_list_refers_to_its_index_file(folders):
    path = folders / "annot/train.csv"
    clips = read_afresh(path)
    part = clips.select(np.arange(9) % 2 == 0)
    data = pickle.dumps(clips), pickle.dumps(part)
    assert max(map(len, data)) < 1000
    assert [everything(pickle.loads(one)) for one in data] == [everything(clips), everything(part)]
    assert everything(part) == everything(clips)[::2]
    assert everything(part.select(np.arange(5) > 2)) == everything(clips)[6::2]

    (folders / "annot/train.csv.index").unlink()  # as if a person had deleted it
    assert everything(pickle.loads(data[1])) == everything(part)
    path.write_text(HEADER + 'a 0 0 a/1.jpg "1"\n')
    assert everything(pickle.loads(data[1])) == everything(part)  # the index is still the old one
    read_afresh(path)
    with pytest.raises(UserError, match=r"train.csv: the list has changed since this run read it"):
        pickle.loads(data[1])
    assert everything(part) == everything(clips)[::2]  # mapped arrays do not change


def test_a_list_of_pairs_and_a_frame_list_have_different_indices(folders):
    path = folders / "annot/pairs.csv"
    path.write_text("a b 1\n")
    for _ in range(2):
        clip_list._cached_list.cache_clear()
        assert ClipList.read_pairs(path).name(0) == "a b"
        with pytest.raises(UserError, match="expected the header"):
            ClipList.read(path)


def _read_and_report(path: str, begin, answers) -> None:
    clip_list.SMALLEST_LIST = 0
    begin.wait()
    answers.put(everything(ClipList.read(path)))


@pytest.mark.slow
def test_processes_that_store_an_index_at_once_all_read_it(folders):
    context = multiprocessing.get_context("fork")
    path = folders / "annot/train.csv"
    expected = everything(read_afresh(path))
    clip_list._cached_list.cache_clear()
    for _ in range(4):
        (folders / "annot/train.csv.index").unlink()
        begin, answers = context.Barrier(6), context.Queue()
        workers = [
            context.Process(target=_read_and_report, args=(str(path), begin, answers))
            for _ in range(6)
        ]
        for worker in workers:
            worker.start()
        assert all(answers.get(timeout=60) == expected for _ in workers)
        for worker in workers:
            worker.join()
        assert indices(folders) == ["annot/train.csv.index"]


def _private() -> int:
    """Returns the memory that this process does not share, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def _use(clips: ClipList) -> None:
    for i in range(len(clips)):
        clips.name(i), clips.labels(i), clips.frame_path(i, 1)


def _work(data: bytes | ClipList, answers) -> None:
    before = _private()
    clips = pickle.loads(data) if isinstance(data, bytes) else data
    _use(clips)
    answers.put(_private() - before)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(("method", "whole"), [("fork", False), ("spawn", True)])
def test_workers_share_the_index(folders, method, whole):
    """Scattered lines of 3,000 clips make an index of 4 MB. A worker has no copy of it."""
    path = folders / "annot/train.csv"
    numbers = [(c, k) for k in range(20) for c in range(3000)]
    lines = [f'clip{c} {c} {k} clip{c}/clip{c}_{k:06d}.jpg "{c % 140}"\n' for c, k in numbers]
    path.write_text(HEADER + "".join(lines))
    clips = read_afresh(path)
    if not whole:
        clips = clips.select(np.arange(3000) % 10 > 0)
    _use(clips)
    context = multiprocessing.get_context(method)
    answers = context.Queue()
    assert (folders / "annot/train.csv.index").stat().st_size > 4e6
    # As in a data loader: a forked worker inherits the list, other workers receive its pickle.
    data = clips if method == "fork" else pickle.dumps(clips)
    worker = context.Process(target=_work, args=(data, answers))
    worker.start()
    assert answers.get(timeout=60) < 1500
    worker.join()
