"""The agreement of predictions with a person, on the videos and classes that all have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.data_tools.segments.media import (
    VideoFolder,
    folders_differ,
    probe,
    without_ending,
)
from slowfast.ethograms.agreement.counts import count
from slowfast.ethograms.agreement.grid import Grid
from slowfast.ethograms.agreement.intervals import Agreement
from slowfast.ethograms.agreement.side import Side
from slowfast.ethograms.scores import Bout, VideoScores

USUAL_RATE = 25.0  # frames per second of a video that cannot be opened


@dataclass(frozen=True)
class EvaluatedVideo:
    """One video of an evaluation.

    Attributes:
        name: the video, as the first prediction calls it.
        file: the file of the video; None if it is not found.
        events: the bouts of the person.
        predicted: the bouts of each prediction.
        scores: the scores of each prediction; None without scores.
        unknown: times that the person did not observe.
    """

    name: str
    file: Path | None
    grid: Grid
    events: list[Bout]
    predicted: list[list[Bout]]
    scores: list[VideoScores | None]
    unknown: list[tuple[float, float]]

    def scored(self, number: int) -> tuple[VideoScores, list[Bout]]:
        """Returns the scores of a prediction, and its bouts with their mean and highest score.

        Without scores they have no class.
        """
        scores = self.scores[number]
        if scores is None:
            frames = np.arange(self.grid.frames + 1)
            empty = np.empty((self.grid.frames, 0), np.float32)
            return VideoScores(self.name, (), self.grid.edges, frames, empty), self.predicted[
                number
            ]
        return scores, [with_scores(bout, scores) for bout in self.predicted[number]]


def with_scores(bout: Bout, scores: VideoScores) -> Bout:
    """Returns a bout with the mean and the highest of the scores in its time, if there are any."""
    if bout.label not in scores.classes:
        return bout
    first, end = np.searchsorted(scores.frames, (bout.first_frame + 1, bout.last_frame + 1))
    first -= 1
    own = scores.scores[first:end, scores.classes.index(bout.label)]
    lengths = np.diff(scores.frames[first : end + 1])
    known = ~np.isnan(own)
    if not known.any():
        return bout
    mean = float(np.average(own[known], weights=lengths[known]))
    return replace(bout, mean=mean, peak=float(own[known].max()))


class Evaluation:
    """A person's events and predictions, on the videos and classes that all have.

    Attributes:
        classes: the classes that are compared.
        names: of the videos: the person's name by that of the first prediction.
        notes: what was left out and assumed, in sentences for the user.

    Args:
        folder: where the videos are; None: the paths of the predictions lead to them.
        rate: frames per second of videos that cannot be opened.

    Raises:
        UserError: no video is in all of them, or a name fits several videos.
    """

    def __init__(
        self,
        truth: Side,
        predictions: Sequence[Side],
        folder: Path | None = None,
        rate: float = USUAL_RATE,
    ):
        self._truth, self._predictions, self._rate = truth, list(predictions), rate
        self._folder = VideoFolder(folder) if folder else None
        self.notes: list[str] = []
        self._matched = self._match()
        self.names = {names[1]: names[0] for names in self._matched}
        self._relabel: list[dict[str, str]] = []
        self.classes = self._classes()
        self._without_file: list[str] = []

    def videos(self) -> Iterator[EvaluatedVideo]:
        """Yields one video after another, so that not all have to be in memory."""
        for mine, *others in self._matched:
            file = self._file(mine, others[0])
            grid = self._grid(file, (mine, *others))
            scores = [
                side.scores[name].on_grid(others[0], side.classes or (), grid)
                if name in side.scores
                else None
                for side, name in zip(self._predictions, others, strict=True)
            ]
            yield EvaluatedVideo(
                others[0],
                file,
                grid,
                self._named(self._truth.bouts(mine, grid), self._relabel[0], others[0]),
                [
                    self._named(side.bouts(name, grid), relabel, others[0])
                    for side, name, relabel in zip(
                        self._predictions, others, self._relabel[1:], strict=True
                    )
                ],
                scores,
                list(self._truth.unknown(mine, grid)),
            )

    def all_videos(self) -> list[EvaluatedVideo]:
        """Returns all videos of the first prediction, in its order.

        Those that are not compared have no events of a person.
        """
        side = self._predictions[0]
        found = {video.name: video for video in self.videos()}
        names = list(dict.fromkeys((*side.scores, *side.videos)))
        return [found.get(name) or self._not_compared(side, name) for name in names]

    def _not_compared(self, side: Side, name: str) -> EvaluatedVideo:
        try:
            file = self._file(name, name)
        except UserError:  # --videos names a folder with the compared videos alone
            file = None
        grid = self._grid(file, (name,) * (1 + len(self._predictions)))
        scores = side.scores.get(name)
        return EvaluatedVideo(
            name,
            file,
            grid,
            [],
            [side.bouts(name, grid)],
            [scores and scores.on_grid(name, side.classes or (), grid)],
            [(0.0, float(grid.edges[-1]))],
        )

    def agreements(self, resamples: int = 1000, seed: int = 0) -> list[Agreement]:
        """Returns the agreement of each prediction with the person."""
        counts = [[] for _ in self._predictions]
        for video in self.videos():
            for own, bouts, scores in zip(counts, video.predicted, video.scores, strict=True):
                own.append(
                    count(
                        *(video.name, self.classes, video.grid, video.events, bouts),
                        scores,
                        video.unknown,
                    )
                )
        self._note_events_outside()
        if self._without_file:
            self.notes.append(
                f"{_some(self._without_file)}: cannot be opened, so figures are of "
                f"{self._rate:g} frames per second; --videos names the folder of the videos"
            )
        return [Agreement(self.classes, tuple(each), resamples, seed) for each in counts]

    def _note_events_outside(self) -> None:
        for side in (self._truth, *self._predictions):
            for video, number in side.outside.items():
                if number:
                    self.notes.append(
                        f"{side.path}: {number} events of {video} lie outside of the video, and "
                        "count nowhere; is it the same video?"
                    )

    def _match(self) -> list[tuple[str, ...]]:
        """Returns the names of each video: of the person, and of each prediction."""
        maps = [match_names(side.videos, self._truth.videos) for side in self._predictions]
        matched = []
        for mine in self._truth.videos:
            names = [next((n for n, m in found.items() if m == mine), None) for found in maps]
            if None not in names:
                matched.append((mine, *names))
        if not matched:
            raise UserError(
                f"{self._truth.path} has the videos {_some(self._truth.videos)}; "
                + "; ".join(f"{side.path} has {_some(side.videos)}" for side in self._predictions)
                + ". No video is in all of them; names are compared without folders and endings."
            )
        used = [set(names) for names in zip(*matched, strict=True)]
        for side, own in zip((self._truth, *self._predictions), used, strict=True):
            rest = [name for name in side.videos if name not in own]
            if rest:
                what = "are not in the other file" if len(used) == 2 else "are not in all files"
                self.notes.append(
                    f"{side.path}: {len(rest)} of {len(side.videos)} videos {what} and are left "
                    f"out: {_some(rest)}"
                )
        return matched

    def _classes(self) -> tuple[str, ...]:
        """Returns the classes that count, and prepares the names of each side.

        A prediction with scores says which classes it knows; only these count. Without scores, a
        class that is never predicted counts as missed.
        """
        sides = [self._truth, *self._predictions]
        labels = [
            sorted({label for names in self._matched for label in side.labels(names[index])})
            for index, side in enumerate(sides)
        ]
        known = [side.classes for side in self._predictions if side.classes is not None]
        if known:
            classes = [name for name in known[0] if all(name in each for each in known)]
        else:
            classes = list(dict.fromkeys(name for each in labels for name in each))
        fold = {name.casefold(): name for name in reversed(classes)}
        for side, own in zip(sides, labels, strict=True):
            renamed = {
                name: fold[name.casefold()]
                for name in own
                if name not in classes and name.casefold() in fold
            }
            if known:
                rest = [name for name in own if name not in classes and name not in renamed]
                if rest:
                    self.notes.append(
                        f"{side.path}: {len(rest)} classes are not among those that are predicted, "
                        f"and count nowhere: {_some(rest)}"
                    )
            self._relabel.append(renamed)
        if not classes:
            raise UserError("The predictions know no class in common, so nothing can be compared.")
        return tuple(classes)

    @staticmethod
    def _named(bouts: Sequence[Bout], names: Mapping[str, str], video: str) -> list[Bout]:
        return [
            replace(bout, label=names.get(bout.label, bout.label), video=video) for bout in bouts
        ]

    def _grid(self, file: Path | None, names: Sequence[str]) -> Grid:
        """Returns the frames of a video: those of its file, or of the usual rate without it."""
        if file is not None:
            facts = probe(file)
            if facts.stamps is None:
                return Grid.of_rate(facts.seconds, float(facts.fps))
            return Grid(np.append(facts.stamps, facts.seconds))
        if names[1] not in self._without_file:
            self._without_file.append(names[1])
        sides = zip((self._truth, *self._predictions), names, strict=True)
        seconds = max(side.last_moment(name, self._rate) for side, name in sides)
        return Grid.of_rate(seconds, self._rate)

    def _file(self, mine: str, other: str) -> Path | None:
        if self._folder is None:
            path = Path(other)
            return path if path.is_file() else None
        try:
            return self._folder.folder / self._folder.find(other)
        except UserError:
            return self._folder.folder / self._folder.find(mine)


def match_names(names: Sequence[str], others: Sequence[str]) -> dict[str, str]:
    """Returns the name among `others` that means the same video, for each name that has one.

    File names are compared; then without regard to case, then without their ending. Of several,
    the one whose folders are not different is taken.

    Raises:
        UserError: a name fits several others equally well.
    """
    found = {}
    for name in names:
        for alike in (str, str.casefold, without_ending, lambda n: without_ending(n).casefold()):
            wanted = alike(_last(name))
            fitting = [other for other in others if alike(_last(other)) == wanted]
            if name in fitting:
                fitting = [name]
            fitting = [each for each in fitting if not folders_differ(name, each)] or fitting
            if len(fitting) > 1:
                raise UserError(
                    f"{name}: can be any of {_some(fitting)}; give both files the same folders"
                )
            if fitting:
                found[name] = fitting[0]
                break
    return found


def _last(name: str) -> str:
    return PurePath(name.replace("\\", "/")).name


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(map(str, names[:5]))
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown or "none"
