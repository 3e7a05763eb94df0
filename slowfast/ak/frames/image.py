"""The picture in an image file's bytes.

JPEGs are decoded by libjpeg-turbo straight to four bytes a pixel, and one that is cut off or
damaged is refused; other formats go through OpenCV. Both give the same pixels where both can, as
they lie in the file: a camera's note on how to turn the picture is not followed, by either.
"""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg

# A damaged header may promise any size up to 65500 x 65500, and 17 GB would be filled with grey.
MAX_PIXELS = 2**26


def decode(data: bytes, memory: np.ndarray | None = None) -> np.ndarray:
    """The picture in a file's bytes, as uint8 (H, W, 4) RGBX, whatever colours and depth it has.

    Args:
        memory: an array whose memory may be used for the result, where it suffices.

    Raises:
        ValueError: the bytes are no picture, or not all of one.
    """
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return _decode_other(data)
    if height * width > MAX_PIXELS:
        raise ValueError(f"it claims to be a picture of {width} x {height} pixels")
    if memory is None or memory.nbytes < 4 * height * width:
        memory = _memory(4 * height * width)
    return simplejpeg.decode_jpeg(data, "RGBX", buffer=memory, strict=True)


def _memory(size: int) -> np.ndarray:
    """So many bytes from an odd multiple of 16 on.

    Rows at multiples of 32 libjpeg-turbo would write past the cache, which is good for pictures
    that nobody looks at soon; scaling them at once then takes four times as long.
    """
    block = np.empty(size + 32, np.uint8)
    start = (16 - block.ctypes.data) % 32
    return block[start : start + size]


def _decode_other(data: bytes) -> np.ndarray:
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error as error:
        raise ValueError(f"{len(data)} bytes that do not decode ({error.err})") from None
    if image is None:
        raise ValueError(f"{len(data)} bytes that are no image")
    return cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)
