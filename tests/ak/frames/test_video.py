"""Frame k of a video is frame k of its extracted images, with PyAV and with torchcodec."""

import ctypes
import gc
import os
import pickle
import shutil
import subprocess
import sys
from contextlib import nullcontext
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch

from slowfast.ak.errors import BadClip, UserError
from slowfast.ak.frames import pyav as video_pyav
from slowfast.ak.frames import torchcodec as video_torchcodec
from slowfast.ak.frames.video import Decoding, VideoFrames
from slowfast.ak.lists.clip_list import ClipList

try:
    video_torchcodec.find_device("cpu")
    WITHOUT_TORCHCODEC = ""
except UserError as error:
    WITHOUT_TORCHCODEC = str(error)
needs_torchcodec = pytest.mark.skipif(bool(WITHOUT_TORCHCODEC), reason=WITHOUT_TORCHCODEC)
FFMPEG = shutil.which("ffmpeg")
needs_ffmpeg = pytest.mark.skipif(not FFMPEG, reason="needs the program ffmpeg")

TORCHCODEC = Decoding(with_torchcodec=True)


@pytest.fixture(params=["pyav", pytest.param("torchcodec", marks=needs_torchcodec)])
def decoding(request) -> Decoding:
    return Decoding(with_torchcodec=request.param == "torchcodec")


@pytest.fixture
def pairs(tmp_path):
    """Writes and reads a list with one line a video and no numbers of frames."""

    def write(*names: str) -> ClipList:
        path = tmp_path / "pairs.csv"
        path.write_text("".join(f"{name} 0\n" for name in names))
        return ClipList.read_pairs(path)

    return write


