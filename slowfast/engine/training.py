"""Training: data, task, optimizer; then epochs of steps, statistics, checkpoint, evaluation.

Data are opened first, because they are missing most often. A resumed run computes the same as a run
without the stop, wherever it was stopped; on the CPU the results are bit-identical. All randomness
is a function of the place in the run, and checkpoints hold everything else.
"""

import time
from collections.abc import Sequence
from datetime import timedelta

from fvcore.common.config import CfgNode

from slowfast.ak.checks.recipe import describe_run
from slowfast.ak.clips.loader import ClipLoader
from slowfast.ak.lists.holdout import fingerprint
from slowfast.ak.registries.metrics import column_of, facts_of, metric_of
from slowfast.checkpoints.best import Best
from slowfast.checkpoints.evaluations import evaluations_so_far
from slowfast.checkpoints.file import check_writable
from slowfast.checkpoints.names import get_checkpoint_dir
from slowfast.checkpoints.starting_weights import Start
from slowfast.config import checks
from slowfast.config.provenance import ignored
from slowfast.data_tools.check_data import warn_before_training
from slowfast.datasets.loader import construct_loader
from slowfast.engine.after_epoch import AfterEpoch
from slowfast.engine.device.bottleneck import bottleneck
from slowfast.engine.device.memory import MemoryAdvice
from slowfast.engine.device.runtime import get_device, seed_everything
from slowfast.engine.evaluation_pass import EvaluationPass
from slowfast.engine.learner import Learner
from slowfast.engine.meters import TrainMeter
from slowfast.engine.run_checkpoints import RunCheckpoints, resume_epoch
from slowfast.engine.stopping import StopRequests
from slowfast.engine.train_pass import TrainPass
from slowfast.models.cost import log_model_info
from slowfast.results.files import check_results_path
from slowfast.schedules.plan import RunPlan
from slowfast.tasks import choose_task
from slowfast.utils import distributed, logging
from slowfast.utils.files.stats_line import first_number
from slowfast.utils.plural import count
from slowfast.utils.run_folder import stats_log
from slowfast.utils.run_folder.run_config import save_config
from slowfast.utils.run_folder.run_record import record_run
from slowfast.visualization.tensorboard import Board
from slowfast.visualization.tensorboard.events import writer_class

logger = logging.get_logger(__name__)

# In a shorter run the start of workers and the choice of kernels take most of the time.
_STEPS_THAT_SHOW_THE_BOTTLENECK = 20


def train(cfg: CfgNode) -> None:
    """Trains the configured task, from the state that OUTPUT_DIR holds.

    Raises:
        UserError: bad data or weights, or a loss that is no longer finite.
        Stopped: SIGTERM or SIGINT came; the state is saved, and the same command resumes the run.
    """
    with StopRequests() as stop:
        _train(cfg, stop)


def _train(cfg: CfgNode, stop: StopRequests) -> None:
    _prepare_folder(cfg)
    seed_everything(cfg.RNG_SEED)
    plan = RunPlan.from_cfg(cfg)
    train_loader, val_loader = _open_data(cfg)
    holdout = fingerprint(cfg)  # now, because the file may change while the run goes on

    learner = Learner.from_cfg(cfg)
    if cfg.LOG_MODEL_INFO:
        log_model_info(learner.network, cfg)
    start = learner.load(cfg)
    _record(cfg, start)

    checkpoints = RunCheckpoints(cfg, learner, start.initialisation, holdout)
    counts = train_loader.counts(plan.epochs)
    meter = TrainMeter(counts, cfg)
    done = resume_epoch(start, learner, train_loader, meter)
    stored = evaluations_so_far(cfg, learner.task.best)
    best = stored or Best.from_cfg(cfg, learner.task.best)
    evaluated = stored.evaluated if stored else start.epoch
    _begin_log(cfg, start, done, evaluated)
    if text := plan.description():
        logger.info(text)

    memory = MemoryAdvice.from_cfg(cfg, learner.task, learner.precision)
    training = TrainPass.from_cfg(cfg, learner, train_loader, meter, checkpoints, stop)
    evaluation = EvaluationPass.from_cfg(cfg, learner, val_loader, stop, best)
    after = AfterEpoch.from_cfg(cfg, training, evaluation, memory)
    board = _open_board(cfg, training, evaluation, counts, sum(counts[: start.epoch]) + done)

    if evaluated < start.epoch and not done and plan.is_evaluated(start.epoch - 1):
        logger.info(f"The run was stopped before it had evaluated epoch {start.epoch}.")
        after.evaluate(start.epoch - 1)
    if start.epoch >= plan.epochs:
        logger.info(
            f"Nothing to train: {count(start.epoch, 'epoch')} done of {plan.epochs}, which "
            f"SOLVER.MAX_EPOCH {cfg.SOLVER.MAX_EPOCH} asks for."
        )
        return

    begin, seconds, idle = time.perf_counter(), 0.0, 0.0
    steps = sum(counts[start.epoch :]) - done
    for epoch in range(start.epoch, plan.epochs):
        if not done:  # else the state of the task was restored in the middle of the epoch
            learner.regroup_norms(epoch)
            learner.task.begin_epoch(epoch)
        with memory.training(learner.network):
            figures = training.run(epoch, done)
            seconds += figures["dt"] * counts[epoch]
            idle += figures["dt_idle"] * counts[epoch]
            figures |= after.run(epoch)
        meter.reset()
        done = 0
        logger.info(epoch_line(figures))

    taken = timedelta(seconds=round(time.perf_counter() - begin))
    logger.info(
        f"Trained {count(plan.epochs - start.epoch, 'epoch')} in {taken}; "
        f"checkpoints are in {get_checkpoint_dir(cfg.OUTPUT_DIR)}"
    )
    if board:
        board.close()
    if steps >= _STEPS_THAT_SHOW_THE_BOTTLENECK:
        logger.info(bottleneck(cfg, idle / seconds, train_loader.num_workers))
    if evaluation.best.metric:
        logger.info(f"Best evaluation: {evaluation.best}")


