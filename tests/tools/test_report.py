"""The command: a page from run folders, and error messages for other folders."""

import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.visualization.records import NAMES, configuration, make_run, outcome, write_log

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "report.py"
main = runpy.run_path(str(TOOL))["main"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder / "a")
    make_run(folder / "b", seed=1, settings=["SOLVER.BASE_LR", 0.7])
    return folder


@pytest.fixture
def runs(made, tmp_path):
    shutil.copytree(made, tmp_path / "runs")
    return tmp_path / "runs"


def records_in(page: Path) -> list[dict]:
    text = page.read_text(encoding="utf-8")
    return json.loads(text.partition('id="data">')[2].partition("</script>")[0])


def test_a_page_is_made_again_with_the_present_curves(runs, capsys):
    before = (runs / "a/report/index.html").read_text()
    (runs / "a/report/index.html").unlink()
    assert main([str(runs / "a")]) == 0
    assert capsys.readouterr().out.strip() == str(runs / "a/report/index.html")
    assert (runs / "a/report/index.html").read_text() == before
    write_log(runs / "a", epochs=8)
    assert main([str(runs / "a")]) == 0
    assert len(records_in(runs / "a/report/index.html")[0]["curves"]["train"]) == 8


def test_several_runs_share_one_page(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([str(runs / "a"), str(runs / "b")]) == 0
    assert [r["name"] for r in records_in(tmp_path / "comparison.html")] == ["a", "b"]
    assert main([str(runs / "b"), str(runs / "a"), "--out", "new/page.html"]) == 0
    assert [r["name"] for r in records_in(tmp_path / "new/page.html")] == ["b", "a"]


def test_folders_with_equal_names_get_longer_names(runs, tmp_path):
    shutil.copytree(runs / "a", runs / "later" / "a")
    page = tmp_path / "page.html"
    assert main([str(runs / "a"), str(runs / "later/a"), "--out", str(page)]) == 0
    assert [r["name"] for r in records_in(page)] == ["runs/a", "later/a"]


def test_a_run_without_a_report_has_curves_and_settings(tmp_path):
    write_log(tmp_path / "run")
    (tmp_path / "run/config.yaml").write_text(configuration(tmp_path, "LOG_PERIOD", 3).dump())
    assert main([str(tmp_path / "run")]) == 0
    record = records_in(tmp_path / "run/report/index.html")[0]
    assert len(record["curves"]["train"]) == 6
    assert record["settings"]["LOG_PERIOD"] == ["3", "10"]
    assert record["classes"] == []


def no_folder(runs):
    return [runs / "nowhere"]


def no_epoch_yet(runs):
    (runs / "begun").mkdir()
    (runs / "begun/json_stats.log").write_text('json_stats: {"_type": "train_iter_"}\n')
    return [runs / "begun"]


def broken_record(runs):
    path = runs / "a/report/report.json"
    path.write_text(path.read_text()[:500])
    return [runs / "a"]


def record_with_parts_missing(runs):
    path = runs / "a/report/report.json"
    record = json.loads(path.read_text())
    del record["pairs"]
    path.write_text(json.dumps(record | {"figures": None}))
    return [runs / "a"]


def broken_configuration(runs):
    (runs / "a/report/report.json").unlink()
    (runs / "a/config.yaml").write_text("TRAIN: [1,\n")
    return [runs / "a"]


def given_twice(runs):
    return [runs / "a", runs / "b", runs / "." / "a"]


def too_many(runs):
    return [runs / str(number) for number in range(7)]


def other_names(runs):
    classes = outcome().classes
    classes.names[1] = "Drinking"
    make_run(runs / "c", classes=classes)
    classes.names[1] = NAMES[1]
    return [runs / "a", runs / "c"]


def unwritable(runs):
    return [runs / "a", "--out", runs / "a/json_stats.log/page.html"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_folder, "there is no such folder"),
        (no_epoch_yet, "no results here"),
        (broken_record, "cannot be read"),
        (record_with_parts_missing, "figures, pairs are missing"),
        (broken_configuration, "cannot be read as a configuration"),
        (given_twice, "given twice"),
        (too_many, "up to 6"),
        (other_names, "class 1 is 'Drinking'"),
        (unwritable, "cannot be written"),
    ],
)
def test_errors_have_a_message_and_status_2(runs, capsys, spoil, words):
    arguments = [str(argument) for argument in spoil(runs)]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert words in error


def test_neither_torch_nor_a_data_set_is_needed(runs):
    code = (
        f"import runpy, sys; status = runpy.run_path({str(TOOL)!r})['main']([{str(runs / 'a')!r}]);"
        "assert 'torch' not in sys.modules; sys.exit(status)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
