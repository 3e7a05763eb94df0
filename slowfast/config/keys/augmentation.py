"""Keys of augmentation beyond scale, crop and flip, of mixed clips, and of multigrid training.

Notable: multigrid training, masks and repeated augmentation are not built in this tree yet: their
switches are refused, and what they would read is idle.
"""

from slowfast.config.schema import Key, idle, not_built

KEYS = {
    "AUG.ENABLE": Key(
        False,
        "Change cropped training clips, all frames of one alike: by AA_TYPE or COLOR_JITTER, then "
        "by erasing.",
    ),
    "AUG.AA_TYPE": Key(
        "rand-m9-mstd0.5-inc1",
        "RandAugment in timm's notation: m magnitude (0 to 10), mstd its deviation, n operations a "
        "clip (2), p the probability of each (0.5), inc1 the set of operations. Empty: "
        "COLOR_JITTER instead.",
    ),
    "AUG.COLOR_JITTER": Key(
        0.4,
        "Brightness, contrast and saturation change by a factor of 1 +- this. Where AA_TYPE is "
        "empty alone; 0: not at all.",
        low=0,
    ),
    "AUG.INTERPOLATION": Key(
        "bicubic",
        "Interpolation of AA_TYPE's rotations, shears and shifts.",
        choices=("nearest", "bilinear", "bicubic"),
    ),
    "AUG.RE_PROB": Key(0.25, "Probability that rectangles of a clip are erased.", low=0, high=1),
    "AUG.RE_MODE": Key(
        "pixel",
        "What erased pixels become: pixel, noise; color, one random colour; const, the mean "
        "colour. The same in all frames.",
        choices=("pixel", "color", "const"),
    ),
    "AUG.RE_COUNT": Key(
        1, "Rectangles erased in a clip; together they take the area of one.", low=1, high=100
    ),
    **not_built(
        "repeated augmentation",
        {
            "AUG.NUM_SAMPLE": Key(1, "Augmented copies of each clip in a batch."),
            "AUG.RE_SPLIT": Key(False, "Spare the first of several copies from erasing."),
        },
    ),
    **not_built(
        "masked pre-training",
        {"AUG.GEN_MASK_LOADER": Key(False, "Let the loader draw masks for masked pre-training.")},
    ),
    **idle(
        "AUG.GEN_MASK_LOADER is not built",
        {
            "AUG.MASK_RATIO": Key(0.0, "Share of patches that are masked."),
            "AUG.MASK_TUBE": Key(False, "Mask the same patches in all frames."),
            "AUG.MASK_FRAMES": Key(False, "Mask whole frames."),
            "AUG.MASK_WINDOW_SIZE": Key([8, 7, 7], "Patches of a clip along time, height, width."),
            "AUG.MAX_MASK_PATCHES_PER_BLOCK": Key(
                None, "Most patches that one masked block covers; None: any number.", kind="int"
            ),
        },
    ),
    "MIXUP.ENABLE": Key(
        False, "Mix each training clip and its labels with the next of its process's batch."
    ),
    "MIXUP.ALPHA": Key(
        0.8, "Clips are added up in shares drawn from Beta(ALPHA, ALPHA); 0: never.", low=0
    ),
    "MIXUP.CUTMIX_ALPHA": Key(
        1.0,
        "A box of one clip is pasted into the other, its area drawn from "
        "Beta(CUTMIX_ALPHA, CUTMIX_ALPHA); 0: never.",
        low=0,
    ),
    "MIXUP.PROB": Key(1.0, "Share of the batches that are mixed.", low=0, high=1),
    "MIXUP.SWITCH_PROB": Key(
        0.5, "Share of cutmix among mixed batches, where both are possible.", low=0, high=1
    ),
    "MIXUP.LABEL_SMOOTH_VALUE": Key(
        0.1,
        "Share of a target spread over all classes, of batches that are not mixed too (see "
        "LOSS.LABEL_SMOOTHING).",
        low=0,
        high=1,
    ),
    **not_built(
        "multigrid training",
        {
            "MULTIGRID.LONG_CYCLE": Key(
                False, "Train with clips that grow over some epochs while batches shrink."
            ),
            "MULTIGRID.SHORT_CYCLE": Key(
                False, "Change the crop, and the batch with it, from step to step."
            ),
        },
    ),
    **idle(
        "MULTIGRID.LONG_CYCLE and MULTIGRID.SHORT_CYCLE are not built",
        {
            "MULTIGRID.SHORT_CYCLE_FACTORS": Key(
                [0.5, 0.5**0.5], "Crop sizes of the short cycle over the full one."
            ),
            "MULTIGRID.LONG_CYCLE_FACTORS": Key(
                [[0.25, 0.5**0.5], [0.5, 0.5**0.5], [0.5, 1], [1, 1]],
                "Frames and crop of each phase of the long cycle over the full ones.",
            ),
            "MULTIGRID.LONG_CYCLE_SAMPLING_RATE": Key(
                0, "Sampling rate of the current phase; set by upstream's program."
            ),
            "MULTIGRID.BN_BASE_SIZE": Key(8, "Clips that norm statistics are taken over."),
            "MULTIGRID.EPOCH_FACTOR": Key(1.5, "Epochs of a multigrid run over those of a plain."),
            "MULTIGRID.EVAL_FREQ": Key(3, "Evaluations in each phase."),
            "MULTIGRID.DEFAULT_B": Key(0, "Full batch size; set by upstream's program."),
            "MULTIGRID.DEFAULT_T": Key(0, "Full number of frames; set by upstream's program."),
            "MULTIGRID.DEFAULT_S": Key(0, "Full crop size; set by upstream's program."),
        },
    ),
}
