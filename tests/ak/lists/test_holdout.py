"""A hold-out is stratified, and training, validation and class counts use it."""

import shutil

import numpy as np
import pytest

from slowfast.ak.classes.counts import read_class_table
from slowfast.ak.clips.from_cfg import read_clips
from slowfast.ak.errors import UserError
from slowfast.ak.lists.holdout import chosen_on, read_holdout, stratified_holdout, write_holdout


def long_tail(clips=3000, classes=40, seed=0):
    """Returns labels of independent classes, from a fifth of the clips down to one clip."""
    generator = np.random.default_rng(seed)
    labels = np.zeros((clips, classes), bool)
    for index, count in enumerate(np.geomspace(clips / 5, 1, classes).astype(int)):
        labels[generator.choice(clips, count, replace=False), index] = True
    return labels


@pytest.mark.parametrize("share", [0.1, 0.3])
@pytest.mark.parametrize("seed", [0, 1])
def test_each_class_keeps_its_share_and_a_clip_on_both_sides(share, seed):
    labels = long_tail()
    held_out = stratified_holdout(labels, share, seed)
    assert held_out.mean() == pytest.approx(share, abs=0.01)
    counts, held = labels.sum(axis=0), labels[held_out].sum(axis=0)
    assert (held[counts == 1] == 0).all(), "a class of one clip is trained"
    assert (held[counts > 1] > 0).all()
    assert (held[counts > 1] < counts[counts > 1]).all()
    large = counts >= 50
    np.testing.assert_allclose(held[large] / counts[large], share, atol=0.03)


def test_the_seed_decides_the_hold_out():
    labels = long_tail()
    first = stratified_holdout(labels, 0.1, 0)
    assert np.array_equal(first, stratified_holdout(labels, 0.1, 0))
    assert not np.array_equal(first, stratified_holdout(labels, 0.1, 1))


def test_classes_with_shared_clips_are_on_both_sides_if_possible():
    # Class 0 has two clips. One of them is the only clip of class 1 and must be in training.
    labels = np.zeros((20, 3), bool)
    labels[[0, 1], 0] = labels[0, 1] = labels[2:, 2] = True
    for seed in range(10):
        held_out = stratified_holdout(labels, 0.2, seed)
        assert held_out[1]
        assert not held_out[0]
    # No clip of classes 0 and 1 can be held out: each is the only clip of another class.
    labels = np.zeros((10, 4), bool)
    labels[[0, 1], 0] = labels[0, 1] = labels[1, 2] = labels[2:, 3] = True
    assert not stratified_holdout(labels, 0.2)[:2].any()


def test_every_class_keeps_a_clip_on_each_side():
    """With this seed, a class would be on one side only without the last step."""
    labels = np.random.default_rng(298).random((30, 8)) < 0.3
    counts, held = labels.sum(axis=0), labels[stratified_holdout(labels, 0.1)].sum(axis=0)
    assert (counts > 1).all()
    assert ((held > 0) & (held < counts)).all()


def name_clips(cfg, path, text):
    path.write_text(text)
    cfg.AK.HOLDOUT = str(path)


def names(clips):
    return [clips.name(i) for i in range(len(clips))]


def test_held_out_clips_are_in_validation_and_not_in_training(cfg, tmp_path):
    whole, test = read_clips(cfg, "train"), read_clips(cfg, "test")
    assert chosen_on(cfg) == "the test set (val.csv)"
    name_clips(cfg, tmp_path / "h.txt", "# remark\nt3\n\nt1\n")
    assert chosen_on(cfg) == f"hold-out {tmp_path}/h.txt"
    train, val = read_clips(cfg, "train"), read_clips(cfg, "val")
    assert names(train) == ["t0", "t2", "t4", "t5", "t6", "t7"]
    assert names(val) == ["t1", "t3"]
    assert names(read_clips(cfg, "test")) == names(test)
    counts = [clips.class_counts(5) for clips in (train, val, whole)]
    assert np.array_equal(counts[0] + counts[1], counts[2])
    for part in (train, val):
        for clip, name in enumerate(names(part)):
            own = names(whole).index(name)
            assert part.labels(clip) == whole.labels(own)
            assert part.line(clip) == whole.line(own)
            assert part.num_frames(clip) == whole.num_frames(own)
            last = part.num_frames(clip) - 1
            assert part.frame_path(clip, last) == whole.frame_path(own, last)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# nothing\n", "names no clip"),
        ("t1\nx9\nx8\n", r"2 of its 3 clips are not in .*train.csv: x8, x9"),
        ("".join(f"t{i}\n" for i in range(8)), "holds out all clips"),
    ],
)
def test_a_hold_out_of_another_list_is_refused(cfg, tmp_path, text, says):
    name_clips(cfg, tmp_path / "h.txt", text)
    with pytest.raises(UserError, match=f"AK.HOLDOUT: .*{says}"):
        read_clips(cfg, "train")


