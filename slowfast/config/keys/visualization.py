"""Keys of TensorBoard."""

from slowfast.ak.keys import Key

KEYS = {
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
