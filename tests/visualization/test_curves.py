"""Reading a log: the lines that led to the end of the run count."""

import json

import pytest

from slowfast.ak.errors import UserError
from slowfast.visualization.report.curves import read_log


def train(epoch, loss, of=9):
    return {"_type": "train_epoch", "epoch": f"{epoch}/{of}", "loss": loss, "lr": 0.1}


def val(epoch, value, **more):
    return {"_type": "val_epoch", "epoch": f"{epoch}/9", "map": value, **more}


@pytest.fixture
def read(tmp_path):
    def read(*lines, end=""):
        path = tmp_path / "json_stats.log"
        text = "".join(f"json_stats: {json.dumps(line)}\n" for line in lines)
        path.write_text(text + end)
        return read_log(path)

    return read


def test_epochs_evaluations_and_the_last_test(read):
    found = read(
        train(1, 0.5),
        {"_type": "train_iter_", "epoch": "2/9", "loss": 7.0},
        train(2, 0.25),
        val(2, 0.125, map_head=0.5, map_tail=None, dt=1.0),
        {"split": "test_final", "map": "12.34", "map_tail": None, "top1_acc": "12.34"},
        {"split": "test_final", "map": "56.78", "map_tail": None, "top1_acc": "56.78"},
    )
    assert [(p["epoch"], p["loss"], p["lr"]) for p in found["train"]] == [
        (1, 0.5, 0.1),
        (2, 0.25, 0.1),
    ]
    assert found["val"] == [{"epoch": 2, "map": 12.5, "map_head": 50.0, "map_tail": None}]
    assert found["test"]["figures"] == {"map": 56.78, "map_tail": None}


def test_intervals_further_figures_and_the_best_evaluation(read):
    best = {"best_epoch": 2, "best_map": 0.125, "best_chosen_on": "the test clips"}
    test = {"interval_map": ["10.00", "14.5"], "interval_map_tail": None, "f1_macro": "31.25"}
    found = read(
        train(2, 0.5),
        val(2, 0.125, **best),
        {"split": "test_final", "map": "12.34", "map_micro": "50.00", **test, **best},
    )
    expected = {"epoch": 2, "map": 12.5, "chosen_on": "the test clips"}
    assert found["best"] == found["test"]["best"] == expected
    assert found["test"]["figures"] == {"map": 12.34, "map_micro": 50.0}
    assert found["test"]["intervals"] == {"map": [10.0, 14.5]}
    assert found["test"]["more"] == {"f1_macro": 31.25}
    nothing_yet = {"best_epoch": 0, "best_map": None, "best_chosen_on": "the test clips"}
    assert read(val(2, 0.125, **nothing_yet))["best"] is None


def test_accuracies_and_label_sets(read):
    line = {"top1_err": 75.0, "top1_micro": 0.25, "top1_macro_tail": None}
    best = {"best_epoch": 2, "best_metric": "top1_err", "best_top1_err": 75.0}
    test = {"top1_micro": "40.00", "top1_acc": "40.00", "interval_top1_micro": ["30.00", "50.00"]}
    evaluation = {"_type": "val_epoch", "epoch": "2/9"}
    found = read(evaluation | line | best, {"split": "test_final", **test})
    assert found["val"] == [{"epoch": 2, "top1_micro": 25.0, "top1_macro_tail": None}]
    assert found["test"]["figures"] == {"top1_micro": 40.0}
    assert found["best"]["top1_err"] == 75.0
    assert found["best"]["metric"] == {"key": "top1_err", "name": "top-1 error", "sign": " %"}
    sets = {f"animal/{key}": value for key, value in test.items() if key != "interval_top1_micro"}
    sets |= {"interval_animal/top1_micro": ["30.00", "50.00"], "animal/top3_macro": "60.00"}
    found = read(evaluation | {"animal/top1_micro": 0.25}, {"split": "test_final", **sets})
    assert found["val"] == [{"epoch": 2, "animal/top1_micro": 25.0}]
    assert found["test"]["figures"] == found["test"]["more"] == {}
    part = found["test"]["parts"]["animal"]
    assert (part["figures"], part["more"]) == ({"top1_micro": 40.0}, {"top3_macro": 60.0})
    assert part["intervals"] == {"top1_micro": [30.0, 50.0]}


def test_the_last_lines_of_an_epoch_count_in_a_resumed_run(read):
    lines = [train(1, 0.9), train(2, 0.8), val(2, 0.2), train(3, 0.7), val(3, 0.3)]
    found = read(*lines, train(2, 0.5), val(2, 0.6))
    assert [(p["epoch"], p["loss"]) for p in found["train"]] == [(1, 0.9), (2, 0.5)]
    assert [(p["epoch"], p["map"]) for p in found["val"]] == [(2, 60.0)]


def test_a_folder_used_twice_shows_the_second_run(read):
    found = read(train(1, 0.9, of=3), train(2, 0.8, of=3), val(2, 0.5), train(1, 0.4, of=1))
    assert [(p["epoch"], p["loss"]) for p in found["train"]] == [(1, 0.4)]
    assert found["val"] == []


def test_damaged_lines_are_ignored(read):
    end = 'json_stats: {"_type": "train_epoch", "epoch": "3/9", "lo'
    found = read(
        train(1, float("nan")), train(2, None), train("?", 1.0), [1, 2], val(2, "x"), end=end
    )
    assert [(p["epoch"], p["loss"]) for p in found["train"]] == [(1, None), (2, None)]
    assert found["val"] == [{"epoch": 2, "map": None}]
    assert read(end="\x00\xff no line\n") == {
        "train": [],
        "val": [],
        "best": None,
        "test": None,
    }


def test_an_unreadable_log_is_an_error(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_log(tmp_path)
