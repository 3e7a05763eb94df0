"""A checkout to which the script was applied, its data, and the runs that are made in it."""

from __future__ import annotations

import json
import pickle
import socket
import subprocess
from collections import Counter
from pathlib import Path

import torch

from tests.upstream.checkouts import make_checkout, run_in

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
# Clips on which training evaluates if val.csv is left to the test: an odd number.
HELD_OUT = ("t0", "t3", "t5")
SMALL = [
    *("AK.HEAD_MIN", 3, "AK.TAIL_MAX", 1, "MODEL.DROPOUT_RATE", 0.0),
    *("DATA.TRAIN_JITTER_SCALES", [36, 44], "DATA.TRAIN_CROP_SIZE", 32, "DATA.TEST_CROP_SIZE", 32),
    *("TRAIN.BATCH_SIZE", 4, "TEST.NUM_ENSEMBLE_VIEWS", 2, "LOG_PERIOD", 1),
    *("SOLVER.MAX_EPOCH", 1, "DATA_LOADER.NUM_WORKERS", 0),
]
# Neither weights nor norms change in training.
STILL = [
    *("SOLVER.BASE_LR", 0.0, "SOLVER.WARMUP_START_LR", 0.0, "MODEL.FROZEN_BN", True),
    *("BN.USE_PRECISE_STATS", False, "TRAIN.CHECKPOINT_EPOCH_RESET", True),
]
NO_TEST, NO_TRAINING = ("TEST.ENABLE", False), ("TRAIN.ENABLE", False)
IN_TWO = ("NUM_GPUS", 2, "DIST_BACKEND", "gloo")


def prepare(checkout: Path, *options: object) -> None:
    """Runs the script, as a user does."""
    command = [PROJECT / "scripts" / "prepare_dir_AR.sh", "--slowfast", checkout, *options]
    done = subprocess.run(["bash", *map(str, command)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def files_of(folder: Path) -> dict[str, bytes | str]:
    """Returns the contents of files and the targets of links, without git's and Python's own."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.startswith(".git/") or "__pycache__" in name:
            continue
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


class Bed:
    """A prepared checkout of a branch, data of three test clips, and a folder for outputs."""

    def __init__(self, branch: str, folder: Path, tiny_ak) -> None:
        self.branch, self.folder = branch, folder
        self.on_main = branch == "main"
        self.data = folder / "ak"
        (self.data / "annot").mkdir(parents=True)
        for name in ("train.csv", "val.csv"):
            lines = (tiny_ak.annot / name).read_text().splitlines(keepends=True)
            # Three clips to test, which two processes cannot share evenly.
            kept = [line for line in lines if not line.startswith("v1 ")]
            (self.data / "annot" / name).write_text("".join(kept))
        for part in ("image", "video"):
            (self.data / part).symlink_to(tiny_ak.root / part)
        self.holdout = folder / "holdout.txt"
        self.holdout.write_text("\n".join(HELD_OUT) + "\n")
        self.checkout = make_checkout(folder / "checkout", branch)
        with (self.checkout / "slowfast/utils/meters.py").open("a") as file:
            file.write("MINE = 'uncommitted work of the user'\n")
        self.before = files_of(self.checkout)
        prepare(self.checkout, "--data", self.data)
        self.after = files_of(self.checkout)

    def arguments(self, name: str, recipe: str, *settings: object) -> list[str]:
        """Returns the arguments of run_net for a small run of a recipe; later settings win."""
        small = [*SMALL, "OUTPUT_DIR", self.output(name), *settings]
        return self.command_line(f"configs/AK/{recipe}.yaml", *small)

    def command_line(self, config: str, *settings: object) -> list[str]:
        meet = ["--init_method", f"tcp://localhost:{free_port()}"]
        opts = ["--opts"] if self.on_main else []
        return ["--cfg", config, *meet, *opts, *map(str, settings)]

    def run(self, name: str, recipe: str, *settings: object) -> None:
        """Makes one run in a process of its own."""
        self.run_net(name, self.arguments(name, recipe, *settings))

    def run_net(self, name: str, words: list[str]) -> None:
        done = self._watched("tools/run_net.py", *words, OPENED_FILES=self._opened(name))
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    def run_many(self, runs: dict[str, tuple]) -> None:
        """Makes runs, given as name to recipe and settings, in one process."""
        plan = {
            name: (self.arguments(name, *run), str(self._opened(name)))
            for name, run in runs.items()
        }
        (self.folder / "runs.json").write_text(json.dumps(plan))
        done = self._watched(HERE / "many_runs.py", self.folder / "runs.json")
        failed = done.stderr.splitlines()[-1:]
        assert failed == ["[]"], done.stdout[-3000:] + done.stderr[-9000:]

    def _watched(self, *command: object, **env: object) -> subprocess.CompletedProcess:
        path = f"{self.checkout}:{HERE / 'watched'}"
        return run_in(self.checkout, "python", *command, PYTHONPATH=path, **env)

    def output(self, name: str) -> Path:
        return self.folder / "output" / name

    def log(self, name: str) -> str:
        return (self.output(name) / "stdout.log").read_text()

    def _opened(self, name: str) -> Path:
        notes = self.folder / "opened" / name
        notes.parent.mkdir(exist_ok=True)
        return notes

    def opened(self, name: str, suffix: str) -> Counter[str]:
        """Returns how often a run opened each file, by the file's name."""
        lines = self._opened(name).read_text().splitlines()
        return Counter(Path(line).name for line in lines if line.endswith(suffix))

    def stats(self, name: str, **wanted: str) -> list[dict]:
        """Returns the lines json_stats of a run that have these values."""
        texts = [line.partition("json_stats: ")[2] for line in self.log(name).splitlines()]
        found = [json.loads(text) for text in texts if text]
        return [line for line in found if wanted.items() <= line.items()]

    def final(self, name: str) -> dict:
        (final,) = self.stats(name, split="test_final")
        return final

    def epochs(self, name: str, key: str) -> list:
        """Returns a value of each training epoch."""
        return [line[key] for line in self.stats(name, _type="train_epoch")]

    def maps(self, name: str) -> list[float]:
        """Returns the mAP of each evaluation during training."""
        return [line["map"] for line in self.stats(name, _type="val_epoch")]

    def scores(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        (path,) = self.output(name).glob("*.pkl")
        return pickle.loads(path.read_bytes())

    def checkpoint(self, name: str, epoch: int) -> Path:
        return self.output(name) / f"checkpoints/checkpoint_epoch_{epoch:05d}.pyth"

    def weights(self, name: str, epoch: int) -> dict[str, torch.Tensor]:
        return torch.load(self.checkpoint(name, epoch))["model_state"]

    def still(self, *settings: object) -> tuple:
        """A run that keeps the weights of the first run."""
        start = ("TRAIN.CHECKPOINT_FILE_PATH", self.checkpoint("slowfast", 2))
        return ("SLOWFAST_8x8_R50", *STILL, *start, *settings)

    def tested(self, *settings: object) -> tuple:
        """A test of the weights of the first run; scores are summed, which shows extra views."""
        weights = ("TEST.CHECKPOINT_FILE_PATH", self.checkpoint("slowfast", 2))
        summed = ("DATA.ENSEMBLE_METHOD", "sum", "TEST.BATCH_SIZE", 10)
        return ("SLOWFAST_8x8_R50", *weights, *summed, *settings)
