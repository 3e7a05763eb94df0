"""Keys of the data: where it lies, which frames a clip gives, how they are scaled and cropped."""

from slowfast.config.schema import Key, idle, not_built

KEYS = {
    # ---------------------------------------------------------------- where it lies
    "DATA.PATH_TO_DATA_DIR": Key(
        "",
        "Folder of the lists, train.csv and val.csv, packed (.csv.gz) or not, and of the table of "
        "classes.",
    ),
    "DATA.PATH_PREFIX": Key(
        "",
        "Folder of the extracted frames, or of Kinetics' videos; the paths of the lists start "
        "below it.",
    ),
    # ---------------------------------------------------------------- which frames
    "DATA.NUM_FRAMES": Key(
        8,
        "Frames that the network sees of a clip; with two pathways, those of the fast one.",
        low=1,
    ),
    "DATA.SAMPLING_RATE": Key(
        8,
        "Distance between these frames, in frames of the video. NUM_FRAMES and SAMPLING_RATE "
        "span (NUM_FRAMES - 1) x SAMPLING_RATE + 1 frames.",
        low=1,
    ),
    "DATA.USE_OFFSET_SAMPLING": Key(
        False,
        "Spread Kinetics test windows over the video's whole length rather than over the starts.",
        not_built="offset sampling of test windows",
    ),
    # ---------------------------------------------------------------- pixels
    "DATA.INPUT_CHANNEL_NUM": Key(
        [3, 3],
        "Colour channels of each pathway's input: one entry for a network of one pathway, two "
        "for SlowFast.",
        low=1,
    ),
    "DATA.MEAN": Key(
        [0.45, 0.45, 0.45],
        "Subtracted from each channel, on pixel values scaled to 0..1.",
        length=3,
    ),
    "DATA.STD": Key(
        [0.225, 0.225, 0.225], "Divides each channel after DATA.MEAN is subtracted.", length=3
    ),
    "DATA.REVERSE_INPUT_CHANNEL": Key(
        False,
        "True: the network sees RGB; False: BGR, in which upstream reads JPEG frames. Weights "
        "want the order they were trained with. On Kinetics it is RGB whatever this says.",
    ),
    "DATA.TRAIN_JITTER_SCALES": Key(
        [256, 320],
        "Smallest and largest length, in pixels, that the short side is scaled to at random in "
        "training.",
        low=1,
        length=2,
    ),
    "DATA.TRAIN_CROP_SIZE": Key(
        224,
        "Side, in pixels, of the square that training sees; at most the smallest scale.",
        low=1,
    ),
    "DATA.TEST_CROP_SIZE": Key(
        256,
        "Length, in pixels, that the short side is scaled to in testing, and side of the crop.",
        low=1,
    ),
    "DATA.INV_UNIFORM_SAMPLE": Key(
        False,
        "Draw the scale so that its inverse is uniform, which favours small scales; else the "
        "scale itself is uniform.",
    ),
    "DATA.RANDOM_FLIP": Key(True, "Mirror half of the training clips left to right."),
    # ---------------------------------------------------------------- labels and scores
    "DATA.MULTI_LABEL": Key(
        False,
        "A clip may carry several classes: labels are multi-hot and the figure is mAP; else one "
        "class a clip, top-1 and top-5.",
    ),
    "DATA.ENSEMBLE_METHOD": Key(
        "sum",
        "How the scores of a test clip's views become one: their sum or their maximum.",
        choices=("sum", "max"),
    ),
    # ---------------------------------------------------------------- decoding
    "DATA.DECODING_BACKEND": Key(
        "torchvision",
        "Video decoder. torchcodec is that, where it is installed; PyAV serves for all others, "
        "which upstream would use. Frames are the same with each.",
        choices=("torchvision", "pyav", "decord", "torchcodec"),
    ),
    "DATA.PATH_LABEL_SEPARATOR": Key(
        " ", "What parts path and label in Kinetics lists, of one line a video."
    ),
    "DATA.TARGET_FPS": Key(
        30,
        "Frames a second at which Kinetics videos are sampled, whatever their own rate: "
        "SAMPLING_RATE counts these frames. 0: the video's own.",
        low=0,
    ),
    **idle(
        "videos are decoded in their own size, and scaled once, to what the crop asks for",
        {
            "DATA.DECODING_SHORT_SIZE": Key(
                256, "Short side, in pixels, that Kinetics videos are decoded to."
            ),
        },
    ),
    # ---------------------------------------------------------------- not built here
    **not_built(
        "another way to crop, sample or colour training clips",
        {
            "DATA.TRAIN_JITTER_SCALES_RELATIVE": Key(
                [],
                "Smallest and largest share of the frame's area for a random resized crop.",
                kind="float",
            ),
            "DATA.TRAIN_JITTER_ASPECT_RELATIVE": Key(
                [], "Smallest and largest aspect ratio of such a crop.", kind="float"
            ),
            "DATA.TRAIN_JITTER_MOTION_SHIFT": Key(
                False, "Let the crop wander linearly from a clip's first frame to its last."
            ),
            "DATA.TRAIN_JITTER_FPS": Key(
                0.0, "Spread of the random change of frame rate in training."
            ),
            "DATA.TRAIN_CROP_NUM_TEMPORAL": Key(
                1, "Windows taken of each training video in one step."
            ),
            "DATA.TRAIN_CROP_NUM_SPATIAL": Key(1, "Crops taken of each of these windows."),
            "DATA.COLOR_RND_GRAYSCALE": Key(
                0.0, "Probability that a training clip loses its colour."
            ),
            "DATA.TIME_DIFF_PROB": Key(
                0.0, "Probability that frames are replaced by differences of successive frames."
            ),
            "DATA.SSL_COLOR_JITTER": Key(False, "Change colours as contrastive learning asks for."),
            "DATA.SSL_MOCOV2_AUG": Key(False, "The augmentation of MoCo v2, blur included."),
        },
    ),
    **not_built(
        "another way to read lists or data",
        {
            "DATA.PATH_TO_PRELOAD_IMDB": Key(
                "", "File with an ImageNet index that was made before."
            ),
            "DATA.SKIP_ROWS": Key(0, "Lines to pass over at the top of each Kinetics list."),
            "DATA.LOADER_CHUNK_SIZE": Key(0, "Lines of a Kinetics list read at a time; 0: all."),
            "DATA.LOADER_CHUNK_OVERALL_SIZE": Key(
                0, "Lines of the whole list, where it is read in chunks."
            ),
            "DATA.DUMMY_LOAD": Key(False, "Repeat one batch for ever, to time training alone."),
            "DATA.IN22K_TRAINVAL": Key(False, "Train on ImageNet-22k, both of its splits."),
            "DATA.IN22k_VAL_IN1K": Key("", "Folder of ImageNet-1k, to validate a 22k network on."),
        },
    ),
    **idle(
        "the augmentation or data set that would read it is not built",
        {
            "DATA.SSL_COLOR_BRI_CON_SAT": Key(
                [0.4, 0.4, 0.4], "Strength of change in brightness, contrast, saturation."
            ),
            "DATA.SSL_COLOR_HUE": Key(0.1, "Strength of change in hue."),
            "DATA.SSL_BLUR_SIGMA_MIN": Key([0.0, 0.1], "Range of the blur's smallest width."),
            "DATA.SSL_BLUR_SIGMA_MAX": Key([0.0, 2.0], "Range of the blur's largest width."),
            "DATA.IN_VAL_CROP_RATIO": Key(
                0.875, "Crop side over scaled side when ImageNet is validated."
            ),
            "DATA.TRAIN_PCA_EIGVAL": Key(
                [0.225, 0.224, 0.229], "Standard deviations of colour noise along its axes."
            ),
            "DATA.TRAIN_PCA_EIGVEC": Key(
                [
                    [-0.5675, 0.7192, 0.4009],
                    [-0.5808, -0.0045, -0.8140],
                    [-0.5836, -0.6948, 0.4203],
                ],
                "These axes, in colour space.",
            ),
        },
    ),
}
