"""Cutting a folder of videos into an `ak` data set, by a table of what is seen when.

Each row of the table (see `cut_table`) becomes one clip, or several of about equal length. A clip's
name says where it comes from (`dance_002000-003500` is the video `dance` from 2.0 to 3.5 s), so
that labels can be changed, rows added, and work that was stopped taken up again, without cutting
anything twice.
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
    """How clips are written; all clips of a data set share these.

    Attributes:
        short_side: pixels; a video with a shorter short side is not enlarged. 0 keeps all sizes.
        fps: frames a second; 0 keeps each video's own (average) rate.
        max_frames: frames of a clip beyond these are left out. 0 keeps all.
        crf: x264's quality scale, 18 (like the original) to 28 (rough).
        jpeg_quality: 1 to 95.
    """

    short_side: int = 256
    fps: float = 0
    max_frames: int = 0
    crf: int = 20
    jpeg_quality: int = 92


@dataclass(frozen=True)
class CutResult:
    """What was made: the classes in order of their ids, and the clips of each split."""

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
        clip_seconds: cut each row into clips of about that length; 0 makes one clip a row.
        head_min, tail_max: training clips from which a class is head, up to which it is tail.
        order: of the class ids, by "name" or by "first" use in the table.

    Raises:
        UserError: mistakes in the table, all of them at once; a video that is missing or cannot be
            decoded; a folder that holds something else.
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
                f"{piece.end:g} s; mend or remove this row"
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
    """Frames at a constant rate from frames with any times (seconds, rising).

    The first one is the first from `start` on, and the others are reckoned from its time: at the
    rate of the video itself every frame then comes exactly once, though its times be off by up to
    `slack` seconds.
    """
    begun, count, shown = None, 0, None
    for time, frame in timed:
        if time < start - slack:
            continue
        if begun is None:
            begun = time
        # All moments that come clearly before this frame show the one before it.
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
    """(width, height) scaled down to a short side of `short_side`, both even as yuv420p needs."""
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
    """The frames of a piece: at the rate, of the size, upright, uint8 RGB (H, W, 3)."""
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
            f"{piece.end:g} s ({error}); mend the video or remove this row"
        ) from error


def _decode_from(path: Path, start: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """Yields (seconds from the beginning, frame), at the latest from `start` on."""
    for seek in (True, False):
        with open_container(str(path)) as container:
            stream = container.streams.video[0]
            origin = stream.start_time or 0
            if seek:
                # Decoders learn from the first frame what encoder made the file, and some files
                # (High 4:4:4 of an old x264) come out green without that.
                next(container.decode(stream), None)
                container.seek(origin + int(start / stream.time_base), stream=stream)
            first = True
            for frame in container.decode(stream):
                if frame.pts is None:
                    continue
                seconds = float((frame.pts - origin) * stream.time_base)
                # A jump that went too far, or to where decoding cannot begin: do without it.
                if first and seek and (seconds > start or frame.is_corrupt):
                    break
                first = False
                yield seconds, frame
            if not first:
                return


def _upright_rgb(frame: av.VideoFrame, short_side: int, aspect: Fraction) -> np.ndarray:
    """Scales a frame, squares its pixels, and turns it as its file says it is to be shown."""
    width, height = fit_size(round(frame.width * aspect), frame.height, short_side)
    pixels = frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="AREA")
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))


def _claim(root: Path, options: CutOptions) -> None:
    """Marks `root` as a data set cut with these options."""
    marker = root / MARKER
    if marker.is_file():
        try:
            found = json.loads(marker.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{marker}: cannot be read ({error}); give another folder") from error
        if found != asdict(options):
            raise UserError(
                f"{root}: was cut with {found}, and {asdict(options)} were asked for; "
                "give another folder, or the same options"
            )
        return
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UserError(
            f"{root}: is not empty and holds no {MARKER}, so it was not made here; "
            "give a new or an empty folder"
        )
    root.mkdir(parents=True, exist_ok=True)
    part = root / f"{MARKER}.part"
    part.write_text(json.dumps(asdict(options), indent=1) + "\n", encoding="utf-8")
    part.replace(marker)
