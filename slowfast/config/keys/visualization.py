"""Keys of TensorBoard; of the video demo and of pictures of masks, which are not built yet."""

from slowfast.config.schema import Key, idle, not_built

_TENSORBOARD = {
    "TENSORBOARD.ENABLE": Key(
        False,
        "Write event files for TensorBoard: curves, histograms of the classes' average precision, "
        "and clips as the network is given them. `tensorboard --logdir OUTPUT_DIR` shows them.",
    ),
    "TENSORBOARD.LOG_DIR": Key(
        "", "Folder of the events, below OUTPUT_DIR; empty: runs-<TRAIN.DATASET>."
    ),
    "TENSORBOARD.PREDICTIONS_PATH": Key(
        "", "Saved results of a test (TEST.SAVE_RESULTS_PATH) to draw, after a run or alone."
    ),
    "TENSORBOARD.CLASS_NAMES_PATH": Key(
        "", "JSON object of class names and ids; empty: the data set's own names."
    ),
    "TENSORBOARD.CATEGORIES_PATH": Key(
        "", "JSON object of categories and lists of class names: a confusion matrix for each."
    ),
    "TENSORBOARD.CONFUSION_MATRIX.ENABLE": Key(
        False, "Draw what classes are taken for, after each evaluation."
    ),
    "TENSORBOARD.CONFUSION_MATRIX.FIGSIZE": Key(
        [8, 8],
        "Width and height, inches; classes are named where there is room, as 140 are on [24, 24].",
        length=2,
    ),
    "TENSORBOARD.CONFUSION_MATRIX.SUBSET_PATH": Key(
        "", "Text file with the class names to show, a line each; empty: all."
    ),
    "TENSORBOARD.HISTOGRAM.ENABLE": Key(
        False, "Draw for each class what is named most often on its clips, after each evaluation."
    ),
    "TENSORBOARD.HISTOGRAM.FIGSIZE": Key([8, 8], "Width and height, inches.", length=2),
    "TENSORBOARD.HISTOGRAM.SUBSET_PATH": Key(
        "", "Text file with the class names to show, a line each; empty: all."
    ),
    "TENSORBOARD.HISTOGRAM.TOPK": Key(10, "Most frequent predictions shown.", low=1),
    "TENSORBOARD.WRONG_PRED_VIS.ENABLE": Key(
        False, "Show the first hundred test clips that went wrong, after the test or alone."
    ),
    "TENSORBOARD.WRONG_PRED_VIS.TAG": Key("Incorrectly classified videos.", "Heading above them."),
    "TENSORBOARD.WRONG_PRED_VIS.SUBSET_PATH": Key(
        "", "Text file with the class names to show, a line each; empty: all."
    ),
    "TENSORBOARD.MODEL_VIS.ENABLE": Key(
        False, "Draw the trained network at work on eight test clips, after the test or alone."
    ),
    "TENSORBOARD.MODEL_VIS.MODEL_WEIGHTS": Key(
        False, "Draw weights: of LAYER_LIST, or of all layers where that is empty."
    ),
    "TENSORBOARD.MODEL_VIS.ACTIVATIONS": Key(False, "Draw what the layers of LAYER_LIST give."),
    "TENSORBOARD.MODEL_VIS.INPUT_VIDEO": Key(False, "Draw the clips, with their highest scores."),
    "TENSORBOARD.MODEL_VIS.LAYER_LIST": Key(
        [], "Layers to draw, such as s5/pathway0_res2.", kind="str"
    ),
    "TENSORBOARD.MODEL_VIS.TOPK_PREDS": Key(1, "Scores written on a clip.", low=1),
    "TENSORBOARD.MODEL_VIS.COLORMAP": Key(
        "Pastel2", "Matplotlib's name of the colours behind these scores, one a class."
    ),
    "TENSORBOARD.MODEL_VIS.GRAD_CAM.ENABLE": Key(
        True, "Overlay these clips with Grad-CAM: what the score goes by."
    ),
    "TENSORBOARD.MODEL_VIS.GRAD_CAM.LAYER_LIST": Key(
        [], "Layer of each pathway for that; empty: the last ones.", kind="str"
    ),
    "TENSORBOARD.MODEL_VIS.GRAD_CAM.USE_TRUE_LABEL": Key(
        False, "Explain the clip's own classes instead of the one with the highest score."
    ),
    "TENSORBOARD.MODEL_VIS.GRAD_CAM.COLORMAP": Key("viridis", "Colours of the overlay."),
}

