"""A small video that browsers play, its scores, its bouts, and a person's events."""

import av
import numpy as np

from slowfast.ethograms.agreement.counts import count
from slowfast.ethograms.agreement.grid import Grid
from slowfast.ethograms.agreement.intervals import Agreement
from slowfast.ethograms.scores import Bout, VideoScores

NASTY = '</script><b onclick="x">,{{data}}'
CLASSES = ("walking", "sitting", NASTY, "flying")
RATE, SECONDS = 10, 8


def write_video(path):
    """Writes 8 seconds at 10 frames per second, in a format that Chromium plays."""
    with av.open(str(path), "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=RATE)
        stream.width, stream.height = 64, 48
        for number in range(RATE * SECONDS):
            pixels = np.full((48, 64, 3), 3 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode())
    return path


def make_scores(video, classes=CLASSES):
    """Scores of cells of 2 frames: 0.1, but 0.9 for the first class from 2 to 4 s."""
    frames = np.arange(0, RATE * SECONDS + 1, 2)
    scores = np.full((len(frames) - 1, len(classes)), 0.1, np.float32)
    scores[10:20, 0] = 0.9
    scores[-3:, 1] = np.nan
    return VideoScores(str(video), tuple(classes), frames / RATE, frames, scores)


def bout(video, label, start, stop, mean=0.8, peak=0.9):
    first, last = round(start * RATE), round(stop * RATE) - 1
    return Bout(str(video), label, start, stop, first, last, "", mean, peak)


def make_bouts(video):
    return [
        bout(video, "walking", 2.0, 4.0),
        bout(video, "walking", 6.0, 7.0, 0.5, 0.6),
        bout(video, NASTY, 0.0, 0.5),
    ]


def make_events(video):
    """Walking is partly seen by both; climbing is no class of the scores."""
    return [
        bout(video, "walking", 2.5, 4.0, None, None),
        bout(video, "climbing", 5.0, 6.0, None, None),
    ]


def make_agreement(videos):
    names = (*CLASSES, "climbing")
    counts = [
        count(
            str(video),
            names,
            Grid.of_rate(SECONDS, RATE),
            make_events(video),
            make_bouts(video),
            make_scores(video),
        )
        for video in videos
    ]
    return Agreement(names, tuple(counts), resamples=50)
