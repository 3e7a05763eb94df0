"""The command run_net.py, started in processes of its own as by a user."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run_net(tiny_ak, tmp_path):
    """Starts `tools/run_net.py` on a small configuration with overrides; returns the process."""
    config = tmp_path / "small.yaml"
    config.write_text(
        f"""
MODEL: {{ARCH: slow, MODEL_NAME: ResNet, NUM_CLASSES: 5, LOSS_FUNC: bce_loss, HEAD_ACT: sigmoid}}
RESNET: {{DEPTH: 18, TRANS_FUNC: basic_transform, WIDTH_PER_GROUP: 8,
         NUM_BLOCK_TEMP_KERNEL: [[2], [2], [2], [2]]}}
DATA: {{PATH_TO_DATA_DIR: {tiny_ak.annot}, PATH_PREFIX: {tiny_ak.image}, NUM_FRAMES: 4,
       SAMPLING_RATE: 2, INPUT_CHANNEL_NUM: [3], TRAIN_JITTER_SCALES: [32, 40], TRAIN_CROP_SIZE: 32,
       TEST_CROP_SIZE: 32, MULTI_LABEL: True, REVERSE_INPUT_CHANNEL: True}}
TRAIN: {{DATASET: ak, BATCH_SIZE: 4, EVAL_PERIOD: 1, CHECKPOINT_PERIOD: 1}}
TEST: {{DATASET: ak, BATCH_SIZE: 4, NUM_ENSEMBLE_VIEWS: 2, NUM_SPATIAL_CROPS: 1}}
SOLVER: {{MAX_EPOCH: 2, BASE_LR: 0.01}}
DATA_LOADER: {{NUM_WORKERS: 1}}
NUM_GPUS: 0
OUTPUT_DIR: {tmp_path}/run
"""
    )

    def start(*args: str, cfg: str | Path = config, by: tuple[str, ...] = ()) -> subprocess.Popen:
        command = [sys.executable, *by, str(ROOT / "tools/run_net.py"), "--cfg", str(cfg), *args]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            command,
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A shell that starts this in the background passes on an ignored interrupt.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    return start


def finish(process: subprocess.Popen) -> tuple[int, str]:
    output, _ = process.communicate(timeout=300)
    return process.returncode, output


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 120
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.1)


def test_trains_then_tests_and_ends_with_the_table(run_net, tmp_path):
    status, output = finish(run_net("--opts", "SOLVER.MAX_EPOCH", "1"))
    assert status == 0, output
    assert "random scores" in output
    assert "overall" in output
    assert str(tmp_path / "run/checkpoints/checkpoint_epoch_00001.pyth") in output


def test_a_dry_run_prints_warnings_and_the_cost_and_leaves_no_folder(run_net, tmp_path):
    warmup = ("SOLVER.WARMUP_EPOCHS", "1", "SOLVER.WARMUP_START_LR", "9")
    status, output = finish(run_net("--dry-run", *warmup))
    assert status == 0, output
    assert "WARNING: command line: SOLVER.WARMUP_START_LR = 9.0: above" in output
    assert "2 epochs x 2 steps x " in output
    assert not (tmp_path / "run").exists()
    status, output = finish(run_net("--dry-run", "DATA.PATH_TO_DATA_DIR", "nowhere"))
    assert status == 2, output
    assert "nowhere/train.csv" in output
    assert not (tmp_path / "run").exists()


TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


@pytest.mark.slow
@pytest.mark.parametrize("by", [(), TORCHRUN], ids=["by itself", "by torchrun"])
def test_two_processes_train_and_test(run_net, by):
    args = ["SOLVER.MAX_EPOCH", "1"] + ([] if by else ["CPU_PROCESSES", "2"])
    status, output = finish(run_net(*args, by=by))
    assert status == 0, output
    assert "2 processes" in output
    assert output.count("Checkpoint written") == output.count("random scores") == 1
    assert "resamples of the 4 test clips" in output


def test_two_processes_of_torchrun_print_an_error_once(run_net):
    status, output = finish(run_net("DATA.PATH_TO_DATA_DIR", "nowhere", by=TORCHRUN))
    assert status == 1
    assert output.count("nowhere/train.csv") == 1, output
    status, output = finish(run_net("TRAIN.BATCH_SIZE", "5", by=TORCHRUN))
    assert output.count("evenly among CPU_PROCESSES 2; take 4 or 6") == 1, output


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_run(run_net, tmp_path):
    process = run_net("SOLVER.MAX_EPOCH", "200", "CPU_PROCESSES", "2")
    wait_for(tmp_path / "run/checkpoints/checkpoint_epoch_00001.pyth")
    spawned = psutil.Process(process.pid).children()
    workers = [child for child in spawned if "spawn_main" in str(child.cmdline())]
    assert len(workers) == 2
    workers[1].kill()
    status, output = finish(process)
    assert status == 1, output
    assert "was ended by SIGKILL; the machine may have run out of memory" in output[-300:]
    assert not any(worker.is_running() for worker in workers)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["MODEL.LOS_FUNC", "mse"], ["MODEL.LOS_FUNC", "MODEL.LOSS_FUNC"]),
        (["MODEL.HEAD_ACT", "softmax"], ["MODEL.HEAD_ACT", "softmax"]),
        (["DATA.PATH_TO_DATA_DIR", "nowhere"], ["nowhere/train.csv", "make demo"]),
        (["TEST.CHECKPOINT_FILE_PATH", "no.pyth", "TRAIN.ENABLE", "False"], ["no.pyth"]),
        (["MODEL.LOSS_FUNC", "bce_los"], ["bce_los", "bce_loss"]),
    ],
)
def test_a_users_error_has_a_message_and_no_traceback(run_net, args, words):
    status, output = finish(run_net(*args))
    assert status == 2, output
    assert "Traceback" not in output
    for word in words:
        assert word in output


def test_an_error_is_in_the_log_too(run_net, tmp_path):
    status, _ = finish(run_net("DATA.PATH_TO_DATA_DIR", "nowhere"))
    assert status == 2
    assert "there is no such frame list" in (tmp_path / "run/stdout.log").read_text()


@pytest.mark.parametrize("path", ["there", "blocked/results.pkl"])
def test_a_results_path_that_cannot_be_written_is_refused_before_training(run_net, tmp_path, path):
    (tmp_path / "run/there").mkdir(parents=True)
    (tmp_path / "run/blocked").write_text("a file where a folder should be")
    status, output = finish(run_net("TEST.SAVE_RESULTS_PATH", path))
    assert status == 2, output
    assert "TEST.SAVE_RESULTS_PATH" in output
    assert not list((tmp_path / "run").rglob("*.pyth"))


def test_a_missing_configuration_is_named(run_net):
    status, output = finish(run_net(cfg="configs/AK/SLOWFAST_8x8.yaml"))
    assert status == 2, output
    assert "Traceback" not in output
    assert "configs/AK/SLOWFAST_8x8.yaml" in output


def test_a_run_stopped_with_ctrl_c_continues(run_net, tmp_path):
    process = run_net("SOLVER.MAX_EPOCH", "200", "TEST.ENABLE", "False")
    first = tmp_path / "run/checkpoints/checkpoint_epoch_00001.pyth"
    wait_for(first)
    process.send_signal(signal.SIGINT)
    status, output = finish(process)
    assert status == 75, output
    assert "Traceback" not in output
    assert "continues from here" in output
    done = len(list(first.parent.glob("checkpoint_*")))

    status, output = finish(run_net("SOLVER.MAX_EPOCH", str(done + 1)))
    assert status == 0, output
    log = (tmp_path / "run/json_stats.log").read_text()
    assert log.count(f'"epoch": "{done + 1}/{done + 1}"') >= 1
    assert len(list(first.parent.glob("checkpoint_*"))) == done + 1
