"""The check of a checkout: what each step says, and that it goes on when things are broken."""

import ast
import importlib.abc
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.ak.upstream import check, trial
from tests.upstream.checkouts import BRANCHES, make_checkout, run_in

ROOT = Path(__file__).parents[3]


def lines_of(capsys):
    return capsys.readouterr().out.splitlines()


def raises(error):
    def step():
        raise error

    return step


def test_a_line_is_aligned_and_says_how_it_went(capsys):
    report = check.Report()
    report.step("first", lambda: "fine")
    report.tell("data", "not there")
    assert not report.has_failed
    report.step("second", raises(check.Failed("found 1, expected 2\ndo this")))
    report.step("third", raises(UserError("a clash")))
    report.step("fourth", raises(SystemExit(2)))
    report.step("fifth", lambda: "fine again")
    assert report.has_failed
    lines = lines_of(capsys)
    assert lines[:5] == [
        "first                         ok      fine",
        "data                          -       not there",
        "second                        FAILED  found 1, expected 2",
        "                                      do this",
        "third                         FAILED  a clash",
    ]
    assert lines[5] == "fourth                        FAILED  SystemExit: 2"
    assert f"{__file__}, line " in lines[6]
    assert lines[7] == "fifth                         ok      fine again"


def test_what_the_checkout_prints_does_not_tear_a_line(capsys):
    def step():
        print("noise")
        return "fine"

    check.Report().step("a", step)
    assert lines_of(capsys) == [f"{'a':<30}ok      fine"]


@pytest.fixture
def wanted(tmp_path):
    def write(*lines):
        path = tmp_path / "requirements.txt"
        path.write_text("\n".join(["# words", *lines]) + "\n")
        return path

    return write


def test_what_is_missing_or_too_early_is_named_with_the_way_to_get_it(wanted):
    file = wanted("numpy>=1.0", "no_such-thing>=2", "torch>=2.0,<2.1", "google.no.such>=1")
    with pytest.raises(check.Failed) as error:
        check.requirements(file)
    assert str(error.value) == (
        f"no_such-thing is missing; torch is {torch.__version__.split('+')[0]}, expected >=2.0,<2.1"
        f"; google.no.such is missing\npython -m pip install -r {file}"
    )


def test_what_is_there_is_told(wanted):
    assert f"torch {torch.__version__.split('+')[0]}" in check.requirements(wanted("numpy>=1.0"))


def test_our_own_list_is_of_what_is_installed():
    """The environment of the tests has all that a checkout needs."""
    assert check.requirements(check.REQUIREMENTS)


def test_all_that_slowfast_ak_imports_is_in_the_list():
    lines = check.REQUIREMENTS.read_text().splitlines()
    names = [line.split(">")[0].split("=")[0] for line in lines if not line.startswith("#")]
    listed = {check._MODULES.get(name.lower(), name).split(".")[0] for name in names}
    imported = set()
    for path in (ROOT / "slowfast/ak").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.split(".")[0])
    optional = {"torchcodec", "packaging"}
    assert imported - set(sys.stdlib_module_names) - optional - {"slowfast"} <= listed


class Refuses(importlib.abc.MetaPathFinder):
    def __init__(self, name, error):
        self.name, self.error = name, error

    def find_spec(self, fullname, path=None, target=None):
        if fullname == self.name:
            raise self.error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TypeError("Descriptors cannot be created directly.\nMore"), '"protobuf==3.20.0"'),
        (ModuleNotFoundError("No module named 'tensorboard'"), "requirements.txt"),
    ],
)
def test_a_tensorboard_that_does_not_import_is_told_with_the_way_out(monkeypatch, error, words):
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setattr(
        sys, "meta_path", [Refuses("torch.utils.tensorboard", error), *sys.meta_path]
    )
    with pytest.raises(check.Failed) as failed:
        check.tensorboard()
    first, second = str(failed.value).splitlines()
    assert str(error).splitlines()[0] in first
    assert second.startswith("python -m pip install ")
    assert words in second


def test_another_slowfast_than_that_of_the_folder_is_told(tmp_path):
    assert check.package(ROOT) == str(ROOT)
    with pytest.raises(check.Failed, match=f"found {ROOT}, expected {tmp_path}"):
        check.package(tmp_path)


def test_a_script_is_imported_as_if_it_were_run(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "beside_the_script.py").write_text("VALUE = 3\n")
    script = tmp_path / "program.py"
    script.write_text("from beside_the_script import VALUE\nassert __name__ != '__main__'\n")
    found = []
    assert check.imports(script, found).endswith(" s")
    assert found[0].VALUE == 3

    script.write_text("import no_such_module\n")
    with pytest.raises(check.Failed, match=r"No module named 'no_such_module'\npython -m pip"):
        check.imports(script, found)
    with pytest.raises(check.Failed, match="there is no"):
        check.imports(tmp_path / "other.py", found)
    assert len(found) == 1


