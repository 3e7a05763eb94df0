"""Networks that torchvision and transformers build, with the head of this project.

backbone             a network of a library and a head
described_input      frames, size and pixels that weights were trained with
torchvision_video    MODEL.MODEL_NAME TorchvisionVideo
transformers_video   MODEL.MODEL_NAME TransformersVideo
families             the kinds of networks of transformers
description          a folder or repository of transformers: configuration, pixels, weights
"""

import sys

from slowfast.ak.registries.registry import import_all

import_all(sys.modules[__name__])
