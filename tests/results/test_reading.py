"""Saved results are read with the files beside them, and run no code."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.results.per_class import class_results, write_class_results
from slowfast.results.reading import read_results


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("make", [torch.tensor, np.array])
def test_a_pickle_without_other_files(tmp_path, make, protocol):
    path = tmp_path / "r.pkl"
    path.write_bytes(pickle.dumps([make([[0.25, 1.0]]), make([[0.0, 1.0]])], protocol))
    found = read_results(path)
    assert found.scores.tolist() == [[0.25, 1.0]]
    assert (found.clips, found.classes, found.summary) == ([], [], {})


class Code:
    def __reduce__(self):
        return Path.touch, (Path("ran"),)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (pickle.dumps([Code(), Code()]), r"refused. It contains a call of pathlib"),
        (b"clip,labels\nfox,1\n", r"is no pickle, or is damaged; expected the results that a test"),
        (pickle.dumps([np.zeros((2, 3)), np.array([0, 3])]), "class from 0 to 2 a clip.* 0 to 3"),
        (pickle.dumps([np.zeros((2, 3)), np.zeros(3)]), r"found \(2, 3\) and \(3,\)"),
        (pickle.dumps([{"a": np.zeros((2, 3))}, {"a": np.zeros(2)}]), "label sets a; name one"),
        (pickle.dumps([np.zeros((2, 3))]), r"is a pickle of something else; expected the results"),
        (pickle.dumps([np.array([["a"]]), np.zeros((1, 1))]), "refused. It contains an array of"),
        (pickle.dumps([["a"], np.zeros((1, 1))]), "other values than numbers"),
        (pickle.dumps([np.zeros((0, 3)), np.zeros((0, 3))]), "has no clip"),
    ],
)
def test_other_files_are_refused(tmp_path, monkeypatch, content, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.pkl").write_bytes(content)
    with pytest.raises(UserError, match=f"r.pkl: .*{says}"):
        read_results(tmp_path / "r.pkl")
    assert not Path("ran").exists()
    with pytest.raises(UserError, match="No such file"):
        read_results(tmp_path / "none.pkl")


def test_the_pickle_beside_a_table_is_named(tmp_path):
    (tmp_path / "scores.pkl").touch()
    (tmp_path / "scores.csv").write_text("clip,labels\na,\n")
    with pytest.raises(UserError, match=r"scores.csv: is no pickle.* Did you mean .*scores.pkl\?"):
        read_results(tmp_path / "scores.csv")


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    path = tmp_path / "r.pkl"
    path.write_bytes(pickle.dumps([np.zeros((2, 3)), np.zeros((2, 3))]))
    (tmp_path / "r.csv").write_text("clip,labels\na,\n")
    with pytest.raises(UserError, match=r"r.csv: has 1 clips, and .*r.pkl has 2"):
        read_results(path)
    (tmp_path / "r.csv").unlink()
    (tmp_path / "r.json").write_text("{")
    with pytest.raises(UserError, match=r"r.json: cannot be read as the summary of a test"):
        read_results(path)
    (tmp_path / "r.json").write_text(json.dumps({"per_class": "/gone/per_class_ap.csv"}))
    assert read_results(path).classes == []


def test_the_table_of_another_test_is_refused(tmp_path):
    folder = tmp_path / "run" / "deep"
    folder.mkdir(parents=True)
    path, labels = folder / "r.pkl", np.array([[1.0, 0, 1], [1, 0, 0]])
    path.write_bytes(pickle.dumps([np.zeros((2, 3)), labels]))
    path.with_suffix(".json").write_text(json.dumps({"per_class": "../per_class_ap.csv"}))
    rows = class_results(np.ones(3), labels.sum(axis=0), None)
    write_class_results(tmp_path / "per_class_ap.csv", rows)
    assert read_results(path).classes == [], "a table further up does not count"
    own = tmp_path / "run" / "per_class_ap.csv"
    write_class_results(own, rows)
    assert len(read_results(path).classes) == 3
    # A later test into the same folder has replaced the table.
    write_class_results(own, class_results(np.ones(3), np.array([2, 1, 1]), None))
    with pytest.raises(UserError, match=r"run/deep/../per_class_ap.csv: belongs to another test"):
        read_results(path)
    own.unlink()
    write_class_results(folder / "per_class_ap.csv", rows)
    assert len(read_results(path).classes) == 3, "the table was copied beside the pickle"
