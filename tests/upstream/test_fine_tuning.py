"""Training the classifier anew in a checkout, and the check of a checkout that has it all."""

import pytest
import torch

from slowfast.ak.norms.frozen import HEAD
from tests.upstream.checkouts import BRANCHES, run_in
from tests.upstream.test_end_to_end import TRAIN_ALONE, Bed

pytestmark = pytest.mark.slow

ANEW = "The head's projection starts anew"
CRT = "SLOWFAST_8x8_R50_CRT"
PER_EPOCH = ("TRAIN.CHECKPOINT_PERIOD", 1, *TRAIN_ALONE)


@pytest.fixture(scope="module", params=BRANCHES)
def bed(request, tmp_path_factory, tiny_ak) -> Bed:
    """After a first stage, and a second one that was stopped after an epoch and taken up again."""
    bed = Bed(request.param, tmp_path_factory.mktemp("bed"), tiny_ak)
    bed.run("first", "SLOWFAST_8x8_R50", *PER_EPOCH, "SOLVER.MAX_EPOCH", 2)
    start = ("TRAIN.CHECKPOINT_FILE_PATH", saved(bed, "first", 2), "MODEL.LOSS_FUNC", "EQL")
    bed.run("second", CRT, *PER_EPOCH, *start, "SOLVER.MAX_EPOCH", 1)
    bed.run("second", CRT, *PER_EPOCH, *start, "SOLVER.MAX_EPOCH", 2)
    return bed


def saved(bed: Bed, name: str, epoch: int):
    return bed.output(name) / f"checkpoints/checkpoint_epoch_{epoch:05d}.pyth"


def weights(bed: Bed, name: str, epoch: int) -> dict[str, torch.Tensor]:
    return torch.load(saved(bed, name, epoch))["model_state"]


def test_all_but_the_projection_stays_as_the_first_stage_left_it(bed):
    first = weights(bed, "first", 2)
    for epoch in (1, 2):
        second = weights(bed, "second", epoch)
        changed = {name for name in first if not torch.equal(first[name], second[name])}
        assert changed == {f"{HEAD}weight", f"{HEAD}bias"}


def test_epochs_count_from_the_first(bed):
    epochs = [line["epoch"] for line in bed.stats("second", _type="train_epoch")]
    assert epochs == ["1/1", "2/2"]


def test_the_head_starts_anew_once_and_not_when_a_run_is_taken_up(bed):
    assert (bed.output("second") / "stdout.log").read_text().count(ANEW) == 1
    assert ANEW not in (bed.output("first") / "stdout.log").read_text()
    steps = [weights(bed, *of)[f"{HEAD}weight"] for of in (("first", 2), ("second", 1))]
    assert torch.corrcoef(torch.stack([step.flatten() for step in steps]))[0, 1] < 0.9


def test_the_log_says_what_differs_from_the_recipe(bed):
    log = (bed.output("first") / "stdout.log").read_text()
    assert log.count("This run: global batch 4 clips, norm group 4 clips") == 1
    assert log.count("published with a global batch of 8 clips; this run has 4.") == 1


def test_the_check_finds_all_in_order(bed):
    done = run_in(bed.checkout, "python", "-m", "slowfast.ak.upstream.check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
    assert "training, evaluation, test    ok" in done.stdout
    # Data are linked; weights are not there, which fails nothing.
    assert "weights                       -       there is no data/weights/" in done.stdout


def test_the_check_finds_what_was_taken_out(bed):
    losses = bed.checkout / "slowfast/models/losses.py"
    before = losses.read_bytes()
    try:
        losses.write_bytes(before.replace(b"add_losses(_LOSSES)", b"pass"))
        done = run_in(bed.checkout, "python", "-m", "slowfast.ak.upstream.check")
    finally:
        losses.write_bytes(before)
    assert done.returncode == 1
    assert "training, evaluation, test    FAILED  NotImplementedError" in done.stdout
    assert done.stdout.count("FAILED") == 1
