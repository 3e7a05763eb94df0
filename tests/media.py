"""Media files that several tests need."""

from pathlib import Path

import av
import numpy as np


def write_sound_alone(path: Path) -> None:
    """A file with a moment of silence and no picture, as its ending says."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate = 44100
        container.mux(stream.encode(silence))
        container.mux(stream.encode())
