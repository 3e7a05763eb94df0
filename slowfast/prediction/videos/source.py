"""The frames of one video, or of one folder of images, and their times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from slowfast.ak.errors import BadClip, UserError
from slowfast.ak.frames import pyav
from slowfast.ak.frames.images import JpegFrames, ValueRange
from slowfast.ak.frames.reader import FrameReader
from slowfast.ak.frames.video import Decoding, VideoFrames
from slowfast.prediction.videos.inputs import Input


class GivenPath:
    """A path in place of a list of clips: the only clip, which has no labels.

    It has what `FrameReader` reads of a `ClipList`.
    """

    has_frames = has_folders = False
    how_to_leave_out = "leave it out"

    def __init__(self, path: str) -> None:
        self.path = path

    def __len__(self) -> int:
        return 1

    def name(self, clip: int) -> str:
        return self.path

    def num_frames(self, clip: int) -> None:
        return None


@dataclass
class Source:
    """The frames of a video.

    Attributes:
        reader: reads its frames; it is clip 0.
        counted: the number of frames, as the training data count them: at their frame rate, or at
            the rate of the video.
        times: (F + 1,) seconds of the frames of the video, and of its end.
        problem: what is wrong with the video, in words; empty: nothing was found so far.
    """

    reader: FrameReader
    counted: int
    times: np.ndarray
    problem: str = field(default="", init=False)

    @property
    def rate(self) -> float:
        """Counted frames per second."""
        return self.counted / float(self.times[-1])

    def edges(self, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The times (float64 seconds) and the frame numbers (int64) of edges between frames.

        Args:
            counted: edges by counted frames, ascending; the number of counted frames is the end of
                the video.
        """
        frames = len(self.times) - 1
        is_video = isinstance(self.reader, VideoFrames)
        places = self.reader.video_frames(0, counted) if is_video else counted
        places = np.where(counted < self.counted, np.minimum(places, frames), frames)
        times = np.interp(places, np.arange(frames + 1), self.times)
        return times, np.round(places).astype(np.int64)

    def frames(self, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """Yields the frames (H, W, 4) uint8 at ascending counted frames; each is valid until the
        next.

        It ends at the first frame of a video that does not decode, and `problem` says why. A frame
        replaces an image near it that does not decode.
        """
        if not isinstance(self.reader, VideoFrames):
            yield from self.reader.frames_with_replacements(0, indices)
            self._add(self.reader.problems.pop(0, ""))
            return
        try:
            for pixels in self.reader.frames(0, indices):
                if found := self.reader.problems.pop(0, ""):  # the last frame comes again
                    self._add(found.partition("; its last")[0] + ".")
                    return
                yield pixels
        except BadClip as error:
            self._add(str(error).replace(f" of clip {self.reader.clips.path}", "", 1))

    def check_length(self, path: str) -> None:
        """Notes as a problem that a file lacks frames that its header states."""
        stated, found = pyav.stated_frames(path), len(self.times) - 1
        # Edit lists hide some frames, and some programs count one more than they write.
        if stated and found < 0.98 * stated - 2:
            self._add(f"{path}: its header states {stated} frames, and {found} can be read.")

    def _add(self, text: str) -> None:
        self.problem = f"{self.problem} {text}".strip()


def open_source(
    given: Input, decoding: Decoding, images_per_second: float = 0, value_range: ValueRange = None
) -> Source:
    """Opens a video, or a folder of images.

    Args:
        decoding: how videos are decoded, with the rate at which frames are counted.
        images_per_second: of folders of images.
        value_range: of images, as in `JpegFrames`.

    Raises:
        BadClip: the video cannot be read, or has no frame.
        UserError: the frame rate of a folder of images is not known.
    """
    try:
        return _open(given, decoding, images_per_second, value_range)
    except BadClip as error:  # a reader names the clip of a list beside the path
        raise BadClip(str(error).replace(f" of clip {given.path}", "", 1)) from None


def _open(
    given: Input, decoding: Decoding, images_per_second: float, value_range: ValueRange
) -> Source:
    clips = GivenPath(given.path)
    if given.is_folder:
        check_frame_rate(given, images_per_second)
        reader = JpegFrames(clips, "", value_range)
        count = reader.num_frames(0)
        return Source(reader, count, np.arange(count + 1) / images_per_second)
    reader = VideoFrames(clips, "", decoding)
    source = Source(reader, reader.num_frames(0), reader.times(0))
    source.check_length(given.path)
    return source


def check_frame_rate(given: Input, images_per_second: float) -> None:
    """Raises UserError if a folder of images is given, and its frame rate is not."""
    if given.is_folder and not images_per_second:
        raise UserError(
            f"{given.path}: images do not say at which rate they were taken. Add "
            "PREDICT.FRAME_RATE and the frames per second, such as PREDICT.FRAME_RATE 25."
        )
