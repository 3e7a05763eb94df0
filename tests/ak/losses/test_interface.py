"""Properties of every loss: arguments, gradients, precision, device, compilation, wrong input."""

import copy
import shutil

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from slowfast.ak.errors import UserError
from slowfast.ak.losses import check_targets
from tests.ak.losses.conftest import NAMES, batch, build

each_loss = pytest.mark.parametrize("name", NAMES)


def test_reductions_and_their_old_spelling():
    logits, targets = batch("soft")

    def loss(**arguments):
        return build("LDAM", **arguments)(logits, targets)

    elements = loss(reduction="none")
    assert elements.shape == logits.shape
    torch.testing.assert_close(loss(), elements.sum() / elements.numel())
    torch.testing.assert_close(loss(reduction="sum"), elements.sum())
    for old, meant in [(True, "mean"), (False, "none"), ("sum", "sum"), ("mean", "mean")]:
        assert torch.equal(loss(reduction="none", reduce=old), loss(reduction=meant))
    with pytest.raises(UserError, match="reduction: expected mean, sum, none; found 'median'"):
        loss(reduction="median")


@each_loss
def test_a_loss_of_probabilities_equals_the_loss_of_their_logits(name):
    logits, targets = batch()
    expected = build(name)(logits, targets)
    torch.testing.assert_close(build(name, logits=False)(logits.sigmoid(), targets), expected)
    certain = torch.tensor([[0.0, 1, 0, 1, 0]]).requires_grad_()
    build(name, logits=False)(certain, 1 - certain.detach()).backward()
    assert certain.grad.isfinite().all()


@each_loss
def test_gradients_agree_with_finite_differences(name):
    logits, targets = batch("soft")
    loss = build(name).eval()  # EQL draws the same in each call
    assert torch.autograd.gradcheck(lambda x: loss(x, targets), logits.requires_grad_())


# A gamma below 1 has an infinite slope at 0.
STEEP = {
    "LDAM": {"s": 30.0},
    "focal_loss": {"gamma": 0.1},
    "class_balanced_focal": {"gamma": 0.1},
    "distribution_balanced": {"gamma": 0.1, "beta": 0.0},
    "asymmetric_loss": {"gamma_pos": 0.1, "gamma_neg": 0.1, "clip": 0.0},
    "hill_loss": {"gamma": 0.1},
    "splc": {"gamma": 0.1},
}


@each_loss
def test_extreme_logits_in_half_precision_give_finite_values_and_gradients(name):
    logits = torch.tensor([0, 1e-4, 20, 100, 110, 3e4, 65504], dtype=torch.float16)
    logits = torch.cat([logits, -logits])[:, None].expand(-1, 5).clone().requires_grad_()
    for arguments in ({}, STEEP.get(name, {})):
        for targets in (torch.zeros(14, 5), torch.ones(14, 5), torch.full((14, 5), 0.5)):
            value = build(name, **arguments)(logits, targets)
            (gradient,) = torch.autograd.grad(value, logits)
            assert value.dtype == torch.float32
            assert value.isfinite()
            assert gradient.isfinite().all()


