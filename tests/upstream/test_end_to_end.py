"""The drop-in on look-alikes of both branches: it is applied, runs are made, and it is reverted.

The runs are those of a user, `python tools/run_net.py --cfg configs/AK/...`, with smaller sizes and
fewer epochs. Most runs of a branch share a process, since its imports take longest. What does not
depend on the branch runs on one branch only.
"""

import math
import shutil

import pytest
import torch

from slowfast.ak.losses import multi_label_losses
from tests.upstream.bed import IN_TWO, NO_TEST, NO_TRAINING, Bed, files_of, prepare
from tests.upstream.checkouts import run_in

pytestmark = pytest.mark.slow

SEGMENTS = ("map_head", "map_middle", "map_tail", "map_micro")
I3D = ("I3D_8x8_R50", *NO_TEST)


@pytest.fixture(scope="module")
def bed(applied) -> Bed:
    """After the runs that most tests look at."""
    epochs, workers = ("SOLVER.MAX_EPOCH", 2), ("DATA_LOADER.NUM_WORKERS", -1)
    board = ("TENSORBOARD.ENABLE", True)
    applied.run("slowfast", "SLOWFAST_8x8_R50", *epochs, *workers, *board)
    ldam = (*I3D, *epochs, "MODEL.LOSS_FUNC", "LDAM", "LOSS.LDAM.STEP_EPOCH")
    held_out = ("AK.HOLDOUT", applied.holdout)
    runs = {
        "drw": (*ldam, [1]),
        "no drw": (*ldam, [9]),
        "still": applied.still(*epochs, *held_out, *NO_TEST),
        "test": applied.tested(*NO_TRAINING),
    }
    if applied.on_main:
        counts = ("TEST.NUM_TEMPORAL_CLIPS", [1, 2])
        runs["view counts"] = applied.tested(*NO_TRAINING, *counts)
        runs["x3d"] = ("X3D_L",)
    else:  # patch-2 builds a loss in every iteration
        runs["i3d"] = ("I3D_8x8_R50",)
        eql = (*I3D, "MODEL.LOSS_FUNC", "EQL", "TRAIN.BATCH_SIZE")
        runs |= {"two iterations": (*eql, 4), "eight iterations": (*eql, 1)}
        runs |= {name: (*I3D, "MODEL.LOSS_FUNC", name) for name in own_losses()}
    applied.run_many(runs)
    return applied


@pytest.fixture(scope="module")
def in_two(bed) -> Bed:
    """After runs in two processes.

    The workers of such processes are spawned: each imports everything again, for each loader. So
    there is one for each process, on one branch.
    """
    held_out = ("AK.HOLDOUT", bed.holdout)
    workers = ("DATA_LOADER.NUM_WORKERS", int(bed.on_main))
    bed.run("two", *bed.still(*bed.tested(*IN_TWO, *held_out, *workers)[1:]))
    bed.run("i3d in two", *I3D, *IN_TWO, "BN.NUM_SYNC_DEVICES", 2)
    return bed


def own_losses() -> list[str]:
    return list(multi_label_losses())


def only_on(branch: str, bed: Bed) -> None:
    if bed.branch != branch:
        pytest.skip(f"runs on {branch} only")


def test_applying_it_again_changes_nothing(applied):
    prepare(applied.checkout, "--data", applied.data)
    assert files_of(applied.checkout) == applied.after


def test_a_recipe_trains_and_tests(bed):
    for name in ("slowfast", "x3d" if bed.on_main else "i3d"):
        losses = bed.epochs(name, "loss")
        assert all(map(math.isfinite, losses))
        assert bed.checkpoint(name, 1).is_file()
        assert len(bed.maps(name)) == len(losses) == (2 if name == "slowfast" else 1)
        scores, labels = bed.scores(name)
        assert scores.shape == labels.shape == (3, 140)
        assert ((scores >= 0) & (scores <= 1)).all()
        assert labels.sum(dim=1).tolist() == [2, 1, 1]
    first, second = bed.epochs("slowfast", "loss")
    assert second < first


def test_each_loss_trains_with_its_settings(bed):
    only_on("haooooooqi-patch-2", bed)
    losses = {name: bed.epochs(name, "loss")[0] for name in own_losses()}
    assert all(math.isfinite(loss) and loss > 0 for loss in losses.values())
    assert losses["bce_loss"] == losses["focal_loss"], "GAMMA is 0"
    assert len(set(losses.values())) == len(losses) - 1, "the others differ"


