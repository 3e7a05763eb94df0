"""Items of clips that cannot be read. The tests damage real encoded files.

In training another clip replaces such a clip, always the same one. In validation and test, the item
has the frames that can be read, or it is black.
"""

import os
import shutil
import threading
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from slowfast.ak.clips import dataset as datasets
from slowfast.ak.clips.animal_kingdom import Ak
from slowfast.ak.clips.bad_clips import from_meta
from slowfast.ak.errors import BadClip
from slowfast.ak.frames.images import JpegFrames
from slowfast.ak.frames.video import VideoFrames
from slowfast.ak.lists.clip_list import ClipList

HTML = b"<!DOCTYPE html><html><body>404 Not Found</body></html>"


@pytest.fixture
def cfg(cfg, ak_copy):
    """The configuration of a copy of `tiny_ak`, so that tests can damage files."""
    cfg.DATA.PATH_PREFIX = str(ak_copy / "image")
    return cfg


def files(cfg, clip: str) -> list[Path]:
    folder = Path(cfg.DATA.PATH_PREFIX)
    if cfg.AK.FRAMES == "video":
        return [folder.parent / "video" / f"{clip}.mp4"]
    return sorted((folder / clip).iterdir())


def cut(share: float):
    def spoil(path: Path) -> None:
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])

    return spoil


SPOILERS = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "html": lambda path: path.write_bytes(HTML),
    "cut in the middle": cut(0.5),
}


@pytest.mark.parametrize("frames", ["image", "video"])
@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS)
def test_in_training_another_clip_replaces_a_bad_one(cfg, frames, spoil):
    cfg.AK.FRAMES = frames
    dataset = Ak(cfg, "train")
    paths = files(cfg, "t1")
    for path in paths:
        spoil(path)
    (clip,), labels, index, _, meta = dataset[(0, 1)]
    (problem,) = from_meta(meta)
    assert (problem.kind, problem.clip) == ("bad", 1)
    assert problem.reason.partition(": ")[0] in map(str, paths)
    assert index != 1
    assert clip.shape == (3, 4, 32, 32)
    assert labels.nonzero().flatten().tolist() == dataset.clips.labels(index)


def test_seed_epoch_index_and_attempt_decide_the_replacement(cfg):
    for name in ("t1", "t2", "t4"):
        shutil.rmtree(Path(cfg.DATA.PATH_PREFIX, name))
    cfg.DATA.MAX_BAD_FRACTION = 0.5

    def items(epochs, **settings):
        cfg.merge_from_list([part for pair in settings.items() for part in pair])
        dataset = Ak(cfg, "train")
        keys = [(e, i, *again) for e in epochs for i in (1, 2, 4) for again in ((), (1,))]
        return [dataset[key] for key in keys]

    one = items(range(6))
    for item in one:
        tried = [problem.clip for problem in from_meta(item[4])]
        assert len(tried) == len(set(tried)) > 0
        assert item[2] not in (1, 2, 4)
    again = items(range(3, 6))  # as after a resume
    for before, after in zip(one[18:], again, strict=True):
        assert torch.equal(before[0][0], after[0][0])
        assert before[2:3] + before[4:] == after[2:3] + after[4:]
    assert len({item[2] for item in one}) == 5
    assert len({item[2] for item in one[::6]}) > 1  # another clip each epoch
    other = items(range(6), RNG_SEED=cfg.RNG_SEED + 1)
    assert [item[2] for item in one] != [item[2] for item in other]


def test_a_replacement_has_its_own_crop(cfg):
    """Otherwise a batch could have the same pixels twice."""
    dataset = Ak(cfg, "train")
    shutil.rmtree(Path(cfg.DATA.PATH_PREFIX, "t1"))
    stand_in = dataset[(0, 1)]
    assert not torch.equal(stand_in[0][0], dataset[(0, stand_in[2])][0][0])


def test_an_error_is_raised_after_some_attempts(cfg, monkeypatch):
    dataset = Ak(cfg, "train")
    for folder in Path(cfg.DATA.PATH_PREFIX).glob("t*"):
        shutil.rmtree(folder)
    with pytest.raises(BadClip, match=r"clip t3: .*4 other clips were tried"):
        dataset[(0, 3)]
    monkeypatch.setattr(datasets, "ATTEMPTS", 100)
    with pytest.raises(BadClip, match=r"clip t3: .*7 other clips were tried"):
        dataset[(0, 3)]


