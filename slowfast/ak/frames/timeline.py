"""When the frames of a video are shown, and from where it can be decoded, read from its packets.

Nothing is decoded for it: the packets of a video file name their time stamps, in decoding order,
and sorted these are the frames in the order they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np


@dataclass(frozen=True)
class Timeline:
    """Stamps are in the stream's time base, which is in seconds.

    pts: stamps of the frames in the order they are shown, ascending.
    key_frames: the frames that decoding can start from, ascending, 0 first.
    key_pts: for each of these, the stamp to seek to. An edit list may hide the key frame from which
        frame 0 is decoded: then its stamp is not in `pts`.
    needs_first_picture: whether pictures after a seek come out right only once the first one of the
        file has been decoded.
    """

    pts: np.ndarray
    key_frames: np.ndarray
    key_pts: np.ndarray
    time_base: Fraction
    needs_first_picture: bool = False

    def key_before(self, frame: int) -> tuple[int, int]:
        """The last key frame at or before a frame, and the stamp to seek to."""
        place = np.searchsorted(self.key_frames, frame, side="right") - 1
        return int(self.key_frames[place]), int(self.key_pts[place])

    def frame_at(self, pts: int | None) -> int | None:
        """The frame with this time stamp, or None."""
        if pts is None:
            return None
        frame = int(np.searchsorted(self.pts, pts))
        return frame if frame < len(self.pts) and self.pts[frame] == pts else None

    @property
    def fps(self) -> float:
        """Mean frames a second; 0 for a single frame, which has no rate."""
        span = (self.pts[-1] - self.pts[0]) * self.time_base
        return float((len(self.pts) - 1) / span) if span else 0.0


def read_timeline(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Timeline | None:
    """The timeline of a video; None where its packets do not tell. Leaves it at its end."""
    packets = [packet for packet in container.demux(stream) if packet.size]
    stamps = [packet.pts for packet in packets]
    # AVI stores no stamps; what it seems to give is guessed, wrongly where there are B-frames.
    guessed = container.format.name == "avi" and any(p.pts != p.dts for p in packets)
    if guessed or None in stamps:
        return None
    keys = np.sort([packet.pts for packet in packets if packet.is_keyframe])
    pts = np.sort([packet.pts for packet in packets if not packet.is_discard])
    if not len(pts) or not len(keys) or keys[0] > pts[0] or (np.diff(pts) == 0).any():
        return None
    keys = keys[np.searchsorted(keys, pts[0], side="right") - 1 :]
    frames = np.searchsorted(pts, keys)  # the first is 0 or hidden before it
    shown = np.isin(keys, pts)
    shown[0] = True
    return Timeline(pts, frames[shown], keys[shown], stream.time_base, _is_old_444(stream))


def _is_old_444(stream: av.VideoStream) -> bool:
    """Whether the video may be 4:4:4 of an old x264.

    FFmpeg decodes it rightly, instead of all green, only where it knows who made it, and that is
    said in the first picture.
    """
    pixels = stream.codec_context.pix_fmt or ""
    return stream.codec_context.name == "h264" and pixels.startswith("yuv444")
