"""`slowfast.datasets.video_container` and `decoder`: videos opened and decoded with PyAV."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor

from slowfast.ak.clips.sampling import spread_frames, spread_start
from slowfast.ak.errors import BadClip, UserError
from slowfast.ak.frames import pyav
from slowfast.ak.frames.reader import reason
from slowfast.ak.paths import local_path

_ATTEMPTS = 100


def get_video_container(
    path_to_vid: str, multi_thread_decode: bool = False, backend: str = "pyav"
) -> av.container.InputContainer:
    """Opens a video for `decode`.

    Args:
        multi_thread_decode: whether several threads decode.
        backend: not used; PyAV serves all values of DATA.DECODING_BACKEND.

    Raises:
        BadClip: the file cannot be opened, or has no video.
    """
    try:
        container = pyav.open_container(local_path(str(path_to_vid)))
    except (OSError, av.FFmpegError) as error:
        raise BadClip(f"{path_to_vid}: this video cannot be opened: {reason(error)}.") from None
    _stream(container).thread_type = "AUTO" if multi_thread_decode else "NONE"
    return container


def _stream(container: av.container.InputContainer) -> av.VideoStream:
    if not container.streams.video:
        raise BadClip(f"{container.name}: this file has no video.")
    return container.streams.video[0]


# ------------------------------------------------------------------ the place of a clip


def get_start_end_idx(
    video_size: float,
    clip_size: float,
    clip_idx: int,
    num_clips_uniform: int,
    use_offset: bool = False,
) -> tuple[float, float, float]:
    """First and last frame of a clip, and its place: the first frame as a part of the room.

    Args:
        video_size: frames of the video.
        clip_size: frames that the clip spans.
        clip_idx: -1: a random place; else the number of the clip of `num_clips_uniform`.
        use_offset: whether the last clip ends with the video and all start at whole frames, and a
            single clip is in the centre. Otherwise clip k starts at k / num_clips of the room.
    """
    room = max(video_size - clip_size, 0)
    if clip_idx == -1:
        start = np.random.uniform(0, room)
    else:
        start = spread_start(room, clip_idx, num_clips_uniform, use_offset)
    return start, start + clip_size - 1, start / room if room else 0.0


def get_multiple_start_end_idx(
    video_size: float,
    clip_sizes: Sequence[float],
    clip_idx: int,
    num_clips_uniform: int,
    min_delta: float = 0,
    max_delta: float = math.inf,
    use_offset: bool = False,
) -> np.ndarray:
    """First frame, last frame and gap to the clip before, of several clips in order of time.

    Random clips are drawn again until all gaps are from `min_delta` to `max_delta`; after a hundred
    draws the last one is taken.

    Returns:
        (clips, 3); the gap of the first clip is 0.
    """
    for _ in range(_ATTEMPTS if clip_idx == -1 else 1):
        drawn = [
            get_start_end_idx(video_size, size, clip_idx, num_clips_uniform, use_offset)[:2]
            for size in clip_sizes
        ]
        ends = np.array(sorted(drawn), dtype=float)
        gaps = ends[1:, 0] - ends[:-1, 1]
        if ((gaps >= min_delta) & (gaps <= max_delta)).all():
            break
    return np.column_stack([ends, np.concatenate([[0.0], gaps])])


def temporal_sampling(frames: Tensor, start_idx: float, end_idx: float, num_samples: int) -> Tensor:
    """`num_samples` frames (the first dimension), evenly spread from `start_idx` to `end_idx`."""
    return frames[spread_frames(start_idx, end_idx, num_samples, len(frames))]


# ------------------------------------------------------------------ decoding


def pyav_decode_stream(
    container: av.container.InputContainer,
    start_pts: int,
    end_pts: float,
    stream: av.VideoStream,
    stream_name: dict,
    buffer_size: int = 0,
) -> tuple[list[av.VideoFrame], int]:
    """Frames with time stamps from `start_pts` to `end_pts`, in order, and the highest stamp seen.

    Args:
        stream_name: the arguments of ``container.decode``, such as ``{"video": 0}``.
        buffer_size: further frames that are decoded after `end_pts`.
    """
    container.seek(max(int(start_pts) - 1024, 0), any_frame=False, backward=True, stream=stream)
    found, highest, after = {}, 0, 0
    for frame in container.decode(**stream_name):
        if frame.pts is None:
            continue
        highest = max(highest, frame.pts)
        if frame.pts >= start_pts:
            found[frame.pts] = frame
        after += frame.pts > end_pts
        if after > buffer_size:
            break
    return [found[pts] for pts in sorted(found) if pts <= end_pts or buffer_size], highest


def pyav_decode(
    container: av.container.InputContainer,
    sampling_rate: int,
    num_frames: int,
    clip_idx: int,
    num_clips_uniform: int = 10,
    target_fps: float = 30,
    use_offset: bool = False,
) -> tuple[Tensor, float, bool]:
    """All frames of a video (T, H, W, 3) uint8 RGB, frames a second, and True: it is whole.

    `sampling_rate` and the arguments after it are not used.
    """
    video = _Video(container)
    return video.frames(range(video.length)), video.fps, True


def torchvision_decode(
    video_handle: Any,
    sampling_rate: int,
    num_frames: int,
    clip_idx: int,
    video_meta: dict,
    num_clips_uniform: int = 10,
    target_fps: float = 30,
    modalities: Sequence[str] = ("visual",),
    max_spatial_scale: int = 0,
    use_offset: bool = False,
    min_delta: float = -math.inf,
    max_delta: float = math.inf,
) -> tuple[Tensor, float, bool]:
    """`pyav_decode` of the bytes of a video file, since torchvision has no decoder any more.

    Args:
        video_handle: uint8 (bytes,), a tensor or an array.
    """
    import io

    data = np.asarray(video_handle, dtype=np.uint8).tobytes()
    with av.open(io.BytesIO(data)) as container:
        return pyav_decode(container, sampling_rate, num_frames, clip_idx)


def decode(
    container: av.container.InputContainer,
    sampling_rate: int | Sequence[int],
    num_frames: int | Sequence[int],
    clip_idx: int = -1,
    num_clips_uniform: int = 10,
    video_meta: dict | None = None,
    target_fps: float = 30,
    backend: str = "pyav",
    max_spatial_scale: int = 0,
    use_offset: bool = False,
    time_diff_prob: float = 0.0,
    gaussian_prob: float = 0.0,
    min_delta: float = -math.inf,
    max_delta: float = math.inf,
    temporally_rnd_clips: bool = True,
) -> Any:
    """Decodes one clip of a video, or several: `num_frames` frames, evenly spread over its span.

    A clip spans `sampling_rate` x `num_frames` / `target_fps` seconds. Only its frames are decoded.

    Args:
        container: of `get_video_container`.
        sampling_rate, num_frames: numbers for one clip, as on the older branch; lists, as on main,
            for one clip an entry.
        clip_idx, num_clips_uniform, use_offset: the place, as in `get_start_end_idx`.
        video_meta, backend, max_spatial_scale: not used; clips have the size of the video.
        min_delta, max_delta: limits of the gaps between several random clips.
        temporally_rnd_clips: whether several random clips come in random order, not by time.

    Returns:
        For numbers: uint8 (T, H, W, 3), RGB. For lists: a list of these; (clips, 3) of
        `get_multiple_start_end_idx`, as an array; and a list of False, as no clip is a difference.

    Raises:
        BadClip: the video cannot be decoded.
        UserError: `time_diff_prob` or `gaussian_prob` is not 0.
    """
    if time_diff_prob or gaussian_prob:
        raise UserError(
            "decode: time_diff_prob and gaussian_prob belong to contrastive training, which is not "
            "built here; leave both at 0."
        )
    video = _Video(container)
    several = isinstance(num_frames, Sequence)
    counts = list(num_frames) if several else [num_frames]
    rates = list(sampling_rate) if several else [sampling_rate]
    sizes = [max(1.0, r * n / target_fps * video.fps) for r, n in zip(rates, counts, strict=True)]
    places = get_multiple_start_end_idx(
        video.length, sizes, clip_idx, num_clips_uniform, min_delta, max_delta, use_offset
    )
    if clip_idx == -1 and temporally_rnd_clips:
        places = places[np.random.permutation(len(places))]
    clips = []
    for start, end, _ in places.tolist():
        # The places are in order of time, so clips of unequal length are known by their span.
        span = end - start + 1
        count = min(zip(sizes, counts, strict=True), key=lambda each: abs(each[0] - span))[1]
        clips.append(video.frames(spread_frames(start, end, count, video.length).tolist()))
    return (clips, places, [False] * len(clips)) if several else clips[0]


class _Video:
    """The frames of an open video, by number.

    Raises:
        BadClip: the video has no picture, or does not decode.
    """

    def __init__(self, container: av.container.InputContainer) -> None:
        self._container, self._stream = container, _stream(container)
        self._timeline = pyav.read_timeline(container, self._stream)
        self._whole: Tensor | None = None
        if self._timeline is None:
            self._whole = self._decode_all()
        self.length = len(self._timeline.pts if self._whole is None else self._whole)
        self.fps = float(self._timeline.fps if self._timeline else 0) or float(
            self._stream.average_rate or 30
        )

    def frames(self, indices: Sequence[int]) -> Tensor:
        """uint8 (n, H, W, 3) RGB at indices in any order."""
        if self._whole is not None:
            return self._whole[list(indices)]
        distinct = sorted(set(indices))
        found = pyav.by_time(self._container, self._stream, self._timeline, distinct)
        try:
            rgb = [pixels[..., :3].copy() for _, pixels in found]
        except (OSError, av.FFmpegError) as error:
            raise self._broken(reason(error)) from None
        if len(rgb) < len(distinct):
            self._whole = self._decode_all()  # its time stamps are wrong
            self.length = len(self._whole)
            return self._whole[[min(index, self.length - 1) for index in indices]]
        place = {index: number for number, index in enumerate(distinct)}
        return torch.from_numpy(np.stack([rgb[place[index]] for index in indices]))

    def _decode_all(self) -> Tensor:
        try:
            self._container.seek(0)
            frames = [f.to_ndarray(format="rgb24") for f in self._container.decode(self._stream)]
        except (OSError, av.FFmpegError) as error:
            raise self._broken(reason(error)) from None
        if not frames:
            raise self._broken("it has no picture")
        return torch.from_numpy(np.stack(frames))

    def _broken(self, why: str) -> BadClip:
        return BadClip(f"{self._container.name}: this video cannot be decoded: {why}.")
