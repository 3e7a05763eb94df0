"""The network and the reading of videos work at the same time."""

import time

import numpy as np
import pytest
import torch

from slowfast.ak.clips.views import UniformCrops
from slowfast.prediction.scoring import ReadAhead, Scorer
from slowfast.prediction.videos.stream import blocks

BLOCKS = 12
SCORING, READING = 0.04, 0.04  # seconds of a block


def score_on_cpu(pixels: torch.Tensor) -> torch.Tensor:
    time.sleep(SCORING)
    return pixels.float().mean(dim=(2, 3, 4))


def make_score_on_gpu():
    """A function that keeps the GPU busy for SCORING seconds, and the host only for a moment."""
    cycles = 10_000_000
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda._sleep(cycles)  # the first call takes longer
    begin.record()
    torch.cuda._sleep(cycles)
    end.record()
    torch.cuda.synchronize()
    cycles = round(cycles * 1000 * SCORING / begin.elapsed_time(end))

    def score(pixels: torch.Tensor) -> torch.Tensor:
        torch.cuda._sleep(cycles)
        return pixels.float().mean(dim=(2, 3, 4))

    return score


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def test_videos_are_read_while_the_network_scores(device):
    """The time is that of the network, not the sum of both, and no window gets wrong pixels."""
    score = score_on_cpu if device == "cpu" else make_score_on_gpu()
    indices = np.arange(BLOCKS)[:, None]  # a window of one frame in each block

    def frames(wanted):
        for number in wanted:
            time.sleep(READING)
            yield np.full((32, 40, 4), number, np.uint8)

    ahead = ReadAhead(
        ["film"], lambda video: blocks(indices, frames, UniformCrops(32, 1), size=1), threads=1
    )
    scorer = Scorer(score, torch.device(device), 1, combine=lambda crops: crops[:, 0])
    begin = time.perf_counter()
    found = [scores for _, scores in scorer.run(iter(ahead)) if scores is not None]
    taken = time.perf_counter() - begin
    assert torch.cat(found)[:, 0].tolist() == list(range(BLOCKS))
    assert taken < 0.9 * BLOCKS * (SCORING + READING)
