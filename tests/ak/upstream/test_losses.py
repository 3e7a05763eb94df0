"""The losses of slowfast.ak in a checkout's table of losses."""

from torch import nn

from slowfast.ak.losses import multi_label_losses
from slowfast.ak.upstream.losses import add_losses, is_checkouts_own
from slowfast.models import losses


def test_losses_are_added_and_none_is_replaced(caplog):
    caplog.set_level("INFO")
    table = {"bce": nn.BCELoss, "LDAM": nn.L1Loss}
    add_losses(table)
    assert table == {**multi_label_losses(), "bce": nn.BCELoss, "LDAM": nn.L1Loss}
    assert [record.getMessage() for record in caplog.records] == [
        "MODEL.LOSS_FUNC LDAM: this checkout has its own loss of this name, which is used; the one "
        "of slowfast.ak is not. To use the latter, take 'LDAM' out of _LOSSES in "
        "slowfast/models/losses.py."
    ]


def test_adding_the_losses_twice_logs_nothing(caplog):
    caplog.set_level("INFO")
    table = {}
    add_losses(table)
    add_losses(table)
    assert table == multi_label_losses()
    assert not caplog.records


def test_a_loss_of_the_checkout_is_distinguished(monkeypatch):
    assert not is_checkouts_own("EQL")
    assert not is_checkouts_own("bce_logit")
    monkeypatch.setattr(losses, "get_loss_func", lambda name: nn.BCEWithLogitsLoss)
    assert is_checkouts_own("EQL")
