"""The look-alikes have the faults of upstream, so that the tests of the drop-in are hard enough."""

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
    """The error of each part of an unchanged look-alike."""
    done = run_in(checkout, "python", PROBE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_run_does_not_start(checkout):
    done = run_in(checkout, "python", "tools/run_net.py", "--cfg", "configs/Charades/any.yaml")
    assert done.returncode != 0
    missing = "cat_all_gather" if checkout.name == "main" else "detectron2"
    assert missing in done.stderr.splitlines()[-1]


def test_the_look_alike_lacks_what_upstream_lacks(checkout, seen):
    on_main = checkout.name == "main"
    for part, expected in {
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
        assert expected in seen[part], part
        assert bool(expected) == bool(seen[part]), f"{part}: {seen[part]}"


@pytest.mark.skipif(not no_cuda, reason="these are faults of machines without CUDA")
def test_without_cuda_networks_are_not_built_and_main_waits_for_the_gpu(checkout, seen):
    assert seen["network on one GPU"].startswith("AssertionError")
    failed = seen["an epoch without CUDA"]
    assert bool(failed) == (checkout.name == "main")
    assert not failed or "CUDA" in failed or "NVIDIA" in failed


def test_losses_and_loaders_are_like_upstreams(checkout, seen):
    assert seen["losses built in two iterations"] == ("1" if checkout.name == "main" else "2")
    assert seen["a loss that is not there"].startswith("NotImplementedError")
    assert seen["shuffling what is not shuffled"].startswith("AssertionError")


def test_a_batch_has_the_number_of_fields_of_the_branch(checkout):
    tree = ast.parse((checkout / "tools/train_net.py").read_text())
    (train_epoch,) = [
        node for node in tree.body if getattr(node, "name", "").startswith("train_epoch")
    ]
    (loop,) = [node for node in ast.walk(train_epoch) if isinstance(node, ast.For)]
    assert len(loop.target.elts[1].elts) == (5 if checkout.name == "main" else 4)


def test_some_files_end_as_real_ones_do(checkout):
    package = checkout / "slowfast"
    assert not (package / "datasets/__init__.py").read_bytes().endswith(b"\n")
    assert (package / "utils/meters.py").read_bytes().endswith(b"\n\n\n")
    losses = (package / "models/losses.py").read_bytes()
    assert losses.count(b"\r\n") == losses.count(b"\n") > 0


def test_only_main_has_a_path_manager(checkout):
    env = (checkout / "slowfast/utils/env.py").read_text()
    assert ("pathmgr" in env) == (checkout.name == "main")


def test_the_checkout_is_committed(checkout):
    if not (checkout / ".git").exists():
        pytest.skip("there is no git here")
    status = subprocess.run(["git", "status", "--short"], cwd=checkout, capture_output=True)
    assert status.stdout == b""
