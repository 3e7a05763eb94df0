"""An index file gives what the list gives, is shared by workers, and is replaced if it is wrong."""

import multiprocessing.util
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from slowfast.ak.errors import UserError
from slowfast.ak.lists import clip_list, index_file
from slowfast.ak.lists.clip_list import ClipList, StoredIndex
from slowfast.ak.lists.lines import Source

HEADER = "original_vido_id video_id frame_id path labels\n"
LINES = [f'clip{c} {c} {k} clip{c}/{k:06d}.jpg "{c % 7}"\n' for c in range(9) for k in range(40)]


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A list in a folder of its own, and cache and temporary folders; any list gets an index."""
    monkeypatch.setattr(clip_list, "SMALLEST_LIST", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    multiprocessing.util.get_temp_dir()  # made once, and needed by later tests as well
    monkeypatch.setattr(index_file.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    (tmp_path / "annot").mkdir()
    (tmp_path / "annot/train.csv").write_text(HEADER + "".join(LINES))
    return tmp_path


def read_afresh(path, num_classes=None) -> ClipList:
    """As another process would."""
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


def test_the_list_is_read_once_and_then_its_index(folders, monkeypatch):
    path = folders / "annot/train.csv"
    first = everything(read_afresh(path))
    assert indices(folders) == ["annot/train.csv.index"]
    monkeypatch.setattr(clip_list, "read_index", lambda *of: pytest.fail("read again"))
    again = read_afresh(path)
    assert everything(again) == first
    hot = again.multi_hot(7)
    assert (hot.argmax(axis=1) == np.arange(9) % 7).all()


def test_a_small_list_has_no_index_file(folders, monkeypatch):
    monkeypatch.setattr(clip_list, "SMALLEST_LIST", 1 << 20)
    clips = read_afresh(folders / "annot/train.csv")
    assert indices(folders) == []
    assert everything(pickle.loads(pickle.dumps(clips))) == everything(clips)


@pytest.mark.parametrize("change", ["content", "time", "longer", "end"])
def test_an_index_of_the_list_as_it_was_is_not_used(folders, change):
    path = folders / "annot/train.csv"
    read_afresh(path)
    stat = path.stat()
    text = path.read_text()
    if change == "longer":
        path.write_text(text + 'new 9 0 new/1.jpg "1"\n')
    elif change == "time":
        (folders / "annot/train.csv.index").write_bytes(b"")  # else it would be right, too
    else:  # as long as before, and of the same time
        old, new = ("clip0", "CLIP0") if change == "content" else ("clip8", "CLIP8")
        path.write_text(text.replace(old, new))
    if change != "longer":
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + (change == "time")))
    clips = read_afresh(path)
    expected = {line.split(" ")[0] for line in path.read_text().splitlines()[1:]}
    assert {clips.name(i) for i in range(len(clips))} == expected
    assert isinstance(clips._index, StoredIndex)


def test_only_the_ends_of_a_long_list_are_looked_at_beside_size_and_time(folders, monkeypatch):
    path = folders / "annot/train.csv"
    monkeypatch.setattr("slowfast.ak.lists.lines._HASHED", 300)
    keys = set()
    for place in (0, 250, -250):
        text = bytearray(HEADER.encode() + "".join(LINES).encode())
        text[place] ^= 1
        path.write_bytes(text)
        os.utime(path, ns=(1, 1))
        keys.add(Source.of(str(path), "", None).key)
    assert len(keys) == 3


def test_a_broken_index_is_made_anew(folders, monkeypatch):
    path, index = folders / "annot/train.csv", folders / "annot/train.csv.index"
    expected = everything(read_afresh(path))
    good = index.read_bytes()
    broken = [b"", b"\0" * len(good), b"PK\x03\x04" + good, good + b"\0", good[1:]]
    broken += [good[:size] for size in (3, 22, 25, 30, 100, len(good) // 2, len(good) - 1)]
    broken += [good.replace(b"index 1", b"index 0", 1)]
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
    """Makes a place that no file can be renamed to, for root neither."""
    (place / "taken").mkdir(parents=True)


def test_the_cache_is_used_if_the_data_folder_is_read_only(folders, monkeypatch):
    path = folders / "annot/train.csv"
    in_the_way(folders / "annot/train.csv.index")
    expected = everything(read_afresh(path))
    (one,) = indices(folders)
    assert one.startswith("cache/slowfast/")
    monkeypatch.setattr(clip_list, "read_index", lambda *of: pytest.fail("read again"))
    assert everything(read_afresh(path)) == expected


def test_the_temporary_folder_is_used_next_and_then_none(folders, monkeypatch):
    path = folders / "annot/train.csv"
    in_the_way(folders / "annot/train.csv.index")
    (folders / "cache").write_text("no folder")
    expected = everything(read_afresh(path))
    (one,) = indices(folders)
    assert one.startswith(f"tmp/slowfast-{os.getuid()}/")
    assert (folders / one).parent.stat().st_mode & 0o077 == 0

    # In a temporary folder anybody may have made this one.
    with monkeypatch.context() as other:
        user = os.getuid() + 1
        (folders / one).parent.rename(folders / f"tmp/slowfast-{user}")
        other.setattr(os, "getuid", lambda: user)
        clips = read_afresh(path)
    assert not isinstance(clips._index, StoredIndex)
    assert everything(clips) == expected
    assert everything(pickle.loads(pickle.dumps(clips))) == expected


def test_neither_a_home_nor_a_temporary_folder_is_needed(folders, monkeypatch):
    def nowhere(*of):
        raise RuntimeError

    def none():
        raise FileNotFoundError

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "expanduser", nowhere)
    monkeypatch.setattr(index_file.tempfile, "gettempdir", none)
    in_the_way(folders / "annot/train.csv.index")
    assert len(read_afresh(folders / "annot/train.csv")) == 9
    assert indices(folders) == []


def test_two_lists_of_one_name_have_two_places_in_the_cache(folders):
    for name in ("annot", "other"):
        path = folders / name / "train.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEADER + f'{name} 0 0 a/1.jpg "1"\n')
        in_the_way(path.with_name("train.csv.index"))
    for _ in range(2):
        for name in ("annot", "other"):
            assert read_afresh(folders / name / "train.csv").name(0) == name
    assert len(indices(folders)) == 2


def test_errors_come_the_same_from_the_index(folders):
    path = folders / "annot/train.csv"
    texts = []
    for _ in range(2):
        with pytest.raises(UserError, match=rf"train.csv:{2 + 40 * 5}: label 5 is outside 0..4"):
            read_afresh(path, 5)
        with pytest.raises(UserError) as error:
            read_afresh(path, 5)
        texts.append(str(error.value))
    assert texts[0] == texts[1]
    path.write_text(HEADER + 'a 0 0 a/1.jpg "x"\n')
    for _ in range(2):
        with pytest.raises(UserError, match=r"train.csv:2: expected labels"):
            read_afresh(path)


def test_a_list_that_changes_while_it_is_read_leaves_no_index(folders, monkeypatch):
    path = folders / "annot/train.csv"
    read = clip_list.read_index

    def slow(*of):
        index = read(*of)
        path.write_text(path.read_text() + 'new 9 0 new/1.jpg "1"\n')
        return index

    monkeypatch.setattr(clip_list, "read_index", slow)
    assert len(read_afresh(path)) == 9
    assert indices(folders) == []


def test_a_pickled_list_is_where_to_find_it(folders):
    path = folders / "annot/train.csv"
    clips = read_afresh(path)
    part = clips.select(np.arange(9) % 2 == 0)
    data = pickle.dumps(clips), pickle.dumps(part)
    assert max(map(len, data)) < 1000
    assert [everything(pickle.loads(one)) for one in data] == [everything(clips), everything(part)]
    assert everything(part) == everything(clips)[::2]
    assert everything(part.select(np.arange(5) > 2)) == everything(clips)[6::2]

    (folders / "annot/train.csv.index").unlink()  # by somebody who tidies up
    assert everything(pickle.loads(data[1])) == everything(part)
    path.write_text(HEADER + 'a 0 0 a/1.jpg "1"\n')
    assert everything(pickle.loads(data[1])) == everything(part)  # its index is still the old one
    read_afresh(path)
    with pytest.raises(UserError, match=r"train.csv: the list has changed since this run read it"):
        pickle.loads(data[1])
    assert everything(part) == everything(clips)[::2]  # what is mapped stays


def test_the_index_follows_how_the_list_is_read(folders):
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
def test_processes_that_write_it_at_once_all_read_right(folders):
    context = multiprocessing.get_context("fork")
    path = folders / "annot/train.csv"
    expected = everything(read_afresh(path))
    clip_list._cached_list.cache_clear()
    for _ in range(8):
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


def _of_mapping(file: str) -> dict[str, int]:
    """Sums over a file's mappings into this process, in kB."""
    sums, inside = dict.fromkeys(("Rss", "Pss", "Private_Dirty", "Anonymous"), 0), False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        key = line.split(":")[0]
        if " " in key or "-" in key:
            inside = line.endswith(file)
        elif inside and key in sums:
            sums[key] += int(line.split()[1])
    return sums


