"""The data set ``charades``, read and sampled as upstream does it."""

from __future__ import annotations

import numpy as np
import torch

from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.clips.from_cfg import clip_dataset_arguments
from slowfast.ak.registries.datasets import CLIPS_OF_A_VIDEO, DATASETS


@DATASETS.register(
    "Charades",
    list_format="header",
    frames="image",
    random_validation=True,
    own_keys=CLIPS_OF_A_VIDEO,
)
class Charades(ClipDataset):
    """Clips as extracted frames; validation during training takes a random window and crop.

    Args:
        mode: train, val or test.
        num_retries: not used; upstream's callers pass it.
    """

    def __init__(self, cfg, mode: str, num_retries: int = 10):
        super().__init__(**clip_dataset_arguments(cfg, mode, DATASETS.facts("Charades")))

    def get_seq_frames(self, index: int) -> list[int]:
        """The numbers of the frames that a view shows; for scripts written for upstream.

        Args:
            index: the number of the view, below `num_videos`. In training and validation it is the
                number of the clip, and each call draws another window.
        """
        clip, view = divmod(index, self.num_views)
        rng = np.random.default_rng(int(torch.randint(2**31, ())))
        windows = self.frame_sampler.draw(rng, self.reader.num_frames(clip))
        return windows[view * len(windows) // self.num_views].tolist()
