"""Networks that torchvision builds, with the head of this project.

backbone             a network of a library and a head
described_input      frames, size and pixels that weights were trained with
torchvision_video    MODEL.MODEL_NAME TorchvisionVideo
"""

import sys

from slowfast.ak.registries.registry import import_all

import_all(sys.modules[__name__])
