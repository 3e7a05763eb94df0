"""The whole of it, on look-alikes of both branches: applied, run, and taken out again.

Runs are those of a user, `python tools/run_net.py --cfg configs/AK/...`, as configured but for
sizes and epochs; without CUDA, where there is none. Most share a process.
"""

from __future__ import annotations

import json
import math
import pickle
import socket
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import torch

from slowfast.ak.losses import LOSSES
from tests.upstream.checkouts import BRANCHES, make_checkout, run_in

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
SEGMENTS = ("map_head", "map_middle", "map_tail", "map_micro")
# Clips on which training evaluates where val.csv is left to the test: an odd number.
HELD_OUT = ("t0", "t3", "t5")
SMALL = [
    *("AK.HEAD_MIN", 3, "AK.TAIL_MAX", 1, "MODEL.DROPOUT_RATE", 0.0),
    *("DATA.TRAIN_JITTER_SCALES", [36, 44], "DATA.TRAIN_CROP_SIZE", 32, "DATA.TEST_CROP_SIZE", 32),
    *("TRAIN.BATCH_SIZE", 4, "TEST.NUM_ENSEMBLE_VIEWS", 2, "LOG_PERIOD", 1),
    *("SOLVER.MAX_EPOCH", 1, "DATA_LOADER.NUM_WORKERS", 0),
]
# Nothing changes while it trains: neither weights nor norms.
STILL = [
    *("SOLVER.BASE_LR", 0.0, "SOLVER.WARMUP_START_LR", 0.0, "MODEL.FROZEN_BN", True),
    *("BN.USE_PRECISE_STATS", False, "TRAIN.CHECKPOINT_EPOCH_RESET", True),
]
TRAIN_ALONE, TEST_ALONE = ("TEST.ENABLE", False), ("TRAIN.ENABLE", False)
IN_TWO = ("NUM_GPUS", 2, "DIST_BACKEND", "gloo")


