"""The look-alikes fail as upstream does today, so that no test of the drop-in is too easy."""

import ast
import json
import subprocess
from pathlib import Path

import pytest
import torch

from tests.upstream.checkouts import BRANCHES, make_checkout, run_in

no_cuda = not torch.cuda.is_available()
PROBE = Path(__file__).with_name("probe.py")


@pytest.fixture(scope="module", params=BRANCHES)
def checkout(request, tmp_path_factory):
    return make_checkout(tmp_path_factory.mktemp("upstream") / request.param, request.param)


@pytest.fixture(scope="module")
def seen(checkout):
    """What each part of an untouched look-alike says when it is used."""
    done = run_in(checkout, "python", PROBE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_run_does_not_start(checkout):
    done = run_in(checkout, "python", "tools/run_net.py", "--cfg", "configs/Charades/any.yaml")
    assert done.returncode != 0
    missing = "cat_all_gather" if checkout.name == "main" else "detectron2"
    assert missing in done.stderr.splitlines()[-1]


def test_each_thing_that_upstream_misses_is_missed(checkout, seen):
    on_main = checkout.name == "main"
    for part, missing in {
        "processes": "cat_all_gather" if on_main else "",
        "heads": "detectron2",
        "data sets": "" if on_main else "functional_tensor",
        "data sets left out": "functional_tensor" if on_main else "",
        "losses": "pytorchvideo.losses" if on_main else "",
        "meters": "vision" if on_main else "",
        "evaluation of detections": "" if on_main else "numpy",
        "synchronised norms": "unexpected keyword argument" if on_main else "",
        "run_net": "detectron2",
        "settings for one GPU": "",
        "settings for no GPU": "" if on_main else "ZeroDivisionError",
        "an epoch": "",
    }.items():
        assert missing in seen[part], part
        assert bool(missing) == bool(seen[part]), f"{part}: {seen[part]}"


@pytest.mark.skipif(not no_cuda, reason="these are faults of machines without CUDA")
def test_without_cuda_networks_are_not_built_and_main_waits_for_the_gpu(checkout, seen):
    assert seen["network on one GPU"].startswith("AssertionError")
    failed = seen["an epoch without CUDA"]
    assert bool(failed) == (checkout.name == "main")
    assert not failed or "CUDA" in failed or "NVIDIA" in failed


def test_losses_and_loops_are_as_upstreams(checkout, seen):
    assert seen["losses built in two iterations"] == ("1" if checkout.name == "main" else "2")
    assert seen["a loss that is not there"].startswith("NotImplementedError")
    assert seen["shuffling what is not shuffled"].startswith("AssertionError")


def test_a_batch_has_as_many_fields_as_the_branch_unpacks(checkout):
    tree = ast.parse((checkout / "tools/train_net.py").read_text())
    (train_epoch,) = [
        node for node in tree.body if getattr(node, "name", "").startswith("train_epoch")
    ]
    (loop,) = [node for node in ast.walk(train_epoch) if isinstance(node, ast.For)]
    assert len(loop.target.elts[1].elts) == (5 if checkout.name == "main" else 4)


def test_settings_are_all_of_the_branch_and_user_keys_come_last(checkout):
    code = (
        "from slowfast.config.defaults import get_cfg\n"
        "print(len(str(get_cfg()).splitlines()), get_cfg().AK.KEY)"
    )
    custom = checkout / "slowfast/config/custom_config.py"
    before = custom.read_text()
    custom.write_text(
        "from fvcore.common.config import CfgNode\n"
        "def add_custom_config(_C):\n    _C.AK = CfgNode({'KEY': 'mine'})\n"
    )
    try:
        done = run_in(checkout, "python", "-c", code)
    finally:
        custom.write_text(before)
    assert done.stdout.split()[1] == "mine", done.stderr


def test_files_end_as_real_ones_do(checkout):
    package = checkout / "slowfast"
    assert not (package / "datasets/__init__.py").read_bytes().endswith(b"\n")
    assert (package / "utils/meters.py").read_bytes().endswith(b"\n\n\n")
    losses = (package / "models/losses.py").read_bytes()
    assert losses.count(b"\r\n") == losses.count(b"\n") > 0


def test_setup_asks_for_two_names_that_do_not_install(checkout):
    text = (checkout / "setup.py").read_text()
    assert '"PIL"' in text
    assert '"sklearn"' in text


def test_it_is_committed(checkout):
    if not (checkout / ".git").exists():
        pytest.skip("there is no git here")
    status = subprocess.run(["git", "status", "--short"], cwd=checkout, capture_output=True)
    assert status.stdout == b""
