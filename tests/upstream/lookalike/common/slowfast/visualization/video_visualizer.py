"""Draws boxes and names."""

from detectron2.utils.visualizer import Visualizer


class ImgVisualizer(Visualizer):
    pass