def noisy(count: int, width: int, height: int) -> list[np.ndarray]:
    """Returns frames with many colours, all of which differ from each other."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (count, -(-height // 8), -(-width // 8), 3), dtype=np.uint8)
    return [np.kron(f, np.ones((8, 8, 1), np.uint8))[:height, :width].copy() for f in coarse]


def encode(
    path, frames, codec="libx264", pixels="yuv420p", first=0, stamps=None, rate=None, **options
):
    """Writes RGB frames at `stamps` in milliseconds, or from frame number `first` on at 25 fps.

    With a rate, the file's stamps are multiples of a frame's time, as some codecs need them.
    """
    base = Fraction(1, rate or 1000)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate or 25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.options = pixels, options
        stream.codec_context.time_base = base
        for k, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts = (1 if rate else 40) * (k + first) if stamps is None else stamps[k]
            picture.time_base = base
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def decode_all(path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def ffmpeg(*arguments) -> bytes:
    command = [FFMPEG, "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def assert_every_frame(reader: VideoFrames, expected: np.ndarray) -> None:
    assert reader.num_frames(0) == len(expected)
    for start in range(0, len(expected), 5):
        for step in (1, 6, 11):
            indices = range(start, len(expected), step)
            assert (reader.read(0, indices) == expected[start::step]).all()


@pytest.mark.parametrize(
    ("file", "codec", "options"),
    [
        ("a.mp4", "libx264", {"g": "6", "bf": "2"}),
        ("a.mp4", "libx264", {"g": "12", "bf": "3", "x264-params": "open-gop=1:b-pyramid=normal"}),
        ("a.mp4", "libx264", {"g": "10", "bf": "0", "x264-params": "intra-refresh=1"}),
        ("a.mkv", "libx264", {"g": "6", "bf": "2"}),
        ("a.mov", "mpeg4", {"g": "5", "bf": "2"}),
        ("a.mp4", "libx265", {"g": "8", "bf": "2", "x265-params": "open-gop=1:log-level=0"}),
        ("a.avi", "libx264", {"g": "6", "bf": "2"}),  # no stamps
        ("a.avi", "mpeg4", {"g": "5", "bf": "2"}),
        ("a.webm", "libvpx-vp9", {"g": "6", "deadline": "realtime", "cpu-used": "8"}),
    ],
)
def test_frames_equal_the_decoded_video(tmp_path, pairs, decoding, file, codec, options):
    encode(tmp_path / file, noisy(31, 64, 48), codec, **options)
    reader = VideoFrames(pairs(file), tmp_path, decoding)
    assert_every_frame(reader, decode_all(tmp_path / file))


def test_variable_frame_rate(tmp_path, pairs, decoding):
    stamps = np.cumsum(np.random.default_rng(0).integers(7, 200, 30)).tolist()
    encode(tmp_path / "a.mp4", noisy(30, 64, 48), stamps=stamps, g="6", bf="2")
    assert_every_frame(
        VideoFrames(pairs("a.mp4"), tmp_path, decoding), decode_all(tmp_path / "a.mp4")
    )


def test_first_time_stamps_other_than_0(tmp_path, pairs, decoding):
    for first in (-7, 1000):
        encode(tmp_path / "a.mkv", noisy(20, 64, 48), first=first, g="6", bf="2")
        expected = decode_all(tmp_path / "a.mkv")
        assert len(expected) == 20
        assert_every_frame(VideoFrames(pairs("a.mkv"), tmp_path, decoding), expected)


@needs_ffmpeg
@pytest.mark.parametrize("start", [0.1, 0.3, 0.52])
def test_an_edit_list_hides_the_frames_before_the_cut(tmp_path, pairs, decoding, start):
    """A cut without re-encoding keeps the key frame before it. It is decoded and not shown."""
    encode(tmp_path / "whole.mp4", noisy(40, 64, 48), g="8", bf="2", sc_threshold="0")
    ffmpeg("-ss", start, "-i", tmp_path / "whole.mp4", "-t", 0.8, "-c", "copy", tmp_path / "a.mp4")
    expected = decode_all(tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert any(packet.is_discard for packet in container.demux(video=0))
    assert_every_frame(VideoFrames(pairs("a.mp4"), tmp_path, decoding), expected)


@needs_ffmpeg
def test_a_cut_video_is_decoded_by_time_stamps(tmp_path, pairs, monkeypatch):
    encode(tmp_path / "whole.mp4", noisy(60, 64, 48), g="8", bf="2", sc_threshold="0")
    ffmpeg("-ss", 0.3, "-i", tmp_path / "whole.mp4", "-c", "copy", tmp_path / "a.mp4")
    monkeypatch.delattr(video_pyav, "by_count")
    assert_every_frame(VideoFrames(pairs("a.mp4"), tmp_path), decode_all(tmp_path / "a.mp4"))


@pytest.mark.parametrize(
    ("pixels", "codec", "size"),
    [
        ("yuv420p", "libx264", (640, 360)),
        ("yuv444p", "libx264", (641, 359)),
        ("yuv420p", "mpeg4", (641, 359)),
        ("yuv422p", "libx264", (98, 66)),
        ("yuvj420p", "libx264", (98, 66)),
        ("gray", "libx264", (98, 66)),
        ("yuvj422p", "mjpeg", (99, 67)),
        ("rgb24", "libx264rgb", (98, 66)),
        ("bgr0", "ffv1", (99, 67)),
        ("yuv420p10le", "libx264", (98, 66)),
        ("yuv444p10le", "ffv1", (99, 67)),
    ],
)
@needs_ffmpeg
def test_pixels_equal_those_that_ffmpeg_extracts(tmp_path, pairs, decoding, pixels, codec, size):
    frames = noisy(4, *size)
    encode(tmp_path / "a.mkv", frames, codec, pixels, **({"crf": "10"} if "x264" in codec else {}))
    raw = ffmpeg("-i", tmp_path / "a.mkv", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    expected = np.frombuffer(raw, np.uint8).reshape(4, size[1], size[0], 3)
    got = VideoFrames(pairs("a.mkv"), tmp_path, decoding).read(0, range(4))
    assert (got == expected).all()
    if size[1] % 2 == 0 and "10" not in pixels:  # otherwise to_ndarray converts in another way
        assert (got == decode_all(tmp_path / "a.mkv")).all()


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", ["bt709", "bt601"])
@needs_ffmpeg
def test_colours_are_kept(tmp_path, pairs, decoding, matrix, full):
    colours = [(250, 10, 10), (10, 250, 10), (10, 10, 250), (240, 240, 240), (12, 12, 12)]
    source = np.stack([np.full((48, 64, 3), colour, np.uint8) for colour in colours])
    source.tofile(tmp_path / "raw")
    tags = ["-colorspace", "bt709" if matrix == "bt709" else "smpte170m"]
    tags += ["-color_range", "pc" if full else "tv", "-c:v", "libx264", "-qp", 1]
    scale = f"scale=out_color_matrix={matrix}:out_range={'full' if full else 'limited'}"
    ffmpeg(
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "64x48", "-i", tmp_path / "raw"),
        *("-vf", scale, "-pix_fmt", "yuv420p", *tags, tmp_path / "a.mp4"),
    )
    got = VideoFrames(pairs("a.mp4"), tmp_path, decoding).read(0, range(5))
    assert np.abs(got.astype(int) - source).max() <= 4


def test_a_display_matrix_turns_the_frames(tmp_path, pairs, video_tools, decoding):
    path = tmp_path / "a.mp4"
    video_tools.write_video(path, noisy(8, 64, 48))
    upright = VideoFrames(pairs("a.mp4"), tmp_path).read(0, [3])[0]
    whole = path.read_bytes()
    one = 0x10000
    # (a b u, c d v, x y w) in fixed point: a quarter turn clockwise, a half turn, a quarter turn
    # anticlockwise, each with a shift into view.
    for turns, entries in (
        (-1, [0, one, 0, -one, 0, 0, 48 * one, 0, 1 << 30]),
        (2, [-one, 0, 0, 0, -one, 0, 64 * one, 48 * one, 1 << 30]),
        (1, [0, -one, 0, one, 0, 0, 0, 64 * one, 1 << 30]),
    ):
        data = bytearray(whole)
        matrix = data.index(b"tkhd") + 44
        data[matrix : matrix + 36] = np.array(entries, ">i4").tobytes()
        path.write_bytes(data)
        got = VideoFrames(pairs("a.mp4"), tmp_path, decoding).read(0, [3])[0]
        assert (got == np.rot90(upright, turns)).all()


def test_a_video_with_another_length_than_listed(tmp_path, video_tools, decoding):
    encode(tmp_path / "a.mp4", noisy(9, 64, 48), g="4")
    expected = decode_all(tmp_path / "a.mp4")
    for count in (5, 12):
        path = tmp_path / f"{count}.csv"
        lines = [f'a 0 {k} a/{k + 1:06d}.jpg "0"\n' for k in range(count)]
        path.write_text("original_vido_id video_id frame_id path labels\n" + "".join(lines))
        reader = VideoFrames(ClipList.read(path), tmp_path, decoding)
        assert reader.num_frames(0) == count
        for _ in range(2):
            got = reader.read(0, range(count))
            assert (got == expected[np.minimum(range(count), 8)]).all()
            problem = reader.problems.pop(0, "")
            assert ("has 9 frames that decode, the list says 12" in problem) == (count > 9)


def test_frames_are_counted_at_another_rate(tmp_path, pairs, decoding):
    """In a video of 25 frames a second, rate 50 gives each frame twice, 12.5 every other frame."""
    encode(tmp_path / "a.mp4", noisy(20, 64, 48), g="6", bf="2")
    expected = decode_all(tmp_path / "a.mp4")
    for fps, indices in (
        (25, range(20)),
        (12.5, range(0, 20, 2)),
        (50, [round(k / 2) for k in range(39)]),
        (30, [round(k * 25 / 30) for k in range(23)]),
    ):
        reader = VideoFrames(pairs("a.mp4"), tmp_path, Decoding(decoding.with_torchcodec, fps=fps))
        assert reader.num_frames(0) == len(indices)
        assert (reader.read(0, range(len(indices))) == expected[list(indices)]).all()


BF2 = {"g": "8", "bf": "2"}


@pytest.mark.parametrize(
    ("file", "codec", "options"),
    [
        ("a.avi", "mpeg4", BF2),  # no stamps in the file
        ("a.avi", "libx264", BF2),
        ("a.h264", "libx264", BF2),
        ("a.hevc", "libx265", BF2 | {"x265-params": "log-level=0"}),
        ("a.m2v", "mpeg2video", BF2),  # stamps that FFmpeg makes up
        ("a.ts", "libx264", BF2),  # stamps, and no index to seek with
        ("a.mpg", "mpeg2video", BF2),
    ],
)
@pytest.mark.parametrize("rate", [25, 30])
def test_each_reading_counts_at_the_rate_asked_for(
    tmp_path, pairs, decoding, file, codec, options, rate
):
    """Two readers, as in two workers, count alike, and what was read before changes nothing."""
    encode(tmp_path / file, noisy(31, 64, 48), codec, rate=rate, **options)
    every, clips = decode_all(tmp_path / file), pairs(file)
    count = int(30 * 20 / rate) + 1
    expected = every[[round(k * rate / 20) for k in range(count)]]
    asked = Decoding(decoding.with_torchcodec, fps=20)
    first, second = VideoFrames(clips, tmp_path, asked), VideoFrames(clips, tmp_path, asked)
    assert first.num_frames(0) == count
    for reader, indices in ((first, [1, 9, 17]), (first, [2, 18]), (second, [18, 3]), (first, [9])):
        assert (reader.read(0, indices) == expected[indices]).all()
        assert reader.num_frames(0) == count
        assert not reader.problems


def test_a_video_that_states_no_rate_is_pointed_out_once(tmp_path, pairs, caplog):
    for name in ("a.mjpeg", "b.mjpeg"):
        encode(tmp_path / name, noisy(6, 64, 48), "mjpeg", "yuvj420p")
    reader = VideoFrames(pairs("a.mjpeg", "b.mjpeg"), tmp_path, Decoding(fps=50))
    assert [reader.num_frames(clip) for clip in (0, 1, 0)] == [11] * 3
    (record,) = caplog.records
    assert "a.mjpeg: the file has neither time stamps nor a rate" in record.getMessage()


def test_the_packets_of_a_long_video_are_not_kept():
    """All packets together are as large as the file."""
    alive, most = 0, 0

    class Packet:
        size, is_discard = 1, False

        def __init__(self, number: int) -> None:
            nonlocal alive, most
            self.pts = self.dts = number
            self.is_keyframe = number % 10 == 0
            alive += 1
            most = max(most, alive)

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    container = SimpleNamespace(
        format=SimpleNamespace(name="mp4", flags=0),
        demux=lambda stream: (Packet(number) for number in range(500)),
    )
    stream = SimpleNamespace(
        time_base=Fraction(1, 25), codec_context=SimpleNamespace(name="h264", pix_fmt="yuv420p")
    )
    timeline = video_pyav.read_timeline(container, stream)
    assert (len(timeline.pts), len(timeline.key_frames)) == (500, 50)
    assert most <= 2


def test_names_with_and_without_extension_and_folders(tmp_path, pairs):
    (tmp_path / "sub").mkdir()
    (tmp_path / "dir.mp4").mkdir()
    names = ["sub/one.mp4", "two.m4v", str(tmp_path / "three.mov"), "four", "sub/five"]
    files = ["sub/one.mp4", "two.m4v", "three.mov", "four.MKV", "sub/five.webm"]
    for file in files:
        (tmp_path / file).touch()
    reader = VideoFrames(pairs(*names, "dir", "six", "seven.mp4"), tmp_path)
    assert [reader.path(i) for i in range(5)] == [str(tmp_path / file) for file in files]
    assert [reader.missing(i) for i in range(5)] == [None] * 5
    missing = [str(tmp_path / file) for file in ("dir.mp4", "six.mp4", "seven.mp4")]
    assert [reader.missing(i) for i in (5, 6, 7)] == [(0, path) for path in missing]


def test_an_unreadable_video_is_a_bad_clip(tmp_path, pairs, decoding):
    (tmp_path / "html.mp4").write_text("<html>not found</html>")
    (tmp_path / "empty.mp4").touch()
    reader = VideoFrames(pairs("html.mp4", "empty.mp4", "none.mp4"), tmp_path, decoding)
    for clip, name in enumerate(("html", "empty", "none")):
        for ask in (lambda i: reader.num_frames(i), lambda i: reader.read(i, [0])):
            with pytest.raises(BadClip, match=rf"{name}\.mp4: cannot decode the video of clip"):
                ask(clip)


def test_without_torchcodec_the_error_says_what_to_install(tmp_path, pairs, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    with pytest.raises(UserError, match=r"(?s)pip install torchcodec.*ffmpeg.*pyav"):
        VideoFrames(pairs("a"), tmp_path, TORCHCODEC)


@needs_torchcodec
@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_without_a_gpu_the_error_says_so(tmp_path, pairs):
    with pytest.raises(UserError, match=r"DECODING_DEVICE = cuda: there is no GPU"):
        VideoFrames(pairs("a"), tmp_path, Decoding(with_torchcodec=True, device="cuda"))


def test_a_reader_can_be_pickled(tmp_path, pairs, decoding):
    encode(tmp_path / "a.mp4", noisy(9, 64, 48), g="4")
    reader = VideoFrames(pairs("a.mp4"), tmp_path, decoding)
    expected = reader.read(0, [7])
    assert (pickle.loads(pickle.dumps(reader)).read(0, [7]) == expected).all()


@needs_torchcodec
def test_pyav_decodes_if_torchcodec_cannot(tmp_path, pairs, monkeypatch):
    encode(tmp_path / "a.mp4", noisy(9, 64, 48), g="4")
    expected = decode_all(tmp_path / "a.mp4")
    with monkeypatch.context() as patch:
        for way in ("by_time", "by_count"):
            patch.delattr(video_pyav, way)
        reader = VideoFrames(pairs("a.mp4"), tmp_path, TORCHCODEC)
        assert (reader.read(0, [2, 7]) == expected[[2, 7]]).all()
    monkeypatch.setattr(video_torchcodec, "by_number", lambda *arguments: iter(()))
    assert (
        VideoFrames(pairs("a.mp4"), tmp_path, TORCHCODEC).read(0, [2, 7]) == expected[[2, 7]]
    ).all()


class _MemoryInUse(ctypes.Structure):
    """The result of mallinfo2 in <malloc.h>. `in_use` is the number of used bytes of the heap."""

    _fields_ = [
        *((f"_{place}", ctypes.c_size_t) for place in range(7)),
        ("in_use", ctypes.c_size_t),
        *((f"_{place}", ctypes.c_size_t) for place in range(8, 10)),
    ]


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc"
)
@pytest.mark.parametrize("spoilt", [False, True])
def test_reading_a_part_of_a_video_leaves_no_memory_or_open_file(tmp_path, pairs, spoilt):
    """If 100 reads each left a packet of 150 bytes, they would leave 15,000 bytes. The first 200
    reads are not counted, because they may keep memory. Files are closed too."""
    encode(tmp_path / "a.mp4", noisy(20, 64, 48), g="5")
    if spoilt:
        with av.open(str(tmp_path / "a.mp4")) as container:
            at = [packet.pos for packet in container.demux(video=0) if packet.size][8]
        data = bytearray((tmp_path / "a.mp4").read_bytes())
        data[at : at + 4] = b"\x7f\xff\xff\xff"
        (tmp_path / "a.mp4").write_bytes(data)
    reader = VideoFrames(pairs("a.mp4"), tmp_path)
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _MemoryInUse

    def read(times: int) -> int:
        for _ in range(times):
            with pytest.raises(BadClip) if spoilt else nullcontext():
                for _ in reader.frames(0, [2, 11, 12]):
                    pass
        gc.collect()
        return mallinfo2().in_use

    before, files = read(200), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    assert read(100) - before < 5_000
    assert len(os.listdir("/proc/self/fd")) <= files  # noqa: PTH208
