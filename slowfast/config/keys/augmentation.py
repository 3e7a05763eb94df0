"""Keys of augmentation beyond scale, crop and flip, and of mixed clips."""

from slowfast.ak.keys import Key

KEYS = {
    "AUG.ENABLE": Key(
        False,
        "Change cropped training clips, in the same way in all frames: by AA_TYPE or COLOR_JITTER, "
        "then by erasing.",
    ),
    "AUG.AA_TYPE": Key(
        "rand-m9-mstd0.5-inc1",
        "RandAugment in timm's notation: m magnitude (0 to 10), mstd its deviation, n operations a "
        "clip (2), p the probability of each (0.5), inc1 the set of operations. Empty: "
        "COLOR_JITTER instead.",
    ),
    "AUG.COLOR_JITTER": Key(
        0.4,
        "Brightness, contrast and saturation change by a factor of 1 +- this. Only if AA_TYPE is "
        "empty; 0: no change.",
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
    "MIXUP.ENABLE": Key(
        False, "Mix each training clip and its labels with the next of its process's batch."
    ),
    "MIXUP.ALPHA": Key(
        0.8, "Clips are mixed with weights drawn from Beta(ALPHA, ALPHA); 0: never.", low=0
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
        "Share of a target that is spread over all classes, also in batches that are not mixed "
        "(see LOSS.LABEL_SMOOTHING).",
        low=0,
        high=1,
    ),
}
