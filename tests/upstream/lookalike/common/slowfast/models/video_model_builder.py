"""Small networks under the names of the large ones, with their pathways, norms and heads."""

from slowfast.models.batchnorm_helper import get_norm
from slowfast.models.build import MODEL_REGISTRY
from slowfast.models.head_helper import ResNetBasicHead
from torch import nn


class _Pathway(nn.Sequential):
    """Two convolutions with norms, 16 times coarser in space."""

    def __init__(self, cfg, widths, time_kernel):
        norm, layers, before = get_norm(cfg), [], 3
        for width in widths:
            conv = nn.Conv3d(
                before,
                width,
                (time_kernel, 3, 3),
                stride=(1, 4, 4),
                padding=(time_kernel // 2, 1, 1),
                bias=False,
            )
            layers += [conv, norm(num_features=width, eps=1e-5, momentum=0.1), nn.ReLU()]
            before = width
        super().__init__(*layers)


class _Network(nn.Module):
    def __init__(self, cfg, pathways):
        super().__init__()
        self.pathways = nn.ModuleList(_Pathway(cfg, *shape) for shape in pathways)
        self.head = ResNetBasicHead(
            sum(widths[-1] for widths, _ in pathways),
            cfg.MODEL.NUM_CLASSES,
            cfg.MODEL.DROPOUT_RATE,
            cfg.MODEL.HEAD_ACT,
            cfg.MODEL.get("DETACH_FINAL_FC", False),
        )

    def forward(self, x, bboxes=None):
        assert len(x) == len(self.pathways), "a tensor for each pathway"
        return self.head([path(clip) for path, clip in zip(self.pathways, x, strict=True)])


@MODEL_REGISTRY.register()
class SlowFast(_Network):
    def __init__(self, cfg):
        super().__init__(cfg, [((8, 16), 1), ((4, 8), 3)])


@MODEL_REGISTRY.register()
class ResNet(_Network):
    def __init__(self, cfg):
        super().__init__(cfg, [((8, 16), 3)])


@MODEL_REGISTRY.register()
class X3D(_Network):
    def __init__(self, cfg):
        super().__init__(cfg, [((6, 12), 3)])


@MODEL_REGISTRY.register()
class MViT(_Network):
    def __init__(self, cfg):
        super().__init__(cfg, [((6, 12), 3)])