def test_deferred_weights_begin_at_their_epoch(bed):
    (before, after), (same, never) = bed.epochs("drw", "loss"), bed.epochs("no drw", "loss")
    assert before == same
    assert after != pytest.approx(never, rel=1e-3)


def test_lists_are_not_read_for_each_iteration(bed):
    only_on("haooooooqi-patch-2", bed)
    few, many = (bed.opened(f"{n} iterations", "train.csv") for n in ("two", "eight"))
    assert few == many
    assert few["train.csv"] >= 1


def test_the_map_of_segments_has_the_unit_of_map(bed):
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


def test_validation_of_the_same_weights_is_the_same(bed):
    first, second = bed.stats("still", _type="val_epoch")
    for key in ("map", *SEGMENTS):
        assert first.get(key) == second.get(key), key


def test_each_clip_is_decoded_once_in_a_test(bed):
    seen = bed.opened("test", ".jpg")
    assert {image[:2] for image in seen} == {"v0", "v2", "v3"}
    assert set(seen.values()) == {1}


def test_sums_over_views_start_at_0(bed):
    scores, _ = bed.scores("test")
    assert ((scores > 0) & (scores < 6)).all(), "2 x 3 views, each between 0 and 1"
    assert len(scores.unique()) > scores.numel() / 2, "float32 keeps the terms of the sum"


def test_a_list_of_view_counts_is_a_test_of_each(bed):
    only_on("main", bed)
    first, second = bed.stats("view counts", split="test_final")
    assert second == bed.final("test")
    assert set(first) == set(second)


def test_two_processes_score_each_clip_once_and_as_one_process_does(in_two):
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
    (loss,) = in_two.epochs("i3d in two", "loss")
    assert math.isfinite(loss)
    # The processes share the epoch: 8 clips are 2 batches of 2 in each.
    steps = in_two.stats("i3d in two", _type="train_iter_")
    assert [step["iter"] for step in steps] == ["1/2", "2/2"]


def test_the_checkouts_own_data_sets_work_as_before(applied):
    settings = ["DATA.PATH_TO_DATA_DIR", "data/ak/annot", "DATA.PATH_PREFIX", "data/ak/image"]
    config, output = "configs/Charades/SLOWFAST_16x8_R50.yaml", applied.output("charades")
    settings += ["OUTPUT_DIR", output, "NUM_GPUS", 1, "DATA_LOADER.NUM_WORKERS", -1]
    applied.run_net("charades", applied.command_line(config, *settings))
    assert "map" in applied.final("charades")
    assert not set(applied.final("charades")) & set(SEGMENTS)
    opened = applied.opened("charades", ".jpg")
    assert opened.total() == 0, "the checkout reads with OpenCV, which this does not notice"


REMOTE = """
import sys
from iopath.common.file_io import PathHandler
from slowfast.ak import paths
from slowfast.config.defaults import get_cfg
from slowfast.datasets import build_dataset
from slowfast.utils import env

class Bucket(PathHandler):
    def _get_supported_prefixes(self):
        return ["bucket://"]
    def _get_local_path(self, path, force=False, **options):
        return sys.argv[1] + "/" + path.removeprefix("bucket://")

manager = getattr(env, "pathmgr", None) or paths.pathmgr
manager.register_handler(Bucket())
cfg = get_cfg()
cfg.merge_from_file("configs/AK/SLOWFAST_8x8_R50.yaml")
cfg.DATA.PATH_TO_DATA_DIR, cfg.DATA.PATH_PREFIX = "bucket://annot", "bucket://image"
cfg.AK.FRAMES = "image"
inputs, *_ = build_dataset("ak", cfg, "val")[0]
print(hasattr(env, "pathmgr"), len(inputs))
"""


def test_remote_paths_are_opened_by_registered_handlers(applied):
    done = run_in(applied.checkout, "python", "-c", REMOTE, applied.data)
    assert done.stdout == f"{applied.on_main} 2\n", done.stderr[-3000:]


def test_reverting_restores_every_byte_after_these_runs(bed):
    copy = bed.folder / "reverted"
    shutil.copytree(bed.checkout, copy, symlinks=True)
    prepare(copy, "--revert")
    assert files_of(copy) == bed.before
    assert not (copy / "slowfast/ak").exists()
    assert not (copy / "configs/AK").exists()