def _private() -> int:
    """Memory of this process's own, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def _use(clips: ClipList) -> None:
    for i in range(len(clips)):
        clips.name(i), clips.labels(i), clips.frame_path(i, 1)


def _work(data: bytes | ClipList, file: str, answers) -> None:
    before = _private()
    clips = pickle.loads(data) if isinstance(data, bytes) else data
    _use(clips)
    answers.put((_private() - before, _of_mapping(file)))


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(("method", "whole"), [("fork", False), ("spawn", True)])
def test_workers_share_it_whatever_starts_them(folders, method, whole):
    """Scattered lines of 3,000 clips make an index of 4 MB, of which no worker has a copy."""
    path = folders / "annot/train.csv"
    path.write_text(
        HEADER
        + "".join(
            f'clip{c} {c} {k} clip{c}/clip{c}_{k:06d}.jpg "{c % 140}"\n'
            for k in range(20)
            for c in range(3000)
        )
    )
    clips = read_afresh(path)
    if not whole:
        clips = clips.select(np.arange(3000) % 10 > 0)
    _use(clips)
    context = multiprocessing.get_context(method)
    file, answers = str(folders / "annot/train.csv.index"), context.Queue()
    assert Path(file).stat().st_size > 4e6
    # What a data loader does: fork inherits the list, the others are sent it.
    data = clips if method == "fork" else pickle.dumps(clips)
    worker = context.Process(target=_work, args=(data, file, answers))
    worker.start()
    private, mapping = answers.get(timeout=60)
    worker.join()
    assert private < 1500
    assert mapping["Rss"] > 1000
    assert mapping["Pss"] <= 0.6 * mapping["Rss"]  # two have it
    assert mapping["Private_Dirty"] == mapping["Anonymous"] == 0
