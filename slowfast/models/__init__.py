"""Networks: importing this package registers them all."""

from slowfast.models.build import MODEL_REGISTRY, build_model
from slowfast.models.resnet import ResNet
from slowfast.models.slowfast import SlowFast
from slowfast.models.x3d import X3D

__all__ = ["MODEL_REGISTRY", "X3D", "ResNet", "SlowFast", "build_model"]
