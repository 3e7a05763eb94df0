"""A tree of images, a folder for each split and class, is read as a list of clips of one frame."""

import os
import pickle
import re

import numpy as np
import pytest

from slowfast.ak.errors import UserError
from slowfast.ak.frames.open_reader import open_reader
from slowfast.ak.lists import clip_list
from slowfast.ak.lists.clip_list import ClipList
from slowfast.ak.lists.lines import ListForm
from slowfast.ak.lists.notes import list_notes, notes_on_classes

FORM = ListForm(is_tree=True)


@pytest.fixture
def make_tree(tmp_path):
    """Returns a function that makes empty files below a folder, and returns the folder."""

    def make(*files: str):
        for file in files:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).touch()
        return tmp_path

    return make


def read(folder, split="train", num_classes=3):
    clip_list._cached_list.cache_clear()  # as another process
    return ClipList.read(folder / split, num_classes, FORM)


def test_classes_are_numbered_by_the_sorted_folders_of_train(make_tree):
    files = "train/cow/2.png train/cow/10.JPEG train/Bee/b.jpg train/ant/a.webp val/cow/x.jpg"
    folder = make_tree(*files.split(), "train/ant/.hidden.jpg", "train/ant/notes.txt", "train/x.md")
    train, val = read(folder), read(folder, "val")
    names = ["train/Bee/b.jpg", "train/ant/a.webp", "train/cow/10.JPEG", "train/cow/2.png"]
    assert [train.name(clip) for clip in range(len(train))] == names
    assert [train.labels(clip) for clip in range(4)] == [[0], [1], [2], [2]]
    assert [train.one_label(clip, "centre", 0, 0) for clip in range(4)] == [0, 1, 2, 2]
    assert (train.class_names, train.num_frames(3)) == (["Bee", "ant", "cow"], 1)
    assert train.class_counts(4).tolist() == [1, 1, 2, 0]
    assert train.class_counts(3).tolist() == train.multi_hot(3).sum(axis=0).tolist()
    assert (val.labels(0), val.name(0)) == ([2], "val/cow/x.jpg")
    reader = open_reader(val, "image", "unread", "unread")
    assert reader.path(0, 0) == str(folder / "val/cow/x.jpg")
    half = train.select(np.array([False, True, False, True]))
    assert (half.name(1), half.labels(1)) == ("train/cow/2.png", [2])
    assert half.class_counts(3).tolist() == [0, 1, 1]


def test_a_tree_without_train_names_all_classes(make_tree):
    folder = make_tree("val/a/1.jpg", "val/b/1.jpg")
    assert read(folder, "val", 2).labels(1) == [1]
    with pytest.raises(UserError, match=r"val: has 2 class folders, MODEL\.NUM_CLASSES is 3, and"):
        read(folder, "val")
    (folder / "val" / "c").mkdir()  # an empty folder counts
    assert len(read(folder, "val")) == 2


@pytest.mark.parametrize(
    ("files", "split", "words"),
    [
        (["train/a/1.jpg"], "val", "val: this folder of class folders cannot be read: No such"),
        (["train/1.jpg", "train/2.jpg"], "train", "has no class folder, and 2 images of its own"),
        (["train/a/1.txt"], "train", "no class folder has an image"),
        (["train/a/1.jpg", "val/b/1.jpg"], "val", "1 of its 1 class folders are not in .*train: b"),
        (
            [f"train/{name}/1.jpg" for name in "abcd"],
            "train",
            r"has 4 class folders, a, b, c, d, and MODEL\.NUM_CLASSES is 3\. Set MODEL\.NUM_CL",
        ),
    ],
)
def test_other_trees_are_refused(make_tree, files, split, words):
    with pytest.raises(UserError, match=words):
        read(make_tree(*files), split)


def test_a_class_without_images_is_pointed_out(make_tree):
    folder = make_tree("train/a/1.jpg", "train/c/1.jpg", "val/c/1.jpg")
    (folder / "train" / "b").mkdir()
    train, val = read(folder), read(folder, "val")
    assert train.labels(1) == [2]
    assert "1 of 3 classes" in notes_on_classes(train, val, 3)[0]
    assert list_notes(train, 3, "majority") == []


def test_names_of_any_kind(make_tree):
    folder = make_tree("train/big cat/a b.jpg", "train/ä/ü.jpg", "train/a/x.jpg")
    odd = os.fsdecode(b"\xff.jpg")
    (folder / "train" / "a" / odd).touch()
    clips = read(folder)
    assert sorted(clips.name(clip) for clip in range(4)) == sorted(
        ["train/a/x.jpg", f"train/a/{odd}", "train/big cat/a b.jpg", "train/ä/ü.jpg"]
    )


def test_the_index_of_a_large_tree_is_stored_until_an_image_comes_or_goes(make_tree, monkeypatch):
    monkeypatch.setattr(clip_list, "SMALLEST_LIST", 1)
    folder = make_tree("train/a/1.jpg", "train/b/1.jpg")
    first = read(folder)
    assert (folder / "train.index").is_file()
    with monkeypatch.context() as patch:
        patch.setattr(clip_list, "read_tree", None)  # is not called
        again = read(folder)
        sent = pickle.dumps(again)
        assert len(sent) < 2000
        assert pickle.loads(sent).name(1) == first.name(1) == "train/b/1.jpg"
    (folder / "train" / "b" / "2.jpg").touch()
    assert len(read(folder)) == 3
    (folder / "train" / "a" / "1.jpg").unlink()
    assert [read(folder).name(clip) for clip in range(2)] == ["train/b/1.jpg", "train/b/2.jpg"]
    (folder / "train" / "a").rename(folder / "train" / "c")
    assert read(folder).class_names == ["b", "c"]


def test_a_tree_that_changes_while_workers_start_is_refused(make_tree, monkeypatch):
    monkeypatch.setattr(clip_list, "SMALLEST_LIST", 1)
    folder = make_tree("train/a/1.jpg", "train/b/1.jpg")
    sent = pickle.dumps(read(folder))
    (folder / "train.index").unlink()
    (folder / "train" / "b" / "2.jpg").touch()
    with pytest.raises(UserError, match=re.escape("the list has changed since this run read it")):
        pickle.loads(sent)
