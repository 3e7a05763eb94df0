"""Parameter groups of vision transformers agree with upstream's, but for upstream's faults."""

import pytest

from reference_parts.comparison import compare
from reference_parts.files import REFERENCE, kind_of, read
from reference_parts.optimizers import layer_decay

NAME = "layer_decay.json"


@pytest.fixture(scope="module")
def made():
    return layer_decay(read(REFERENCE, NAME), NAME)


def test_groups_and_rates_are_upstreams(made):
    found = compare(read(REFERENCE, NAME), made, kind_of(NAME).agreement)
    assert not found.wrong
    assert not found.extra


def group_of(case, parameter):
    return next(group for group in case["groups"] if parameter in group["params"])


def test_relative_positions_have_no_decay_and_reversible_blocks_have_layers(made):
    """Upstream decays relative positions, and gives reversible blocks the rate of the head."""
    cases = [c for c in made.content["cases"] if c["overrides"].get("SOLVER.LAYER_DECAY", 1) < 1]
    relative = [
        group_of(case, "blocks.0.attn.rel_pos_h")["weight_decay"]
        for case in cases
        if case["overrides"].get("MVIT.ZERO_DECAY_POS_CLS", True)
        and case["overrides"].get("MVIT.REL_POS_SPATIAL")
    ]
    assert relative
    assert set(relative) == {0.0}
    (case,) = [case for case in cases if case["overrides"].get("MVIT.REV.ENABLE")]
    decay, depth = case["overrides"]["SOLVER.LAYER_DECAY"], case["overrides"]["MVIT.DEPTH"]
    for block in range(depth):
        group = group_of(case, f"rev_backbone.layers.{block}.F.attn.proj.weight")
        assert group["layer_decay"] == pytest.approx(decay ** (depth - block))
