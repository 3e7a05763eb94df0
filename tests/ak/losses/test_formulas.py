"""Each loss agrees with measured values, and with its formula computed element by element."""

import math

import numpy as np
import pytest
import torch

from slowfast.ak.losses import LOSSES, LossState, context
from slowfast.ak.losses.asymmetric import AsymmetricLoss
from slowfast.ak.losses.focal import FocalLoss
from slowfast.ak.losses.hill import HillLoss
from slowfast.ak.losses.ldam import LDAM
from slowfast.ak.losses.logit_adjusted import LogitAdjustedBCE
from slowfast.ak.losses.splc import SPLC
from slowfast.ak.losses.zlpr import ZLPR
from tests.ak.losses.conftest import (
    COUNTED,
    COUNTS,
    NAMES,
    NUM_CLIPS,
    SETTINGS,
    batch,
    build,
    reference_cases,
)

CASES, SHEET_COUNTS = reference_cases()
AT_LEAST_ONE = [max(count, 1) for count in COUNTS]


@pytest.mark.parametrize("case", CASES, ids=lambda c: "-".join(map(str, c.values()))[:30])
def test_has_the_measured_value_and_gradient(case):
    generator = np.random.Generator(np.random.PCG64(7))
    logits = torch.from_numpy((2 * generator.standard_normal((16, 140))).astype(np.float32))
    targets = torch.from_numpy((generator.random((16, 140)) < 0.03).astype(np.float32))
    name = case["loss"]
    arguments = {"reduction": case.get("reduction", "mean")}
    if name in COUNTED:
        arguments["class_counts"] = SHEET_COUNTS
    if name == "EQL":  # its sum was measured with gamma 0
        arguments["gamma"] = case.get("ignore_probability_gamma", 0.0)
    elif "gamma" in case:
        arguments["gamma"] = case["gamma"]
    loss = LOSSES[name](**arguments)
    if case.get("drw_epoch") is not None:
        loss.set_epoch(case["drw_epoch"])
    value = loss(logits.requires_grad_(), targets)
    value.backward()
    assert value.item() == pytest.approx(case["value"], rel=1e-6)
    assert logits.grad.norm().item() == pytest.approx(case["grad_norm"], rel=1e-6)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def bce(x, y):
    return y * math.log1p(math.exp(-x)) + (1 - y) * math.log1p(math.exp(x))


def effective_weights(beta):
    weights = [(1 - beta) / (1 - beta**n) for n in AT_LEAST_ONE]
    return [len(weights) * weight / sum(weights) for weight in weights]


def focal(value, gamma):
    return (1 - math.exp(-value)) ** gamma * value


def expected_element(name, x, y, clip, c):
    """The formula in plain Python, with the targets of the clip and the class c of the element."""
    own, n = SETTINGS[name], AT_LEAST_ONE[c]
    prior = n / NUM_CLIPS
    if name == "bce_loss":
        return bce(x, y)
    if name == "focal_loss":
        return own["alpha"] * focal(bce(x, y), own["gamma"])
    if name == "LDAM":  # in epoch 1
        margins = [0.5 * m**-0.25 / min(AT_LEAST_ONE) ** -0.25 for m in AT_LEAST_ONE]
        margin = sum(yk * mk for yk, mk in zip(clip, margins, strict=True))
        return effective_weights(0.99)[c] * bce(own["s"] * (x - y * margin), y)
    if name == "class_balanced_bce":
        return effective_weights(own["beta"])[c] * bce(x, y)
    if name == "class_balanced_focal":
        return effective_weights(own["beta"])[c] * focal(bce(x, y), own["gamma"])
    if name == "asymmetric_loss":
        p = sigmoid(x)
        q = max(p - own["clip"], 0)
        positive = -((1 - p) ** own["gamma_pos"]) * math.log(p)
        return y * positive - (1 - y) * q ** own["gamma_neg"] * math.log(1 - q)
    if name in ("hill_loss", "splc"):  # splc in epoch 1
        p, q = sigmoid(x), sigmoid(x - own["margin"])
        positive = -((1 - q) ** own["gamma"]) * math.log(q)
        if name == "hill_loss":
            negative = (own["height"] - p) * p**2
        else:
            negative = positive if p > own["threshold"] else -(p ** own["gamma"]) * math.log(1 - p)
        return y * positive + (1 - y) * negative
    if name == "logit_adjusted_bce":
        return bce(x + own["tau"] * math.log(prior / (1 - prior)), y)
    assert name == "distribution_balanced"
    z = x + 0.05 * math.log(prior / (1 - prior))
    z *= 2 - y  # neg_scale 2
    rarity = sum(yk / mk for yk, mk in zip(clip, AT_LEAST_ONE, strict=True))
    r = (1 / n) / rarity if rarity else math.inf
    balance = 0.1 + (1 if math.isinf(r) else 1 / (1 + math.exp(-10 * (r - 0.2))))
    return balance * (y + (1 - y) / 2) * focal(bce(z, y), 2)


