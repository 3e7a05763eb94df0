"""Keys of vision transformers (MViT, reversible MViT) and of masked pre-training.

None of it is built in this tree yet: MODEL.MODEL_NAME MViT and MASK.ENABLE are refused. The four
keys that only the older upstream branch has are among them.
"""

from slowfast.config.schema import Key, idle, not_built

_MVIT = idle(
    "MODEL.MODEL_NAME MViT is not built",
    {
        "MVIT.MODE": Key("conv", "How attention pools: conv, avg, max."),
        "MVIT.POOL_FIRST": Key(False, "Pool before the projections instead of after."),
        "MVIT.CLS_EMBED_ON": Key(True, "Add a class token."),
        "MVIT.PATCH_KERNEL": Key([3, 7, 7], "Kernel of the patch embedding."),
        "MVIT.PATCH_STRIDE": Key([2, 4, 4], "Stride of the patch embedding."),
        "MVIT.PATCH_PADDING": Key([2, 4, 4], "Padding of the patch embedding."),
        "MVIT.PATCH_2D": Key(False, "Embed patches of single frames."),
        "MVIT.EMBED_DIM": Key(96, "Channels of the first stage."),
        "MVIT.NUM_HEADS": Key(1, "Heads of the first stage."),
        "MVIT.MLP_RATIO": Key(4.0, "Hidden width of a block over its own."),
        "MVIT.QKV_BIAS": Key(True, "Give query, key and value a bias."),
        "MVIT.DROPPATH_RATE": Key(0.1, "Probability to leave out the last block's branch."),
        "MVIT.LAYER_SCALE_INIT_VALUE": Key(0.0, "Initial scale of a branch; 0: none."),
        "MVIT.DEPTH": Key(16, "Number of blocks."),
        "MVIT.NORM": Key("layernorm", "Kind of normalisation."),
        "MVIT.NORM_STEM": Key(False, "Normalise after the patch embedding."),
        "MVIT.DROPOUT_RATE": Key(0.0, "Dropout after the patch embedding."),
        "MVIT.DIM_MUL": Key([], "Pairs of block and factor on channels.", kind="list"),
        "MVIT.HEAD_MUL": Key([], "Pairs of block and factor on heads.", kind="list"),
        "MVIT.DIM_MUL_IN_ATT": Key(False, "Widen in attention instead of in the MLP."),
        "MVIT.POOL_KV_STRIDE": Key([], "Block and stride of key and value pooling.", kind="list"),
        "MVIT.POOL_KV_STRIDE_ADAPTIVE": Key(
            None, "Stride of the first block, from which the others follow.", kind="list"
        ),
        "MVIT.POOL_Q_STRIDE": Key([], "Block and stride of query pooling.", kind="list"),
        "MVIT.POOL_KVQ_KERNEL": Key(
            None, "Kernel of all pooling; None: stride plus one.", kind="list"
        ),
        "MVIT.POOL_KV_KERNEL": Key([[]], "Older branch: kernel of key and value.", kind="float"),
        "MVIT.POOL_Q_KERNEL": Key([[]], "Older branch: kernel of query.", kind="float"),
        "MVIT.POOL_SKIP_KERNEL": Key([[]], "Older branch: kernel of the skip path.", kind="float"),
        "MVIT.POOL_SKIP_STRIDE": Key([[]], "Older branch: stride of the skip path.", kind="float"),
        "MVIT.ZERO_DECAY_POS_CLS": Key(True, "No weight decay on positions and class token."),
        "MVIT.USE_ABS_POS": Key(True, "Learn absolute positions."),
        "MVIT.USE_FIXED_SINCOS_POS": Key(False, "Fixed sine positions instead."),
        "MVIT.SEP_POS_EMBED": Key(False, "Part positions in space from those in time."),
        "MVIT.REL_POS_SPATIAL": Key(False, "Learn relative positions in space."),
        "MVIT.REL_POS_TEMPORAL": Key(False, "Learn relative positions in time."),
        "MVIT.REL_POS_ZERO_INIT": Key(False, "Start these at zero."),
        "MVIT.RESIDUAL_POOLING": Key(False, "Add the pooled query to attention's output."),
        "MVIT.SEPARATE_QKV": Key(False, "Project query, key and value apart."),
        "MVIT.HEAD_INIT_SCALE": Key(1.0, "Factor on the head's initial weights."),
        "MVIT.USE_MEAN_POOLING": Key(False, "Average tokens in place of the class token."),
        "MVIT.REV.ENABLE": Key(False, "Make the blocks reversible, which saves memory."),
        "MVIT.REV.RESPATH_FUSE": Key("concat", "How the two streams end in one."),
        "MVIT.REV.BUFFER_LAYERS": Key([], "Blocks that keep activations.", kind="int"),
        "MVIT.REV.RES_PATH": Key("conv", "Skip path of a stage's first block."),
        "MVIT.REV.PRE_Q_FUSION": Key("avg", "How the streams meet before a query."),
    },
)

_MASK = {
    **not_built(
        "masked pre-training",
        {"MASK.ENABLE": Key(False, "Learn to fill in masked patches.")},
    ),
    **idle(
        "MASK.ENABLE is not built",
        {
            "MASK.MAE_ON": Key(False, "Encode visible patches alone (MAE)."),
            "MASK.MAE_RND_MASK": Key(False, "Mask at random there."),
            "MASK.PER_FRAME_MASKING": Key(False, "Mask each frame on its own."),
            "MASK.TIME_STRIDE_LOSS": Key(True, "Predict only every other frame."),
            "MASK.NORM_PRED_PIXEL": Key(True, "Predict pixels normalised within a patch."),
            "MASK.SCALE_INIT_BY_DEPTH": Key(False, "Smaller initial weights in deeper blocks."),
            "MASK.DECODER_EMBED_DIM": Key(512, "Channels of the decoder."),
            "MASK.DECODER_SEP_POS_EMBED": Key(False, "Part its positions, space from time."),
            "MASK.DEC_KV_KERNEL": Key([], "Kernel of its pooling.", kind="list"),
            "MASK.DEC_KV_STRIDE": Key([], "Stride of its pooling.", kind="list"),
            "MASK.PRETRAIN_DEPTH": Key([15], "Blocks whose output is decoded."),
            "MASK.HEAD_TYPE": Key("separate", "Kind of the prediction head."),
            "MASK.DECODER_DEPTH": Key(0, "Number of blocks in the decoder."),
            "MASK.PRED_HOG": Key(False, "Predict gradient histograms (MaskFeat)."),
        },
    ),
}

KEYS = {**_MVIT, **_MASK}
