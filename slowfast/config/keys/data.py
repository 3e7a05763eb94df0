"""Keys of the data: where it lies, which frames a clip gives, how they are scaled and cropped."""

from slowfast.ak.keys import Key

KEYS = {
    # ---------------------------------------------------------------- where it lies
    "DATA.PATH_TO_DATA_DIR": Key(
        "",
        "Folder of the lists, train.csv and val.csv, packed (.csv.gz) or not, and of the table of "
        "classes.",
    ),
    "DATA.PATH_PREFIX": Key(
        "",
        "Folder of the extracted frames, or of Kinetics' videos, to which paths in the lists are "
        "relative.",
    ),
    # ---------------------------------------------------------------- which frames
    "DATA.NUM_FRAMES": Key(
        8,
        "Number of frames of a clip that the network sees; with two pathways, of the fast one.",
        low=1,
    ),
    "DATA.SAMPLING_RATE": Key(
        8,
        "Distance between these frames, in frames of the video. NUM_FRAMES and SAMPLING_RATE "
        "span (NUM_FRAMES - 1) x SAMPLING_RATE + 1 frames.",
        low=1,
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
        "True: the network sees RGB; False: BGR, in which upstream reads JPEG frames. Use "
        "the order with which the weights were trained. Kinetics is always RGB.",
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
        "True: a clip may have several classes, labels are multi-hot, and the metric is mAP. "
        "False: each clip has one class, and the metrics are top-1 and top-5.",
    ),
    "DATA.ENSEMBLE_METHOD": Key(
        "sum",
        "How the scores of a test clip's views become one: their sum or their maximum.",
        choices=("sum", "max"),
    ),
    # ---------------------------------------------------------------- decoding
    "DATA.DECODING_BACKEND": Key(
        "torchvision",
        "Video decoder. torchcodec, if it is installed; PyAV is used for all other values. The "
        "frames are the same with each.",
        choices=("torchvision", "pyav", "decord", "torchcodec"),
    ),
    "DATA.PATH_LABEL_SEPARATOR": Key(
        " ", "Separator of path and label in the lines of Kinetics lists."
    ),
    "DATA.TARGET_FPS": Key(
        30,
        "Frames a second at which Kinetics videos are sampled, whatever their own rate: "
        "SAMPLING_RATE counts these frames. 0: the video's own.",
        low=0,
    ),
    # ---------------------------------------------------------------- not built here
}
