"""Cuts a folder of videos into an `ak` data set, by a table of segments.

Each row of the table (see `cut_table`) becomes one clip, or several clips of about equal length.
The name of a clip is its origin: `dance_002000-003500` is the video `dance` from 2.0 to 3.5 s. So
labels can be changed, rows can be added, and stopped work can be continued, and no clip is cut
twice.
"""

import json
from collections.abc import Iterator
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
    SPLITS,
    Segment,
    VideoFacts,
    check_videos,
    class_names,
    read_table,
    split_segment,
)
from slowfast.data_tools.parallel import run_all

MARKER = "cut_videos.json"


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
    """The data set that was made.

    Attributes:
        classes: in the order of their ids.
        clips: the clips of each split.
    """

    classes: tuple[ListedClass, ...]
    clips: dict[str, tuple[ListedClip, ...]]


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
) -> CutResult:
    """Makes the data set below `root` from the files in `videos` and the rows of `table`.

    Args:
        clip_seconds: length of the clips that a row is divided into; 0 makes one clip of a row.
        head_min: a class with at least this many training clips is a head class.
        tail_max: a class with at most this many training clips is a tail class.
        order: order of the class ids, by "name" or by "first" use in the table.

    Raises:
        UserError: the table has mistakes (all are listed), a video is missing or cannot be decoded,
            or the folder holds something else.
    """
    segments = read_table(table)
    facts = check_videos(table, videos, segments)
    names = class_names(segments, order)
    _claim(root, options)
    ak_writer.make_folders(root)
    pieces = [
        piece
        for segment in segments
        for piece in split_segment(segment, facts[segment.video].seconds, clip_seconds)
    ]

    def cut(piece: Segment) -> ListedClip:
        if ak_writer.has_clip(root, piece.name):
            num_frames = ak_writer.count_frames(root, piece.name)
        else:
            fps = Fraction(options.fps).limit_denominator(1001) or facts[piece.video].fps
            num_frames = ak_writer.write_clip(
                root,
                piece.name,
                _frames(table, videos, piece, facts[piece.video], fps, options),
                fps=fps,
                crf=options.crf,
                jpeg_quality=options.jpeg_quality,
            )
        if num_frames == 0:
            raise UserError(
                f"{table}:{piece.line}: {piece.video} has no frame from {piece.start:g} to "
                f"{piece.end:g} s; correct or remove this row"
            )
        return ListedClip(piece.name, num_frames, tuple(names.index(n) for n in piece.labels))

    listed = run_all(pieces, cut, "cutting")
    clips = {
        split: tuple(c for c, p in zip(listed, pieces, strict=True) if p.split == split)
        for split in SPLITS
    }
    counts = ak_writer.count_labels(clips["train"], len(names))
    classes = tuple(
        ListedClass(name, "", ak_writer.segment_of(count, head_min, tail_max), count)
        for name, count in zip(names, counts, strict=True)
    )
    for split in SPLITS:
        ak_writer.write_frame_list(root / "annot" / f"{split}.csv", clips[split])
    ak_writer.write_class_sheet(root / "annot" / "df_action.xlsx", classes)
    return CutResult(classes, clips)


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
    table: Path,
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
            yield _upright_rgb(frame, options.short_side, facts.aspect)
    except (av.error.FFmpegError, OSError) as error:
        raise UserError(
            f"{table}:{piece.line}: {path} cannot be decoded from {piece.start:g} to "
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


def _upright_rgb(frame: av.VideoFrame, short_side: int, aspect: Fraction) -> np.ndarray:
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
        if found != asdict(options):
            raise UserError(
                f"{root}: its clips were cut with {found}, and now the options are "
                f"{asdict(options)}; give another folder, or the same options"
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
