"""Commands around an evaluation: hold out, describe, compare."""

import json
import pickle
import runpy
from pathlib import Path

import numpy as np
import pytest

from slowfast.ak.classes.table import ClassTable
from slowfast.results.per_class import class_results, write_class_results

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def tool(capsys):
    """Runs a command; returns its exit status, its output and its errors."""

    def run(name: str, *args: object):
        status = runpy.run_path(str(TOOLS / f"{name}.py"))["main"]([str(arg) for arg in args])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_a_hold_out_is_the_same_each_time(tool, tiny_ak, tmp_path):
    out = tmp_path / "h.txt"
    for _ in range(2):
        status, said, _ = tool("make_holdout", tiny_ak.annot, "--share", 0.3, "--out", out)
        assert status == 0
    assert "4 of 5 classes have clips on both sides" in said
    assert "Classes with one clip, which stays in training (1): 4." in said
    lines = out.read_text().splitlines()
    assert "made by tools/make_holdout.py --share 0.3 --seed 0" in lines[1]
    assert set(lines[2:]) < {f"t{i}" for i in range(8)}


def test_a_hold_out_of_a_list_without_labels_says_so(tool, tmp_path):
    (tmp_path / "train.csv").write_text("video_id;labels\n" + "".join(f"v{i};\n" for i in range(6)))
    status, said, _ = tool("make_holdout", tmp_path, "--share", 0.5)
    assert status == 0
    assert "3 of 6 clips" in said
    assert "No clip of the list has a label: clips were drawn without regard to classes." in said


def test_a_data_set_is_described(tool, tiny_ak, tmp_path):
    status, said, _ = tool(
        "describe_data",
        *(tiny_ak.annot, "--head-min", 4, "--tail-max", 1),
        *("--json", tmp_path / "a.json"),
    )
    assert status == 0
    assert "5 of 5" in said
    assert json.loads((tmp_path / "a.json").read_text())["segments"]["head"]["classes"] == 1
    status, _, error = tool("describe_data", tiny_ak.annot, "--num-classes", 3)
    assert status == 2
    assert "label 3 is outside 0..2" in error
    status, _, error = tool("describe_data", tiny_ak.annot, "--classes", tmp_path / "none.xlsx")
    assert status == 2
    assert "there is no file" in error


def test_the_picture_is_drawn_even_if_the_json_cannot_be_written(tool, tiny_ak, tmp_path):
    paths = tmp_path / "no" / "a.json", tmp_path / "a.png"
    status, said, error = tool(
        "describe_data", tiny_ak.annot, "--json", paths[0], "--picture", paths[1]
    )
    assert status == 2
    assert f"{paths[0]}: cannot be written" in error
    assert said.endswith(f"Written: {paths[1]}\n")
    assert paths[1].exists()


def test_a_clip_name_that_is_not_utf8_is_described(tool, tiny_ak, tmp_path):
    for name, clip in (("train", b"\nt1 "), ("val", b"\nv1 ")):
        text = (tiny_ak.annot / f"{name}.csv").read_bytes()
        (tmp_path / f"{name}.csv").write_bytes(text.replace(clip, b"\nx\xff "))
    status, said, _ = tool("describe_data", tmp_path, "--json", tmp_path / "a.json")
    assert status == 0
    assert r"measures training clips: x\udcff." in said
    found = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert found["clips_in_both_lists"] == ["x\udcff"]


@pytest.fixture
def save(tmp_path):
    """Saves results of 200 clips and four classes; a label adds `strength` to its score."""
    generator = np.random.default_rng(0)
    labels = generator.random((200, 4)) < [0.5, 0.3, 0.1, 0.1]
    noise = generator.normal(size=labels.shape)

    def save(name, strength, clips=None, labels=labels, table=True):
        folder = tmp_path / name
        folder.mkdir()
        order = np.arange(200) if clips is None else clips
        scores = noise[order] + strength * labels[order]
        path = folder / "results.pkl"
        path.write_bytes(pickle.dumps([scores, labels[order].astype(np.float32)]))
        names = "".join(f"clip{i},\n" for i in order)
        path.with_suffix(".csv").write_text(f"clip,labels\n{names}")
        if table:
            classes = ClassTable(list("abcd"), ["head", "head", "tail", "tail"], "by a sheet")
            rows = class_results(np.ones(4), labels[order].sum(axis=0), classes)
            write_class_results(folder / "per_class_ap.csv", rows)
            summary = {"per_class": "elsewhere/per_class_ap.csv", "segments": classes.source}
            path.with_suffix(".json").write_text(json.dumps(summary))
        return path

    return save