# EQL draws elements at random, and ZLPR has one value for a clip.
BY_ELEMENT = [name for name in NAMES if name not in ("EQL", "zlpr")]


@pytest.mark.parametrize("kind", ["hard", "soft"])
@pytest.mark.parametrize("name", BY_ELEMENT)
def test_elements_agree_with_the_formula(name, kind):
    logits, targets = batch(kind)
    loss = build(name, reduction="none")
    loss.set_epoch(1)
    found = loss(logits, targets)
    rows = zip(logits.tolist(), targets.tolist(), strict=True)
    expected = [
        [expected_element(name, x[c], y[c], y, c) for c in range(len(COUNTS))] for x, y in rows
    ]
    torch.testing.assert_close(
        found, torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=0
    )


def test_released_focal_loss_is_bce_to_the_bit():
    logits, targets = batch(dtype=torch.float32)
    assert torch.equal(FocalLoss()(logits, targets), LOSSES["bce_loss"]()(logits, targets))


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_best_score_of_a_soft_target_is_the_target(gamma):
    scores = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)[None]
    targets = torch.full_like(scores, 0.3)
    losses = FocalLoss(gamma=gamma, reduction="none")(scores.logit(), targets)
    assert scores[0, losses.argmin()].item() == pytest.approx(0.3)


@pytest.mark.parametrize("gamma", [0.0, 4.0])
def test_negatives_below_the_clip_have_no_asymmetric_loss(gamma):
    loss = AsymmetricLoss(gamma_neg=gamma, clip=0.1, reduction="none")
    scores = torch.tensor([[0.001, 0.05, 0.09, 0.11]])
    found = loss(scores.logit(), torch.zeros(1, 4))
    assert (found[:, :3] == 0).all()
    assert found[0, 3] > 0


def test_ldam_weights_classes_from_the_configured_epochs_to_the_end():
    logits, targets = batch()
    loss = build("LDAM", step_epoch=[2, 5], beta=[0.9, 0.999])
    plain = build("LDAM", step_epoch=[], beta=[])(logits, targets)
    first = build("LDAM", step_epoch=0, beta=0.9)(logits, targets)
    second = build("LDAM", step_epoch=0, beta=0.999)(logits, targets)
    assert len({plain.item(), first.item(), second.item()}) == 3
    for epoch, expected in [(0, plain), (1, plain), (2, first), (4, first), (5, second)]:
        loss.set_epoch(epoch)
        assert torch.equal(loss(logits, targets), expected), epoch
    loss.reset_epoch(1000)
    assert torch.equal(loss(logits, targets), second)


def test_stages_of_ldam_without_a_beta_or_in_the_wrong_order_are_refused():
    for stages in ({"step_epoch": [80, 40], "beta": [0.9, 0.99]}, {"step_epoch": [80, 160]}):
        with pytest.raises(ValueError, match="LDAM: expected increasing epochs as step_epoch"):
            LDAM(class_counts=COUNTS, **stages)


def test_without_num_clips_priors_are_shares_of_all_labels():
    logits, targets = batch()
    given = LogitAdjustedBCE(class_counts=COUNTS, num_clips=sum(COUNTS))(logits, targets)
    assert torch.equal(LogitAdjustedBCE(class_counts=COUNTS)(logits, targets), given)
    everywhere = LogitAdjustedBCE(class_counts=[7, 7, 7, 7, 7], num_clips=7)(logits, targets)
    assert everywhere.isfinite()


