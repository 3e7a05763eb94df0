"""Measures which frames clips of a video have, with upstream's module `decoder`.

Random draws are not made again: the tests compare them with the measured quantiles by rank.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

from slowfast.datasets import decoder
from slowfast.datasets.video_container import get_video_container

from .files import Made, renewed

_LEFT_OUT = {
    "random draws, which tests/ compares by rank": ["random", "multiple_random"],
    "what stands inside upstream's own reader of videos": ["selective", "items"],
}


def kinetics_sampling(existing: Any, name: str) -> Made:
    """Makes places and frames of clips of whole videos, and of several clips of one video."""
    content = {
        "about": existing["about"],
        "start_end": [_start_end(case) for case in existing["start_end"]],
        "whole_video": [_whole_video(case) for case in existing["whole_video"]],
        "subsample": [_subsample(case) for case in existing["subsample"]],
        "multiple_fixed": [_several(case) for case in existing["multiple_fixed"]],
        "backend_pyav_on_main": _outcome_of_pyav(),
    }
    places = [
        f"multiple_fixed[{number}].start_end_gap[{row}][{column}]"
        for number, case in enumerate(existing["multiple_fixed"])
        for row in range(len(case["clip_sizes"]))
        for column in (1, 2)  # end, and gap to the end before
        if len(set(case["clip_sizes"])) > 1
    ]
    corrected = {
        "upstream sorts starts and ends of clips of unequal lengths apart": places,
        "upstream's main cannot decode with PyAV": ["backend_pyav_on_main"],
    }
    return Made(content, _LEFT_OUT, corrected=corrected)


def _start_end(case: dict) -> dict:
    settings = case["num_clips"], case["use_offset"]
    made = [
        list(decoder.get_start_end_idx(case["video_size"], case["clip_size"], clip, *settings))
        for clip in range(case["num_clips"])
    ]
    inputs = "video_size", "clip_size", "num_clips", "use_offset"
    return renewed(case, {"start_end_fraction": made}, *inputs)


def _whole_video(case: dict) -> dict:
    frames = torch.arange(case["video_frames"])
    span = case["sampling_rate"] * case["num_frames"] / case["target_fps"] * case["fps"]
    size, settings = max(1, span), (case["num_clips"], case["use_offset"])
    views = []
    for clip in (view["clip_idx"] for view in case["views"]):
        ends = decoder.get_start_end_idx(len(frames), size, clip, *settings)
        taken = decoder.temporal_sampling(frames, *ends[:2], case["num_frames"])
        views.append(
            dict(zip(("start", "end", "fraction"), ends, strict=True))
            | {"clip_idx": clip, "frames": taken.tolist()}
        )
    inputs = "video_frames", "fps", "target_fps", "sampling_rate", "num_frames"
    made = {"clip_size": size, "views": views}
    return renewed(case, made, *inputs, "num_clips", "use_offset")


def _subsample(case: dict) -> dict:
    frames = torch.arange(case["decoded_frames"])
    taken = decoder.temporal_sampling(frames, case["start"], case["end"], case["num_frames"])
    inputs = "decoded_frames", "clip_size", "num_frames", "start", "end"
    return renewed(case, {"frames": taken.tolist()}, *inputs)


def _several(case: dict) -> dict:
    inputs = "video_size", "clip_sizes", "clip_idx", "num_clips"
    settings = [case[key] for key in inputs]
    made = decoder.get_multiple_start_end_idx(*settings, use_offset=case["use_offset"])
    return renewed(case, {"start_end_gap": made.tolist()}, *inputs, "use_offset")


def _outcome_of_pyav() -> str:
    """What DATA.DECODING_BACKEND pyav makes of a video of 8 frames: an error, or "decodes"."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "video.mp4")
        with av.open(path, "w") as container:
            stream = container.add_stream("mpeg4", rate=30)
            stream.width = stream.height = 32
            for level in range(8):
                picture = np.full((32, 32, 3), 30 * level, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        try:
            decoder.decode(get_video_container(path, False, "pyav"), [1], [4], 0, backend="pyav")
        except TypeError as error:
            return f"TypeError: {error}"
    return "decodes"
