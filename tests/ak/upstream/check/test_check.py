"""The check of a checkout: what each step prints, and that later steps run after a failure."""

import ast
import importlib.abc
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.ak.upstream.check import report, steps, trial
from tests.upstream.checkouts import make_checkout, run_in

ROOT = Path(__file__).parents[4]


def lines_of(capsys):
    return capsys.readouterr().out.splitlines()


def raises(error):
    def step():
        raise error

    return step


def test_each_step_prints_aligned_lines(capsys):
    checks = report.Report()
    checks.step("first", lambda: "fine")
    checks.remark("data", "not there")
    assert not checks.has_failed
    checks.step("second", raises(report.Failed("found 1, expected 2\ndo this")))
    checks.step("third", raises(UserError("a clash")))
    checks.step("fourth", raises(SystemExit(2)))
    checks.step("fifth", lambda: "fine again")
    assert checks.has_failed
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


@pytest.fixture
def wanted(tmp_path):
    def write(*lines):
        path = tmp_path / "requirements.txt"
        path.write_text("\n".join(["# words", *lines]) + "\n")
        return path

    return write


def test_missing_and_too_old_packages_are_named_with_the_command_to_install_them(wanted):
    file = wanted("numpy>=1.0", "no_such-thing>=2", "torch>=2.0,<2.1", "google.no.such>=1")
    with pytest.raises(report.Failed) as error:
        steps.requirements(file)
    assert str(error.value) == (
        f"no_such-thing is missing; torch is {torch.__version__.split('+')[0]}, expected >=2.0,<2.1"
        f"; google.no.such is missing\npython -m pip install -r {file}"
    )


def test_the_tests_have_all_requirements():
    assert steps.requirements(steps.REQUIREMENTS)


def test_requirements_list_all_that_slowfast_ak_imports():
    lines = steps.REQUIREMENTS.read_text().splitlines()
    names = [line.split(">")[0].split("=")[0] for line in lines if not line.startswith("#")]
    listed = {steps.MODULES.get(name.lower(), name).split(".")[0] for name in names}
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
def test_a_failing_import_of_tensorboard_is_reported_with_the_remedy(monkeypatch, error, words):
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setattr(
        sys, "meta_path", [Refuses("torch.utils.tensorboard", error), *sys.meta_path]
    )
    with pytest.raises(report.Failed) as failed:
        steps.tensorboard()
    first, second = str(failed.value).splitlines()
    assert str(error).splitlines()[0] in first
    assert second.startswith("python -m pip install ")
    assert words in second


def test_a_slowfast_of_another_folder_is_reported(tmp_path):
    assert steps.package(ROOT) == str(ROOT)
    with pytest.raises(report.Failed, match=f"found {ROOT}, expected {tmp_path}"):
        steps.package(tmp_path)


def test_a_script_can_import_its_neighbours(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "beside_the_script.py").write_text("VALUE = 3\n")
    script = tmp_path / "program.py"
    script.write_text("from beside_the_script import VALUE\nassert __name__ != '__main__'\n")
    found = []
    assert steps.imports(script, found).endswith(" s")
    assert found[0].VALUE == 3

    script.write_text("import no_such_module\n")
    with pytest.raises(report.Failed, match=r"No module named 'no_such_module'\npython -m pip"):
        steps.imports(script, found)
    with pytest.raises(report.Failed, match=r"has no .*other.py"):
        steps.imports(tmp_path / "other.py", found)
    assert len(found) == 1


def program(train_epoch, eval_epoch=lambda: None, perform_test=lambda: None):
    """Returns a module like tools/run_net.py, with `train` and `test` of the loops' module."""
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


def test_loops_get_the_checkouts_own_parts():
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
    ("value", "words"), [(0.0, "changed no weight"), (float("nan"), "not finite")]
)
def test_a_training_that_changes_nothing_or_diverges_fails(value, words):
    def train_epoch(model, cfg):
        for parameter in model.parameters():
            parameter.data.add_(value)

    with pytest.raises(RuntimeError, match=words):
        trial.run_loops(program(train_epoch))


def test_a_recipe_is_built_as_configured():
    words = trial.build(ROOT / "configs/AK/X3D_L.yaml")
    assert words.startswith("X3D, ")
    assert words.endswith(" parameters, sync_batchnorm")


def test_missing_data_and_weights_are_listed_once(tmp_path, monkeypatch):
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
    assert words.startswith("no/weights.pyth is missing; ")
    assert words.endswith("\nfor a, twin")


def _merged(file):
    from slowfast.config.defaults import get_cfg

    cfg = get_cfg()
    cfg.merge_from_file(str(file))
    return cfg


def test_all_steps_run_in_a_checkout_without_the_blocks(tmp_path):
    checkout = make_checkout(tmp_path / "checkout", "main")
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
    recipes = len(list((ROOT / "configs/AK").glob("*.yaml")))
    assert done.stdout.count("does not add the keys of slowfast.ak") == recipes
    assert state["training, evaluation, test"] == "-"
    assert done.stdout.endswith("Some steps failed.\n")
