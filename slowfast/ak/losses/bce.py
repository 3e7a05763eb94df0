"""Binary cross entropy with logits."""

from slowfast.ak.losses.base import MultiLabelLoss
from slowfast.ak.registries.losses import LOSSES


@LOSSES.register("bce_loss", labels="many", needs_counts=False)
class BCELoss(MultiLabelLoss):
    """Binary cross entropy with logits."""
