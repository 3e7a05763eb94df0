"""Finding videos."""

import os
from pathlib import Path

import pytest

from slowfast.ak.errors import UserError
from slowfast.prediction.videos.inputs import find_inputs, unique_names


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Files without content; only their names matter here."""
    for name in (
        *("day1/fox.mp4", "day1/fox.avi", "day1/.hidden.mp4", "day1/notes.docx", "day2/fox.MP4"),
        *("day2/b c/ä,1.mov", "images/clip/x_000002.jpg", "images/clip/x_000001.jpg"),
        "out/videos/copy.mp4",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(given, **options):
    return {each.name: each.path for each in find_inputs(given, **options)}


def test_a_folder_gives_videos_and_folders_of_images(tree):
    found = find_inputs(["."], without=tree / "out")
    assert [(each.path, each.name, each.is_folder) for each in found] == [
        ("day1/fox.avi", "fox.avi", False),
        ("day1/fox.mp4", "fox.mp4", False),
        ("day2/fox.MP4", "fox", False),
        ("day2/b c/ä,1.mov", "ä,1", False),
        ("images/clip", "clip", True),
    ]


def test_patterns_lists_and_files_can_be_mixed_and_each_video_comes_once(tree):
    Path("lists").mkdir()
    Path("lists/all.txt").write_text("# films\n\n../day2/b c/ä,1.mov\nday1/fox.mp4\n", "utf-8")
    found = names(["day*/*.mp4", "lists/all.txt", str(tree / "day1" / "fox.mp4")])
    assert found == {"fox": "day1/fox.mp4", "ä,1": "lists/../day2/b c/ä,1.mov"}


def test_names_stay_when_videos_are_added(tree):
    known = {str(tree / "day1" / "fox.mp4"): "fox"}
    assert names(["day1/fox.mp4", "day2/fox.MP4"], known=known) == {
        "fox": "day1/fox.mp4",
        "day2/fox": "day2/fox.MP4",
    }


def test_names_that_a_disk_may_not_distinguish_differ():
    paths = ["/a/Fox.mp4", "/a/fox.mp4", "/a/FOX.mp4"]
    found = unique_names(paths, {})
    assert len({name.casefold() for name in found.values()}) == 3


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("day1/foxx.mp4", "no such file or folder. Did you mean day1/fox.mp4"),
        ("nowhere/fox.mp4", "folder nowhere does not exist"),
        ("*.mkv", "matches no file"),
        ("day1/*.docx", "none of them ends in .mp4"),
        ("empty", "no video in this folder"),
        ("empty.txt", "names no video"),
        ("wrong.txt", "wrong.txt:2: gone.mp4: there is no such file"),
    ],
)
def test_what_is_not_there_is_said(tree, given, words):
    Path("empty").mkdir()
    Path("empty.txt").write_text("\n# nothing\n")
    Path("wrong.txt").write_text("day1/fox.mp4\ngone.mp4\n")
    with pytest.raises(UserError) as error:
        find_inputs([given])
    assert words in str(error.value)


def test_a_changed_file_has_another_version(tree):
    (before,) = find_inputs(["day1/fox.mp4"])
    os.utime("day1/fox.mp4", (1, 1))
    (after,) = find_inputs(["day1/fox.mp4"])
    assert before.version != after.version
