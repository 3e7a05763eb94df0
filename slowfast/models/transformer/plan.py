"""The plan of a vision transformer: all its sizes, computed once from the configuration."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fvcore.common.config import CfgNode

from slowfast.models.transformer.attention import AttentionSpec
from slowfast.models.transformer.block import BlockSpec
from slowfast.models.transformer.patch_embed import PatchSpec
from slowfast.models.transformer.reversible import keeps_both_streams
from slowfast.models.transformer.tokens import Grid, Pooling


@dataclass(frozen=True)
class Width:
    """Channels and heads of a block.

    Attributes:
        channels_in, channels, channels_out: of the input, the attention and the output.
        heads: heads of the attention.
    """

    channels_in: float
    channels: float
    channels_out: float
    heads: float


@dataclass(frozen=True)
class TransformerPlan:
    """What a vision transformer is made of.

    Attributes:
        patch: the patches.
        grid: T, H, W of the tokens of a training clip.
        blocks: the blocks.
        has_class: whether a class token stands before the other tokens.
        positions: the kind of absolute positions: "" (none), "joint" (one table), "separate" (a
            table for space and one for time) or "fixed" (sines and cosines).
        averages: whether the classifier takes the mean over all tokens but the class token.
        dropout: probability that a feature of the embedded patches is dropped in training.
        head_scale: factor on the initial weights of the classifier.
        decays_positions: whether positions and class token have weight decay.
        recompute: whether the backward pass computes blocks a second time.
        reversible: whether the network is reversible.
        transitions: numbers of its stage transitions.
        fusion: how they join the two streams.
    """

    patch: PatchSpec
    grid: Grid
    blocks: tuple[BlockSpec, ...]
    has_class: bool
    positions: str
    averages: bool
    dropout: float
    head_scale: float
    decays_positions: bool
    recompute: bool
    reversible: bool
    transitions: tuple[int, ...]
    fusion: str

    @property
    def channels_out(self) -> int:
        """Channels that the classifier takes: those of both streams in a reversible network."""
        return self.blocks[-1].channels_out * (2 if self.reversible else 1)

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> "TransformerPlan":
        """The plan of a configuration in which `slowfast.models.transformer.checks` is content."""
        mvit = cfg.MVIT
        patch = patches(cfg)
        grid = patch.grid_of(cfg.DATA.NUM_FRAMES, cfg.DATA.TRAIN_CROP_SIZE)
        fixed_or_joint = "fixed" if mvit.USE_FIXED_SINCOS_POS else "joint"
        positions = "separate" if mvit.SEP_POS_EMBED else fixed_or_joint
        return cls(
            patch=patch,
            grid=grid,
            blocks=tuple(_blocks(cfg, grid)),
            has_class=has_class_token(cfg),
            positions=positions if mvit.USE_ABS_POS else "",
            averages=mvit.USE_MEAN_POOLING,
            dropout=mvit.DROPOUT_RATE,
            head_scale=mvit.HEAD_INIT_SCALE,
            decays_positions=not mvit.ZERO_DECAY_POS_CLS,
            recompute=cfg.MODEL.ACT_CHECKPOINT,
            reversible=mvit.REV.ENABLE,
            transitions=transitions(cfg),
            fusion=mvit.REV.PRE_Q_FUSION,
        )


def patches(cfg: CfgNode) -> PatchSpec:
    """The patches of a clip."""
    mvit = cfg.MVIT
    sizes = (mvit.PATCH_KERNEL, mvit.PATCH_STRIDE, mvit.PATCH_PADDING)
    return PatchSpec(cfg.DATA.INPUT_CHANNEL_NUM[0], mvit.EMBED_DIM, *map(tuple, sizes))


def has_class_token(cfg: CfgNode) -> bool:
    """Whether the network has a class token. A reversible one has none, whatever the key says."""
    return cfg.MVIT.CLS_EMBED_ON and not cfg.MVIT.REV.ENABLE


def widens_in_attention(cfg: CfgNode) -> bool:
    """Whether the attention of a block of MVIT.DIM_MUL has the new channels.

    Otherwise the linear layers of the block before it give them.
    """
    return cfg.MVIT.DIM_MUL_IN_ATT or cfg.MVIT.REV.ENABLE


def transitions(cfg: CfgNode) -> tuple[int, ...]:
    """The blocks that are stage transitions of a reversible network."""
    return tuple(cfg.MVIT.REV.BUFFER_LAYERS) if cfg.MVIT.REV.ENABLE else ()


def widths(cfg: CfgNode) -> Iterator[Width]:
    """Channels and heads of each block. They are whole numbers if the configuration is right."""
    mvit = cfg.MVIT
    wider, more_heads = by_block(mvit.DIM_MUL), by_block(mvit.HEAD_MUL)
    before, heads = mvit.EMBED_DIM, mvit.NUM_HEADS
    for number in range(mvit.DEPTH):
        heads *= more_heads.get(number, [1])[0]
        if widens_in_attention(cfg):
            after = channels = before * wider.get(number, [1])[0]
        else:
            channels, after = before, before * wider.get(number + 1, [1])[0]
        doubles = number in transitions(cfg) and keeps_both_streams(mvit.REV.PRE_Q_FUSION)
        yield Width(2 * before if doubles else before, channels, after, heads)
        before = after


def query_pooling(cfg: CfgNode) -> dict[int, Pooling]:
    """The pooling of the queries, by block."""
    strides = by_block(cfg.MVIT.POOL_Q_STRIDE)
    return {number: _pooling(cfg, stride) for number, stride in strides.items()}


def key_pooling(cfg: CfgNode) -> dict[int, Pooling]:
    """The pooling of keys and values, by block.

    With MVIT.POOL_KV_STRIDE_ADAPTIVE all blocks pool. Where the queries are pooled, the stride is
    divided by theirs, so that all blocks have about the same number of keys.
    """
    adaptive = cfg.MVIT.POOL_KV_STRIDE_ADAPTIVE
    if not adaptive:
        strides = by_block(cfg.MVIT.POOL_KV_STRIDE)
        return {number: _pooling(cfg, stride) for number, stride in strides.items()}
    found, stride, of_queries = {}, tuple(adaptive), query_pooling(cfg)
    for number in range(cfg.MVIT.DEPTH):
        if number in of_queries:
            steps = of_queries[number].stride
            stride = tuple(max(s // step, 1) for s, step in zip(stride, steps, strict=True))
        found[number] = _pooling(cfg, stride)
    return found


def _pooling(cfg: CfgNode, stride: Sequence[int]) -> Pooling:
    kernel = cfg.MVIT.POOL_KVQ_KERNEL
    return Pooling(tuple(kernel), tuple(stride)) if kernel else Pooling.covering(tuple(stride))


def by_block(entries: Sequence[Sequence] | None) -> dict[int, Sequence]:
    """The values of a list of [block, values ...], by block. Empty entries are left out."""
    return {int(number): values for number, *values in filter(None, entries or [])}


def _blocks(cfg: CfgNode, grid: Grid) -> Iterator[BlockSpec]:
    mvit = cfg.MVIT
    of_queries, of_keys = query_pooling(cfg), key_pooling(cfg)
    axes = "hw" * mvit.REL_POS_SPATIAL + "t" * mvit.REL_POS_TEMPORAL
    shared = AttentionSpec(
        *(0, 0, 1, grid),
        has_class=has_class_token(cfg),
        qkv_bias=mvit.QKV_BIAS,
        separate_qkv=mvit.SEPARATE_QKV,
        relative=axes,
        relative_zero_init=mvit.REL_POS_ZERO_INIT,
        residual_pooling=mvit.RESIDUAL_POOLING,
        dropout=mvit.DROPOUT_RATE,
    )
    for number, width in enumerate(widths(cfg)):
        pool_q, pool_kv = of_queries.get(number), of_keys.get(number)
        attention = replace(
            shared,
            channels_in=int(width.channels_in),
            channels=int(width.channels),
            heads=int(width.heads),
            grid=grid,
            pool_q=None if pool_q is None or pool_q.is_identity else pool_q,
            pool_kv=None if pool_kv is None or pool_kv.is_identity else pool_kv,
        )
        yield BlockSpec(
            attention,
            channels_out=int(width.channels_out),
            mlp_ratio=mvit.MLP_RATIO,
            dropout=mvit.DROPOUT_RATE,
            drop_path=mvit.DROPPATH_RATE * number / max(mvit.DEPTH - 1, 1),
        )
        if pool_q:
            # Published tables of relative positions count whole strides.
            grid = tuple(size // s for size, s in zip(grid, pool_q.stride, strict=True))