_DEMO = {
    **not_built(
        "the program that writes predictions onto a video",
        {"DEMO.ENABLE": Key(False, "Run a network on one video or webcam, and show the result.")},
    ),
    **idle(
        "DEMO.ENABLE is not built",
        {
            "DEMO.LABEL_FILE_PATH": Key("", "JSON of class names and numbers."),
            "DEMO.WEBCAM": Key(-1, "Number of a webcam to read; -1: none."),
            "DEMO.INPUT_VIDEO": Key("", "Video to read."),
            "DEMO.DISPLAY_WIDTH": Key(0, "Width to show at, pixels; 0: as read."),
            "DEMO.DISPLAY_HEIGHT": Key(0, "Height to show at, pixels; 0: as read."),
            "DEMO.DETECTRON2_CFG": Key(
                "COCO-Detection/faster_rcnn_R_50_FPN_3x.yaml",
                "Configuration of the person detector.",
            ),
            "DEMO.DETECTRON2_WEIGHTS": Key(
                "detectron2://COCO-Detection/faster_rcnn_R_50_FPN_3x/137849458/"
                "model_final_280758.pkl",
                "Weights of that detector.",
            ),
            "DEMO.DETECTRON2_THRESH": Key(0.9, "Lowest score of a detected person."),
            "DEMO.BUFFER_SIZE": Key(0, "Frames that successive clips share."),
            "DEMO.OUTPUT_FILE": Key("", "Video to write; empty: show it."),
            "DEMO.OUTPUT_FPS": Key(-1, "Its frames a second; -1: as read."),
            "DEMO.INPUT_FORMAT": Key("BGR", "Order of the channels of what is read."),
            "DEMO.CLIP_VIS_SIZE": Key(10, "Frames drawn on around a key frame."),
            "DEMO.NUM_VIS_INSTANCES": Key(2, "Processes that draw."),
            "DEMO.PREDS_BOXES": Key("", "File of boxes found before."),
            "DEMO.THREAD_ENABLE": Key(False, "Read, detect and draw in threads."),
            "DEMO.NUM_CLIPS_SKIP": Key(0, "Clips passed over after each one."),
            "DEMO.GT_BOXES": Key("", "File of true boxes to draw too."),
            "DEMO.STARTING_SECOND": Key(900, "Second of the annotation that the video starts at."),
            "DEMO.FPS": Key(30, "Frames a second of the annotation."),
            "DEMO.VIS_MODE": Key("thres", "Which classes are drawn: thres or top-k."),
            "DEMO.COMMON_CLASS_THRES": Key(0.7, "Lowest score to draw a common class."),
            "DEMO.UNCOMMON_CLASS_THRES": Key(0.3, "Lowest score to draw any other."),
            "DEMO.COMMON_CLASS_NAMES": Key(
                [
                    "watch (a person)",
                    "talk to (e.g., self, a person, a group)",
                    "listen to (a person)",
                    "touch (an object)",
                    "carry/hold (an object)",
                    "walk",
                    "sit",
                    "lie/sleep",
                    "bend/bow (at the waist)",
                ],
                "The common classes.",
            ),
            "DEMO.SLOWMO": Key(1, "Factor that the written video is slowed by."),
        },
    ),
}

_MASKS = not_built(
    "pictures of masked patches",
    {"VIS_MASK.ENABLE": Key(False, "Draw what masked pre-training fills in.")},
)

KEYS = {**_TENSORBOARD, **_DEMO, **_MASKS}
