"""What losses, log and head get from the wrapped training loop."""

import pytest
import torch
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.ak.losses import context
from slowfast.ak.upstream.config import with_ak_keys
from slowfast.ak.upstream.training import tells_losses
from slowfast.models.losses import _LOSSES, get_loss_func
from tests.ak.upstream.conftest import defaults

TARGETS = torch.zeros(64, 5)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(3, 4), nn.Module()
        self.head.projection = nn.Linear(4, 5)


@pytest.fixture
def cfg(branch, tiny_ak):
    cfg = defaults(branch)
    with_ak_keys(lambda _C: None)(cfg)
    cfg.merge_from_list(tiny_ak.opts())
    cfg.MODEL.LOSS_FUNC, cfg.LOSS.EQL.GAMMA = "EQL", 0.5
    return cfg


@pytest.fixture
def losses(cfg):
    """Returns losses (N, C) of three steps; main builds the loss once, patch-2 for each step."""
    once = "TASK" in cfg  # main

    def train(model, cfg):
        made = []
        for _ in range(3):
            if not made or not once:
                loss = get_loss_func(cfg.MODEL.LOSS_FUNC)(reduction="none")
            made.append(loss(torch.zeros_like(TARGETS), TARGETS))
        return torch.stack(made)

    if once:

        @tells_losses
        def train_epoch(loader, model, optimizer, scaler, meter, cur_epoch, cfg, writer=None):
            return train(model, cfg)

    else:

        @tells_losses
        def train_epoch(loader, model, optimizer, meter, cur_epoch, cfg, writer=None):
            return train(model, cfg)

    model = Network()

    def call(cur_epoch=0, cfg=cfg, model=model):
        rest = dict.fromkeys(("loader", "optimizer", "scaler", "meter"))
        if not once:
            del rest["scaler"]
        return train_epoch(**rest, model=model, cur_epoch=cur_epoch, cfg=cfg)

    return call


def test_a_train_epoch_of_other_names_is_refused_in_words():
    with pytest.raises(UserError, match=r"\(model, epoch, cfg\): .*cur_epoch is missing"):
        tells_losses(lambda model, epoch, cfg: None)


def test_consecutive_steps_draw_other_masks_and_a_resumed_epoch_the_same(losses):
    first = losses(7)
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[1], first[2])
    assert not torch.equal(losses(8), first)
    context.clear()
    assert torch.equal(losses(7, model=Network()), first)  # taken up again in the midst


def test_counts_are_read_once_a_run(losses, monkeypatch):
    losses(0)
    assert context.state_for("EQL").counts.tolist() == [4, 3, 2, 2, 1]
    for name in ("read_clips", "class_counts_from_cfg"):
        monkeypatch.setattr(f"slowfast.ak.classes.counts.{name}", lambda *of: pytest.fail("read"))
    losses(1)
    losses(2)


def test_a_loss_without_counts_reads_nothing(losses, cfg, monkeypatch):
    monkeypatch.setattr("slowfast.ak.classes.counts.read_clips", lambda *of: pytest.fail("read"))
    cfg.MODEL.LOSS_FUNC = "bce_loss"
    losses(0)


def test_a_users_own_loss_is_unchanged(losses, cfg, monkeypatch):
    class Mine(nn.Module):
        def __init__(self, reduction):
            super().__init__()

        def forward(self, logits, targets):
            return logits - 1

    monkeypatch.setitem(_LOSSES, "mine", Mine)
    monkeypatch.setattr("slowfast.ak.classes.counts.read_clips", lambda *of: pytest.fail("read"))
    cfg.MODEL.LOSS_FUNC = "mine"
    assert (losses(0) == -1).all()


def test_deferred_weights_begin_at_their_epoch(losses, cfg):
    cfg.MODEL.LOSS_FUNC, cfg.LOSS.LDAM.STEP_EPOCH, cfg.LOSS.LDAM.BETA = "LDAM", [2], [0.9]
    before, last, after = losses(0), losses(1), losses(2)
    assert torch.equal(before, last)
    assert not torch.equal(last, after)
    assert torch.equal(losses(5), after)


def test_labels_are_corrected_from_their_epoch_on(losses, cfg):
    cfg.MODEL.LOSS_FUNC, cfg.LOSS.SPLC.START_EPOCH, cfg.LOSS.SPLC.THRESHOLD = "splc", 2, 0.4
    before, last, after = losses(0), losses(1), losses(2)
    assert torch.equal(before, last)
    assert not torch.equal(last, after)
    assert torch.equal(losses(5), after)


def test_arguments_come_from_the_configuration(losses, cfg):
    cfg.LOSS.EQL.GAMMA = 0.0
    assert losses(0).unique().numel() == 1


def test_another_run_in_the_process_reads_its_own_counts(losses, cfg, tmp_path):
    losses(0)
    sheet = tmp_path / "counts.csv"
    rows = "".join(f"n{i},{i},{10 + i}\n" for i in range(5))
    sheet.write_text("action,index,count\n" + rows)
    other = cfg.clone()
    other.LOSS.CLASS_COUNTS = str(sheet)
    losses(0, cfg=other, model=Network())
    assert context.state_for("EQL").counts.tolist() == [10, 11, 12, 13, 14]


def test_each_process_draws_its_own_mask(losses, monkeypatch):
    first = losses(0)
    monkeypatch.setattr("slowfast.ak.upstream.training.rank_and_size", lambda: (1, 2))
    assert not torch.equal(losses(0, model=Network()), first)


