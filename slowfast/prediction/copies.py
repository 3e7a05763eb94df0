"""Copies of videos in a format that browsers play: H.264 in MP4."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

from slowfast.ak.errors import UserError
from slowfast.ak.frames.pyav import open_container
from slowfast.data_tools.cut_videos import upright_rgb
from slowfast.prediction.store import replacing

COPY = "copy.mp4"
SHORT_SIDE = 720  # pixels of the shorter side, at most
_PLAYED = {
    # By the ending of the file: the codecs that current browsers play.
    ".mp4": {"h264", "vp9", "av1"},
    ".m4v": {"h264"},
    ".mov": {"h264"},
    ".webm": {"vp8", "vp9", "av1"},
}
_CLOCK = Fraction(1, 90_000)  # seconds of a unit of time in a copy


def is_playable(path: Path) -> bool:
    """Whether current browsers can play a video, by its ending, codec and pixels."""
    codecs = _PLAYED.get(path.suffix.lower())
    if codecs is None or not path.is_file():
        return False
    try:
        with open_container(str(path)) as container:
            context = container.streams.video[0].codec_context
            return context.name in codecs and context.pix_fmt in ("yuv420p", "yuvj420p")
    except (av.error.FFmpegError, OSError, IndexError):
        return False


def write_copy(path: Path, copy: Path) -> Path:
    """Writes a copy of a video that browsers play, with the times of its frames, without sound.

    Frames are upright, have square pixels, and SHORT_SIDE pixels on their shorter side at most.

    Raises:
        UserError: the video cannot be decoded, or the copy cannot be written.
    """
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with (
            open_container(str(path)) as container,
            replacing(copy) as file,
            av.open(file, "w", format="mp4") as out,
        ):
            _transcode(container, out)
    except (av.error.FFmpegError, OSError) as error:
        raise UserError(f"{path}: no copy can be made of it ({error}).") from None
    return copy


def _transcode(container: av.container.InputContainer, out: av.container.OutputContainer) -> None:
    video = container.streams.video[0]
    video.thread_type = "AUTO"
    rate = video.average_rate or video.guessed_rate or Fraction(25)
    aspect = video.sample_aspect_ratio or Fraction(1)
    stream, origin, last = None, None, -1
    for number, frame in enumerate(container.decode(video)):
        seconds = number / rate if frame.pts is None else frame.pts * video.time_base
        origin = seconds if origin is None else origin
        time = round((seconds - origin) / _CLOCK)
        if time <= last:
            continue
        last = time
        pixels = upright_rgb(frame, SHORT_SIDE, aspect)
        if stream is None:
            stream = out.add_stream("libx264", rate=rate, options={"preset": "veryfast"})
            stream.height, stream.width = pixels.shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.codec_context.time_base = _CLOCK
        shown = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        shown.pts, shown.time_base = time, _CLOCK
        out.mux(stream.encode(shown))
    if stream is not None:
        out.mux(stream.encode())