def test_a_plain_torch_loader_takes_replaced_items(cfg):
    """It uses plain indices and the collate function of torch."""
    dataset = Ak(cfg, "train")
    shutil.rmtree(Path(cfg.DATA.PATH_PREFIX, "t1"))
    *_, index, _, meta = next(iter(DataLoader(dataset, batch_size=8)))
    assert 1 not in index
    assert from_meta(meta)[0].clip == 1


@pytest.mark.parametrize("frames", ["image", "video"])
@pytest.mark.parametrize("split", ["val", "test"])
def test_an_evaluation_replaces_nothing(cfg, frames, split):
    cfg.AK.FRAMES = frames
    dataset = Ak(cfg, split)
    whole = dataset[(0, 1)]
    for path in files(cfg, "v1"):
        path.write_bytes(HTML)
    clips, labels, index, time, meta = dataset[(0, 1)]
    (problem,) = from_meta(meta)
    assert (problem.kind, problem.clip, index) == ("missing", 1, 1)
    assert "v1" in problem.reason
    assert torch.equal(labels, whole[1])
    assert time.shape == whole[3].shape
    if split == "val":
        assert clips[0].shape == whole[0][0].shape
        assert not clips[0].any()
    else:
        assert len(clips[0]) == len(whole[0][0]) == 6
        assert clips[0].batch(0, 6).shape == whole[0][0].batch(0, 6).shape


@pytest.mark.parametrize("spoil", [SPOILERS["gone"], SPOILERS["html"]], ids=["gone", "html"])
def test_the_nearest_frame_that_decodes_replaces_a_broken_one(cfg, spoil):
    clips = ClipList.read(Path(cfg.DATA.PATH_TO_DATA_DIR, "val.csv"))
    reader = JpegFrames(clips, cfg.DATA.PATH_PREFIX)
    whole = {k: reader.read(0, [k])[0] for k in range(20)}
    paths = files(cfg, "v0")
    for k in (0, 1, 6, 7, 8, 9, 19):
        spoil(paths[k])
    wanted = [0, 2, 6, 7, 8, 9, 12, 19]
    got = with_replacements(reader, wanted)
    for frame, near in zip(got, [2, 2, 5, 5, 10, 10, 12, 18], strict=True):
        assert (frame == whole[near]).all()
    text = reader.problems.pop(0)
    assert text.startswith(str(paths[0]))
    assert "6 frames of this clip do not decode" in text


def test_whole_clips_are_read_without_replacements(cfg):
    clips = ClipList.read(Path(cfg.DATA.PATH_TO_DATA_DIR, "val.csv"))
    for reader in (
        JpegFrames(clips, cfg.DATA.PATH_PREFIX),
        VideoFrames(clips, Path(cfg.DATA.PATH_PREFIX).parent / "video"),
    ):
        assert (with_replacements(reader, [1, 5, 19]) == reader.read(0, [1, 5, 19])).all()
        assert not reader.problems


def film(path: Path, video_tools) -> None:
    """Writes a video of 30 frames."""
    video_tools.write_video(path, video_tools.moving_square(30, 64, 48, seed=1), bf="0")


def with_replacements(reader, indices=range(30)) -> np.ndarray:
    """Returns RGB frames of clip 0, in which other frames replace broken ones."""
    return np.stack([f[..., :3].copy() for f in reader.frames_with_replacements(0, indices)])


@pytest.fixture
def film_list(tmp_path):
    """A list with a clip `a` of 30 frames."""
    header = "original_vido_id video_id frame_id path labels\n"
    lines = [f'a 0 {k} a/{k + 1:06d}.jpg "0"\n' for k in range(30)]
    (tmp_path / "val.csv").write_text(header + "".join(lines))
    return ClipList.read(tmp_path / "val.csv")


