"""Keys of action detection and of the AVA data set, neither of which this tree builds yet."""

from slowfast.config.schema import Key, idle, not_built

_AVA_HOME = "/mnt/vol/gfsai-flash3-east/ai-group/users/haoqifan/ava/frame_list/"

KEYS = {
    **not_built(
        "detection of who does what where",
        {"DETECTION.ENABLE": Key(False, "Score boxes instead of clips.")},
    ),
    **idle(
        "DETECTION.ENABLE is not built",
        {
            "DETECTION.ALIGNED": Key(True, "Use the aligned form of ROIAlign."),
            "DETECTION.SPATIAL_SCALE_FACTOR": Key(16, "Pixels of the input for one of features."),
            "DETECTION.ROI_XFORM_RESOLUTION": Key(7, "Side of the features cut out for a box."),
        },
    ),
    **idle(
        "the data set ava is not built",
        {
            "AVA.FRAME_DIR": Key(
                "/mnt/fair-flash3-east/ava_trainval_frames.img/", "Folder of the frames."
            ),
            "AVA.FRAME_LIST_DIR": Key(_AVA_HOME, "Folder of the frame lists."),
            "AVA.ANNOTATION_DIR": Key(_AVA_HOME, "Folder of boxes and labels."),
            "AVA.TRAIN_LISTS": Key(["train.csv"], "Frame lists to train on."),
            "AVA.TEST_LISTS": Key(["val.csv"], "Frame lists to test on."),
            "AVA.TRAIN_GT_BOX_LISTS": Key(["ava_train_v2.2.csv"], "True boxes to train on."),
            "AVA.TRAIN_PREDICT_BOX_LISTS": Key([], "Found boxes to train on.", kind="str"),
            "AVA.TEST_PREDICT_BOX_LISTS": Key(
                ["ava_val_predicted_boxes.csv"], "Found boxes to test on."
            ),
            "AVA.DETECTION_SCORE_THRESH": Key(0.9, "Lowest score of a found box to be used."),
            "AVA.TRAIN_USE_COLOR_AUGMENTATION": Key(False, "Change colours in training."),
            "AVA.TRAIN_PCA_JITTER_ONLY": Key(True, "Change them along colour axes alone."),
            "AVA.TEST_FORCE_FLIP": Key(False, "Mirror all test clips."),
            "AVA.FULL_TEST_ON_VAL": Key(False, "Evaluate on all of the validation set."),
            "AVA.LABEL_MAP_FILE": Key(
                "ava_action_list_v2.2_for_activitynet_2019.pbtxt", "Names of the classes."
            ),
            "AVA.EXCLUSION_FILE": Key(
                "ava_val_excluded_timestamps_v2.2.csv", "Times left out of the evaluation."
            ),
            "AVA.GROUNDTRUTH_FILE": Key("ava_val_v2.2.csv", "True boxes of the evaluation."),
            "AVA.IMG_PROC_BACKEND": Key("cv2", "What scales and crops: cv2 or pytorch."),
            "AVA.BGR": Key(False, "Keep the channels in the order BGR."),
        },
    ),
}
