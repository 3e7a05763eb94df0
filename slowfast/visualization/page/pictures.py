"""Small pictures that are part of a page."""

import base64

import cv2
import numpy as np

SIDE = 256  # pixels of the longer side
QUALITY = 72


def to_jpeg(frame: np.ndarray, side: int = SIDE) -> bytes:
    """Returns a JPEG file of an RGB or RGBX uint8 frame (H, W, 3 or 4).

    Args:
        side: the most pixels of its longer side.
    """
    height, width = frame.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(frame[..., :3], size, interpolation=cv2.INTER_AREA)
    pixels = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise ValueError(f"a frame of shape {frame.shape} cannot be encoded")
    return data.tobytes()


def data_uri(jpeg: bytes) -> str:
    """Returns the address of a JPEG file that is part of a page."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
