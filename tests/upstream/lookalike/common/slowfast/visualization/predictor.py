"""Finds people in frames."""

from detectron2 import model_zoo
from detectron2.config import get_cfg
from detectron2.engine import DefaultPredictor


class Detectron2Predictor:
    def __init__(self, cfg):
        settings = get_cfg()
        settings.merge_from_file(model_zoo.get_config_file(cfg.DEMO.DETECTRON2_CFG))
        self.find = DefaultPredictor(settings)
