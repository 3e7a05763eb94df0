"""An unchanged look-alike fails as upstream does, and its files end as upstream's do."""

import subprocess

import pytest

from tests.upstream.checkouts import BRANCHES, make_checkout, run_in


@pytest.fixture(scope="module", params=BRANCHES)
def checkout(request, tmp_path_factory):
    return make_checkout(tmp_path_factory.mktemp("upstream") / request.param, request.param)


def test_a_run_without_the_drop_in_does_not_start(checkout):
    done = run_in(checkout, "python", "tools/run_net.py", "--cfg", "configs/Charades/any.yaml")
    assert done.returncode != 0
    missing = "cat_all_gather" if checkout.name == "main" else "detectron2"
    assert missing in done.stderr.splitlines()[-1]


def test_some_files_end_as_real_ones_do(checkout):
    package = checkout / "slowfast"
    assert not (package / "datasets/__init__.py").read_bytes().endswith(b"\n")
    assert (package / "utils/meters.py").read_bytes().endswith(b"\n\n\n")
    losses = (package / "models/losses.py").read_bytes()
    assert losses.count(b"\r\n") == losses.count(b"\n") > 0


def test_the_checkout_is_committed(checkout):
    if not (checkout / ".git").exists():
        pytest.skip("there is no git here")
    status = subprocess.run(["git", "status", "--short"], cwd=checkout, capture_output=True)
    assert status.stdout == b""
