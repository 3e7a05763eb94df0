"""Checks of the keys of vision transformers, before a run starts."""

from collections.abc import Iterator, Sequence
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.ak.keys import Finding
from slowfast.models.transformer import plan
from slowfast.models.transformer.block import skip_pooling
from slowfast.models.transformer.reversible import keeps_both_streams

# Lists of blocks: what an entry has after the number of the block.
_LISTS = {
    "MVIT.DIM_MUL": ("factor",),
    "MVIT.HEAD_MUL": ("factor",),
    "MVIT.POOL_Q_STRIDE": ("time", "height", "width"),
    "MVIT.POOL_KV_STRIDE": ("time", "height", "width"),
}
_CROPS = ("DATA.TRAIN_CROP_SIZE", "DATA.TEST_CROP_SIZE")


def problems(cfg: CfgNode) -> Iterator[Finding]:
    """Settings with which the network cannot be built, or cannot learn anything."""
    if cfg.TRAIN.ENABLE and cfg.MVIT.DROPOUT_RATE >= 1:
        words = "drops all features of every clip, so that nothing can be learnt"
        yield "MVIT.DROPOUT_RATE", f"{words}; expected a share below 1"
    wrong = [*_lists_of_blocks(cfg), *_patches(cfg), *_transitions(cfg)]
    yield from wrong
    if not wrong:  # the others compute with these
        yield from _widths(cfg)
        yield from _pooling(cfg)
        yield from _positions(cfg)
        yield from _relative_positions(cfg)
        yield from _changes_of_reversible_blocks(cfg)


def warnings(cfg: CfgNode) -> Iterator[Finding]:
    """Settings that are seldom intended."""
    mvit = cfg.MVIT
    if mvit.REV.ENABLE and mvit.CLS_EMBED_ON:
        yield (
            "MVIT.CLS_EMBED_ON",
            "a reversible network has no class token; the mean of all tokens is classified",
        )
    last = len(mvit.PATCH_STRIDE) - 1
    for key in _CROPS:
        side = cfg.DATA[key.partition(".")[2]]
        padded = side + 2 * mvit.PATCH_PADDING[last] - mvit.PATCH_KERNEL[last]
        unread = padded % mvit.PATCH_STRIDE[last] - mvit.PATCH_PADDING[last]
        if unread > 0:
            yield (
                key,
                f"the last {unread} rows and columns of pixels lie in no patch of "
                f"MVIT.PATCH_KERNEL {mvit.PATCH_KERNEL} with MVIT.PATCH_STRIDE {mvit.PATCH_STRIDE}",
            )


def _lists_of_blocks(cfg: CfgNode) -> Iterator[Finding]:
    for key, parts in _LISTS.items():
        seen: set[int] = set()
        for entry in cfg.MVIT[key.partition(".")[2]] or []:
            if entry == []:
                continue
            if words := _wrong_entry(entry, parts, cfg.MVIT.DEPTH):
                yield key, words
                break
            if entry[0] in seen:
                yield key, f"found two entries for block {entry[0]}; expected one"
                break
            seen.add(entry[0])


def _wrong_entry(entry: Any, parts: Sequence[str], depth: int) -> str:
    """What is wrong with an entry of a list of blocks; empty if it is right."""
    expected = f"expected [block, {', '.join(parts)}]"
    is_list = isinstance(entry, (list, tuple)) and len(entry) == 1 + len(parts)
    if not is_list or any(isinstance(n, (bool, str, list, tuple)) or n is None for n in entry):
        return f"found the entry {entry}; {expected} of numbers"
    number, *values = entry
    if number not in range(depth):
        return f"found block {number}; MVIT.DEPTH {depth} has the blocks 0 to {depth - 1}"
    if parts == ("factor",):
        return "" if values[0] > 0 else f"found the factor {values[0]}; expected one above 0"
    if any(value != int(value) or value < 1 for value in values):
        return f"found the strides {values}; expected whole numbers from 1"
    return ""


def _patches(cfg: CfgNode) -> Iterator[Finding]:
    mvit, channels = cfg.MVIT, cfg.DATA.INPUT_CHANNEL_NUM
    if len(set(channels)) != 1:
        yield "DATA.INPUT_CHANNEL_NUM", f"found {channels}; expected one number of channels"
        return
    count, kind = (2, "height, width") if mvit.PATCH_2D else (3, "time, height, width")
    for name in ("PATCH_KERNEL", "PATCH_STRIDE", "PATCH_PADDING"):
        if len(mvit[name]) != count:
            words = f"expected {count} numbers ({kind}) with MVIT.PATCH_2D {mvit.PATCH_2D}"
            yield f"MVIT.{name}", words
            return
    if mvit.PATCH_2D and cfg.DATA.NUM_FRAMES != 1:
        yield "DATA.NUM_FRAMES", "expected 1: MVIT.PATCH_2D makes a network of images"
        return
    patch = plan.patches(cfg)
    for key in _CROPS:
        side = cfg.DATA[key.partition(".")[2]]
        frames, *sides = patch.grid_of(cfg.DATA.NUM_FRAMES, side)
        if frames < 1:
            yield "DATA.NUM_FRAMES", f"the patches have {mvit.PATCH_KERNEL[0]} frames; take more"
            return
        if min(sides) < 1:
            yield key, f"a patch of MVIT.PATCH_KERNEL {mvit.PATCH_KERNEL} does not fit"
            return


