"""Training: data, model, optimizer; then epochs of steps, statistics, checkpoint, evaluation.

Notable: data come first, because they are what is most often missing. Each epoch seeds its own
randomness, so that a run taken up again from a checkpoint is, bit for bit, the run that was never
stopped. Losses are read late (see ``pending``), and no checkpoint holds one that was not finite.
"""

import time
from datetime import timedelta

from fvcore.common.config import CfgNode

from slowfast.ak.class_counts import read_class_table
from slowfast.ak.flaws import most_tolerated
from slowfast.ak.holdout import fingerprint
from slowfast.ak.loader import ClipLoader
from slowfast.ak.pixels import InputTransform
from slowfast.ak.recipe import describe_run
from slowfast.config import checks
from slowfast.config.saved import save_config
from slowfast.datasets.check_data import doubts_before_training
from slowfast.datasets.loader import construct_loader, shuffle_dataset
from slowfast.engine.bottleneck import bottleneck
from slowfast.engine.device_queue import DeviceQueue
from slowfast.engine.evaluate import evaluate
from slowfast.engine.pending import PendingSteps, Step
from slowfast.engine.precise_bn import update_norm_statistics
from slowfast.engine.prefetch import DeviceBatches
from slowfast.engine.progress import progress_bar
from slowfast.engine.results import check_results_path
from slowfast.engine.runtime import (
    get_device,
    make_scaler,
    seed_everything,
    share_norm_statistics,
)
from slowfast.engine.speed import prepare_device
from slowfast.engine.step import TrainStep
from slowfast.models import build_model
from slowfast.models.arrange import channels_last
from slowfast.models.losses import build_loss, set_loss_epoch
from slowfast.models.optimizer import construct_optimizer, get_epoch_lr
from slowfast.utils import checkpoint, distributed, logging, misc
from slowfast.utils.checkpoint_file import check_writable
from slowfast.utils.meters import TrainMeter, ValMeter
from slowfast.utils.weights import unwrap

logger = logging.get_logger(__name__)


def train(cfg: CfgNode) -> None:
    """Trains the configured model, from the last checkpoint in OUTPUT_DIR where there is one.

    Raises:
        UserError: bad data or weights, or a loss that is no longer finite.
    """
    logging.setup_logging(cfg.OUTPUT_DIR)
    logger.debug(f"Configuration:\n{cfg.dump()}")
    for warning in checks.warnings(cfg):  # the terminal has them, from before there was a log
        logger.debug(warning)
    if distributed.is_master_proc():
        check_writable(cfg.OUTPUT_DIR)
        save_config(cfg)
    check_results_path(cfg)
    seed_everything(cfg.RNG_SEED)

    train_loader = construct_loader(cfg, "train")
    val_loader = construct_loader(cfg, "val")
    if distributed.is_master_proc():
        data_sets = train_loader.dataset, val_loader.dataset
        for doubt in doubts_before_training(*data_sets, cfg.DATA.READ_TIMEOUT):
            logger.warning(doubt)
    classes = read_class_table(cfg)
    holdout = fingerprint(cfg)  # of the file as it is now: it may change while the run goes on

    device = get_device(cfg)
    prepare_device(cfg)
    to_input = InputTransform.from_cfg(cfg, channels_last(cfg))
    model = build_model(cfg)
    if cfg.LOG_MODEL_INFO:
        misc.log_model_info(model, cfg)
    optimizer = construct_optimizer(model, cfg)
    scaler = make_scaler(cfg, device)
    loss_function = build_loss(cfg).to(device)
    start_epoch = checkpoint.load_train_checkpoint(cfg, model, optimizer, scaler)
    initialisation = checkpoint.initialisation(cfg)
    describe_run(cfg, initialisation, distributed.get_world_size(), device)

    step = TrainStep(cfg, model, loss_function, optimizer, scaler, to_input)
    train_meter = TrainMeter(len(train_loader), cfg)
    taken_up = checkpoint.evaluations_so_far(cfg)
    val_meter = ValMeter(len(val_loader), cfg, taken_up)

    def evaluate_epoch(epoch: int) -> dict:
        figures = evaluate(cfg, epoch, val_loader, model, to_input, val_meter, classes)
        checkpoint.save_evaluation(cfg, model, val_meter.best, initialisation, holdout)
        return figures

    if taken_up and taken_up.evaluated < start_epoch and misc.is_eval_epoch(cfg, start_epoch - 1):
        logger.info(f"The run was stopped before it had evaluated epoch {start_epoch}.")
        evaluate_epoch(start_epoch - 1)
    if start_epoch >= cfg.SOLVER.MAX_EPOCH:
        logger.info(f"All {cfg.SOLVER.MAX_EPOCH} epochs are trained already; nothing to do.")

    begin, stepping, idle = time.perf_counter(), 0.0, 0.0
    for epoch in range(start_epoch, cfg.SOLVER.MAX_EPOCH):
        seed_everything(cfg.RNG_SEED, epoch)
        set_loss_epoch(loss_function, epoch)
        figures = train_epoch(cfg, epoch, train_loader, step, train_meter)
        stepping += figures["dt"] * len(train_loader)
        idle += figures["dt_idle"] * len(train_loader)

        saves = checkpoint.is_checkpoint_epoch(cfg, epoch)
        evaluates = misc.is_eval_epoch(cfg, epoch)
        if saves or evaluates:
            if cfg.BN.USE_PRECISE_STATS:
                update_norm_statistics(cfg, model, train_loader, to_input, device, epoch)
            else:
                share_norm_statistics(unwrap(model))
        if saves:
            checkpoint.save_checkpoint(
                cfg.OUTPUT_DIR,
                model,
                optimizer,
                epoch,
                cfg,
                scaler,
                initialisation=initialisation,
                holdout=holdout,
            )
        if evaluates:
            figures |= evaluate_epoch(epoch)
        logger.info(epoch_line(figures))
    if start_epoch < cfg.SOLVER.MAX_EPOCH:
        taken = time.perf_counter() - begin
        logger.info(
            f"Trained {cfg.SOLVER.MAX_EPOCH - start_epoch} epochs in "
            f"{timedelta(seconds=round(taken))}; "
            f"checkpoints are in {checkpoint.get_checkpoint_dir(cfg.OUTPUT_DIR)}"
        )
        logger.info(bottleneck(cfg, idle / stepping, train_loader.num_workers))
        logger.info(f"Best evaluation: {val_meter.best}")


