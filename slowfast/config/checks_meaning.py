"""Checks of settings that can run and cannot mean what was intended.

A setting with which nothing could be learnt is a problem. All others are warnings.
"""

from __future__ import annotations

from collections.abc import Iterator

from fvcore.common.config import CfgNode

from slowfast.ak.keys import Finding
from slowfast.ak.registries.datasets import DATASETS, classes_key
from slowfast.ak.registries.losses import LOSSES
from slowfast.config.checks import problem, warning
from slowfast.config.derived import enabled_phases
from slowfast.config.dotted import get, key_and_value, show

# Learning rates above these are far above those of any recipe for video networks.
LARGE_RATES = {"sgd": 10.0, "adam": 0.1, "adamw": 0.1}
# Shares that must stay below 1 in training, and what happens at 1.
SHARES_BELOW_1 = {
    "MODEL.DROPOUT_RATE": "drops all features of every clip",
    "MODEL.DROPCONNECT_RATE": "leaves out all residual branches of every clip",
}


@problem
def _too_few_classes(cfg: CfgNode) -> Iterator[Finding]:
    facts = LOSSES.facts(cfg.MODEL.LOSS_FUNC)
    for key in _keys_of_classes(cfg) if cfg.TRAIN.ENABLE else ():
        if 0 < get(cfg, key) < facts.fewest_classes:
            yield (
                key,
                f"with {key_and_value(cfg, 'MODEL.LOSS_FUNC')} nothing can be learnt: it compares "
                f"the classes of a clip; take {facts.fewest_classes} classes or more, or, to find "
                "one class, bce_loss with DATA.MULTI_LABEL True and MODEL.HEAD_ACT sigmoid",
            )


@problem
def _nothing_is_left(cfg: CfgNode) -> Iterator[Finding]:
    for key, what in SHARES_BELOW_1.items() if cfg.TRAIN.ENABLE else ():
        if get(cfg, key) >= 1:
            yield key, f"{what}, so that nothing can be learnt; expected a share below 1"


@warning
def _one_class_under_softmax(cfg: CfgNode) -> Iterator[Finding]:
    softmax = cfg.MODEL.HEAD_ACT == "softmax"
    for key in _keys_of_classes(cfg) if softmax else ():
        if get(cfg, key) == 1:
            head = key_and_value(cfg, "MODEL.HEAD_ACT")
            yield key, f"with {head} the score of the only class is 1 for every clip; take sigmoid"


@warning
def _sigmoid_for_one_label(cfg: CfgNode) -> Iterator[Finding]:
    """A network that was trained with several labels can be tested with one; its head stays."""
    if cfg.TRAIN.ENABLE and cfg.MODEL.HEAD_ACT == "sigmoid" and not cfg.DATA.MULTI_LABEL:
        yield (
            "MODEL.HEAD_ACT",
            "scores each class by itself, and with DATA.MULTI_LABEL False each clip has one class; "
            "softmax is usual",
        )


@warning
def _rates(cfg: CfgNode) -> Iterator[Finding]:
    if not cfg.TRAIN.ENABLE:
        return
    solver, rate = cfg.SOLVER, key_and_value(cfg, "SOLVER.BASE_LR")
    most = LARGE_RATES.get(solver.OPTIMIZING_METHOD, float("inf"))
    in_steps = solver.LR_POLICY == "steps_with_relative_lrs"
    factors, end = (solver.LRS, 0) if in_steps else ([1], solver.COSINE_END_LR)
    highest = max(solver.BASE_LR * max(factors), end)
    if highest == 0:
        key = "SOLVER.LRS" if solver.BASE_LR else "SOLVER.BASE_LR"
        yield key, "the learning rate is 0, so that no weight changes"
    elif highest > most:
        optimizer = key_and_value(cfg, "SOLVER.OPTIMIZING_METHOD")
        yield "SOLVER.BASE_LR", f"with {optimizer} a rate above {most:g} hardly ever converges"
    elif factors[0] == solver.BASE_LR != 1:
        words = f"factors on {rate}, not rates: the first rate is {factors[0] * solver.BASE_LR:g}"
        yield "SOLVER.LRS", f"{words}; the first factor is usually 1"
    if 0 < solver.BASE_LR < solver.WARMUP_START_LR and solver.WARMUP_EPOCHS > 0:
        yield (
            "SOLVER.WARMUP_START_LR",
            f"above {rate}, so that the rate falls during the warm-up; take less, such as "
            f"{solver.BASE_LR / 10:g}",
        )


@warning
def _weights_that_vanish_or_stay(cfg: CfgNode) -> Iterator[Finding]:
    solver = cfg.SOLVER
    if not cfg.TRAIN.ENABLE:
        return
    if solver.OPTIMIZING_METHOD == "sgd" and solver.MOMENTUM >= 1:
        yield "SOLVER.MOMENTUM", "steps grow without end; expected a number below 1"
    if solver.BASE_LR * solver.WEIGHT_DECAY >= 1:
        words = f"times {key_and_value(cfg, 'SOLVER.BASE_LR')} it takes all of a weight in a step"
        yield "SOLVER.WEIGHT_DECAY", f"{words}; 0.0001 is usual"
    if solver.EMA_DECAY == 1:
        yield "SOLVER.EMA_DECAY", "the average stays at the initial weights; 0.999 is usual"


@warning
def _steps_after_the_end(cfg: CfgNode) -> Iterator[Finding]:
    solver = cfg.SOLVER
    if not cfg.TRAIN.ENABLE or solver.LR_POLICY != "steps_with_relative_lrs":
        return
    # A last step at the end of the run is usual; upstream's recipes have it.
    if late := [step for step in solver.STEPS if step > solver.MAX_EPOCH]:
        words = f"the run ends after {key_and_value(cfg, 'SOLVER.MAX_EPOCH')} epochs, before "
        yield "SOLVER.STEPS", f"{words}{', '.join(map(str, late))}"


@warning
def _pixels_of_0_to_255(cfg: CfgNode) -> Iterator[Finding]:
    for key in ("DATA.MEAN", "DATA.STD"):
        if any(abs(number) > 1 for number in get(cfg, key)):
            scaled = [round(number / 255, 4) for number in get(cfg, key)]
            yield (
                key,
                "pixels are scaled to 0..1 first, and these look like numbers for 0..255; divided "
                f"by 255 they are {show(scaled)}",
            )


@warning
def _no_batch_is_mixed(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.TRAIN.ENABLE and cfg.MIXUP.ENABLE and cfg.MIXUP.PROB == 0:
        yield "MIXUP.PROB", "no batch is mixed"


@warning
def _tests_other_data(cfg: CfgNode) -> Iterator[Finding]:
    """A forgotten TEST.DATASET, which would stop the run, or mislead, only after the training."""
    names = cfg.TRAIN.DATASET, cfg.TEST.DATASET
    train, test = map(DATASETS.facts, names)  # an entry can have several names
    if len(enabled_phases(cfg)) == 2 and train is not test and names[0] != names[1]:
        words = f"the run trains on {key_and_value(cfg, 'TRAIN.DATASET')} and tests on this one"
        yield "TEST.DATASET", f"{words}; set both to the same, unless that is meant"


def _keys_of_classes(cfg: CfgNode) -> list[str]:
    """The keys with the numbers of classes of the data set in use."""
    phase = (enabled_phases(cfg) or ["TEST"])[0]
    columns = DATASETS.facts(cfg[phase].DATASET).label_columns
    return [classes_key(column) for column in columns or ("",)]
