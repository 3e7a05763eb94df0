"""Checks of a run as a whole: phases, processes, batches, and what a test uses and writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from fvcore.common.config import CfgNode

from slowfast.ak.keys import Finding
from slowfast.ak.lists.holdout import chosen_on
from slowfast.ak.registries.datasets import has_test_list
from slowfast.ak.run.cores import processes_of_machine
from slowfast.config.checks import problem, warning
from slowfast.config.derived import draws_pictures, enabled_phases
from slowfast.config.dotted import key_and_value
from slowfast.config.readers import can_be_read


@problem
def _phases_and_machines(cfg: CfgNode) -> Iterator[Finding]:
    if not (enabled_phases(cfg) or draws_pictures(cfg)):
        words = "TEST.ENABLE is False too, so that there is nothing to do; set one True"
        if cfg.DEMO.ENABLE:
            words += ". For DEMO.ENABLE True, tools/predict.py scores videos"
        yield "TRAIN.ENABLE", words
    if cfg.SHARD_ID >= cfg.NUM_SHARDS:
        words = f"with {key_and_value(cfg, 'NUM_SHARDS')} the machines have the numbers 0 to "
        yield "SHARD_ID", f"{words}{cfg.NUM_SHARDS - 1}"
    if cfg.DIST_TIMEOUT <= 0:
        yield "DIST_TIMEOUT", "expected minutes above 0"
    if cfg.TRAIN.ENABLE and cfg.SPEED.COMPILE and cfg.MODEL.ACT_CHECKPOINT:
        yield (
            "SPEED.COMPILE",
            f"layers that {key_and_value(cfg, 'MODEL.ACT_CHECKPOINT')} computes twice cannot be "
            "compiled; set one of the two False",
        )


@problem
def _batches(cfg: CfgNode) -> Iterator[Finding]:
    key = "NUM_GPUS" if cfg.NUM_GPUS else "CPU_PROCESSES"
    for phase in enabled_phases(cfg):
        size, parts, among = (
            cfg[phase].BATCH_SIZE,
            processes_of_machine(cfg),
            key_and_value(cfg, key),
        )
        if phase == "TRAIN" and cfg.SOLVER.ACCUMULATE_STEPS > 1:
            parts *= cfg.SOLVER.ACCUMULATE_STEPS
            among += f" and {key_and_value(cfg, 'SOLVER.ACCUMULATE_STEPS')}"
        if size % parts:
            below, above = size // parts * parts, (size // parts + 1) * parts
            nearest = f"{below} or {above}" if below else str(above)
            words = f"cannot be divided evenly among {among}; take {nearest}"
            yield f"{phase}.BATCH_SIZE", words


@problem
def _views_of_a_test(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.TEST.NUM_ENSEMBLE_VIEWS == 0 and can_be_read(cfg, "TEST.NUM_ENSEMBLE_VIEWS"):
        yield "TEST.NUM_ENSEMBLE_VIEWS", "expected 1 or more, or -1 for 1, 3, 5, 7 and 10"


@problem
def _weights_to_test(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.TEST.WEIGHTS != "best" or not cfg.TEST.ENABLE:
        return
    if cfg.TEST.CHECKPOINT_FILE_PATH:
        yield (
            "TEST.WEIGHTS",
            f"{key_and_value(cfg, 'TEST.CHECKPOINT_FILE_PATH')} names the weights to test as well; "
            "take TEST.WEIGHTS last, or leave the path empty",
        )
    elif cfg.TRAIN.ENABLE and not cfg.TRAIN.KEEP_BEST:
        words = f"with {key_and_value(cfg, 'TRAIN.KEEP_BEST')} no best weights are kept"
        yield "TEST.WEIGHTS", f"{words}; set that True, or take last"


@problem
def _results_file(cfg: CfgNode) -> Iterator[Finding]:
    path = cfg.TEST.SAVE_RESULTS_PATH
    if not path or not cfg.TEST.ENABLE:
        return
    if path.endswith("/") or PurePath(path).name in ("", ".."):
        yield "TEST.SAVE_RESULTS_PATH", "names a folder; expected a file, such as results.pkl"
    elif PurePath(path).suffix.lower() in (".csv", ".json"):
        yield (
            "TEST.SAVE_RESULTS_PATH",
            "expected the name of the pickle; a .csv and a .json of the same name are written "
            f"beside it; take {PurePath(path).with_suffix('.pkl')}",
        )


@warning
def _best_weights_chosen_on_the_test_set(cfg: CfgNode) -> Iterator[Finding]:
    chosen_elsewhere = cfg.AK.HOLDOUT or has_test_list(cfg)
    both = cfg.TRAIN.ENABLE and cfg.TEST.ENABLE
    if both and cfg.TEST.WEIGHTS == "best" and not chosen_elsewhere:
        yield (
            "TEST.WEIGHTS",
            f"the best weights are chosen on {chosen_on(cfg)}, so that the figures of the test are "
            "optimistic; tools/make_holdout.py makes a list of training clips to choose on, for "
            "AK.HOLDOUT",
        )


@warning
def _other_weights_than_trained(cfg: CfgNode) -> Iterator[Finding]:
    if len(enabled_phases(cfg)) == 2 and cfg.TEST.CHECKPOINT_FILE_PATH:
        yield (
            "TEST.CHECKPOINT_FILE_PATH",
            "the run tests this file and not the network that it trains; leave the key empty to "
            "test that network",
        )