def _prepare_folder(cfg: CfgNode) -> None:
    """Opens the log, and checks that all files can be written before anything is read."""
    logging.setup_logging(cfg.OUTPUT_DIR)
    logger.debug(f"Configuration:\n{cfg.dump()}")
    # The terminal has shown these before there was a log.
    for warning in (*ignored(cfg), *checks.warnings(cfg)):
        logger.debug(warning)
    if distributed.is_master_proc():
        check_writable(cfg.OUTPUT_DIR)
    check_results_path(cfg)
    if cfg.TENSORBOARD.ENABLE:
        writer_class()  # a missing package is an error now, not after data and weights are read


def _open_data(cfg: CfgNode) -> tuple[ClipLoader, ClipLoader]:
    """The loaders of training and validation clips; logs problems of the data."""
    collate = choose_task(cfg).collate
    train_loader = construct_loader(cfg, "train", collate=collate)
    val_loader = construct_loader(cfg, "val", collate=collate)
    warn_before_training(cfg, train_loader.dataset, val_loader.dataset)
    return train_loader, val_loader


def _record(cfg: CfgNode, start: Start) -> None:
    """Records configuration and start of the run, once the folder is known to belong to it."""
    if distributed.is_master_proc():
        save_config(cfg)
    record_run(cfg, "train", start.path)
    describe_run(cfg, start.description, distributed.get_world_size(), get_device(cfg))


def _begin_log(cfg: CfgNode, start: Start, done: int, evaluated: int) -> None:
    """Cuts json_stats.log at the place where the run resumes; a new run begins a new log."""
    if start.path:
        stats_log.remove_lines_after(cfg.OUTPUT_DIR, start.epoch, done, evaluated)
    else:
        stats_log.set_aside_old_log(cfg.OUTPUT_DIR)


def _open_board(
    cfg: CfgNode,
    training: TrainPass,
    evaluation: EvaluationPass,
    counts: Sequence[int],
    done: int,
) -> Board | None:
    """The TensorBoard board of the run, connected to what it shows; None: TENSORBOARD is off.

    Args:
        counts: steps of each epoch.
        done: steps of the run that are done.
    """
    task = training.learner.task
    board = Board.of_run(cfg, task.classes, counts, done)
    if board:
        training.meter.board = evaluation.meter.board = evaluation.board = board
        training.step.show = lambda batch: task.draw_input(board, batch)
    return board


def epoch_line(figures: dict) -> str:
    """Returns the figures of an epoch in words: the loss, and those of an evaluation."""
    line = f"Epoch {figures['epoch']}: loss {figures['loss']:.4f}, lr {figures['lr']:.3g}"
    for key, value in figures.items():
        owner, _, own_key = key.rpartition("/")
        name, facts = metric_of(key), facts_of(key)
        # With several label sets the line has only the figures of the first results table.
        if name is None or (owner and not facts.column):
            continue
        text = facts.text(value)
        # "mAP 12.00 %, head 20.00, tail -, micro 15.00"
        is_short = own_key != name or facts.title == facts.column
        title = column_of(key) if is_short else facts.title or own_key
        title = f"{owner} {title}" if owner and own_key == name else title
        value = "-" if text is None else text if is_short else f"{text}{facts.sign}"
        line += f", {title} {value}"
    is_best = figures.get("best_epoch") == first_number(figures["epoch"])
    return line + (", the best so far" if is_best else "")
