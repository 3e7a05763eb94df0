"""The settings that are compared: plain, configured, and plain with one change.

SPEED.BUCKET_VIEW and SPEED.STATIC_GRAPH concern the exchange of gradients between processes. They
are left out, because one process is measured here.
"""

from slowfast.config.defaults import get_cfg

Overrides = dict[str, object]

# float32, contiguous, no extras.
PLAIN: Overrides = {f"SPEED.{key}": False for key in get_cfg().SPEED} | {
    "TRAIN.MIXED_PRECISION": False,
    "MODEL.ACT_CHECKPOINT": False,
}
# As the recipe and the defaults have it.
CONFIGURED: Overrides = {}

_GPU_ALONE = ("TF32", "CUDNN_BENCHMARK", "PREFETCH")
_CPU_ALONE = ("DEPTHWISE", "LINEAR", "KEEP_MEMORY")


def switches(on_gpu: bool) -> dict[str, Overrides]:
    """Returns the single changes that a device knows, by the name of the row in the table."""
    keys = ["CHANNELS_LAST", *_CPU_ALONE, "FUSED_OPTIMIZER", *_GPU_ALONE, "COMPILE"]
    idle = _CPU_ALONE if on_gpu else _GPU_ALONE
    each: dict[str, Overrides] = {
        f"SPEED.{key}": {f"SPEED.{key}": True} for key in keys if key not in idle
    }
    for precision in ("bf16", "fp16"):
        each[precision] = {
            "TRAIN.MIXED_PRECISION": True,
            "TRAIN.MIXED_PRECISION_TYPE": precision,
        }
    each["MODEL.ACT_CHECKPOINT"] = {"MODEL.ACT_CHECKPOINT": True}
    return each


def as_options(overrides: Overrides) -> list[str]:
    """Returns overrides as on a command line: KEY VALUE KEY VALUE ..."""
    return [str(part) for item in overrides.items() for part in item]
