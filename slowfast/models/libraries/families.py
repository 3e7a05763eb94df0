"""The kinds of video networks of transformers.

VideoMAE: Tong et al., NeurIPS 2022. V-JEPA 2: Assran et al., 2025. TimeSformer: Bertasius et al.,
ICML 2021. ViViT: Arnab et al., ICCV 2021. VideoPrism: Zhao et al., ICML 2024.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Family:
    """How one kind of network is described and called.

    Attributes:
        frames: the entry of its configuration with the number of frames.
        side: the entry with the side of a clip, pixels.
        width: the entry with the number of channels before the classifier.
        block: the pattern for the beginning of the name of a parameter of a block.
        any_size: whether the weights hold for other frames and sides, which the configuration
            then has to state.
        has_class: whether the first token is a class token.
        by_position: whether tokens are ordered by height, width, time. Otherwise time comes first.
        unused: submodules of the encoder that a classifier does not use.
        encoder_arguments: further arguments of the encoder, if it is called without the classifier.
        offset: what is subtracted from scaled pixels if the file does not say so.
    """

    frames: str = "num_frames"
    side: str = "image_size"
    width: str = "hidden_size"
    block: str = r"model\.\w+\.encoder\.layer\.\d+\."
    any_size: bool = False
    has_class: bool = False
    by_position: bool = False
    unused: tuple[str, ...] = ()
    encoder_arguments: Mapping[str, bool] = field(default_factory=dict)
    offset: bool = False


# By the `model_type` of the configuration, which is MODEL.ARCH.
FAMILIES = {
    "videomae": Family(),
    "vjepa2": Family(
        frames="frames_per_clip",
        side="crop_size",
        any_size=True,
        unused=("predictor",),
        encoder_arguments={"skip_predictor": True},
    ),
    "timesformer": Family(has_class=True, by_position=True),
    "vivit": Family(block=r"model\.vivit\.layers\.\d+\.", has_class=True, offset=True),
    "videoprism_vision_model": Family(
        block=r"model\.vision_model\.(?:spatial|temporal)_layers\.\d+\."
    ),
}