def train_epoch(
    cfg: CfgNode,
    epoch: int,
    loader: ClipLoader,
    step: TrainStep,
    meter: TrainMeter,
) -> dict:
    """One pass over the training clips.

    Returns:
        The figures of the epoch, as they stand in json_stats.

    Raises:
        DivergedError: when the loss is no longer finite. All losses of the epoch have been read
            when this returns.
        TooManyBadClips: when more clips than DATA.MAX_BAD_FRACTION tolerates cannot be read.
    """
    device = get_device(cfg)
    step.model.train()
    shuffle_dataset(loader, epoch)
    label = f"epoch {epoch + 1}/{cfg.SOLVER.MAX_EPOCH}"
    tolerated = most_tolerated(len(loader.dataset), cfg.DATA.MAX_BAD_FRACTION)
    pending = PendingSteps(loader.dataset.clip_name, label, step.skips_bad_gradients)
    queue = DeviceQueue(device)
    bar = progress_bar(len(loader), label)

    def report(steps: list[tuple[Step, list[float]]]) -> None:
        if not steps:
            return
        loader.ledger.share()
        meter.counts = loader.ledger.counts("bad")
        for step, (loss, grad_norm, *errors) in steps:
            meter.update_stats(*(errors or (None, None)), loss, step.lr, grad_norm, len(step.clips))
            meter.log_iter_stats(epoch, step.iteration)
            left = meter.time_left(epoch, step.iteration)
            bar.set_postfix_str(f"loss {loss:.4f}, lr {step.lr:.2g}, run {left} left", False)
        loader.ledger.stop_above(tolerated, label)

    meter.iter_tic()
    batches = DeviceBatches(loader, device, cfg.SPEED.PREFETCH)
    for iteration, (clips, labels, index) in enumerate(batches):
        meter.data_toc(queue.is_idle())
        lr = get_epoch_lr(epoch + iteration / len(loader), cfg)
        key = (cfg.RNG_SEED, epoch, iteration, distributed.get_rank())
        pending.add(iteration, index, lr, *step(clips, labels, lr, key))
        queue.add()
        # The CPU has nothing queued that reading would wait for.
        is_due = device.type == "cpu" or (iteration + 1) % cfg.LOG_PERIOD == 0
        steps = pending.read() if is_due else []
        meter.iter_toc()
        report(steps)
        bar.update()
        meter.iter_tic()
    report(pending.read())
    bar.close()
    figures = meter.log_epoch_stats(epoch)
    meter.reset()
    return figures


def epoch_line(figures: dict) -> str:
    """An epoch's figures for a person: loss, and what an evaluation found, in per cent."""
    names = {"map": "mAP", "top1_err": "top-1 error", "top5_err": "top-5 error"}
    line = f"Epoch {figures['epoch']}: loss {figures['loss']:.4f}, lr {figures['lr']:.3g}"
    for key, value in figures.items():
        if key in names:
            line += f", {names[key]} {value * (100 if key == 'map' else 1):.2f} %"
        elif key.startswith("map_") and value == value:
            line += f", {key.removeprefix('map_')} {100 * value:.2f}"
    is_best = str(figures.get("best_epoch")) == figures["epoch"].split("/")[0]
    return line + (", the best so far" if is_best else "")
