"""What CUDA is told before anything is computed."""

import pytest
import torch

from slowfast.config.defaults import get_cfg
from slowfast.engine.speed import prepare_device


def settings() -> tuple[bool, bool, bool]:
    backends = torch.backends
    return backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32, backends.cudnn.benchmark


@pytest.fixture(autouse=True)
def _set_back():
    before = settings()
    yield
    backends = torch.backends
    backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32, backends.cudnn.benchmark = before


def test_float32_is_float32_unless_asked_otherwise():
    cfg = get_cfg()
    prepare_device(cfg)
    assert settings() == (False, False, True)
    cfg.SPEED.TF32, cfg.SPEED.CUDNN_BENCHMARK = True, False
    prepare_device(cfg)
    assert settings() == (True, True, False)