def test_two_results_are_compared(tool, save):
    first, second = save("a", 1.0), save("b", 1.2, clips=np.random.default_rng(1).permutation(200))
    status, said, _ = tool("compare_results", first, second, "--resamples", 100)
    assert status == 0
    lines = {line.split()[0]: line for line in said.splitlines() if line}
    assert all(name in lines for name in ("overall", "head", "tail", "micro"))
    assert "100.0 %" in lines["overall"]
    assert "no difference" not in lines["overall"]
    assert "Segments: by a sheet." in said
    status, said, _ = tool("compare_results", first, first, "--resamples", 20)
    assert said.count("no difference that these clips can show") == 4


def test_results_with_one_class_a_clip_are_compared(tool, tmp_path):
    generator = np.random.default_rng(0)
    classes = generator.integers(3, size=60)
    noise = generator.normal(size=(60, 4))
    paths = []
    for name, strength in (("a", 1.0), ("b", 2.5)):
        paths.append(tmp_path / f"{name}.pkl")
        paths[-1].write_bytes(pickle.dumps([noise + strength * np.eye(4)[classes], classes]))
    status, said, _ = tool("compare_results", *paths, "--resamples", 50)
    assert status == 0
    lines = {line.split("  ")[0]: line.split() for line in said.splitlines() if line}
    right = [(noise + s * np.eye(4)[classes]).argmax(axis=1) == classes for s in (1.0, 2.5)]
    assert lines["top-1"][1:3] == [f"{100 * each.mean():.2f}" for each in right]
    macro = [np.mean([each[classes == c].mean() for c in range(3)]) for each in right]
    assert lines["macro"][1:3] == [f"{100 * each:.2f}" for each in macro]
    assert "accuracy in %" in said
    assert "Largest changes of a class, recall in %" in said


def test_segments_may_come_from_a_sheet_or_from_nowhere(tool, save, tmp_path):
    first, second = save("a", 1.0, table=False), save("b", 1.5, table=False)
    status, said, _ = tool("compare_results", first, second, "--resamples", 20)
    assert status == 0
    assert "No segments: no table beside the results; see --classes." in said
    sheet = tmp_path / "s.csv"
    sheet.write_text("id,name,segment\n0,a,head\n1,b,head\n2,c,middle\n3,d,tail\n")
    status, said, _ = tool("compare_results", first, second, "--classes", sheet)
    assert "\nmiddle " in said


def test_other_clips_and_other_labels_are_refused(tool, save):
    first = save("a", 1.0)
    some = save("b", 1.0, clips=np.arange(150))
    status, _, error = tool("compare_results", first, some)
    assert status == 2
    assert "the results are of different clips: 50 are in the first only, 0 in the second" in error
    status, _, error = tool("compare_results", first, save("c", 1.0, labels=np.eye(200, 4) > 0))
    assert status == 2
    assert "clips have other labels, the first being clip" in error
    for path in (first, some):
        path.with_suffix(".csv").unlink()
    status, _, error = tool("compare_results", first, some)
    assert status == 2
    assert "200 clips and 150" in error


def test_results_without_a_positive_are_refused(tool, save):
    paths = [save(name, 1.0, labels=np.zeros((200, 4), bool)) for name in "ab"]
    status, said, error = tool("compare_results", *paths)
    assert (status, said) == (2, "")
    assert "no clip carries a class" in error


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("make_holdout", ["--out", "h.txt", "--share", 1.5], "between 0 and 1"),
        ("make_holdout", ["--out", "no/h.txt"], "cannot be written"),
        ("describe_data", ["--head-min", 5, "--tail-max", 700], "expected more than --tail-max"),
        ("describe_data", ["--num-classes", -3], "--num-classes -3: expected 1 or more"),
        ("compare_results", ["--seed", -1], "--seed -1: expected 0 or more"),
        ("compare_results", ["--resamples", 10**9], "expected 2 to 10000. 1000 are enough"),
    ],
)
def test_a_wrong_option_is_an_error_with_status_2(
    tool, save, tiny_ak, tmp_path, monkeypatch, name, options, says
):
    monkeypatch.chdir(tmp_path)
    files = [save("a", 1.0), save("b", 1.2)] if name == "compare_results" else [tiny_ak.annot]
    status, said, error = tool(name, *files, *options)
    assert (status, said) == (2, "")
    assert error.startswith("error: ")
    assert says in error
