"""Saved results are read with what lies beside them, and run no code."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.engine import test as run_test
from slowfast.results.per_class import class_results, write_class_results
from slowfast.results.saved_scores import read_results


def test_what_a_test_saves_is_read_wherever_the_run_has_been_moved(small_cfg, tmp_path):
    cfg = small_cfg(**{"TEST.SAVE_RESULTS_PATH": "deep/er/results.pkl"})
    run_test(cfg)
    moved = tmp_path / "moved"
    Path(cfg.OUTPUT_DIR).rename(moved)
    found = read_results(moved / "deep/er/results.pkl")
    assert found.scores.shape == found.labels.shape == (4, 5)
    assert found.clips == ["v0", "v1", "v2", "v3"]
    assert [row.test_count for row in found.classes] == found.labels.sum(axis=0).tolist()
    assert found.classes[0].segment == "tail"
    assert found.summary["clips"] == 4


@pytest.mark.parametrize("make", [torch.tensor, np.array])
def test_a_pickle_by_itself(tmp_path, make):
    path = tmp_path / "r.pkl"
    path.write_bytes(pickle.dumps([make([[0.25, 1.0]]), make([[0.0, 1.0]])]))
    found = read_results(path)
    assert found.scores.tolist() == [[0.25, 1.0]]
    assert (found.clips, found.classes, found.summary) == ([], [], {})


class Code:
    def __reduce__(self):
        return Path.touch, (Path("ran"),)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (pickle.dumps([Code(), Code()]), "refused"),
        (b"nothing", "no saved results"),
        (
            pickle.dumps([np.zeros((2, 3)), np.zeros(2)]),
            r"of many labels, found \(2, 3\) and \(2,\)",
        ),
        (pickle.dumps([np.zeros((2, 3))]), "no saved results"),
        (pickle.dumps([np.array([["a"]]), np.zeros((1, 1))]), "numbers as scores, found <U1"),
        (pickle.dumps([np.zeros((1, 1)), np.array([[None]])]), "numbers as labels, found object"),
        (pickle.dumps([np.zeros((0, 3)), np.zeros((0, 3))]), "holds no clip"),
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


def test_what_does_not_belong_to_it_is_said(tmp_path):
    path = tmp_path / "r.pkl"
    path.write_bytes(pickle.dumps([np.zeros((2, 3)), np.zeros((2, 3))]))
    (tmp_path / "r.csv").write_text("clip,labels\na,\n")
    with pytest.raises(UserError, match=r"r.csv: has 1 clips, and .*r.pkl has 2"):
        read_results(path)
    (tmp_path / "r.csv").unlink()
    (tmp_path / "r.json").write_text("{")
    with pytest.raises(UserError, match=r"r.json: cannot be read as a test's summary"):
        read_results(path)
    (tmp_path / "r.json").write_text(json.dumps({"per_class": "/gone/per_class_ap.csv"}))
    assert read_results(path).classes == []


def test_a_table_of_another_test_is_not_borrowed(tmp_path):
    folder = tmp_path / "run" / "deep"
    folder.mkdir(parents=True)
    path, labels = folder / "r.pkl", np.array([[1.0, 0, 1], [1, 0, 0]])
    path.write_bytes(pickle.dumps([np.zeros((2, 3)), labels]))
    path.with_suffix(".json").write_text(json.dumps({"per_class": "../per_class_ap.csv"}))
    rows = class_results(np.ones(3), labels.sum(axis=0), None)
    write_class_results(tmp_path / "per_class_ap.csv", rows)
    assert read_results(path).classes == [], "of whatever lies further up"
    own = tmp_path / "run" / "per_class_ap.csv"
    write_class_results(own, rows)
    assert len(read_results(path).classes) == 3
    for counts in ([2, 1, 1], [2, 0]):  # a later test into the same folder
        write_class_results(own, class_results(np.ones(len(counts)), np.array(counts), None))
        with pytest.raises(UserError, match=r"run/deep/../per_class_ap.csv: is of another test"):
            read_results(path)
    own.rename(tmp_path / "old.csv")
    write_class_results(folder / "per_class_ap.csv", rows)
    assert len(read_results(path).classes) == 3, "copied beside the pickle"
