"""Every loss with settings and class counts, a batch, and the measured values."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast.ak.losses import LOSSES, context, multi_label_losses

REFERENCE = Path(__file__).parents[2] / "reference"
COUNTS = [1000.0, 300.0, 90.0, 12.0, 0.0]
NUM_CLIPS = 1200
# Settings of each loss with which every term of its formula has an effect.
SETTINGS = {
    "bce_loss": {},
    "focal_loss": {"alpha": 0.7, "gamma": 1.5},
    "LDAM": {"s": 3.0, "step_epoch": [0, 2], "beta": [0.99, 0.5]},
    "EQL": {"gamma": 0.5},
    "class_balanced_bce": {"beta": 0.99},
    "class_balanced_focal": {"beta": 0.99, "gamma": 0.5},
    "asymmetric_loss": {"gamma_pos": 1.0, "gamma_neg": 3.0, "clip": 0.1},
    "distribution_balanced": {},
    "logit_adjusted_bce": {"tau": 0.8},
    "hill_loss": {"gamma": 1.5, "margin": 0.5, "height": 1.7},
    "splc": {"gamma": 1.5, "margin": 0.5, "threshold": 0.7},
    "zlpr": {},
}
NAMES = list(multi_label_losses())
COUNTED = [name for name in NAMES if LOSSES.facts(name).needs_counts]


def build(name: str, **arguments):
    """A loss with the settings and counts above."""
    counted = {"class_counts": COUNTS, "num_clips": NUM_CLIPS} if name in COUNTED else {}
    return LOSSES[name](**SETTINGS[name] | counted | arguments)


def batch(kind: str = "hard", clips: int = 6, dtype=torch.float64):
    """Logits and targets (clips, 5). The last clip has no label. Soft targets are a mixture."""
    rng = np.random.default_rng(3)
    logits = torch.tensor(3 * rng.standard_normal((clips, len(COUNTS))), dtype=dtype)
    targets = torch.tensor(rng.random((clips, len(COUNTS))) < 0.4, dtype=dtype)
    targets[-1] = 0
    if kind == "soft":
        targets = 0.7 * targets + 0.3 * targets.flip(0)
    return logits, targets


def reference_cases() -> tuple[list[dict], list[int]]:
    """The measured values, and the class counts of Animal Kingdom's sheet in its order."""
    losses, sheet = (
        json.loads((REFERENCE / n).read_text()) for n in ("losses.json", "ak_sheet.json")
    )
    return losses["cases"], [count for *_, count in sheet["rows"]]


@pytest.fixture(autouse=True)
def _no_context():
    """Clears the context before and after each test."""
    context.clear()
    yield
    context.clear()
