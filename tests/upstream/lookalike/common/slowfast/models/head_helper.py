"""Heads for clips and for boxes in clips."""

import torch
from detectron2.layers import ROIAlign
from slowfast import flavour
from torch import nn


class ResNetRoIHead(nn.Module):
    """Scores of boxes, for detection."""

    def __init__(self, dim_in, num_classes, resolution, scale_factor, aligned=True):
        super().__init__()
        scale, square = 1.0 / scale_factor, [resolution, resolution]
        self.roi = ROIAlign(square, spatial_scale=scale, sampling_ratio=0, aligned=aligned)
        self.projection = nn.Linear(dim_in, num_classes)

    def forward(self, features, bboxes):
        cut = self.roi(features.mean(dim=2), bboxes)
        return self.projection(cut.amax(dim=(2, 3))).sigmoid()


class ResNetBasicHead(nn.Module):
    """Scores of a clip: activated and averaged over positions only in evaluation."""

    def __init__(self, dim_in, num_classes, dropout_rate, act_func, detach_final_fc=False):
        super().__init__()
        self.dropout = nn.Dropout(dropout_rate)
        self.projection = nn.Linear(dim_in, num_classes)
        self.act = {"sigmoid": nn.Sigmoid(), "softmax": nn.Softmax(dim=-1)}[act_func]
        self.detached = detach_final_fc and flavour.DETACHES_FINAL_FC

    def forward(self, features):
        pooled = [x.mean(dim=(2, 3, 4)) if self.training else x.mean(dim=2) for x in features]
        x = torch.cat(pooled, dim=1).movedim(1, -1)
        x = self.projection(self.dropout(x.detach() if self.detached else x))
        return x if self.training else self.act(x).mean(dim=(1, 2))