@pytest.mark.parametrize("beta", [1.0, -0.1])
def test_an_impossible_beta_is_refused(beta):
    for name in ("class_balanced_bce", "class_balanced_focal", "LDAM"):
        with pytest.raises(ValueError, match=rf"beta: expected .* below 1, found {beta}"):
            LOSSES[name](class_counts=COUNTS, beta=beta)


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_zlpr_agrees_with_the_formula_of_a_clip(kind):
    logits, targets = batch(kind)
    expected = []
    for xs, ys in zip(logits.tolist(), targets.tolist(), strict=True):
        pairs = list(zip(xs, ys, strict=True))
        positive = sum(y * math.exp(-x) for x, y in pairs)
        negative = sum((1 - y) * math.exp(x) for x, y in pairs)
        expected.append(math.log(1 + positive) + math.log(1 + negative))
    found = ZLPR(reduction="none")(logits, targets)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
    assert ZLPR()(logits, targets).item() == pytest.approx(sum(expected) / len(expected))


def test_zlpr_of_one_class_is_bce():
    logits, targets = (each[:, :1] for each in batch())
    torch.testing.assert_close(ZLPR()(logits, targets), LOSSES["bce_loss"]()(logits, targets))


def test_the_gradient_of_hill_is_largest_for_negatives_of_which_the_network_is_unsure():
    scores = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)[None]
    logits = scores.logit().requires_grad_()
    HillLoss(reduction="sum")(logits, torch.zeros_like(scores)).backward()
    torch.testing.assert_close(logits.grad, 3 * scores**2 * (1 - scores) ** 2)
    assert scores[0, logits.grad.argmax()].item() == pytest.approx(0.5)


def test_splc_corrects_negatives_from_its_epoch_on_and_above_its_threshold_only():
    scores = torch.tensor([[0.3, 0.59, 0.61, 0.9]])
    negatives, positives = torch.zeros(1, 4), torch.ones(1, 4)
    loss = SPLC(reduction="none")
    first = loss(scores.logit(), negatives)
    loss.set_epoch(1)
    later, positive = loss(scores.logit(), negatives), loss(scores.logit(), positives)
    assert torch.equal(later[:, :2], first[:, :2])
    assert torch.equal(later[:, 2:], positive[:, 2:])
    assert not torch.isclose(later, first)[:, 2:].any()


def test_splc_with_hill_is_the_hill_loss_until_labels_are_corrected():
    logits, targets = batch("soft")
    loss, hill = SPLC(hill=True, reduction="none"), HillLoss(reduction="none")
    assert torch.equal(loss(logits, targets), hill(logits, targets))
    loss.set_epoch(1)
    is_same = torch.isclose(loss(logits, targets), hill(logits, targets))
    assert torch.equal(is_same, (logits.sigmoid() <= 0.6) | (targets == 1))


def test_splc_that_is_built_in_every_step_knows_the_epoch_of_the_context():
    """Upstream's training loop builds its loss in every step."""
    logits, targets = batch()
    context.set(LossState(COUNTS))
    values = []
    for epoch in (0, 1):
        context.set_epoch(epoch)
        lasting = SPLC()
        lasting.set_epoch(epoch)
        assert torch.equal(SPLC()(logits, targets), lasting(logits, targets))
        values.append(lasting(logits, targets).item())
    assert values[0] != values[1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["hill_loss", "splc", "zlpr"])
def test_logits_of_half_precision_have_the_loss_of_their_values_in_float32(name, dtype):
    logits = torch.tensor([[-80.0, -8, 0, 8, 80]]).repeat(2, 1).to(dtype).requires_grad_()
    targets = torch.tensor([[0.0, 0, 1, 0, 1], [1, 1, 0, 1, 0]])
    found = build(name)(logits, targets)
    assert torch.equal(found, build(name)(logits.float(), targets))
    (gradient,) = torch.autograd.grad(found, logits)
    assert gradient.isfinite().all()
