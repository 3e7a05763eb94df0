"""The check of what a network is given."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from slowfast.ak.errors import UserError


def as_clips(clips: Sequence[Tensor], channels: Sequence[int]) -> list[Tensor]:
    """The input of a network, after a check of its type and shape.

    Args:
        clips: a float tensor (N, C, T, H, W) for each pathway. A network of one pathway takes
            images (N, C, H, W) too, as clips of one frame.
        channels: C of each pathway.

    Returns:
        A list of tensors (N, C, T, H, W).

    Raises:
        UserError: the clips do not fit.
    """
    expected = ", ".join(f"(N, {each}, T, H, W)" for each in channels)
    expected = f"expected a list of {len(channels)} pathway(s): {expected}"
    if isinstance(clips, Tensor) or len(clips) != len(channels):
        found = "one tensor" if isinstance(clips, Tensor) else f"{len(clips)} pathway(s)"
        raise UserError(f"the network received {found}; {expected}")
    checked = []
    for i, (clip, count) in enumerate(zip(clips, channels, strict=True)):
        if not (isinstance(clip, Tensor) and clip.is_floating_point()):
            found = clip.dtype if isinstance(clip, Tensor) else type(clip).__name__
            raise UserError(
                f"pathway {i} received {found}, and a network takes normalised floats. The "
                "loaders here give pixels: slowfast.ak.clips.network_input.InputTransform "
                "makes input of them, and slowfast.ak.clips.view_items.ViewItems gives single "
                "views of a data set as input."
            )
        if len(channels) == 1 and clip.ndim == 4:
            clip = clip.unsqueeze(2)
        if clip.ndim != 5 or clip.shape[1] != count:
            raise UserError(f"pathway {i} received {tuple(clip.shape)}; {expected}")
        checked.append(clip)
    return checked