def test_the_readable_frames_of_a_cut_video_are_used(tmp_path, video_tools, film_list):
    path = tmp_path / "a.mkv"
    film(path, video_tools)
    whole = VideoFrames(film_list, tmp_path).read(0, range(30))
    data = path.read_bytes()
    found = set()
    for size in range(len(data) * 3 // 10, len(data) * 9 // 10, len(data) // 12):
        path.write_bytes(data[:size])
        reader = VideoFrames(film_list, tmp_path)
        got = with_replacements(reader)
        same = [(one == other).all() for one, other in zip(got, whole, strict=True)]
        decoded = same.index(False)
        assert decoded > 0
        assert (got[decoded + 1 :] == got[-1]).all()  # the last frame may decode in part
        assert "its last frame is repeated" in reader.problems.pop(0)
        found.add(decoded)
    assert len(found) > 3


def test_a_video_is_used_up_to_a_fault_in_its_middle(tmp_path, video_tools, film_list):
    path = tmp_path / "a.mkv"
    film(path, video_tools)
    whole = VideoFrames(film_list, tmp_path).read(0, range(30))
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    data = path.read_bytes()
    for packet in packets[15:18]:
        assert data.count(packet) == 1
        data = data.replace(packet, b"\xff" * len(packet))
    path.write_bytes(data)
    reader = VideoFrames(film_list, tmp_path)
    with pytest.raises(BadClip):
        reader.read(0, range(30))
    got = with_replacements(reader)
    assert (got[:15] == whole[:15]).all()
    assert (got[15:] == whole[14]).all()
    assert "15 frames that decode" in reader.problems.pop(0)


def test_an_incomplete_clip_is_reported(cfg):
    dataset = Ak(cfg, "test")
    whole = dataset[(0, 0)]
    files(cfg, "v0")[13].write_bytes(b"")
    item = dataset[(0, 0)]
    (problem,) = from_meta(item[4])
    assert (problem.kind, problem.clip) == ("incomplete", 0)
    assert str(files(cfg, "v0")[13]) in problem.reason
    differs = (item[0][0].frames != whole[0][0].frames).flatten(1).any(1).tolist()
    assert differs == [frame == 13 for frame in (0, 2, 4, 6, 13, 15, 17, 19)]
    assert from_meta(dataset[(0, 1)][4]) == []


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["jpg", "mp4", "mkv", "avi"])
def test_cut_and_damaged_files_are_read_or_refused(tmp_path, video_tools, film_list, ending):
    if ending == "jpg":
        path = tmp_path / "a" / "000001.jpg"
        path.parent.mkdir()
        cv2.imwrite(str(path), video_tools.moving_square(1, 64, 48, seed=1)[0])
        wanted, step = [0], 7
    else:
        path = tmp_path / f"a.{ending}"
        film(path, video_tools)
        wanted, step = [3, 15, 29], 97
    data = path.read_bytes()
    kind = JpegFrames if ending == "jpg" else VideoFrames
    rng = np.random.default_rng(0)

    def damaged():
        for size in range(0, len(data), step):
            yield data[:size]
        for _ in range(200):
            changed = bytearray(data)
            for place in rng.integers(len(data), size=8):
                changed[place] = rng.integers(256)
            yield bytes(changed)

    refused = []
    for content in damaged():
        path.write_bytes(content)
        for method in ("frames", "frames_with_replacements"):
            reader = kind(film_list, tmp_path)
            try:
                frames = [frame.shape for frame in getattr(reader, method)(0, wanted)]
            except BadClip as error:
                refused.append(str(error))
            else:
                assert len(frames) == len(wanted)
                assert all(frame[2] == 4 for frame in frames)
    assert len(refused) > 20
    assert all(str(path.parent if ending == "jpg" else path) in text for text in refused)


def make_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.fixture
def released(cfg):
    """Opens all pipes after a test, so that threads that wait for them end."""
    yield
    for path in Path(cfg.DATA.PATH_PREFIX).rglob("*"):
        if path.is_fifo():
            os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_read_that_hangs_is_given_up(cfg, released):
    """A named pipe without a writer blocks the thread that opens it."""
    cfg.DATA.READ_TIMEOUT = 2
    before = set(threading.enumerate())
    training, test = Ak(cfg, "train"), Ak(cfg, "test")
    for path in (*files(cfg, "t1")[1:-1], files(cfg, "v0")[4]):
        make_fifo(path)
    *_, index, _, meta = training[(0, 1)]
    assert index != 1
    (late,) = from_meta(meta)
    for words in ("image/t1: clip t1", "within 2 seconds", "DATA.READ_TIMEOUT"):
        assert words in late.reason
    assert from_meta(training[(0, 0)][4]) == []
    (problem,) = from_meta(test[(0, 0)][4])
    assert (problem.kind, problem.clip) == ("missing", 0)
    assert from_meta(test[(0, 1)][4]) == []
    assert from_meta(training[(1, 1)][4])[0].reason == late.reason  # the second read does not wait
    assert len(set(threading.enumerate()) - before) == 4  # two that hang and two in use
