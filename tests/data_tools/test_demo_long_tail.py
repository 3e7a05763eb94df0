"""The drawn set of forty classes: its counts, its distractors, and its files."""

import json
from itertools import pairwise

import numpy as np
import pytest

from slowfast.ak.errors import UserError
from slowfast.data_tools import ak_writer
from slowfast.data_tools.demo_long_tail import (
    CLASSES,
    PAIRS,
    Settings,
    class_counts,
    make_long_tail,
    plan_clips,
    segment_limits,
)
from slowfast.data_tools.demo_scenes import PEBBLE

SMALL = Settings(most=2, each_val=1, frames=(4, 5), pixels=(32, 24))


def counts(plan, split):
    labels = [label for clip in plan if clip.split == split for label in clip.labels]
    return np.bincount(labels, minlength=len(CLASSES))


def test_classes_have_1_to_400_training_clips_and_equal_numbers_of_validation_clips():
    settings = Settings()
    plan = plan_clips(settings)
    assert len(CLASSES) == len(set(CLASSES)) == 40
    in_train = counts(plan, "train")
    assert in_train.tolist() == class_counts(settings).tolist()
    ordered = sorted(in_train, reverse=True)
    assert (ordered[0], ordered[-1]) == (400, 1)
    ratios = [a / b for a, b in pairwise(ordered[:21])]
    assert ratios == pytest.approx([400 ** (1 / 39)] * 20, rel=0.03)
    assert set(counts(plan, "val")) == {12}
    head, tail = segment_limits(settings)
    assert (sum(in_train >= head), sum(in_train <= tail)) == (10, 20)


def test_clips_show_their_labels_and_pebbles_that_have_none():
    plan = plan_clips(Settings(most=40))
    for clip in plan:
        shown = {(a.shape, a.motion) for a in clip.scene.actors if a.shape != PEBBLE}
        assert shown == {PAIRS[label] for label in clip.labels}
    pebbles = [sum(a.shape == PEBBLE for a in clip.scene.actors) for clip in plan]
    assert np.bincount(pebbles) / len(plan) == pytest.approx([0.3, 0.4, 0.3], abs=0.1)
    two = np.mean([len(clip.labels) == 2 for clip in plan])
    assert two == pytest.approx(1 / 3, abs=0.02)
    assert len({clip.name for clip in plan}) == len(plan)


def test_only_the_settings_determine_the_set():
    assert plan_clips(SMALL) == plan_clips(SMALL)
    assert class_counts(Settings(seed=1)).tolist() != class_counts(Settings()).tolist()


def test_a_set_is_written_once_and_other_settings_are_refused(tmp_path):
    assert make_long_tail(tmp_path, SMALL)
    plan = plan_clips(SMALL)
    for split in ("train", "val"):
        lines = (tmp_path / "annot" / f"{split}.csv").read_text().splitlines()[1:]
        planned = [clip for clip in plan if clip.split == split]
        assert len(lines) == sum(clip.scene.num_frames for clip in planned)
    assert all(ak_writer.has_clip(tmp_path, clip.name) for clip in plan)
    assert json.loads((tmp_path / "demo_data.json").read_text())["finished"]
    assert make_long_tail(tmp_path, SMALL) is False
    with pytest.raises(UserError, match=r"most 2,.*most 3,.*another folder"):
        make_long_tail(tmp_path, Settings(most=3, each_val=1, frames=(4, 5), pixels=(32, 24)))
    with pytest.raises(UserError, match="most 0, each_val 12: expected at least 1"):
        make_long_tail(tmp_path, Settings(most=0))