def test_a_missing_hold_out_is_reported(cfg, tmp_path):
    cfg.AK.HOLDOUT = str(tmp_path / "none.txt")
    with pytest.raises(UserError, match=r"none.txt cannot be read \(No such file"):
        read_clips(cfg, "val")


def test_a_written_hold_out_is_read_and_not_overwritten_by_another(cfg, tmp_path):
    path = tmp_path / "h.txt"
    write_holdout(path, ["t4", "t6"], ["made so"])
    assert read_holdout(path, read_clips(cfg, "train")).nonzero()[0].tolist() == [4, 6]
    write_holdout(path, ["t4", "t6"], ["made so"])
    with pytest.raises(UserError, match="another file already"):
        write_holdout(path, ["t4"], ["made so"])
    with pytest.raises(UserError, match="cannot be written"):
        write_holdout(tmp_path / "no" / "h.txt", ["t4"], [])


def test_names_may_have_a_hash_first_and_any_character(cfg, tiny_ak, tmp_path):
    folder = tmp_path / "annot"
    shutil.copytree(tiny_ak.annot, folder)
    text = (folder / "train.csv").read_text()
    changed = text.replace("\nt1 ", "\n#t1 ").replace("\nt2 ", "\nt\N{LINE SEPARATOR}2 ")
    (folder / "train.csv").write_text(changed)
    cfg.DATA.PATH_TO_DATA_DIR = str(folder)
    path = tmp_path / "h.txt"
    write_holdout(path, ["#t1", "t\N{LINE SEPARATOR}2"], ["made so"])
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    cfg.AK.HOLDOUT = str(path)
    assert names(read_clips(cfg, "val")) == ["#t1", "t\N{LINE SEPARATOR}2"]
    assert not {"#t1", "t\N{LINE SEPARATOR}2"} & set(names(read_clips(cfg, "train")))


def test_a_name_that_would_be_a_comment_is_refused(tmp_path):
    with pytest.raises(UserError, match="the clip '# t1' cannot be in a hold-out"):
        write_holdout(tmp_path / "h.txt", ["# t1"], [])
    assert not (tmp_path / "h.txt").exists()


def test_held_out_clips_do_not_change_the_segments(cfg, tmp_path):
    cfg.AK.HEAD_MIN, cfg.AK.TAIL_MAX = 4, 1
    whole = read_class_table(cfg)
    name_clips(cfg, tmp_path / "h.txt", "t0\nt4\n")
    table = read_class_table(cfg)
    assert table.segments == whole.segments == ["head", "middle", "middle", "middle", "tail"]
    assert whole.train_counts.tolist() == [4, 3, 2, 2, 1]
    assert table.train_counts.tolist() == [3, 3, 2, 1, 1]
    assert table.source == f"{whole.source}, held-out clips counted too"


def test_a_test_can_have_a_list_of_its_own(cfg, ak_copy):
    cfg.DATA.PATH_TO_DATA_DIR = str(ak_copy / "annot")
    assert chosen_on(cfg) == "the test set (val.csv)"
    shutil.copy(ak_copy / "annot" / "train.csv", ak_copy / "annot" / "test.csv")
    cfg.AK.TEST_LIST = "test.csv"
    assert chosen_on(cfg) == "the validation set (val.csv)"
    assert names(read_clips(cfg, "test")) == names(read_clips(cfg, "train"))
    assert names(read_clips(cfg, "val")) != names(read_clips(cfg, "test"))
