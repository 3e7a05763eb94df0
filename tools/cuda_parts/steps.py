"""Step times, losses and peak memory: each SPEED key, precisions, compilation, the recipes."""

import torch

from benchmarks import depthwise
from benchmarks.step_parts.settings import CONFIGURED, PLAIN, Overrides, as_options, switches
from benchmarks.step_parts.steps import Measured, measure
from cuda_parts.part import ROOT, Failed, Findings, Part, Work
from slowfast.ak.run.cores import available_cores

RECIPES = ("I3D_8x8_R50", "SLOWFAST_8x8_R50", "X3D_L", "MVITv2_S_16x4")
_BF16 = switches(True)["bf16"]
# This much memory is enough for the plain step of any recipe, in a process of its own.
_GIB_OF_A_SETTING = 14
_TINY: Overrides = {
    "RESNET.WIDTH_PER_GROUP": 8,
    "X3D.WIDTH_FACTOR": 0.5,
    "X3D.DEPTH_FACTOR": 0.5,
    "X3D.DIM_C5": 16,
    "MVIT.EMBED_DIM": 8,
}


def _keys(work: Work) -> Findings:
    left_out = ("SPEED.COMPILE", "bf16", "fp16", "MODEL.ACT_CHECKPOINT")
    chosen = {n: PLAIN | o for n, o in switches(work.on_gpu).items() if n not in left_out}
    return (yield from _tables(work, RECIPES, {"plain": PLAIN, **chosen, "configured": CONFIGURED}))


def _precision(work: Work) -> Findings:
    known = switches(work.on_gpu)
    chosen = {name: PLAIN | known[name] for name in ("bf16", "fp16")}
    chosen["bf16, SPEED.CHANNELS_LAST"] = PLAIN | _BF16 | {"SPEED.CHANNELS_LAST": True}
    return (yield from _tables(work, RECIPES, {"plain": PLAIN, **chosen}))


def _compile(work: Work) -> Findings:
    compiled = CONFIGURED | {"SPEED.COMPILE": True}
    settings = {"configured": CONFIGURED, "and SPEED.COMPILE": compiled}
    return (yield from _tables(work, ("SLOWFAST_8x8_R50", "MVITv2_S_16x4"), settings))


def _memory(work: Work) -> Findings:
    checkpointed = CONFIGURED | {"MODEL.ACT_CHECKPOINT": True}
    settings = {
        "configured": CONFIGURED,
        "and bf16": CONFIGURED | _BF16,
        "and MODEL.ACT_CHECKPOINT": checkpointed,
    }
    return (yield from _tables(work, RECIPES, settings, repeats=2))


def _depthwise(work: Work) -> Findings:
    clips, turns = (8, 10) if work.on_gpu else (1, 1)
    layers = depthwise.LAYERS if work.on_gpu else depthwise.LAYERS[-1:]
    device = torch.device(work.device)
    yield from depthwise.table(layers, clips, turns, device)
    return f"{len(layers)} kinds of layers, {clips} clips, float32"


def _tables(
    work: Work, recipes: tuple[str, ...], settings: dict[str, Overrides], repeats: int = 7
) -> Findings:
    """Yields a table for each recipe; all settings are compared with the first one."""
    batch, crop = 8, 256
    if not work.on_gpu:  # one recipe is enough to rehearse
        recipes, batch, crop, repeats = recipes[-1:], 2, 32, 1
    shared = work.demo() | {
        "TRAIN.BATCH_SIZE": batch,
        "DATA.TRAIN_CROP_SIZE": crop,
        "DATA.TRAIN_JITTER_SCALES": [crop, round(crop * 4 / 3)],
        "MODEL.LOSS_FUNC": "bce_loss",
        "MODEL.NUM_CLASSES": 14,  # of the demo data
        "LOG_MODEL_INFO": False,
        **({} if work.on_gpu else _TINY),
    }
    failures = []
    for recipe in recipes:
        yield f"{recipe}, {batch} clips of {crop} pixels, median of {repeats}:"
        yield ""
        yield "| setting | ms a step | of the first | last loss | peak allocated, GiB | reserved |"
        yield "|---|---|---|---|---|---|"
        first: Measured | None = None
        for names in _groups(list(settings), work):
            options = {name: as_options(shared | settings[name]) for name in names}
            path = str(ROOT / "configs" / "AK" / f"{recipe}.yaml")
            found = measure(path, options, repeats, max(1, available_cores() // len(names)))
            for name, measured in found.items():
                first = first or measured
                yield _row(name, measured, first)
                if measured.failure:
                    failures.append(f"{recipe}, {name}: {measured.failure}")
        yield ""
    if failures:
        raise Failed("; ".join(failures))
    return f"{len(settings)} settings of {', '.join(recipes)}"


def _groups(names: list[str], work: Work) -> list[list[str]]:
    """Returns groups of settings; a group fits into memory and takes its steps in turn."""
    at_once = 2
    if work.on_gpu:
        total = torch.cuda.get_device_properties(0).total_memory / 2**30
        at_once = max(1, int(total / _GIB_OF_A_SETTING))
    return [names[i : i + at_once] for i in range(0, len(names), at_once)]


def _row(name: str, measured: Measured, first: Measured) -> str:
    if measured.failure:
        return f"| {name} | {measured.failure} |"
    cells = (
        f"{1000 * measured.seconds:.1f}",
        f"{measured.seconds / first.seconds:.2f}",
        f"{measured.loss:.4f}",
        f"{measured.memory / 2**30:.2f}",
        f"{measured.reserved / 2**30:.2f}",
    )
    return f"| {name} | {' | '.join(cells)} |"


KEYS = Part("keys", "the step time of each SPEED key, four recipes", 94, _keys)
PRECISION = Part("precision", "step time and loss in bf16 and fp16, four recipes", 53, _precision)
COMPILE = Part("compile", "the step time of two recipes that are compiled", 47, _compile)
MEMORY = Part("memory", "the peak memory of each recipe", 40, _memory)
DEPTHWISE = Part("depthwise", "X3D's depthwise convolutions in both layouts", 20, _depthwise)