@each_loss
def test_other_types_are_converted_to_float32(name):
    logits, targets = batch(dtype=torch.float16)
    expected = build(name)(logits.float(), targets.float())
    for dtype in (torch.float16, torch.bool, torch.int64):
        assert torch.equal(build(name)(logits, targets.to(dtype)), expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(build(name)(logits, targets), expected)


class NoWaiting(TorchDispatchMode):
    """Fails at an operation that makes the CPU wait for a device, or moves data between devices."""

    WAITS = ("_local_scalar_dense", "nonzero", "item", "is_nonzero", "equal", "masked_select")

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        assert name not in self.WAITS, name
        devices = {a.device.type for a in args if isinstance(a, torch.Tensor) and a.ndim}
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            assert devices <= {result.device.type}, f"{name} moves data"
            assert result.device.type == "meta", f"{name} works on the CPU"
        return result


@each_loss
def test_nothing_waits_for_the_device(name):
    """Tensors on the device "meta" have no values, so that reading one fails."""
    logits, targets = (t.to("meta") for t in batch())
    loss = build(name)
    loss(logits, targets)  # moves the state to the device of the logits, once
    logits.requires_grad_()
    with NoWaiting():
        loss.set_epoch(3)
        value = loss(logits, targets)
        value.backward()
    assert logits.grad.device.type == "meta"


def test_the_check_for_waiting_finds_it():
    with pytest.raises((AssertionError, RuntimeError)), NoWaiting():
        torch.zeros(3, device="meta").sum().item()
    with pytest.raises(AssertionError, match=r"moves data|works on the CPU"), NoWaiting():
        torch.zeros(3).to("meta")


MACHINE_CODE = [
    pytest.mark.slow,  # runs a C++ compiler
    pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler for torch.compile"),
]


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        *((name, "aot_eager") for name in NAMES),
        *(pytest.param(name, "inductor", marks=MACHINE_CODE) for name in ("EQL", "LDAM")),
    ],
)
def test_a_loss_compiles_once_as_one_graph(name, backend):
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    logits, targets = batch("soft", dtype=torch.float32)
    plain, loss = build(name), build(name)
    compiled = torch.compile(loss, fullgraph=True, backend=backend)
    for epoch in (0, 1, 2, 2):
        for one in (plain, loss):
            one.set_epoch(epoch)
        for _ in range(2):
            ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
            value, expected = compiled(ours, targets), plain(theirs, targets)
            value.backward()
            expected.backward()
            torch.testing.assert_close(value, expected)
            torch.testing.assert_close(ours.grad, theirs.grad)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


@each_loss
def test_a_copy_and_a_loss_with_the_same_state_dict_give_the_same_values(name):
    logits, targets = batch()
    loss = build(name)
    loss.set_epoch(1)
    loss(logits, targets)
    other = build(name)
    other.load_state_dict(loss.state_dict())
    copied = copy.deepcopy(loss)
    expected = loss(logits, targets)
    assert torch.equal(other(logits, targets), expected)
    assert torch.equal(copied(logits, targets), expected)


@pytest.mark.parametrize(
    ("logits", "targets", "says"),
    [
        (torch.zeros(2, 5), torch.zeros(2, 4), r"targets: .* \(2, 5\).*float32 of shape \(2, 4\)"),
        (torch.zeros(2, 5), torch.zeros(2, dtype=torch.long), "int64 of shape .*cross_entropy"),
        (torch.zeros(5), torch.zeros(5), r"logits: expected .*\(clips, classes\), found .*\(5,\)"),
        (torch.zeros(2, 5, dtype=torch.int32), torch.zeros(2, 5), "logits: .* found torch.int32"),
        (torch.zeros(1, 5), torch.tensor([[0, 0, 2, 0, 0]]), r"found 2 at \[0, 2\]"),
        (torch.zeros(1, 5), torch.tensor([[0, np.nan, 0, 0, 0]]), r"found nan at \[0, 1\]"),
    ],
)
def test_wrong_input_is_refused(logits, targets, says):
    with pytest.raises(UserError, match=says):
        build("LDAM")(logits, targets)


def test_targets_can_be_checked_before_they_are_sent_to_a_device():
    check_targets(torch.tensor([[True, False]]))
    with pytest.raises(UserError, match=r"expected values from 0 to 1, found 3 at \[1, 0\]"):
        check_targets(torch.tensor([[0, 1], [3, 1]]))


@pytest.mark.cuda
@each_loss
def test_is_the_same_on_a_gpu_without_waiting_for_it(name):
    logits, targets = batch("soft", dtype=torch.float32)
    expected = build(name)(logits, targets)
    loss = build(name).cuda()
    logits, targets = logits.cuda().requires_grad_(), targets.cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        loss.set_epoch(0)
        value = loss(logits, targets)
        value.backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(value.cpu(), expected)
