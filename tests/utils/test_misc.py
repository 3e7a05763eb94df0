"""The costs of a model are logged; evaluations are due each period and at the end."""

import logging

import pytest
from torch import nn

from slowfast.config.defaults import get_cfg
from slowfast.engine.after_epoch import is_eval_epoch
from slowfast.models.cost import log_model_info


class Network(nn.Module):
    """One convolution on each of two pathways."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv3d(3, 300, 1, bias=False) for _ in range(2)])
        self.layers[0].requires_grad_(False)

    def forward(self, pathways):
        assert not self.training
        return [layer(clip) for layer, clip in zip(self.layers, pathways, strict=True)]


@pytest.mark.parametrize("compiled", [False, True])
def test_a_models_costs_are_logged(caplog, compiled):
    cfg = get_cfg()
    cfg.MODEL.ARCH, cfg.MODEL.MODEL_NAME = "slowfast", "SlowFast"
    cfg.DATA.NUM_FRAMES, cfg.DATA.TRAIN_CROP_SIZE, cfg.SLOWFAST.ALPHA = 8, 100, 4
    cfg.DATA.INPUT_CHANNEL_NUM = [3, 3]
    model = Network()
    if compiled:
        model.compile(backend="eager")
    with caplog.at_level(logging.INFO):
        log_model_info(model, cfg)
    # 900 products at each of 100 x 100 places of 2 slow and 8 fast frames.
    assert "SlowFast (slowfast): 0.0018 M parameters, 0.0009 M of them trained" in caplog.text
    assert "0.09 G multiply-adds for a clip of 8 x 100 x 100" in caplog.text
    assert model.training
    caplog.clear()
    with caplog.at_level(logging.INFO):
        log_model_info(nn.Linear(3, 2), cfg)
    assert "Multiply-adds are unknown" in caplog.text


def test_evaluations_are_due_each_period_and_at_the_end():
    cfg = get_cfg()
    cfg.SOLVER.MAX_EPOCH, cfg.TRAIN.EVAL_PERIOD = 10, 4
    assert [epoch for epoch in range(10) if is_eval_epoch(cfg, epoch)] == [3, 7, 9]
