"""Every network agrees with the published implementation, as tests/reference/models records it."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from slowfast.models import build_model
from tests.models.network_cases import fill_by_name, network_cfg, normal

FOLDER = Path(__file__).parents[1] / "reference" / "models"
# The values were made without dropout, and with the batch norm of one device.
PLAIN = {"NUM_GPUS": 0, "MODEL.DROPOUT_RATE": 0.0, "BN.NORM_TYPE": "batchnorm"}


@pytest.fixture(autouse=True)
def _two_threads():
    """The values were made on two threads, which decides in what order float32 is summed."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


def assert_close(found, expected) -> None:
    """Agreement to 1e-4 of the largest value."""
    expected = torch.as_tensor(expected, dtype=torch.float64)
    found = torch.as_tensor(found, dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


def reference_cases():
    for path in sorted(FOLDER.glob("*.json")):
        # 64 frames: several times as long as all others together.
        marks = [pytest.mark.slow] if "16x8" in path.stem else []
        yield pytest.param(json.loads(path.read_text()), id=path.stem, marks=marks)


def loss_and_gradient_norm(model, clips) -> tuple[float, float]:
    model.zero_grad()
    logits = model(clips)
    targets = torch.zeros_like(logits)
    targets[[0, 0, 1], [1, 5, 2]] = 1
    loss = F.binary_cross_entropy_with_logits(logits, targets)
    loss.backward()
    norms = [parameter.grad.double().norm() for parameter in model.parameters()]
    return loss.item(), torch.stack(norms).norm().item()


@pytest.mark.parametrize("expected", reference_cases())
def test_agrees_with_the_published_network(expected):
    model = build_model(network_cfg(expected["overrides"], PLAIN))
    state = [[name, list(x.shape)] for name, x in model.state_dict().items()]
    assert state == expected["state_dict"]
    assert sum(p.numel() for p in model.parameters()) == expected["num_params"]
    fill_by_name(model)

    positions = []
    hook = model.head.projection.register_forward_hook(lambda *call: positions.append(call[-1]))
    with torch.inference_mode():
        scores = model.eval()([normal(i, s) for i, s in enumerate(expected["input_sizes"])])
    hook.remove()
    assert list(scores.shape) == expected["eval_output_shape"]
    assert_close(scores.flatten()[:32], expected["eval_output"])
    assert_close(scores.double().sum(), expected["eval_output_sum"])
    logits = positions[0].flatten(1, -2).mean(dim=1)
    assert_close(logits.flatten()[:32], expected["eval_logits_mean_over_positions"])

    model.train()
    clips = [normal(i + 10, s) for i, s in enumerate(expected["train_input_sizes"])]
    loss, gradient_norm = loss_and_gradient_norm(model, clips)
    assert_close(loss, expected["train_bce_loss"])
    difference = abs(gradient_norm / expected["train_grad_norm"] - 1)
    if difference > 1e-4:
        # Batch norm over two clips amplifies rounding, so that on another processor, or through
        # attention, float32 may not say more. How much it says is seen by changing the clips in
        # their last bit; a wrong network differs by far more than ten times that.
        changed = [
            loss_and_gradient_norm(model, [x * (1 + sign * 2**-23) for x in clips])[1]
            for sign in (-1, 1)
        ]
        rounding = max(abs(norm / gradient_norm - 1) for norm in changed)
        assert difference < min(10 * rounding, 0.02)
