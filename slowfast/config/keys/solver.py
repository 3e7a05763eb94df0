"""Keys of the optimizer and of the learning rate over the epochs."""

from slowfast.ak.keys import Key

KEYS = {
    # ---------------------------------------------------------------- learning rate
    "SOLVER.MAX_EPOCH": Key(300, "Epochs to train.", low=0),
    "SOLVER.BASE_LR": Key(
        0.1,
        "Learning rate that the schedule starts from. It belongs to the recipe's batch and is "
        "not changed with it.",
        low=0,
    ),
    "SOLVER.BASE_LR_SCALE_NUM_SHARDS": Key(
        False,
        "Multiply BASE_LR, WARMUP_START_LR and COSINE_END_LR by NUM_SHARDS. It is done once, when "
        "the configuration is checked, and the key is False from there on.",
    ),
    "SOLVER.LR_POLICY": Key(
        "cosine",
        "Course of the learning rate: cosine from BASE_LR to COSINE_END_LR over MAX_EPOCH, or "
        "steps_with_relative_lrs, which reads STEPS and LRS.",
        choices=("cosine", "steps_with_relative_lrs"),
    ),
    "SOLVER.COSINE_END_LR": Key(0.0, "Learning rate at the end of the cosine.", low=0),
    "SOLVER.COSINE_AFTER_WARMUP": Key(
        False, "Start the cosine where warm-up ends instead of at epoch 0."
    ),
    "SOLVER.STEPS": Key(
        [], "Epochs from which each of LRS holds; the first is 0, and they ascend.", kind="int"
    ),
    "SOLVER.LRS": Key(
        [], "Factors on BASE_LR, one for each of STEPS; more are left unread.", kind="float", low=0
    ),
    "SOLVER.WARMUP_EPOCHS": Key(
        0.0,
        "Epochs, parts of one included, over which the rate rises from WARMUP_START_LR to the "
        "schedule's.",
        low=0,
    ),
    "SOLVER.WARMUP_START_LR": Key(0.01, "Learning rate at the very start of warm-up.", low=0),
    # ---------------------------------------------------------------- optimizer
    "SOLVER.OPTIMIZING_METHOD": Key(
        "sgd", "The optimizer that takes the steps.", choices=("sgd", "adam", "adamw")
    ),
    "SOLVER.MOMENTUM": Key(0.9, "Momentum of sgd.", low=0),
    "SOLVER.DAMPENING": Key(0.0, "Dampening of that momentum; 0 where NESTEROV is on.", low=0),
    "SOLVER.NESTEROV": Key(True, "Nesterov's form of that momentum."),
    "SOLVER.BETAS": Key(
        [0.9, 0.999],
        "Decay of the two running averages of adam and adamw.",
        low=0,
        high=1,
        length=2,
    ),
    "SOLVER.WEIGHT_DECAY": Key(
        1e-4, "Weight decay of all that is no norm layer (that is BN.WEIGHT_DECAY).", low=0
    ),
    "SOLVER.ZERO_WD_1D_PARAM": Key(False, "Spare biases and vectors any weight decay."),
    "SOLVER.CLIP_GRAD_VAL": Key(
        None,
        "Largest absolute value of a gradient's element; None or 0: unlimited.",
        kind="float",
        low=0,
    ),
    "SOLVER.CLIP_GRAD_L2NORM": Key(
        None, "Largest L2 norm of the whole gradient; None or 0: unlimited.", kind="float", low=0
    ),
}
