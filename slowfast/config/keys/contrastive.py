"""Keys of contrastive learning (MoCo, BYOL, SimCLR, SwAV), which this tree does not build yet."""

from slowfast.config.schema import Key, idle

KEYS = idle(
    "contrastive training (TASK ssl) is not built",
    {
        "CONTRASTIVE.TYPE": Key("mem", "Method: mem, self, moco, byol, simclr, swav."),
        "CONTRASTIVE.T": Key(0.07, "Temperature of the similarities."),
        "CONTRASTIVE.DIM": Key(128, "Length of an embedding."),
        "CONTRASTIVE.LENGTH": Key(239975, "Clips of the training set, for the memory bank."),
        "CONTRASTIVE.QUEUE_LEN": Key(65536, "Embeddings in MoCo's queue."),
        "CONTRASTIVE.MOMENTUM": Key(0.5, "Momentum of the bank or of the second encoder."),
        "CONTRASTIVE.MOMENTUM_ANNEALING": Key(False, "Let that momentum rise to 1 by a cosine."),
        "CONTRASTIVE.MEM_TYPE": Key("1d", "Shape of the bank: 1d a clip, 2d a clip and time."),
        "CONTRASTIVE.INTERP_MEMORY": Key(False, "Interpolate the 2d bank between times."),
        "CONTRASTIVE.DELTA_CLIPS_MIN": Key(
            -float("inf"), "Smallest distance in time between two clips of a video, seconds."
        ),
        "CONTRASTIVE.DELTA_CLIPS_MAX": Key(
            float("inf"), "Largest distance in time between two clips of a video, seconds."
        ),
        "CONTRASTIVE.SEQUENTIAL": Key(False, "Pass the clips of a video one after the other."),
        "CONTRASTIVE.MOCO_MULTI_VIEW_QUEUE": Key(False, "Queue the embeddings of all views."),
        "CONTRASTIVE.LOCAL_SHUFFLE_BN": Key(
            True, "Shuffle MoCo's keys within a machine rather than over all."
        ),
        "CONTRASTIVE.NUM_MLP_LAYERS": Key(1, "Layers of the projection head."),
        "CONTRASTIVE.MLP_DIM": Key(2048, "Width of its hidden layers."),
        "CONTRASTIVE.BN_MLP": Key(False, "Normalise its hidden layers."),
        "CONTRASTIVE.BN_SYNC_MLP": Key(False, "Share these statistics among processes."),
        "CONTRASTIVE.PREDICTOR_DEPTHS": Key([], "Layers of BYOL's predictors.", kind="int"),
        "CONTRASTIVE.SIMCLR_DIST_ON": Key(True, "Take SimCLR's negatives from all processes."),
        "CONTRASTIVE.SWAV_QEUE_LEN": Key(0, "Length of SwAV's queue (the spelling is upstream's)."),
        "CONTRASTIVE.KNN_ON": Key(True, "Evaluate by nearest neighbours while training."),
        "CONTRASTIVE.NUM_CLASSES_DOWNSTREAM": Key(400, "Classes of that evaluation."),
    },
)
