"""Networks."""

from slowfast.models.build import MODEL_REGISTRY, build_model
from slowfast.models.video_model_builder import X3D, ResNet, SlowFast

__all__ = ["MODEL_REGISTRY", "X3D", "ResNet", "SlowFast", "build_model"]
