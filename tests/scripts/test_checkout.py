"""Checkouts of both branches and forks are recognised; a refusal lists all that is missing."""

import pytest
from prepare_dir import Refused, blocks, checkout

from tests.scripts import trees

LOOP = "tools/train_net.py"


@pytest.mark.parametrize(("branch", "with_time"), [("main", True), ("patch-2", False)])
def test_both_branches_are_recognised(tmp_path, branch, with_time):
    found = checkout.recognise(trees.make_upstream(tmp_path / branch, branch))
    assert found.with_time == with_time
    assert branch in found.likeness


def test_a_fork_is_recognised_by_names_and_not_by_lines(upstream):
    meters = upstream / "slowfast/utils/meters.py"
    text = "\n".join(f"x{i} = {i}" for i in range(300)) + "\n" + meters.read_text()
    meters.write_text(text.replace("def get_map(preds, labels):\n    return 0.0", "").rstrip())
    with meters.open("a") as file:
        file.write("\ntry:\n    from mine import get_map\nexcept ImportError:\n    get_map = max\n")
    loader = upstream / "slowfast/datasets/loader.py"
    loader.write_text(
        "def construct_loader(*, cfg, split, mine=1): ...\n"
        "def shuffle_dataset(loader, cur_epoch, **more): ...\n"
    )
    loop = upstream / LOOP
    loop.write_text(
        "def train_epoch(batches, model, cfg, cur_epoch):\n"
        "    with open('mine') as file:\n"
        "        for n, (x, y, i, t, m) in enumerate(watched(batches), start=1): ...\n"
        "        for a, (b, c) in pairs: ...\n"
    )
    assert checkout.recognise(upstream).with_time


def test_a_refusal_lists_all_that_is_missing(upstream):
    (upstream / "slowfast/models/losses.py").write_text("LOSSES = {}\n")
    (upstream / "slowfast/utils/parser.py").unlink()
    (upstream / "slowfast/config/defaults.py").write_text("def get_cfg(:\n")
    (upstream / "slowfast/config/custom_config.py").write_bytes(b"a = '\x00'\n")
    (upstream / "slowfast/datasets/loader.py").unlink()
    (upstream / "slowfast/datasets/loader.py").mkdir()
    (upstream / "slowfast/models/build.py").unlink()
    (upstream / "slowfast/models/build.py").symlink_to("nowhere.py")
    (upstream / LOOP).write_text("def train_epoch(train_loader, cfg): ...\n")
    with pytest.raises(Refused) as refusal:
        checkout.recognise(upstream)
    text = str(refusal.value)
    for words in (
        "losses.py: no _LOSSES",
        "losses.py: no get_loss_func",
        "parser.py: is missing",
        "defaults.py: cannot be parsed by this Python: invalid syntax (defaults.py, line 1)",
        "custom_config.py: cannot be parsed",
        "loader.py: is not a file",
        "build.py: a link that leads nowhere",
        "train_epoch without cur_epoch",
        "train_epoch should unpack",
    ):
        assert words in text
    assert "meters.py" not in text


@pytest.mark.parametrize("fields", ["inputs, labels", "*rest, meta"])
def test_batches_of_another_number_of_fields_are_refused(upstream, fields):
    loop = upstream / LOOP
    loop.write_text(loop.read_text().replace("inputs, labels, index, time, meta", fields))
    with pytest.raises(Refused, match="unpack 4 or 5 fields"):
        checkout.recognise(upstream)


def test_names_in_a_block_do_not_count(upstream):
    file = upstream / "slowfast/config/custom_config.py"
    lines = blocks.block_of("slowfast/config/custom_config.py", True)
    file.write_bytes(blocks.put(b"", lines))
    with pytest.raises(Refused, match="no add_custom_config"):
        checkout.recognise(upstream)


def test_a_folder_inside_a_checkout_is_refused_with_a_hint(upstream):
    with pytest.raises(Refused, match=f"--slowfast {upstream}$"):
        checkout.recognise(upstream / "slowfast")


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("meters.py", "clip_ids", "video_ids", "TestMeter.update_stats without clip_ids"),
        ("meters.py", "def reset", "def clear", "TestMeter without reset"),
        ("logging.py", "stats, ", "line, ", "log_json_stats without stats"),
    ],
)
def test_a_fork_without_a_needed_parameter_or_method_is_refused(upstream, file, old, new, words):
    path = upstream / "slowfast/utils" / file
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(Refused, match=words):
        checkout.recognise(upstream)


def test_methods_can_be_inherited(upstream):
    meters = upstream / "slowfast/utils/meters.py"
    meters.write_text("class ValMeter(Mine): ...\nclass TestMeter(Mine): ...\nget_map = max\n")
    assert checkout.recognise(upstream)
