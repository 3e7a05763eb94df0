"""Decodes chosen frames of a video with torchcodec, on the CPU or with NVDEC on a GPU.

torchcodec is optional and needs FFmpeg from the system's packages. Frames are found by number, and
their time stamps are compared with the stamps of the file's packets, so PyAV gives the same frames.
On the CPU the pixels are the same too. NVDEC converts colours in its own way, so its pixels can
differ by a few levels. PyAV decodes a file that the GPU cannot decode, with its own colours.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import cv2

from slowfast.ak.errors import UserError
from slowfast.ak.frames.pyav import Frames, Timeline

logger = logging.getLogger(__name__)


def find_device(device: str) -> str:
    """Returns the full name of the device `cpu` or `cuda`: the GPU that this process uses.

    Raises:
        UserError: torchcodec, its FFmpeg or the device is missing.
    """
    try:
        import torchcodec  # noqa: F401
    except (ImportError, OSError, RuntimeError) as error:
        raise UserError(
            f"DATA.DECODING_BACKEND = torchcodec: it cannot be loaded: {_first_line(error)}\n"
            "Install it with `pip install torchcodec`, and FFmpeg with the system's packages "
            "(`apt-get install ffmpeg`); or set DATA.DECODING_BACKEND to pyav, which gives the "
            "same frames."
        ) from None
    if device != "cuda":
        return device
    import torch

    if not torch.cuda.is_available():
        raise UserError(
            "DATA.DECODING_DEVICE = cuda: there is no GPU that torch can use; set it to cpu."
        )
    return f"cuda:{torch.cuda.current_device()}"


def by_number(path: str, timeline: Timeline, device: str, indices: Sequence[int]) -> Frames:
    """Gives (index, RGBX) at ascending indices. An index after the end gives the last frame.

    Ends early if torchcodec does not decode the file, which the log says, or if it finds other
    frames than the timeline has.
    """
    from torchcodec.decoders import VideoDecoder

    if timeline.needs_first_picture:  # torchcodec does not decode it before a seek
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
        logger.warning("%s: torchcodec: %s; PyAV decodes it instead.", path, _first_line(error))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
