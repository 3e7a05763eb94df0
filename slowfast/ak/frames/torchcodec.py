"""Decoding chosen frames of a video with torchcodec, on the CPU or, by NVDEC, on a GPU.

It is optional: it wants a FFmpeg of the system beside it. Frames are found by number, and held
against the time stamps that the file's packets name, as PyAV's are; the pixels are the same.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import cv2

from slowfast.ak.errors import UserError
from slowfast.ak.frames.pyav import Frames
from slowfast.ak.frames.timeline import Timeline

logger = logging.getLogger(__name__)


def find_device(device: str) -> str:
    """The device `cpu` or `cuda` in full: of GPUs the one that this process works on, in its
    workers too.

    Raises UserError where torchcodec, its FFmpeg or the device cannot be had.
    """
    try:
        import torchcodec  # noqa: F401
    except (ImportError, OSError, RuntimeError) as error:
        found = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UserError(
            f"DATA.DECODING_BACKEND = torchcodec: it cannot be loaded: {found}\nInstall it with "
            "`pip install torchcodec`, and FFmpeg with the system's packages (`apt-get install "
            "ffmpeg`); or take DATA.DECODING_BACKEND pyav, which gives the same frames."
        ) from None
    if device != "cuda":
        return device
    import torch

    if not torch.cuda.is_available():
        raise UserError(
            "DATA.DECODING_DEVICE = cuda: there is no GPU that torch can use; take cpu."
        )
    return f"cuda:{torch.cuda.current_device()}"


def by_number(path: str, timeline: Timeline, device: str, indices: Sequence[int]) -> Frames:
    """(index, RGBX) at ascending indices; beyond the end, the last again.

    Ends early, and says so in the log, where torchcodec does not decode the file or finds other
    frames in it than the timeline has.
    """
    from torchcodec.decoders import VideoDecoder

    if timeline.needs_first_picture:  # torchcodec does not decode it before it seeks
        return
    last, tick = len(timeline.pts) - 1, float(timeline.time_base)
    try:
        decoder = VideoDecoder(path, dimension_order="NHWC", device=device, num_ffmpeg_threads=1)
        if len(decoder) != last + 1:
            return
        for index in indices:
            frame = decoder.get_frame_at(min(index, last))
            stamp = timeline.pts[min(index, last)] * tick
            if abs(frame.pts_seconds - stamp) > tick / 2:
                return
            pixels = frame.data.cpu().numpy()
            yield min(index, last), cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA)
    except (RuntimeError, ValueError) as error:
        found = next(iter(str(error).strip().splitlines()), type(error).__name__)
        logger.warning("%s: torchcodec: %s; PyAV decodes it instead.", path, found)