def program(train_epoch, eval_epoch=lambda: None, perform_test=lambda: None):
    """As tools/run_net.py: a module whose `train` and `test` come from that of the loops."""
    module = ModuleType("a_train_net")
    vars(module).update(train_epoch=train_epoch, eval_epoch=eval_epoch, perform_test=perform_test)

    def of_the_loops(cfg): ...

    of_the_loops.__module__ = module.__name__
    sys.modules[module.__name__] = module
    return SimpleNamespace(train=of_the_loops, test=of_the_loops)


@pytest.fixture(autouse=True)
def _in_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)
    yield
    sys.modules.pop("a_train_net", None)


def test_loops_are_handed_the_checkouts_own_parts():
    seen = []

    def train_epoch(train_loader, model, optimizer, cur_epoch, cfg, writer=None, mine=2):
        for (clips,), labels, *_ in train_loader:
            seen.append((tuple(clips.shape[:2]), labels.sum(dim=1).tolist()))
        for parameter in model.parameters():
            parameter.data.add_(1)

    def eval_epoch(val_loader, model, val_meter, cur_epoch, cfg, train_loader, writer):
        seen.append(sum(len(batch[1]) for batch in val_loader))
        assert hasattr(val_meter, "update_predictions")

    def perform_test(test_loader, model, test_meter, cfg, writer=None):
        seen.append((test_loader.dataset.num_videos, len(test_meter.video_preds)))

    words = trial.run_loops(program(train_epoch, eval_epoch, perform_test))
    assert words.startswith("2 steps of a small SlowFast with EQL on made-up clips")
    assert seen == [((2, 3), [2.0, 2.0])] * 2 + [4, (8, 4)]


@pytest.mark.parametrize(
    ("value", "words"), [(0.0, "no weight has changed"), (float("nan"), "no longer finite")]
)
def test_a_step_that_does_not_train_fails(value, words):
    def train_epoch(model, cfg):
        for parameter in model.parameters():
            parameter.data.add_(value)

    with pytest.raises(RuntimeError, match=words):
        trial.run_loops(program(train_epoch))


def test_a_train_epoch_that_asks_for_more_says_what():
    def train_epoch(model, cfg, teacher, *args, **kwargs): ...

    with pytest.raises(RuntimeError, match="asks for teacher besides"):
        trial.run_loops(program(train_epoch))


def test_a_recipe_is_built_as_configured():
    words = trial.build(ROOT / "configs/AK/X3D_L.yaml")
    assert words.startswith("X3D, ")
    assert words.endswith(" parameters, sync_batchnorm")


def test_data_and_weights_that_are_missing_are_told(tmp_path, monkeypatch):
    recipe = tmp_path / "a.yaml"
    recipe.write_text(
        f"DATA: {{PATH_TO_DATA_DIR: {tmp_path}/annot, PATH_PREFIX: {tmp_path}/image}}\n"
        "TRAIN: {DATASET: ak, CHECKPOINT_FILE_PATH: no/weights.pyth}\nTEST: {DATASET: ak}\n"
    )
    twin = recipe.with_stem("twin")
    twin.write_text(recipe.read_text())
    monkeypatch.setattr(trial, "load", _merged)
    assert [name for name, _ in trial.missing([recipe, twin])] == ["data", "weights"]
    trial.write_noise(tmp_path)
    ((name, words),) = trial.missing([recipe, twin])
    assert name == "weights"
    assert words.startswith("there is no no/weights.pyth; ")
    assert words.endswith("\nfor a, twin")


def _merged(file):
    from slowfast.config.defaults import get_cfg

    cfg = get_cfg()
    cfg.merge_from_file(str(file))
    return cfg


@pytest.mark.parametrize("branch", BRANCHES)
def test_in_a_checkout_where_all_is_broken_each_step_is_tried(branch, tmp_path):
    """The files are there, and no block that ties them in."""
    checkout = make_checkout(tmp_path / "checkout", branch)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "slowfast/ak", checkout / "slowfast/ak", ignore=ignore)
    shutil.copytree(ROOT / "configs/AK", checkout / "configs/AK")
    done = run_in(checkout, "python", "-m", "slowfast.ak.upstream.check")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    state = {line[:30].rstrip(): line[30:38].rstrip() for line in done.stdout.splitlines()}
    assert state["requirements"] == state["TensorBoard"] == state["PyTorch"] == "ok"
    assert state["imports of tools/run_net.py"] == "FAILED"
    for recipe in (ROOT / "configs/AK").glob("*.yaml"):
        assert state[recipe.name] == "FAILED"
    assert done.stdout.count("does not add the keys of slowfast.ak") == 8
    assert state["training, evaluation, test"] == "-"
    assert done.stdout.endswith("Some of it failed.\n")