def test_an_evaluation_with_the_loss_counts_no_step(cfg):
    def masks(evaluate):
        @tells_losses
        def train_epoch(model, cfg, cur_epoch):
            made = []
            for _ in range(3):
                made.append(get_loss_func("EQL")(reduction="none")(torch.zeros(64, 5), TARGETS))
                if evaluate:
                    with torch.no_grad():
                        get_loss_func("EQL")(reduction="mean")(torch.zeros(64, 5), TARGETS)
            return torch.stack(made)

        return train_epoch(Network(), cfg, 0)

    assert torch.equal(masks(evaluate=True), masks(evaluate=False))


def test_an_epoch_trained_in_two_calls_begins_once(losses):
    model = Network()
    first = losses(3, model=model)
    assert not torch.equal(losses(3, model=model), first)


@pytest.mark.parametrize("data_set", ["ssv2", "Mine"])
def test_a_list_that_cannot_be_counted_is_refused_with_the_remedy(losses, cfg, data_set, tmp_path):
    cfg.TRAIN.DATASET, cfg.DATA.PATH_TO_DATA_DIR = data_set, str(tmp_path)
    with pytest.raises(UserError, match=rf"(?s)TRAIN.DATASET {data_set}: .*LOSS.CLASS_COUNTS"):
        losses(0)
    sheet = tmp_path / "counts.csv"
    sheet.write_text("action,index,count\n" + "".join(f"n{i},{i},9\n" for i in range(5)))
    (tmp_path / "train.csv").write_text("in a form of its own\n")
    cfg.LOSS.CLASS_COUNTS = str(sheet)
    losses(0)


def test_a_charades_list_is_counted(losses, cfg):
    cfg.TRAIN.DATASET = "Charades"
    losses(0)
    assert context.state_for("EQL").counts.tolist() == [4, 3, 2, 2, 1]


def test_differences_from_the_recipe_are_logged_once_a_run(losses, cfg, caplog):
    caplog.set_level("INFO")
    cfg.RECIPE.GLOBAL_BATCH, cfg.RECIPE.INIT = 8, "kinetics"
    losses(0)
    losses(1)
    assert [r.getMessage() for r in caplog.records if r.name == "slowfast.ak.checks.recipe"] == [
        "This run: global batch 2 clips, norm group 2 clips, learning rate 0.1; weights from "
        "scratch; on the CPU.",
        "The recipe was published with a global batch of 8 clips; this run has 2. Nothing is "
        "rescaled, so that results may differ.",
        "The recipe starts from kinetics; this run starts from scratch.",
    ]
    caplog.clear()
    losses(0, model=Network())
    assert caplog.text.count("This run:") == 1


def test_only_the_master_process_logs_them(losses, cfg, caplog, monkeypatch):
    caplog.set_level("INFO")
    monkeypatch.setattr("slowfast.ak.upstream.training.rank_and_size", lambda: (1, 2))
    cfg.NUM_GPUS = 2
    losses(0)
    assert "This run:" not in caplog.text


def test_a_loss_of_the_checkout_with_our_name_is_logged(losses, cfg, caplog, monkeypatch):
    own = "slowfast.models.losses.get_loss_func"
    monkeypatch.setattr(own, lambda name: nn.BCEWithLogitsLoss)
    cfg.MODEL.LOSS_FUNC = "LDAM"
    losses(0)
    assert "MODEL.LOSS_FUNC LDAM: this checkout has its own loss" in caplog.text


@pytest.fixture
def fine_tuning(cfg):
    cfg.TRAIN.CHECKPOINT_SKIP_HEAD, cfg.TRAIN.CHECKPOINT_FILE_PATH = True, "weights.pyth"
    return cfg


def test_a_new_fine_tuning_initialises_the_head(losses, fine_tuning):
    models = [Network(), nn.DataParallel(Network())]
    for model in models:
        network = getattr(model, "module", model)
        body = network.body.weight.clone()
        torch.rand(1)  # the head depends on the seed only
        losses(0, model=model)
        assert torch.equal(network.body.weight, body)
        assert network.head.projection.bias.abs().sum() == 0
        std = network.head.projection.weight.std().item()
        assert std == pytest.approx(fine_tuning.MODEL.FC_INIT_STD, rel=0.5)
    one, other = (getattr(model, "module", model).head.projection.weight for model in models)
    assert torch.equal(one, other)


def test_the_head_is_initialised_once(losses, fine_tuning):
    model = Network()
    losses(0, model=model)
    model.head.projection.bias.data.fill_(1)  # trained
    for epoch in (0, 1, 2):  # the first epoch in a second call
        losses(epoch, model=model)
    assert (model.head.projection.bias == 1).all()


@pytest.mark.parametrize("setting", ["resumed", "no file", "not asked for"])
def test_otherwise_the_head_stays(losses, fine_tuning, setting):
    model = Network()
    bias = model.head.projection.bias.clone()
    fine_tuning.TRAIN.CHECKPOINT_SKIP_HEAD = setting != "not asked for"
    fine_tuning.TRAIN.CHECKPOINT_FILE_PATH = "" if setting == "no file" else "weights.pyth"
    losses(4 if setting == "resumed" else 0, model=model)
    assert torch.equal(model.head.projection.bias, bias)


def test_values_of_none_are_left_out_of_tensorboard(cfg):
    written = {}

    class Writer:
        name = "mine"

        def add_scalars(self, data_dict, global_step=None):
            written.update(data_dict, step=global_step)

    def train_epoch(model, cfg, cur_epoch, writer=None):
        assert writer.name == "mine"
        writer.add_scalars({"Train/loss": 0.5, "Train/Top1_err": None}, global_step=3)

    tells_losses(train_epoch)(nn.Linear(1, 1), cfg, 0, Writer())
    assert written == {"Train/loss": 0.5, "step": 3}
