"""Keys of a run as a whole: what is trained and tested, where it writes, on which devices."""

from slowfast.ak.keys import Key

_CHECKPOINT_TYPES = ("pytorch", "caffe2")

KEYS = {
    "OUTPUT_DIR": Key(
        ".",
        "Folder for logs, checkpoints and results. Two runs must not use the same folder: with "
        "TRAIN.AUTO_RESUME the second run would resume the first.",
    ),
    "RNG_SEED": Key(
        1,
        "Seed of every random choice: initial weights, order of clips, crops, flips, dropout.",
        low=0,
        high=2**63 - 1,  # what torch's generators take
    ),
    "NUM_GPUS": Key(
        1,
        "Number of GPUs of each machine, with one process for each; 0: the CPU. If there are "
        "fewer, the run warns and uses all of them.",
        low=0,
    ),
    "NUM_SHARDS": Key(1, "Number of machines that share the run.", low=1),
    "SHARD_ID": Key(0, "Which of these machines this one is, counted from 0.", low=0),
    "DIST_BACKEND": Key(
        "nccl",
        "Communication between processes: nccl for GPUs, or gloo, which the CPU always uses.",
        choices=("nccl", "gloo"),
    ),
    "LOG_PERIOD": Key(10, "Iterations between two lines of iteration statistics.", low=1),
    "LOG_MODEL_INFO": Key(
        True, "Log the network's layers, parameters and cost before the run starts."
    ),
    "TASK": Key(
        "",
        "Kind of training: empty is supervised classification. Upstream's others are not built.",
    ),
    # ---------------------------------------------------------------- training
    "TRAIN.ENABLE": Key(True, "Whether to train."),
    "TRAIN.DATASET": Key(
        "kinetics",
        "Data set for training; ak is Animal Kingdom, and any data in the same layout.",
    ),
    "TRAIN.BATCH_SIZE": Key(
        64,
        "Clips per step on one machine, divided evenly among its GPUs. The learning rate does not "
        "change with it.",
        low=1,
    ),
    "TRAIN.EVAL_PERIOD": Key(
        10,
        "Epochs between two evaluations on the validation list; the last epoch is always "
        "evaluated.",
        low=1,
    ),
    "TRAIN.CHECKPOINT_PERIOD": Key(
        10, "Epochs between two checkpoints; the last epoch always has one.", low=1
    ),
    "TRAIN.AUTO_RESUME": Key(
        True,
        "Resume the newest checkpoint in OUTPUT_DIR. It has priority over "
        "TRAIN.CHECKPOINT_FILE_PATH.",
    ),
    "TRAIN.CHECKPOINT_FILE_PATH": Key(
        "",
        "Weights to start from, such as those of a network trained on Kinetics; empty: from "
        "scratch.",
    ),
    "TRAIN.CHECKPOINT_TYPE": Key(
        "pytorch",
        "Format of TRAIN.CHECKPOINT_FILE_PATH: pytorch (.pyth) or caffe2 (.pkl of the model zoo).",
        choices=_CHECKPOINT_TYPES,
    ),
    "TRAIN.CHECKPOINT_INFLATE": Key(
        False,
        "Repeat the 2D kernels of that file along time, divided by their number: starts a video "
        "network from an image network.",
    ),
    "TRAIN.CHECKPOINT_EPOCH_RESET": Key(
        False,
        "Load only the weights of that file, and count epochs from the first. Needed for "
        "fine-tuning: otherwise epoch and optimizer of the file are loaded too.",
    ),
    "TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN": Key(
        [],
        "Pieces of text to cut out of the parameter names of that file before they are matched.",
        kind="str",
    ),
    "TRAIN.MIXED_PRECISION": Key(
        False,
        "Compute in half precision where that is safe (TRAIN.MIXED_PRECISION_TYPE names the "
        "type). Faster on GPUs with tensor cores; evaluation keeps the head in float32.",
    ),
    # ---------------------------------------------------------------- testing
    "TEST.ENABLE": Key(True, "Whether to test, after training if TRAIN.ENABLE is True."),
    "TEST.DATASET": Key("kinetics", "Data set to test on; see TRAIN.DATASET."),
    "TEST.BATCH_SIZE": Key(
        8,
        "Views per forward pass of the test on one machine, divided evenly among its GPUs. It "
        "changes memory and speed, but not the results.",
        low=1,
    ),
    "TEST.CHECKPOINT_FILE_PATH": Key(
        "",
        "Weights to test; empty: those that this run trained, or the newest checkpoint of "
        "OUTPUT_DIR, or TRAIN.CHECKPOINT_FILE_PATH.",
    ),
    "TEST.CHECKPOINT_TYPE": Key(
        "pytorch", "Format of TEST.CHECKPOINT_FILE_PATH.", choices=_CHECKPOINT_TYPES
    ),
    "TEST.NUM_ENSEMBLE_VIEWS": Key(
        10,
        "Windows in time taken from each test clip, evenly spread; -1 tests with 1, 3, 5, 7 and "
        "10 of them, one test after the other.",
        low=-1,
    ),
    "TEST.NUM_SPATIAL_CROPS": Key(
        3,
        "Crops of each window: 3 cover the longer side from end to end, 1 is the centre.",
        choices=(1, 3),
    ),
    "TEST.NUM_TEMPORAL_CLIPS": Key(
        [],
        "List of TEST.NUM_ENSEMBLE_VIEWS to test with, one after the other; empty: that key says.",
        kind="int",
        low=1,
    ),
    "TEST.SAVE_RESULTS_PATH": Key(
        "",
        "File below OUTPUT_DIR for scores and labels of all test clips: a pickle, and beside it a "
        ".csv and a .json of the same name; empty: none is written.",
    ),
    # ---------------------------------------------------------------- loading
    "DATA_LOADER.NUM_WORKERS": Key(
        8,
        "Processes that read and decode clips, for each GPU process. More than cores slows down; "
        "-1 takes the cores that this process may use, shared among the machine's GPUs, less one "
        "for each, and 1 where the CPU itself trains; 0 reads in the training process itself.",
        low=-1,
    ),
    "DATA_LOADER.PIN_MEMORY": Key(
        True, "Hand batches over in page-locked memory, which copies to a GPU faster."
    ),
}
