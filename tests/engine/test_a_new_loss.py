"""A loss in a module of a user can be configured, explained, checked, trained with and reported."""

import importlib
import sys
from pathlib import Path

import pytest

from slowfast.ak.errors import UserError
from slowfast.ak.registries.losses import LOSSES
from slowfast.config import checks
from slowfast.config.defaults import assert_and_infer_cfg, get_cfg
from slowfast.config.explain import explain
from slowfast.engine.training import train
from tests.engine.runs import stats

MODULE = '''
from typing import Annotated

from slowfast.ak.keys import Limits
from slowfast.ak.losses import MultiLabelLoss
from slowfast.ak.registries.losses import LOSSES


@LOSSES.register("sharp_bce", labels="many", needs_counts=False)
class SharpBCE(MultiLabelLoss):
    """BCE of scaled logits.

    Args:
        sharpness: factor of the logits.
    """

    def __init__(self, sharpness: Annotated[float, Limits(above=0, high=9)] = 2.0, **shared):
        super().__init__(**shared)
        self.sharpness = sharpness

    def move(self, logits, targets):
        return self.sharpness * logits
'''


@pytest.fixture
def new_loss(tmp_path, monkeypatch):
    get_cfg()  # the loss is registered after the first configuration
    (tmp_path / "my_losses.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("my_losses")
    yield
    del LOSSES["sharp_bce"], sys.modules["my_losses"]


@pytest.mark.usefixtures("new_loss")
def test_a_new_loss_is_one_file(small_cfg):
    assert get_cfg().LOSS.SHARP_BCE.SHARPNESS == 2.0
    assert "LOSS.SHARP_BCE.SHARPNESS: 2.0\n    Factor of the logits." in explain("LOSS.SHARP_BCE")
    assert "sharp_bce" in explain("MODEL.LOSS_FUNC")

    cfg = small_cfg(**{"MODEL.LOSS_FUNC": "sharp_bce", "SOLVER.MAX_EPOCH": 1})
    with pytest.raises(UserError, match="expected a number"):
        cfg.merge_from_list(["LOSS.SHARP_BCE.SHARPNESS", "very"])
    cfg.merge_from_list(["LOSS.SHARP_BCE.SHARPNESS", 10])
    assert "expected at most 9" in "".join(checks.problems(cfg))
    cfg.merge_from_list(["LOSS.SHARP_BCE.SHARPNESS", 3, "DATA.MULTI_LABEL", False])
    assert "is for several classes a clip" in "".join(checks.problems(cfg))
    cfg.merge_from_list(["DATA.MULTI_LABEL", True, "MODEL.LOSS_FUNC", "sharp_bec"])
    assert "did you mean sharp_bce?" in "".join(checks.problems(cfg))

    cfg.merge_from_list(["MODEL.LOSS_FUNC", "sharp_bce"])
    train(assert_and_infer_cfg(cfg))
    (epoch,) = stats(cfg, "train_epoch")
    assert epoch["loss"] > 0
    assert "LOSS_FUNC: sharp_bce" in Path(cfg.OUTPUT_DIR, "stdout.log").read_text()
