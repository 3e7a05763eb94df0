"""Draws predictions into a video."""

from slowfast.utils import logging
from slowfast.visualization.predictor import Detectron2Predictor
from slowfast.visualization.video_visualizer import ImgVisualizer

logger = logging.get_logger(__name__)


def demo(cfg):
    logger.info(f"Drawing with {ImgVisualizer.__name__}")
    return Detectron2Predictor(cfg)
