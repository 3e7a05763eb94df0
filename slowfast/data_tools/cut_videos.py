"""Cuts a folder of videos into an `ak` data set, by a table of events.

Each segment that the table gives (see `cut_table`) becomes one clip, or several clips of about
equal length.
The name of a clip is its origin: `dance_002000-003500` is the video `dance` from 2.0 to 3.5 s. So
labels can be changed, rows can be added, and stopped work can be continued, and no clip is cut
twice.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.frames.pyav import open_container
from slowfast.data_tools import ak_writer
from slowfast.data_tools.ak_writer import ListedClass, ListedClip
from slowfast.data_tools.cut_table import (
    CutPlan,
    SegmentOptions,
    class_names,
    plan_segments,
)
from slowfast.data_tools.events import ReadOptions
from slowfast.data_tools.parallel import run_all
from slowfast.data_tools.segments.media import VideoFacts
from slowfast.data_tools.segments.segment import Segment, split_segment

MARKER = "cut_videos.json"
_THROUGHOUT = 0.95  # the share of the time from which on videos count as labelled throughout


@dataclass(frozen=True)
class CutOptions:
    """How clips are written; the same for all clips of a data set.

    Attributes:
        short_side: pixels of the shorter side; smaller videos are not enlarged. 0 keeps the size.
        fps: frames per second; 0 keeps the average rate of each video.
        max_frames: most frames of a clip; later frames are left out. 0 keeps all.
        crf: quality scale of x264, from 18 (like the original) to 28 (rough).
        jpeg_quality: 1 to 95.
    """

    short_side: int = 256
    fps: float = 0
    max_frames: int = 0
    crf: int = 20
    jpeg_quality: int = 92


@dataclass(frozen=True)
class CutResult:
    """The data set that was made, or that would be made.

    Attributes:
        classes: in the order of their ids.
        clips: the clips of each split; `test` is there only if the table has such rows.
    """

    classes: tuple[ListedClass, ...]
    clips: dict[str, tuple[ListedClip, ...]]

    @property
    def one_label(self) -> bool:
        """Whether every clip has exactly one class."""
        return all(len(clip.labels) == 1 for clips in self.clips.values() for clip in clips)


def cut_videos(
    videos: Path,
    table: Path,
    root: Path,
    options: CutOptions,
    *,
    clip_seconds: float = 0,
    head_min: int = 500,
    tail_max: int = 100,
    order: str = "name",
    reading: ReadOptions | None = None,
    segments: SegmentOptions | None = None,
    corrections: Path | None = None,
    report: Callable[[str], None] = lambda note: None,
    write: bool = True,
) -> CutResult:
    """Makes the data set below `root` from the files in `videos` and the events of `table`.

    Args:
        table: a file of events in any format of `slowfast.data_tools.events`, or a folder of such
            files.
        clip_seconds: length of the clips that a segment is divided into; 0 makes one clip of it.
        head_min: a class with at least this many training clips is a head class.
        tail_max: a class with at most this many training clips is a tail class.
        order: order of the class ids, by "name" or by "first" use in the table.
        corrections: events that a person corrected on predictions, for training; a file, a folder
            of files, or the folder of a prediction that was reviewed.
        report: gets the notes on what was decided or left out, before anything is cut.
        write: whether to write. Otherwise nothing is cut, and the clips have 0 frames.

    Raises:
        UserError: a number is out of range, the table has mistakes (all are listed), a video is
            missing or cannot be decoded, or the folder holds something else.
    """
    _check(options, clip_seconds, head_min, tail_max)
    plan = plan_segments(table, videos, reading, segments, root, corrections)
    for note in (*plan.notes, *_notes_on_classes(plan, segments or SegmentOptions())):
        report(note)
    names = class_names(plan.segments, order)
    pieces = [
        piece
        for segment in plan.segments
        for piece in split_segment(segment, plan.facts[segment.video].seconds, clip_seconds)
    ]
    if write:
        _claim(root, options)
        ak_writer.make_folders(root)
        frames = run_all(pieces, lambda piece: _cut(videos, root, plan, piece, options), "cutting")
    else:
        frames = [0] * len(pieces)
    clips: dict[str, list[ListedClip]] = {"train": [], "val": []}
    for piece, num_frames in zip(pieces, frames, strict=True):
        labels = tuple(names.index(name) for name in piece.labels)
        clips.setdefault(piece.split, []).append(ListedClip(piece.name, num_frames, labels))
    counts = ak_writer.count_labels(clips["train"], len(names))
    listed = tuple(
        ListedClass(name, "", ak_writer.segment_of(number, head_min, tail_max), number)
        for name, number in zip(names, counts, strict=True)
    )
    result = CutResult(listed, {split: tuple(found) for split, found in clips.items()})
    if write:
        _write_lists(root / "annot", result)
    return result


def _check(options: CutOptions, clip_seconds: float, head_min: int, tail_max: int) -> None:
    """Raises a UserError for a number that is out of range."""
    for name, value, lowest, highest, expected in (
        ("clip-seconds", clip_seconds, 0, sys.float_info.max, "seconds, 0 or more"),
        ("short-side", options.short_side, 0, sys.maxsize, "pixels, 0 or more"),
        ("fps", options.fps, 0, sys.float_info.max, "frames per second, 0 or more"),
        ("max-frames", options.max_frames, 0, sys.maxsize, "frames, 0 or more"),
        ("crf", options.crf, 0, 51, "0 (no loss) to 51 (worst)"),
        ("jpeg-quality", options.jpeg_quality, 1, 95, "1 to 95"),
        ("head-min", head_min, 0, sys.maxsize, "clips, 0 or more"),
        ("tail-max", tail_max, 0, sys.maxsize, "clips, 0 or more"),
    ):
        if not lowest <= value <= highest:
            raise UserError(f"--{name} {value:g}: expected {expected}")


def _notes_on_classes(plan: CutPlan, options: SegmentOptions) -> Iterator[str]:
    """Yields a note if a network would have to see a class in time that has none.

    Clips with exactly one class each are trained with a softmax, which divides each window among
    the classes. That is right where the videos are labelled throughout.
    """
    labelled = sum(segment.seconds for segment in plan.segments)
    whole = sum(facts.seconds for facts in plan.facts.values())
    one_class_each = all(len(segment.labels) == 1 for segment in plan.segments)
    if options.background or not one_class_each or labelled >= _THROUGHOUT * whole:
        return
    yield (
        f"each clip has exactly one class, and {labelled:.0f} of the {whole:.0f} s of these videos "
        "are labelled. A network that learns from such clips alone sees one of the classes in "
        "every second of a new video, also where nothing of the kind happens. --background NAME "
        "cuts the other time as a class of its own; or add rows whose cell in a column `labels` "
        "is empty, for times without any class"
    )


def _cut(videos: Path, root: Path, plan: CutPlan, piece: Segment, options: CutOptions) -> int:
    """Writes a clip, unless it is there already, and returns the number of its frames.

    Raises:
        UserError: the video cannot be decoded, or has no frame in this time.
    """
    if ak_writer.has_clip(root, piece.name):
        return ak_writer.count_frames(root, piece.name)
    facts = plan.facts[piece.video]
    fps = Fraction(options.fps).limit_denominator(1001) or facts.fps
    num_frames = ak_writer.write_clip(
        root,
        piece.name,
        _frames(videos, piece, facts, fps, options),
        fps=fps,
        crf=options.crf,
        jpeg_quality=options.jpeg_quality,
    )
    if num_frames == 0:
        raise UserError(
            f"{piece.place}: {piece.video} has no frame from {piece.start:g} to {piece.end:g} s; "
            "correct or remove this row"
        )
    return num_frames


def _write_lists(folder: Path, result: CutResult) -> None:
    """Writes the lists of clips and the table of classes."""
    for split, clips in result.clips.items():
        ak_writer.write_frame_list(folder / f"{split}.csv", clips)
    ak_writer.write_class_sheet(folder / "df_action.xlsx", result.classes)


def resample(
    timed: Iterator[tuple[float, av.VideoFrame]],
    start: float,
    end: float,
    fps: Fraction,
    slack: float,
) -> Iterator[av.VideoFrame]:
    """Yields frames at a constant rate, from frames at any increasing times.

    The times of the output are counted from the first frame at or after `start`. So at the rate of
    the video itself each frame occurs exactly once, even if its time is wrong by up to `slack`.

    Args:
        timed: (seconds, frame).
        start, end: seconds.
        fps: frames per second of the output.
        slack: seconds.
    """
    begun, count, shown = None, 0, None
    for time, frame in timed:
        if time < start - slack:
            continue
        if begun is None:
            begun = time
        # Output times that are clearly earlier than this frame show the previous frame.
        while shown is not None and begun + count / fps < min(time, end) - slack:
            yield shown
            count += 1
        if time >= end - slack:
            return
        shown = frame
    while shown is not None and begun + count / fps < end - slack:
        yield shown
        count += 1


def fit_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Returns (width, height) scaled down to a shorter side of `short_side`, both even, because
    yuv420p needs that."""
    scale = min(1.0, short_side / min(width, height)) if short_side else 1.0
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def _frames(
    videos: Path,
    piece: Segment,
    facts: VideoFacts,
    fps: Fraction,
    options: CutOptions,
) -> Iterator[np.ndarray]:
    """Yields the frames of a piece at the rate `fps`, scaled and upright: uint8 RGB (H, W, 3)."""
    path = videos / piece.video
    slack = 0.4 / float(max(fps, facts.fps))
    try:
        timed = _decode_from(path, piece.start)
        for number, frame in enumerate(resample(timed, piece.start, piece.end, fps, slack)):
            if options.max_frames and number >= options.max_frames:
                return
            yield upright_rgb(frame, options.short_side, facts.aspect)
    except (av.error.FFmpegError, OSError) as error:
        raise UserError(
            f"{piece.place}: {path} cannot be decoded from {piece.start:g} to "
            f"{piece.end:g} s ({error}); repair the video or remove this row"
        ) from error


