"""Training: data, model, optimizer; then epochs of steps, statistics, checkpoint, evaluation.

Notable: data come first, because they are what is most often missing. A run that is taken up again
is the run that was never stopped, wherever it was stopped, and on the CPU bit for bit: what is
random is a function of its place in the run, and what is not stands in the checkpoint (see
``run_checkpoints``).
"""

import time
from datetime import timedelta

from fvcore.common.config import CfgNode

from slowfast.ak.checks.recipe import describe_run
from slowfast.ak.classes.counts import read_class_table
from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.lists.holdout import fingerprint
from slowfast.checkpoints.evaluations import evaluations_so_far
from slowfast.checkpoints.file import check_writable
from slowfast.checkpoints.names import get_checkpoint_dir
from slowfast.config import checks
from slowfast.data_tools.check_data import warnings_before_training
from slowfast.datasets.loader import construct_loader
from slowfast.engine.bottleneck import bottleneck
from slowfast.engine.device.memory import explained_training
from slowfast.engine.device.runtime import get_device, seed_everything
from slowfast.engine.epoch import train_epoch
from slowfast.engine.epoch_end import EpochEnd
from slowfast.engine.meters import TrainMeter, ValMeter
from slowfast.engine.run_checkpoints import RunCheckpoints, resume_epoch
from slowfast.engine.schedule import is_eval_epoch
from slowfast.engine.step import TrainStep
from slowfast.engine.stopping import StopRequests
from slowfast.engine.trained import Trained
from slowfast.models.cost import log_model_info
from slowfast.models.losses import set_loss_epoch
from slowfast.models.memory_format import channels_last
from slowfast.results.files import check_results_path
from slowfast.utils import distributed, logging, stats_log
from slowfast.utils.plural import count
from slowfast.utils.run_config import save_config
from slowfast.utils.run_record import record_run
from slowfast.visualization.tensorboard import Board
from slowfast.visualization.tensorboard.events import writer_class

logger = logging.get_logger(__name__)

# From so many on it shows what held them up; before, workers start and kernels are chosen.
_TELLING_STEPS = 20


def train(cfg: CfgNode) -> None:
    """Trains the configured model, from where OUTPUT_DIR says that the run is.

    Raises:
        UserError: bad data or weights, or a loss that is no longer finite.
        Stopped: SIGTERM or SIGINT came; the run is saved, and goes on when it is started again.
    """
    with StopRequests() as stop:
        _train(cfg, stop)


def _train(cfg: CfgNode, stop: StopRequests) -> None:
    logging.setup_logging(cfg.OUTPUT_DIR)
    logger.debug(f"Configuration:\n{cfg.dump()}")
    for warning in checks.warnings(cfg):  # the terminal has them, from before there was a log
        logger.debug(warning)
    if distributed.is_master_proc():
        check_writable(cfg.OUTPUT_DIR)
    check_results_path(cfg)
    if cfg.TENSORBOARD.ENABLE:
        writer_class()  # now rather than once data and weights are read
    seed_everything(cfg.RNG_SEED)

    train_loader = construct_loader(cfg, "train")
    val_loader = construct_loader(cfg, "val")
    if distributed.is_master_proc():
        data_sets = train_loader.dataset, val_loader.dataset
        for warning in warnings_before_training(*data_sets, cfg.DATA.READ_TIMEOUT):
            logger.warning(warning)
    classes = read_class_table(cfg)
    holdout = fingerprint(cfg)  # of the file as it is now: it may change while the run goes on

    to_input = InputTransform.from_cfg(cfg, channels_last(cfg))
    trained = Trained.from_cfg(cfg)
    if cfg.LOG_MODEL_INFO:
        log_model_info(trained.model, cfg)
    start = trained.load(cfg)
    if distributed.is_master_proc():
        save_config(cfg)  # not before it is known that the folder is this run's
    record_run(cfg, "train", start.path)
    describe_run(cfg, start.description, distributed.get_world_size(), get_device(cfg))

    step = TrainStep(cfg, trained, to_input)
    checkpoints = RunCheckpoints(cfg, trained, start.initialisation, holdout)
    train_meter = TrainMeter(len(train_loader), cfg)
    done = resume_epoch(start, trained, train_loader, train_meter)
    taken_up = evaluations_so_far(cfg)
    val_meter = ValMeter(len(val_loader), cfg, taken_up)
    evaluated = taken_up.evaluated if taken_up else start.epoch
    if start.path:
        stats_log.remove_lines_after(cfg.OUTPUT_DIR, start.epoch, done, evaluated)
    else:
        stats_log.set_aside_old_log(cfg.OUTPUT_DIR)
    before = start.epoch * len(train_loader) + done
    board = Board.of_run(cfg, classes, len(train_loader), before)
    if board:
        train_meter.board = val_meter.board = board
        step.shows = board.add_clips
    end = EpochEnd(
        cfg, checkpoints, train_loader, val_loader, train_meter, val_meter, to_input, classes, stop
    )

    if evaluated < start.epoch and not done and is_eval_epoch(cfg, start.epoch - 1):
        logger.info(f"The run was stopped before it had evaluated epoch {start.epoch}.")
        end.evaluate(start.epoch - 1)
    if start.epoch >= cfg.SOLVER.MAX_EPOCH:
        logger.info(
            f"Nothing to train: {count(start.epoch, 'epoch')} done, SOLVER.MAX_EPOCH is "
            f"{cfg.SOLVER.MAX_EPOCH}."
        )
        return

    steps = (cfg.SOLVER.MAX_EPOCH - start.epoch) * len(train_loader) - done
    begin, stepping, idle = time.perf_counter(), 0.0, 0.0
    for epoch in range(start.epoch, cfg.SOLVER.MAX_EPOCH):
        if not done:  # else the loss has been taken up with its epoch
            set_loss_epoch(trained.loss_function, epoch)
        with explained_training(cfg, trained.model, trained.loss_function, to_input):
            figures = train_epoch(
                cfg, epoch, train_loader, step, train_meter, checkpoints, stop, done
            )
            stepping += figures["dt"] * len(train_loader)
            idle += figures["dt_idle"] * len(train_loader)
            figures |= end.close(epoch)
        train_meter.reset()
        done = 0
        logger.info(epoch_line(figures))
    taken = timedelta(seconds=round(time.perf_counter() - begin))
    logger.info(
        f"Trained {count(cfg.SOLVER.MAX_EPOCH - start.epoch, 'epoch')} in {taken}; "
        f"checkpoints are in {get_checkpoint_dir(cfg.OUTPUT_DIR)}"
    )
    if board:
        board.close()
    if steps >= _TELLING_STEPS:
        logger.info(bottleneck(cfg, idle / stepping, train_loader.num_workers))
    logger.info(f"Best evaluation: {val_meter.best}")


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