def prepare(checkout: Path, *options: object) -> subprocess.CompletedProcess:
    """The script, as a user calls it."""
    command = [PROJECT / "scripts" / "prepare_dir_AR.sh", "--slowfast", checkout, *options]
    done = subprocess.run(["bash", *map(str, command)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def files_of(folder: Path) -> dict[str, bytes | str]:
    """Content of files, targets of links; without git's and Python's own."""
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
    """A checkout to which the script was applied, data, and a place for what runs write."""

    def __init__(self, branch: str, folder: Path, tiny_ak) -> None:
        self.branch, self.folder = branch, folder
        self.on_main = branch == "main"
        self.data = folder / "ak"
        (self.data / "annot").mkdir(parents=True)
        for name in ("train.csv", "val.csv"):
            lines = (tiny_ak.annot / name).read_text().splitlines(keepends=True)
            # Three clips to test: no two processes can halve them.
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
        """Those of run_net for a recipe in small; later settings win."""
        small = [*SMALL, "OUTPUT_DIR", self.output(name), *settings]
        return self.command_line(f"configs/AK/{recipe}.yaml", *small)

    def command_line(self, config: str, *settings: object) -> list[str]:
        meet = ["--init_method", f"tcp://localhost:{free_port()}"]
        opts = ["--opts"] if self.on_main else []
        return ["--cfg", config, *meet, *opts, *map(str, settings)]

    def run(self, name: str, recipe: str, *settings: object) -> subprocess.CompletedProcess:
        """One run, a process of its own."""
        return self.run_net(name, self.arguments(name, recipe, *settings))

    def run_net(self, name: str, words: list[str]) -> subprocess.CompletedProcess:
        done = self._watched("tools/run_net.py", *words, OPENED_FILES=self._opened(name))
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done

    def run_many(self, runs: dict[str, tuple]) -> None:
        """Runs, name to recipe and settings, in one process."""
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

    def _opened(self, name: str) -> Path:
        notes = self.folder / "opened" / name
        notes.parent.mkdir(exist_ok=True)
        return notes

    def opened(self, name: str, suffix: str) -> Counter[str]:
        """How often a run opened each file, by the ends of their paths."""
        lines = self._opened(name).read_text().splitlines()
        return Counter(Path(line).name for line in lines if line.endswith(suffix))

    def stats(self, name: str, **wanted: str) -> list[dict]:
        """The json_stats of a run that have such values."""
        log = (self.output(name) / "stdout.log").read_text()
        texts = [line.partition("json_stats: ")[2] for line in log.splitlines()]
        found = [json.loads(text) for text in texts if text]
        return [line for line in found if wanted.items() <= line.items()]

    def final(self, name: str) -> dict:
        (final,) = self.stats(name, split="test_final")
        return final

    def losses(self, name: str) -> list[float]:
        """The loss of each epoch."""
        return [line["loss"] for line in self.stats(name, _type="train_epoch")]

    def maps(self, name: str) -> list[float]:
        """The mAP of each evaluation while training."""
        return [line["map"] for line in self.stats(name, _type="val_epoch")]

    def scores(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        (path,) = self.output(name).glob("*.pkl")
        return pickle.loads(path.read_bytes())

    @property
    def trained(self) -> Path:
        """The weights of the first run."""
        return self.output("slowfast") / "checkpoints/checkpoint_epoch_00002.pyth"

    def resumed(self, *settings: object) -> tuple:
        """A run in which the weights of the first one stay as they are."""
        start = ("TRAIN.CHECKPOINT_FILE_PATH", self.trained)
        return ("SLOWFAST_8x8_R50", *STILL, *start, *settings)

    def tested(self, *settings: object) -> tuple:
        """A test of the weights of the first run; summed, so that a view too many would show."""
        weights = ("TEST.CHECKPOINT_FILE_PATH", self.trained)
        summed = ("DATA.ENSEMBLE_METHOD", "sum", "TEST.BATCH_SIZE", 10)
        return ("SLOWFAST_8x8_R50", *weights, *summed, *settings)


@pytest.fixture(scope="module", params=BRANCHES)
def applied(request, tmp_path_factory, tiny_ak) -> Bed:
    return Bed(request.param, tmp_path_factory.mktemp("bed"), tiny_ak)


@pytest.fixture(scope="module")
def bed(applied) -> Bed:
    """After the runs that most tests look at."""
    applied.run(
        "slowfast",
        "SLOWFAST_8x8_R50",
        "SOLVER.MAX_EPOCH",
        2,
        "DATA_LOADER.NUM_WORKERS",
        -1,
        "TENSORBOARD.ENABLE",
        True,
    )
    ldam = ("MODEL.LOSS_FUNC", "LDAM", "SOLVER.MAX_EPOCH", 2, "LOSS.LDAM.STEP_EPOCH")
    eql = ("MODEL.LOSS_FUNC", "EQL", *TRAIN_ALONE, "TRAIN.BATCH_SIZE")
    applied.run_many(
        {
            "i3d": ("I3D_8x8_R50",),
            "x3d": ("X3D_L",),
            **{name: ("I3D_8x8_R50", "MODEL.LOSS_FUNC", name, *TRAIN_ALONE) for name in LOSSES},
            "drw": ("I3D_8x8_R50", *ldam, [1], *TRAIN_ALONE),
            "no drw": ("I3D_8x8_R50", *ldam, [9], *TRAIN_ALONE),
            "two iterations": ("I3D_8x8_R50", *eql, 4),
            "eight iterations": ("I3D_8x8_R50", *eql, 1),
            "still": applied.resumed(
                "SOLVER.MAX_EPOCH", 2, "AK.HOLDOUT", applied.holdout, *TRAIN_ALONE
            ),
            "test": applied.tested(*TEST_ALONE),
            "test with workers": applied.tested(*TEST_ALONE, "DATA_LOADER.NUM_WORKERS", 2),
            "begun": ("I3D_8x8_R50", *TRAIN_ALONE),
            "resumed": (
                *("I3D_8x8_R50", *TRAIN_ALONE, "SOLVER.MAX_EPOCH", 2),
                *("OUTPUT_DIR", applied.output("begun")),
            ),
            **(
                {"view counts": applied.tested(*TEST_ALONE, "TEST.NUM_TEMPORAL_CLIPS", [1, 2])}
                if applied.on_main
                else {}
            ),
        }
    )
    return applied


@pytest.fixture(scope="module")
def in_two(bed) -> Bed:
    """After runs in two processes."""
    held_out = ("AK.HOLDOUT", bed.holdout)
    bed.run("two", *bed.resumed(*bed.tested(*IN_TWO, *held_out)[1:]))
    bed.run("i3d in two", "I3D_8x8_R50", *IN_TWO, *TRAIN_ALONE, "BN.NUM_SYNC_DEVICES", 2)
    return bed


def test_applying_it_again_changes_nothing(applied):
    prepare(applied.checkout, "--data", applied.data)
    assert files_of(applied.checkout) == applied.after


@pytest.mark.parametrize("name", ["slowfast", "i3d", "x3d"])
def test_a_recipe_trains_and_tests(bed, name):
    assert all(map(math.isfinite, bed.losses(name)))
    assert (bed.output(name) / "checkpoints/checkpoint_epoch_00001.pyth").is_file()
    assert len(bed.maps(name)) == len(bed.losses(name)) == (2 if name == "slowfast" else 1)
    scores, labels = bed.scores(name)
    assert scores.shape == labels.shape == (3, 140)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert labels.sum(dim=1).tolist() == [2, 1, 1]


def test_training_lowers_the_loss(bed):
    first, second = bed.losses("slowfast")
    assert second < first


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_trains(bed, name):
    (loss,) = bed.losses(name)
    assert math.isfinite(loss)
    assert loss > 0


def test_losses_read_the_settings(bed):
    assert bed.losses("bce_loss") == bed.losses("focal_loss"), "GAMMA is 0"
    assert len({bed.losses(name)[0] for name in LOSSES}) == len(LOSSES) - 1, "others differ"


def test_deferred_weights_come_at_their_epoch(bed):
    (before, after), (same, never) = bed.losses("drw"), bed.losses("no drw")
    assert before == same
    assert after != pytest.approx(never, rel=1e-3)


def test_lists_are_read_as_often_however_many_iterations_there_are(bed):
    few, many = (bed.opened(f"{n} iterations", "train.csv") for n in ("two", "eight"))
    assert few == many
    assert few["train.csv"] >= 1


def test_maps_by_segment_stand_beside_map_in_its_unit(bed):
    val, final = bed.stats("slowfast", _type="val_epoch")[-1], bed.final("slowfast")
    assert all(0 <= val[key] <= 1 for key in ("map", *SEGMENTS))
    if not bed.on_main:
        assert all(0 <= final[key] <= 1 for key in ("map", *SEGMENTS))
        return
    for key in ("map", "top1_acc", *SEGMENTS):
        whole, _, decimals = final[key].partition(".")
        assert whole.isdigit(), key
        assert len(decimals) == 2, key
    assert final["top1_acc"] == final["map"]


def test_validation_is_the_same_twice(bed):
    first, second = bed.stats("still", _type="val_epoch")
    for key in ("map", *SEGMENTS):
        assert first.get(key) == second.get(key), key


@pytest.mark.parametrize("name", ["test", "test with workers"])
def test_each_clip_is_decoded_once_in_a_test(bed, name):
    seen = bed.opened(name, ".jpg")
    assert {image[:2] for image in seen} == {"v0", "v2", "v3"}
    assert set(seen.values()) == {1}


def test_workers_change_no_score(bed):
    alone, with_workers = bed.scores("test")[0], bed.scores("test with workers")[0]
    assert torch.equal(alone, with_workers)


def test_sums_over_views_start_at_nought(bed):
    scores, _ = bed.scores("test")
    assert ((scores > 0) & (scores < 6)).all(), "of 2 x 3 views, each between 0 and 1"
    assert len(scores.unique()) > scores.numel() / 2, "float32 keeps what was added"


def test_a_run_is_taken_up_again(bed):
    epochs = [line["epoch"] for line in bed.stats("begun", _type="train_epoch")]
    assert epochs == ["1/1", "2/2"]
    saved = bed.output("begun") / "checkpoints"
    assert [path.name for path in sorted(saved.iterdir())] == [
        f"checkpoint_epoch_0000{number}.pyth" for number in (1, 2)
    ]


def test_a_list_of_view_counts_is_a_test_of_each(bed):
    if not bed.on_main:
        pytest.skip("TEST.NUM_TEMPORAL_CLIPS is of main")
    first, second = bed.stats("view counts", split="test_final")
    assert second == bed.final("test")
    assert set(first) == set(second)


def test_two_processes_score_each_clip_once_and_as_one_does(in_two):
    (one, labels), (two, same) = in_two.scores("test"), in_two.scores("two")
    torch.testing.assert_close(one, two)
    assert torch.equal(labels, same)
    assert in_two.final("test") == in_two.final("two")
    seen = in_two.opened("two", ".jpg")
    tested = {image: times for image, times in seen.items() if image.startswith("v")}
    assert tested == in_two.opened("test", ".jpg")


def test_two_processes_validate_as_one_does(in_two):
    assert in_two.maps("two") == in_two.maps("still")[:1]


def test_two_processes_train(in_two):
    (loss,) = in_two.losses("i3d in two")
    assert math.isfinite(loss)
    # The processes halve the epoch: 8 clips are 2 batches of 2 in each.
    steps = in_two.stats("i3d in two", _type="train_iter_")
    assert [step["iter"] for step in steps] == ["1/2", "2/2"]


def test_the_users_own_data_sets_go_on_as_they_did(in_two):
    settings = ["DATA.PATH_TO_DATA_DIR", "data/ak/annot", "DATA.PATH_PREFIX", "data/ak/image"]
    config, output = "configs/Charades/SLOWFAST_16x8_R50.yaml", in_two.output("charades")
    words = in_two.command_line(
        config, "OUTPUT_DIR", output, "NUM_GPUS", 1, *settings, "DATA_LOADER.NUM_WORKERS", -1
    )
    in_two.run_net("charades", words)
    assert "map" in in_two.final("charades")
    assert not set(in_two.final("charades")) & set(SEGMENTS)
    opened = in_two.opened("charades", ".jpg")
    assert opened.total() == 0, "OpenCV read them, not slowfast.ak"


def test_taking_it_out_gives_back_every_byte_after_all_those_runs(in_two):
    prepare(in_two.checkout, "--revert")
    assert files_of(in_two.checkout) == in_two.before
    assert not (in_two.checkout / "slowfast/ak").exists()
    assert not (in_two.checkout / "configs/AK").exists()
