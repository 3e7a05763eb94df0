"""Our losses in a checkout's table of losses."""

from torch import nn

from slowfast.ak.losses import LOSSES
from slowfast.ak.upstream.losses import add_losses, is_own
from slowfast.models.losses import _LOSSES


def test_they_are_added_and_nothing_is_replaced(caplog):
    caplog.set_level("INFO")
    table = {"bce": nn.BCELoss, "LDAM": nn.L1Loss}
    add_losses(table)
    assert table == {**LOSSES, "bce": nn.BCELoss, "LDAM": nn.L1Loss}
    assert [record.getMessage() for record in caplog.records] == [
        "MODEL.LOSS_FUNC LDAM: is a loss of this checkout's own, which stays; that of slowfast.ak "
        "is not used. To use it, take 'LDAM' out of _LOSSES in slowfast/models/losses.py."
    ]


def test_adding_them_twice_says_nothing(caplog):
    caplog.set_level("INFO")
    table = {}
    add_losses(table)
    add_losses(table)
    assert table == LOSSES
    assert not caplog.records


def test_a_checkouts_own_is_told_from_ours(monkeypatch):
    assert not is_own("EQL")
    assert not is_own("bce_logit")
    monkeypatch.setitem(_LOSSES, "EQL", nn.BCEWithLogitsLoss)
    assert is_own("EQL")
