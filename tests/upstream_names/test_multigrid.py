"""A loop of one's own trains with upstream's names of multigrid training."""

from slowfast.config.defaults import get_cfg
from slowfast.datasets.multigrid_helper import ShortCycleBatchSampler
from slowfast.models.optimizer import get_epoch_lr
from slowfast.schedules.plan import RunPlan
from slowfast.utils.checkpoint import is_checkpoint_epoch
from slowfast.utils.misc import is_eval_epoch
from slowfast.utils.multigrid import MultigridSchedule, get_current_long_cycle_shape


def long_cycle():
    cfg = get_cfg()
    cfg.SOLVER.LR_POLICY = "steps_with_relative_lrs"
    cfg.SOLVER.STEPS, cfg.SOLVER.LRS, cfg.SOLVER.MAX_EPOCH = [0, 4], [1, 0.1], 8
    cfg.MULTIGRID.LONG_CYCLE = cfg.MULTIGRID.SHORT_CYCLE = True
    return cfg


def test_a_configuration_goes_through_the_epochs_of_the_plan():
    """The changed configuration is not changed once more by what reads it."""
    plan, cfg = RunPlan.from_cfg(long_cycle()), long_cycle()
    multigrid = MultigridSchedule()
    cfg = multigrid.init_multigrid(cfg)
    assert cfg.SOLVER.MAX_EPOCH == plan.epochs == RunPlan.from_cfg(cfg).epochs == 12
    for epoch in range(plan.epochs):
        before = cfg.DATA.TRAIN_CROP_SIZE, cfg.DATA.NUM_FRAMES
        cfg, changed = multigrid.update_long_cycle(cfg, epoch)
        after = cfg.DATA.TRAIN_CROP_SIZE, cfg.DATA.NUM_FRAMES
        assert changed == (before != after)
        shape = plan.phase(epoch).shape
        assert after == (shape.side, shape.frames)
        assert get_current_long_cycle_shape(multigrid.schedule, epoch)[0] == shape.batch
        assert 64 * shape.batch == cfg.TRAIN.BATCH_SIZE
        assert get_epoch_lr(epoch, cfg) == get_epoch_lr(epoch, plan.cfg)
        assert is_eval_epoch(cfg, epoch, multigrid.schedule) == plan.is_evaluated(epoch)
        assert is_checkpoint_epoch(cfg, epoch, multigrid.schedule) == plan.is_saved(epoch)
        sampler = ShortCycleBatchSampler(range(10_000), cfg.TRAIN.BATCH_SIZE, True, cfg)
        assert sampler.batch_sizes == [64 * each.batch for each in plan.shapes(epoch)]


def test_a_short_cycle_has_as_many_batches_as_it_says():
    cfg = get_cfg()
    cfg.MULTIGRID.DEFAULT_S = 224
    for items in range(30):
        for drop_last in (True, False):
            sampler = ShortCycleBatchSampler(range(items), 2, drop_last, cfg)
            batches = list(sampler)
            assert len(batches) == len(sampler)
            if not drop_last:
                assert [index for batch in batches for index, _ in batch] == list(range(items))
