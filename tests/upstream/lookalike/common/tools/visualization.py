"""Visualises the activations of a network."""

from slowfast.utils import logging
from slowfast.visualization import tensorboard_vis as tb
from slowfast.visualization.video_visualizer import ImgVisualizer

logger = logging.get_logger(__name__)


def visualize(cfg):
    logger.info(f"Drawing with {ImgVisualizer.__name__}")
    tb.TensorboardWriter(cfg).close()