def _decode_from(path: Path, start: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """Yields (seconds from the beginning, frame), from `start` or an earlier frame on."""
    for seek in (True, False):
        with open_container(str(path)) as container:
            stream = container.streams.video[0]
            origin = stream.start_time or 0
            if seek:
                # Decoders read from the first frame which encoder made the file. Without it, some
                # files (High 4:4:4 of an old x264) come out green.
                next(container.decode(stream), None)
                container.seek(origin + int(start / stream.time_base), stream=stream)
            first = True
            for frame in container.decode(stream):
                if frame.pts is None:
                    continue
                seconds = float((frame.pts - origin) * stream.time_base)
                # The seek went too far, or to a place where decoding cannot begin: read from the
                # beginning instead.
                if first and seek and (seconds > start or frame.is_corrupt):
                    break
                first = False
                yield seconds, frame
            if not first:
                return


def upright_rgb(frame: av.VideoFrame, short_side: int, aspect: Fraction) -> np.ndarray:
    """Returns a frame scaled, with square pixels, rotated as its file states: uint8 RGB."""
    width, height = fit_size(round(frame.width * aspect), frame.height, short_side)
    pixels = frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="AREA")
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))


def _claim(root: Path, options: CutOptions) -> None:
    """Marks `root` as a data set that is cut with these options.

    Raises:
        UserError: `root` holds something else, or clips cut with other options.
    """
    marker = root / MARKER
    if marker.is_file():
        try:
            found = json.loads(marker.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{marker}: cannot be read ({error}); give another folder") from error
        now = asdict(options)
        if found != now:
            earlier = found if isinstance(found, dict) else {}
            differ = ", ".join(
                f"--{name.replace('_', '-')} {earlier.get(name, 'unknown')} then and {value} now"
                for name, value in now.items()
                if earlier.get(name) != value
            )
            raise UserError(
                f"{root}: its clips were cut with other options ({differ or 'unreadable'}); give "
                "another folder, or the same options"
            )
        return
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UserError(
            f"{root}: is not empty and has no {MARKER}, so this tool did not make it; "
            "give a new or an empty folder"
        )
    root.mkdir(parents=True, exist_ok=True)
    part = root / f"{MARKER}.part"
    part.write_text(json.dumps(asdict(options), indent=1) + "\n", encoding="utf-8")
    part.replace(marker)