def _widths(cfg: CfgNode) -> Iterator[Finding]:
    mvit = cfg.MVIT
    if not plan.widens_in_attention(cfg) and 0 in plan.by_block(mvit.DIM_MUL):
        words = "block 0 has no block before it that widens the channels; change MVIT.EMBED_DIM"
        yield "MVIT.DIM_MUL", f"{words}, or set MVIT.DIM_MUL_IN_ATT True"
        return
    for number, width in enumerate(plan.widths(cfg)):
        if width.channels_out % 1 or width.channels_out < 1:
            yield "MVIT.DIM_MUL", f"block {number} would have {width.channels_out:g} channels"
            return
        if width.heads % 1 or width.heads < 1:
            yield "MVIT.HEAD_MUL", f"block {number} would have {width.heads:g} heads"
            return
        if width.channels % width.heads:
            yield (
                "MVIT.NUM_HEADS",
                f"the {width.heads:g} heads of block {number} do not divide its "
                f"{width.channels:g} channels; see MVIT.EMBED_DIM, MVIT.DIM_MUL, MVIT.HEAD_MUL",
            )
            return


def _pooling(cfg: CfgNode) -> Iterator[Finding]:
    mvit = cfg.MVIT
    if plan.by_block(mvit.POOL_KV_STRIDE) and mvit.POOL_KV_STRIDE_ADAPTIVE:
        words = "MVIT.POOL_KV_STRIDE_ADAPTIVE sets the strides of keys and values too"
        yield "MVIT.POOL_KV_STRIDE", f"{words}; leave one of them empty"
        return
    grid = plan.patches(cfg).grid_of(cfg.DATA.NUM_FRAMES, cfg.DATA.TRAIN_CROP_SIZE)
    of_queries = plan.query_pooling(cfg)
    for number in sorted(of_queries):
        skip, after = skip_pooling(of_queries[number]), of_queries[number].grid_after(grid)
        # The shortcut of a stage transition is pooled by the convolution of the queries.
        if number not in plan.transitions(cfg) and after != (
            skip.grid_after(grid) if skip else grid
        ):
            yield (
                "MVIT.POOL_KVQ_KERNEL",
                f"the pooling of queries in block {number} makes {after} tokens of {grid}, and "
                "that of its shortcut another number; take odd kernels and even strides",
            )
            return
        grid = after


def _positions(cfg: CfgNode) -> Iterator[Finding]:
    mvit = cfg.MVIT
    if mvit.USE_ABS_POS and mvit.USE_FIXED_SINCOS_POS:
        if mvit.SEP_POS_EMBED:
            words = "MVIT.SEP_POS_EMBED asks for two learned tables; leave one of them off"
            yield "MVIT.USE_FIXED_SINCOS_POS", words
        if mvit.EMBED_DIM % 16:
            words = (
                "MVIT.USE_FIXED_SINCOS_POS divides the channels among sines; take a multiple of 16"
            )
            yield "MVIT.EMBED_DIM", words


def _relative_positions(cfg: CfgNode) -> Iterator[Finding]:
    mvit, axes = cfg.MVIT, "t" * cfg.MVIT.REL_POS_TEMPORAL + "hw" * cfg.MVIT.REL_POS_SPATIAL
    grid = plan.patches(cfg).grid_of(cfg.DATA.NUM_FRAMES, cfg.DATA.TRAIN_CROP_SIZE)
    for number, pool in sorted(plan.query_pooling(cfg).items()):
        grid = [size // step for size, step in zip(grid, pool.stride, strict=True)]
        if empty := [axis for axis in axes if grid["thw".index(axis)] < 1]:
            yield (
                "DATA.NUM_FRAMES" if empty[0] == "t" else "DATA.TRAIN_CROP_SIZE",
                "no token would be left for the relative positions after the strides of block "
                f"{number}; take more, or fewer strides in MVIT.PATCH_STRIDE {mvit.PATCH_STRIDE} "
                "and MVIT.POOL_Q_STRIDE",
            )
            return


def _transitions(cfg: CfgNode) -> Iterator[Finding]:
    mvit, numbers = cfg.MVIT, plan.transitions(cfg)
    if numbers and max(numbers) >= mvit.DEPTH:
        words = f"MVIT.DEPTH {mvit.DEPTH} has the blocks 0 to {mvit.DEPTH - 1}"
        yield "MVIT.REV.BUFFER_LAYERS", f"found block {max(numbers)}; {words}"
    if numbers:
        try:
            keeps_both_streams(mvit.REV.PRE_Q_FUSION)
        except UserError as error:
            yield "MVIT.REV.PRE_Q_FUSION", str(error)


def _changes_of_reversible_blocks(cfg: CfgNode) -> Iterator[Finding]:
    mvit = cfg.MVIT
    if not mvit.REV.ENABLE:
        return
    pooled = {number for number, pool in plan.query_pooling(cfg).items() if max(pool.stride) > 1}
    changes = {
        "MVIT.DIM_MUL": {n for n, factor in plan.by_block(mvit.DIM_MUL).items() if factor != [1]},
        "MVIT.POOL_Q_STRIDE": pooled,
    }
    for key, numbers in changes.items():
        if missing := sorted(numbers.difference(plan.transitions(cfg))):
            blocks = ", ".join(map(str, missing))
            words = f"changes blocks that a reversible network cannot reverse: {blocks}"
            yield key, f"{words}; add {blocks} to MVIT.REV.BUFFER_LAYERS"
