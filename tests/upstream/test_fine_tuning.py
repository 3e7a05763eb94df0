"""Training a new classifier in a checkout, resumed runs, and the check of a checkout."""

import pytest
import torch

from slowfast.ak.norms.frozen import HEAD
from tests.upstream.bed import NO_TEST, Bed
from tests.upstream.checkouts import run_in

pytestmark = pytest.mark.slow

NEW_HEAD = "the head's projection gets new random weights"


@pytest.fixture(scope="module")
def bed(applied) -> Bed:
    """After a first stage, and a second stage that was stopped after an epoch and resumed."""
    per_epoch = ("TRAIN.CHECKPOINT_PERIOD", 1, *NO_TEST, "SOLVER.MAX_EPOCH")
    start = ("TRAIN.CHECKPOINT_FILE_PATH", applied.checkpoint("first", 1), "MODEL.LOSS_FUNC", "EQL")
    again = ("OUTPUT_DIR", applied.output("second"))
    crt = ("SLOWFAST_8x8_R50_CRT", *start, *per_epoch)
    applied.run_many(
        {
            "first": ("SLOWFAST_8x8_R50", *per_epoch, 1),
            "second": (*crt, 1),
            "resumed": (*crt, 2, *again),
        }
    )
    return applied


def test_only_the_projection_changes_in_the_second_stage(bed):
    first = bed.weights("first", 1)
    for epoch in (1, 2):
        second = bed.weights("second", epoch)
        changed = {name for name in first if not torch.equal(first[name], second[name])}
        assert changed == {f"{HEAD}weight", f"{HEAD}bias"}


def test_epochs_count_from_the_first_and_go_on_in_a_resumed_run(bed):
    assert bed.epochs("second", "epoch") == ["1/1", "2/2"]
    saved = sorted(path.name for path in bed.checkpoint("second", 1).parent.iterdir())
    assert saved == [f"checkpoint_epoch_0000{number}.pyth" for number in (1, 2)]


def test_the_head_is_initialised_once_and_not_in_a_resumed_run(bed):
    assert bed.log("second").count(NEW_HEAD) == 1
    assert NEW_HEAD not in bed.log("first")
    heads = [bed.weights(name, 1)[f"{HEAD}weight"] for name in ("first", "second")]
    assert torch.corrcoef(torch.stack([head.flatten() for head in heads]))[0, 1] < 0.9


def test_the_log_says_what_differs_from_the_recipe(bed):
    log = bed.log("first")
    assert log.count("This run: global batch 4 clips, norm group 4 clips") == 1
    assert log.count("published with a global batch of 8 clips; this run has 4.") == 1


def test_the_check_passes_and_finds_a_missing_block(applied):
    losses = applied.checkout / "slowfast/models/losses.py"
    before = losses.read_bytes()
    try:
        if not applied.on_main:
            losses.write_bytes(before.replace(b"add_losses(_LOSSES)", b"pass"))
        done = run_in(applied.checkout, "python", "-m", "slowfast.ak.upstream.check")
    finally:
        losses.write_bytes(before)
    assert done.returncode == (0 if applied.on_main else 1), done.stdout + done.stderr
    if applied.on_main:
        assert "FAILED" not in done.stdout
        assert "training, evaluation, test    ok" in done.stdout
    else:
        assert done.stdout.count("FAILED") == 1
        assert "training, evaluation, test    FAILED  NotImplementedError" in done.stdout
    # The older branch lacks the keys of MViTv2, which is no failure.
    of_mvit = "ok" if applied.on_main else "-       not for this branch of SlowFast: "
    assert f"MVITv2_S_16x4.yaml            {of_mvit}" in done.stdout
    # The data are linked. The weights are missing, which is no failure.
    assert "weights                       -       data/weights/" in done.stdout
