"""Upstream's paths behave as modules in every form of import."""

import importlib
import inspect
import pickle
import subprocess
import sys

import pytest

from slowfast.upstream_names import look_up
from slowfast.upstream_names.table import NAMES


def test_forms_of_import():
    import slowfast.datasets.utils as one
    from slowfast.datasets import cv2_transform, utils
    from slowfast.datasets.cv2_transform import scale

    assert one is utils is sys.modules["slowfast.datasets.utils"]
    assert cv2_transform.scale is scale
    package = importlib.import_module("slowfast.models")
    assert package.head_helper is importlib.import_module("slowfast.models.head_helper")
    assert package.MaskMViT.__module__ == "slowfast.models"
    names = {}
    exec("from slowfast.utils.misc import *", names)
    assert {"launch_job", "params_count", "get_class_names"} <= names.keys()
    assert "scale_boxes" in dir(cv2_transform)
    from vision.fair.slowfast.tools.demo_net import demo  # as upstream's own run_net.py

    assert demo.__module__ == "tools.demo_net"


def test_modules_of_this_tree_get_the_names_that_they_lack():
    from slowfast.config import defaults
    from slowfast.models import optimizer

    assert inspect.getsourcefile(optimizer).endswith("slowfast/models/optimizer.py")
    assert "def construct_optimizer" in inspect.getsource(optimizer)
    assert optimizer.get_param_groups.__module__ == "slowfast.upstream_names.run"
    assert defaults._C.MODEL.NUM_CLASSES == 400
    defaults._C.TEST.MINE = 3
    try:
        assert defaults.get_cfg().TEST.MINE == 3
    finally:
        del defaults._C.TEST["MINE"]
    with pytest.raises(AttributeError, match=r"'slowfast\.models\.optimizer' has no attribute 'x'"):
        optimizer.x  # noqa: B018
    with pytest.raises(ImportError):
        from slowfast.datasets.utils import nothing  # noqa: F401
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("slowfast.datasets.nothing")


def test_functions_and_classes_can_be_pickled_and_inspected():
    for path, name in (
        ("slowfast.datasets.utils", "get_sequence"),
        ("slowfast.models.video_model_builder", "SlowFast"),
        ("slowfast.datasets.ava_dataset", "Ava"),
        ("slowfast.utils.meters", "ScalarMeter"),
    ):
        found = getattr(importlib.import_module(path), name)
        assert pickle.loads(pickle.dumps(found)) is found
        assert look_up(path, name) is found
    text = inspect.getsource(importlib.import_module("slowfast.datasets.utils").get_sequence)
    assert text.startswith("def get_sequence")


def test_a_class_that_is_not_built_can_be_derived_from():
    from slowfast.ak.errors import UserError
    from slowfast.models.masked import MaskMViT

    class Mine(MaskMViT):
        def __init__(self, cfg):
            super().__init__(cfg)

    with pytest.raises(UserError, match=r"masked pre-training are not built here\. Instead, start"):
        Mine(None)


def test_importing_the_package_stays_cheap():
    heavy = "torch numpy yaml typing slowfast.upstream_names.not_built"
    code = f"import sys; old = set(sys.modules); import slowfast; new = set(sys.modules) - old; \
print([name for name in '{heavy}'.split() if name in new])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_table_has_each_name_in_one_order():
    for path, names in NAMES.items():
        module = importlib.import_module(path)
        for name in names:
            assert getattr(module, name) is look_up(path, name), f"{path}.{name}"


def test_a_script_checks_its_configuration_before_it_imports_a_network(tmp_path):
    """Published files have settings that other data sets read; so the data set has to be known."""
    recipe = tmp_path / "recipe.yaml"
    phases = "TRAIN: {DATASET: charades}\nTEST: {DATASET: charades}\n"
    recipe.write_text(f"{phases}DATA: {{TIME_DIFF_PROB: 0.5}}\nNUM_GPUS: 0\n")
    code = (
        "import sys\nfrom argparse import Namespace\n"
        "from slowfast.config.defaults import assert_and_infer_cfg\n"
        "from slowfast.utils.parser import load_config\n"
        "cfg = assert_and_infer_cfg(load_config(Namespace(), sys.argv[1]))\nprint(cfg.NUM_GPUS)\n"
    )
    command = [sys.executable, "-c", code, str(recipe)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "0", done.stderr
