"""Images and videos give the same, correct frames. Errors name the file."""

import dataclasses
import io
import os
import shutil
import tracemalloc
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from slowfast.ak.clips.sampling import EvenWindows
from slowfast.ak.clips.views import UniformCrops
from slowfast.ak.errors import UserError
from slowfast.ak.frames import video as video_frames
from slowfast.ak.frames.images import JpegFrames, decode_image
from slowfast.ak.frames.open_reader import open_reader
from slowfast.ak.frames.pyav import Timeline, open_video, read_timeline
from slowfast.ak.frames.video import VideoFrames
from slowfast.ak.lists.clip_list import ClipList
from tests.media import write_sound_alone

HEADER = "original_vido_id video_id frame_id path labels\n"

OLD_444 = Path(__file__).parents[4] / "shared/video/mouse_openfield.mp4"


@pytest.fixture
def list_of(tmp_path):
    """Writes and reads a list with one clip and a number of frames."""

    def write(count: int, name: str = "a") -> ClipList:
        path = tmp_path / f"list{count}.csv"
        lines = [f'{name} 0 {k} {name}/{k + 1:06d}.jpg "0"\n' for k in range(count)]
        path.write_text(HEADER + "".join(lines))
        return ClipList.read(path)

    return write


def decode_all(path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def difference(one, other) -> float:
    return np.abs(one.astype(int) - other.astype(int)).mean()


def test_images_and_videos_give_the_same_frames(tiny_ak):
    for name in ("train", "val"):
        clips = ClipList.read(tiny_ak.annot / f"{name}.csv")
        images, videos = JpegFrames(clips, tiny_ak.image), VideoFrames(clips, tiny_ak.video)
        for clip in range(len(clips)):
            last = clips.num_frames(clip) - 1
            indices = [last, 0, last // 2, last // 2]
            one, other = images.read(clip, indices), videos.read(clip, indices)
            assert one.dtype == other.dtype == np.uint8
            assert one.shape == other.shape
            assert difference(one, other) < 3
            if last > 10:  # the frame differs from its neighbours
                near = images.read(clip, [last // 2 - 1, last // 2 + 1])
                assert all(difference(frame, other[2]) > 3 for frame in near)


@pytest.mark.skipif(not OLD_444.is_file(), reason="needs DeepLabCut's open-field film")
def test_frames_after_a_seek_equal_frames_decoded_from_the_start(list_of):
    """FFmpeg needs the name of the encoder, which is only in the first picture, to decode 4:4:4
    of an old x264."""
    places = {0: None, 700: None, 1500: None}
    with av.open(str(OLD_444)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for k, frame in zip(range(1501), container.decode(video=0), strict=False):
            if k in places:
                places[k] = frame.to_ndarray(format="rgb24")
    for k, expected in places.items():
        reader = VideoFrames(list_of(2330, OLD_444.stem), OLD_444.parent)
        assert (reader.read(0, [k])[0] == expected).all()


def test_decoding_starts_at_the_key_frame_and_ends_at_the_frame(
    tmp_path, list_of, video_tools, monkeypatch
):
    video_tools.write_video(
        tmp_path / "a.mp4", video_tools.moving_square(60, 64, 48, seed=1), g="10", sc_threshold="0"
    )
    reader = VideoFrames(list_of(60), tmp_path)
    decoded = []
    frame_at = Timeline.frame_at

    def count(timeline, pts):
        decoded.append(frame_at(timeline, pts))
        return decoded[-1]

    monkeypatch.setattr(Timeline, "frame_at", count)
    reader.read(0, [33, 36])
    assert decoded == [30, 31, 32, 33, 34, 35, 36]
    decoded.clear()
    reader.read(0, [2, 55])
    assert decoded == [0, 1, 2, 50, 51, 52, 53, 54, 55]


def test_wrong_time_stamps_are_detected(tmp_path, list_of, video_tools, monkeypatch):
    """If time stamps do not fit the frames, the reader counts frames."""
    video_tools.write_video(tmp_path / "a.mp4", video_tools.moving_square(30, 64, 48, seed=1))
    expected = decode_all(tmp_path / "a.mp4")
    with open_video(str(tmp_path / "a.mp4")) as opened:
        true = read_timeline(*opened)
    for pts in (
        true.pts + 1,
        np.delete(true.pts, 3),
        np.sort(np.append(true.pts, true.pts[4] + 1)),
    ):
        wrong = dataclasses.replace(true, pts=pts, key_frames=np.array([0]), key_pts=pts[:1])
        monkeypatch.setattr(video_frames, "read_timeline", lambda *opened, wrong=wrong: wrong)
        got = VideoFrames(list_of(30), tmp_path).read(0, [1, 8, 20])
        assert all((one == expected[k]).all() for k, one in zip([1, 8, 20], got, strict=True))


def test_errors_for_missing_files_have_the_line_and_the_remedy(tiny_ak, ak_copy, tmp_path):
    clips = ClipList.read(tiny_ak.annot / "train.csv")
    open_reader(clips, "image", str(tmp_path / "image"), str(tmp_path / "video")).check()

    (tmp_path / "image/t2/t2_000017.jpg").unlink()
    shutil.rmtree(tmp_path / "image/t6")
    with pytest.raises(UserError) as error:
        JpegFrames(clips, tmp_path / "image").check()
    text = str(error.value)
    line = clips.line(2, 16)
    assert f"train.csv:{line}: clip t2" in text
    assert str(tmp_path / "image/t2/t2_000017.jpg") in text
    assert "2 of 8 clips lack files" in text
    assert "AK.FRAMES" in text
    assert "make demo" in text

    (tmp_path / "video/t3.mp4").unlink()
    with pytest.raises(UserError, match=r"clip t3: there is no file .*video/t3\.mp4"):
        open_reader(clips, "video", "", str(tmp_path / "video")).check()


def test_a_few_clips_without_files_cause_a_warning(tiny_ak, ak_copy, tmp_path, caplog):
    for clip in ("t2", "t6"):
        shutil.rmtree(tmp_path / "image" / clip)
    reader = JpegFrames(ClipList.read(tiny_ak.annot / "train.csv"), tmp_path / "image")
    reader.check(allowed=2)
    (record,) = caplog.records
    for words in ("train.csv:46: clip t2: there is no file", "2 of 8 clips", "t2, t6", "allows 2"):
        assert words in record.getMessage()
    with pytest.raises(UserError, match=r"2 of 8 .* in all; DATA.MAX_BAD_FRACTION allows 1"):
        reader.check(allowed=1)
    caplog.clear()
    reader.check(7, "a test")
    assert "; a test allows 7. They are t2, t6." in caplog.text


def test_auto_takes_images_if_there_are_images(tiny_ak, tmp_path):
    clips = ClipList.read(tiny_ak.annot / "train.csv")
    image, video = str(tiny_ak.image), str(tiny_ak.video)
    assert isinstance(open_reader(clips, "auto", image, video), JpegFrames)
    assert isinstance(open_reader(clips, "video", image, video), VideoFrames)
    (tmp_path / "empty").mkdir()
    for nothing in ("empty", "none"):
        reader = open_reader(clips, "auto", str(tmp_path / nothing), video)
        assert isinstance(reader, VideoFrames)


@pytest.mark.parametrize(
    "content", [None, b"", b"<html>not found</html>", b"\xff\xd8\xff\xe0 JFIF"]
)
def test_an_unreadable_image_is_named(tiny_ak, ak_copy, tmp_path, content):
    clips = ClipList.read(tiny_ak.annot / "train.csv")
    path = tmp_path / "image/t1/t1_000003.jpg"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(UserError) as error:
        JpegFrames(clips, tmp_path / "image").read(1, [1, 2])
    assert str(error.value).startswith(f"{path}: cannot read this frame of clip t1: ")
    assert str(error.value).count(str(path)) == 1
    assert "Errno" not in str(error.value)
    assert "train.csv" in str(error.value)


def test_an_unreadable_video_is_named(tmp_path, list_of):
    path = tmp_path / "a.mp4"
    with pytest.raises(UserError, match=r"a\.mp4: cannot decode the video of clip a: ") as error:
        VideoFrames(list_of(5), tmp_path).read(0, [1])
    assert str(error.value).count(str(path)) == 1
    assert "Errno" not in str(error.value)
    write_sound_alone(path)
    with pytest.raises(UserError, match="no video stream"):
        VideoFrames(list_of(5), tmp_path).read(0, [1])


def picture() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2)


def saved(form: str, mode: str = "RGB", turned: bool = False, **options) -> bytes:
    """Returns the picture as a file that Pillow writes. `turned` adds a rotation in EXIF."""
    exif = Image.Exif()
    if turned:
        exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(picture()).convert(mode).save(file, form, exif=exif, **options)
    return file.getvalue()


FILES = {
    "jpeg": saved("JPEG"),
    "progressive": saved("JPEG", progressive=True),
    "4:4:4": saved("JPEG", subsampling=0),
    "grey": saved("JPEG", "L"),
    "CMYK": saved("JPEG", "CMYK"),
    "png": saved("PNG"),
    "transparent": saved("PNG", "RGBA"),
    "palette": saved("PNG", "P"),
    "16 bit": cv2.imencode(".png", picture()[..., ::-1].astype(np.uint16) * 257)[1].tobytes(),
    "turned": saved("JPEG", turned=True),
    "turned grey": saved("JPEG", "L", turned=True),
    "turned png": saved("PNG", turned=True),
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_pictures_of_all_formats_equal_opencvs_without_rotation(content):
    expected = cv2.imdecode(
        np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    )
    got = decode_image(content)
    assert got.dtype == np.uint8
    assert got.shape == (40, 60, 4)
    assert (got[..., :3] == expected).all()


def test_a_range_of_values_makes_deep_images_visible():
    """8 bits of grey as a camera of 12 bits, a thermal camera and a TIFF of floats have them."""
    grey = picture()[..., 1]
    for form, values, value_range in (
        (".png", grey.astype(np.uint16) * 16, (0, 16 * 255)),
        (".png", grey.astype(np.uint16) + 29_000, (29_000, 29_255)),
        (".tiff", np.repeat(grey[..., None] / np.float32(255), 3, axis=2), (0, 1)),
        (".png", grey, (0, 4095)),  # 8 bits already
    ):
        content = cv2.imencode(form, values)[1].tobytes()
        got = decode_image(content, value_range=value_range)
        assert got.dtype == np.uint8
        assert (got[..., :3] == grey[..., None]).all()
    dark = decode_image(content := cv2.imencode(".png", grey.astype(np.uint16) * 16)[1].tobytes())
    assert dark[..., :3].max() < 16
    brighter = decode_image(content, value_range=(0, 1000))
    assert brighter[..., :3].max() == 255


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_a_file_that_is_cut_off_anywhere_is_refused(content):
    for size in range(len(content)):
        with pytest.raises(ValueError) as error:
            decode_image(content[:size])
        assert type(error.value) is ValueError
        assert str(error.value)


def test_a_header_with_too_many_pixels_is_refused():
    content = bytearray(FILES["jpeg"])
    size = content.index(b"\xff\xc0") + 5
    content[size : size + 4] = b"\xff\xdc\xff\xdc"
    with pytest.raises(ValueError, match="65500 x 65500 pixels"):
        decode_image(bytes(content))


def test_memory_is_used_again_if_it_is_large_enough():
    small, large = (cv2.imencode(".jpg", np.zeros((n, n, 3)))[1].tobytes() for n in (16, 32))
    first = decode_image(large)
    second = decode_image(small, first)
    assert np.shares_memory(first, second)
    assert second.shape == (16, 16, 4)
    assert decode_image(large, second).shape == (32, 32, 4)
    # At this address, libjpeg-turbo does not write past the cache.
    assert first.ctypes.data % 32 == 16


def test_memory_does_not_grow_with_a_clip(tmp_path, list_of):
    """Memory holds one frame in its full size and the scaled frames of the views."""
    (tmp_path / "a").mkdir()
    content = cv2.imencode(".jpg", np.zeros((540, 960, 3), np.uint8))[1].tobytes()
    for k in range(300):
        (tmp_path / f"a/{k + 1:06d}.jpg").write_bytes(content)
    windows = EvenWindows(8, rate=2, count=10).draw(None, 300)
    distinct, rows = np.unique(windows, return_inverse=True)
    tracemalloc.start()
    views = UniformCrops(256, 3)(
        JpegFrames(list_of(300), tmp_path).frames(0, distinct.tolist()), rows, None
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(distinct) == 80
    assert peak < views.frames.numel() + 3 * 540 * 960 * 4


def test_a_file_that_comes_in_pieces_is_read_whole(tmp_path, list_of, monkeypatch):
    """Network file systems may return less than was asked for."""
    (tmp_path / "a").mkdir()
    cv2.imwrite(str(tmp_path / "a/000001.jpg"), np.full((64, 64, 3), 77, np.uint8))
    reader, read = JpegFrames(list_of(1), tmp_path), os.read
    expected = reader.read(0, [0])
    monkeypatch.setattr(os, "read", lambda file, size: read(file, min(size, 100)))
    np.testing.assert_array_equal(reader.read(0, [0]), expected)


def test_a_link_to_itself_does_not_hide_other_videos(tmp_path, list_of):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    assert VideoFrames(list_of(1), tmp_path).missing(0) is None
