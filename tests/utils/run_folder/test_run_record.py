"""The record of a run's starts: software, hardware, commit and changes."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from slowfast.utils.run_folder import run_record
from slowfast.utils.run_folder.run_record import get_path_to_record, record_run


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Records a start of a temporary tree; returns all lines of the record."""
    tree = tmp_path / "tree"
    (tree / "slowfast").mkdir(parents=True)
    (tree / "slowfast/__init__.py").write_text("one = 1\n")
    monkeypatch.setattr(run_record, "_TREE", tree)
    monkeypatch.setattr(sys, "argv", ["tools/run_net.py", "--cfg", "a b.yaml"])
    cfg = SimpleNamespace(OUTPUT_DIR=str(tmp_path / "run"), NUM_SHARDS=1)

    def start(**arguments):
        record_run(cfg, "train", **arguments)
        lines = get_path_to_record(cfg.OUTPUT_DIR).read_text().splitlines()
        return [json.loads(line) for line in lines]

    start.tree, start.folder = tree, tmp_path / "run"
    return start


def git(tree, *arguments):
    name = ("-c", "user.name=n", "-c", "user.email=e@example.org")
    subprocess.run(["git", "-C", tree, *name, *arguments], check=True, capture_output=True)


@pytest.fixture
def kept(run):
    git(run.tree, "init", "-b", "trunk")
    git(run.tree, "add", ".")
    git(run.tree, "commit", "-m", "first")
    return run


def test_each_start_adds_a_line(run):
    assert len(run()) == 1
    first, second = run(starts_from="checkpoints/checkpoint_epoch_00003.pyth")
    assert first["command"] == "python tools/run_net.py --cfg 'a b.yaml'"
    assert (first["processes"], first["starts_from"]) == (1, None)
    assert second["starts_from"] == "checkpoints/checkpoint_epoch_00003.pyth"
    assert torch.__version__.startswith(first["libraries"]["torch"].partition("+")[0])
    assert first["python"] == sys.version.split()[0]


def test_without_git_the_rest_is_recorded(run, monkeypatch):
    assert run()[0]["git"] is None  # no repository
    monkeypatch.setenv("PATH", "")
    assert run()[1]["git"] is None  # no program


def test_commit_branch_and_changes(kept):
    clean = kept()[-1]["git"]
    assert (clean["branch"], clean["changed"], clean["changes"]) == ("trunk", False, None)
    assert len(clean["commit"]) == 40

    (kept.tree / "slowfast/__init__.py").write_text("one = 2\n")
    (kept.tree / "mine.py").write_text("")
    state = kept()[-1]["git"]
    assert (state["changed"], state["changes"]) == (True, "changes_2.patch")
    assert state["new_files"] == ["mine.py"]
    # The patch restores the code that ran.
    copy = kept.tree.parent / "copy"
    git(kept.tree, "clone", kept.tree, copy)
    git(copy, "apply", kept.folder / "changes_2.patch")
    assert (copy / "slowfast/__init__.py").read_text() == "one = 2\n"


def test_the_same_changes_are_saved_once(kept):
    (kept.tree / "slowfast/__init__.py").write_text("one = 2\n")
    names = [start["git"]["changes"] for start in (kept()[-1], kept()[-1])]
    (kept.tree / "slowfast/__init__.py").write_text("one = 3\n")
    names.append(kept()[-1]["git"]["changes"])
    assert names == ["changes_1.patch", "changes_1.patch", "changes_3.patch"]


def test_a_truncated_line_does_not_spoil_others(run):
    run()
    path = get_path_to_record(run.folder)
    with path.open("a") as file:
        file.write('{"time": "20')
    with pytest.raises(json.JSONDecodeError):
        run()
    first, torn, last = path.read_text().splitlines()
    assert torn == '{"time": "20'
    assert json.loads(first)["task"] == json.loads(last)["task"] == "train"


def test_a_folder_that_cannot_be_written_does_not_stop_a_run(run, caplog):
    run.folder.write_text("a file where a folder should be")
    with pytest.raises(NotADirectoryError):  # from reading the record in the fixture
        run()
    assert "not recorded" in caplog.text
