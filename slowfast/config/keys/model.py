"""Keys of the network: which one, its stages and pathways, its normalisation."""

from slowfast.ak.keys import Key

KEYS = {
    "MODEL.ARCH": Key(
        "slowfast",
        "Architecture of MODEL.MODEL_NAME, which sets stem, temporal kernels and number of "
        "pathways: 2d, c2d, i3d, slow (with ResNet), slowfast (with SlowFast), x3d (with X3D).",
    ),
    "MODEL.MODEL_NAME": Key(
        "SlowFast",
        "Name of the network.",
    ),
    "MODEL.SINGLE_PATHWAY_ARCH": Key(
        ["2d", "c2d", "i3d", "slow", "x3d", "mvit", "maskmvit"],
        "Architectures with one input tensor. Architectures in neither list have one too.",
    ),
    "MODEL.MULTI_PATHWAY_ARCH": Key(
        ["slowfast"], "Architectures with two input tensors: slow pathway, then fast pathway."
    ),
    "MODEL.NUM_CLASSES": Key(400, "Classes that the head scores; Animal Kingdom has 140.", low=1),
    "MODEL.LOSS_FUNC": Key(
        "cross_entropy",
        "Name of the loss; LOSS.<NAME> has its settings.",
    ),
    "MODEL.HEAD_ACT": Key(
        "softmax",
        "What turns logits into scores in evaluation: softmax for one label a clip, sigmoid for "
        "many.",
        choices=("softmax", "sigmoid"),
    ),
    "MODEL.DROPOUT_RATE": Key(
        0.5, "Share of features dropped before the head's projection.", low=0, high=1
    ),
    "MODEL.DROPCONNECT_RATE": Key(
        0.0,
        "Probability that a residual branch is left out for a clip in training.",
        low=0,
        high=1,
    ),
    "MODEL.FC_INIT_STD": Key(
        0.01, "Standard deviation of the projection's initial weights.", low=0
    ),
    "MODEL.DETACH_FINAL_FC": Key(
        False,
        "Freeze all weights below the projection of the head, to train only the classifier. With "
        "FROZEN_BN norm statistics do not change either.",
    ),
    "MODEL.FROZEN_BN": Key(
        False, "Do not change statistics, weight and bias of norm layers in training."
    ),
    "MODEL.FP16_ALLREDUCE": Key(False, "Exchange gradients between processes in half precision."),
    "MODEL.ACT_CHECKPOINT": Key(
        False,
        "Keep only the input of each residual and non-local block for the backward pass, and "
        "compute the rest again there: the same results with much less memory, for the time of "
        "another forward pass.",
    ),
    # ---------------------------------------------------------------- ResNet stages
    "RESNET.DEPTH": Key(
        50,
        "Layers of the residual network, which give the blocks of its four stages.",
        choices=(18, 50, 101),
    ),
    "RESNET.TRANS_FUNC": Key(
        "bottleneck_transform",
        "The residual branch of a block: basic_transform (two convolutions), "
        "bottleneck_transform (three), x3d_transform (X3D's own).",
        choices=("basic_transform", "bottleneck_transform", "x3d_transform"),
    ),
    "RESNET.WIDTH_PER_GROUP": Key(
        64, "Channels of a group in the first stage's inner convolutions.", low=1
    ),
    "RESNET.NUM_GROUPS": Key(
        1, "Groups of the inner convolutions: 1 is ResNet, more is ResNeXt.", low=1
    ),
    "RESNET.NUM_BLOCK_TEMP_KERNEL": Key(
        [[3], [4], [6], [3]],
        "For each of the four stages, and in it for each pathway, how many of its first blocks "
        "convolve along time.",
        low=0,
        length=4,
    ),
    "RESNET.SPATIAL_STRIDES": Key(
        [[1], [2], [2], [2]], "Stride in space of each stage, for each pathway.", low=1, length=4
    ),
    "RESNET.SPATIAL_DILATIONS": Key(
        [[1], [1], [1], [1]], "Dilation in space of each stage, for each pathway.", low=1, length=4
    ),
    "RESNET.STRIDE_1X1": Key(
        False, "Put a block's stride on its first 1x1 convolution instead of on the 3x3 one."
    ),
    "RESNET.INPLACE_RELU": Key(True, "Let ReLU overwrite its input, which saves memory."),
    "RESNET.ZERO_INIT_FINAL_BN": Key(
        False, "Start the last norm of each residual branch at zero: blocks begin as identity."
    ),
    "RESNET.ZERO_INIT_FINAL_CONV": Key(
        False, "Start the last convolution of each residual branch at zero."
    ),
    # ---------------------------------------------------------------- non-local blocks
    "NONLOCAL.LOCATION": Key(
        [[[]], [[]], [[]], [[]]],
        "For each stage and pathway, the numbers of the blocks that a non-local block follows.",
        kind="int",
        low=0,
        length=4,
    ),
    "NONLOCAL.GROUP": Key(
        [[1], [1], [1], [1]],
        "For each stage and pathway, into how many parts of time non-local attention is cut.",
        low=1,
        length=4,
    ),
    "NONLOCAL.INSTANTIATION": Key(
        "dot_product",
        "How similarities become weights: softmax, or dot_product divided by the positions.",
        choices=("dot_product", "softmax"),
    ),
    "NONLOCAL.POOL": Key(
        [[[1, 2, 2], [1, 2, 2]] for _ in range(4)],
        "For each stage and pathway, the pooling (time, height, width) of keys and values.",
        low=1,
        length=4,
    ),
    # ---------------------------------------------------------------- SlowFast
    "SLOWFAST.ALPHA": Key(
        8, "Frames of the fast pathway for each one of the slow; divides NUM_FRAMES.", low=1
    ),
    "SLOWFAST.BETA_INV": Key(
        8,
        "Channels of the slow pathway for each one of the fast; RESNET.WIDTH_PER_GROUP at most.",
        low=1,
    ),
    "SLOWFAST.FUSION_CONV_CHANNEL_RATIO": Key(
        2, "Channels that the fast pathway sends to the slow one, over its own.", low=1
    ),
    "SLOWFAST.FUSION_KERNEL_SZ": Key(
        5, "Temporal length of the convolutions that fuse the pathways; odd.", low=1
    ),
    # ---------------------------------------------------------------- X3D
    "X3D.WIDTH_FACTOR": Key(1.0, "Factor on the channels of every stage, above 0.", above=0),
    "X3D.DEPTH_FACTOR": Key(1.0, "Factor on the blocks of every stage, above 0.", above=0),
    "X3D.BOTTLENECK_FACTOR": Key(
        1.0, "Inner channels of a block over its outer ones, above 0.", above=0
    ),
    "X3D.DIM_C1": Key(12, "Channels of the stem, before X3D.WIDTH_FACTOR.", low=1),
    "X3D.DIM_C5": Key(2048, "Channels of the head's hidden layer.", low=1),
    "X3D.SCALE_RES2": Key(False, "Let the first stage, too, follow X3D.WIDTH_FACTOR."),
    "X3D.BN_LIN5": Key(False, "Normalise the head's hidden layer."),
    "X3D.CHANNELWISE_3x3x3": Key(
        True, "Make the inner 3x3x3 convolutions depthwise: one filter a channel."
    ),
    # ---------------------------------------------------------------- normalisation
    "BN.NORM_TYPE": Key(
        "batchnorm",
        "batchnorm normalises over the clips of one process, sync_batchnorm over those of "
        "BN.NUM_SYNC_DEVICES processes, sub_batchnorm over parts of a process's clips.",
        choices=("batchnorm", "sub_batchnorm", "sync_batchnorm"),
    ),
    "BN.NUM_SYNC_DEVICES": Key(1, "Processes that share statistics under sync_batchnorm.", low=1),
    "BN.NUM_SPLITS": Key(
        1, "Parts that a process's clips are cut into under sub_batchnorm.", low=1
    ),
    "BN.WEIGHT_DECAY": Key(
        0.0, "Weight decay of norm layers, in place of SOLVER.WEIGHT_DECAY.", low=0
    ),
    "BN.USE_PRECISE_STATS": Key(
        False, "Compute norm statistics anew from training clips before each evaluation."
    ),
    "BN.NUM_BATCHES_PRECISE": Key(
        200, "Number of training batches for BN.USE_PRECISE_STATS.", low=1
    ),
    "BN.GLOBAL_SYNC": Key(
        False, "Share statistics among all processes of a run, whatever BN.NUM_SYNC_DEVICES says."
    ),
}
