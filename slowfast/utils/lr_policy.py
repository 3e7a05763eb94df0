"""Front door: the learning rate of an epoch, at upstream's path."""

from slowfast.models.lr_policy import get_lr_at_epoch

__all__ = ["get_lr_at_epoch"]
