"""--check prints what is in place and which slowfast is imported, and runs slowfast.ak's check."""

import importlib.util
import sys

import pytest

from tests.scripts import trees

CHECK = "slowfast/ak/upstream/check/__main__.py"


@pytest.fixture
def checked(project):
    """A project whose check prints where it runs, and fails if there is a file `broken`."""
    (project / CHECK).parent.mkdir()
    (project / CHECK).write_text(
        "import pathlib, sys, slowfast\n"
        "print('checked', slowfast.__file__)\n"
        "sys.exit(3 if pathlib.Path('broken').exists() else 0)\n"
    )
    return project


def test_the_check_runs_with_the_checkouts_package_and_fails_with_it(run, checked, upstream):
    run(upstream)
    status, output, _ = run(upstream, "--check")
    assert status == 0
    assert output.endswith(f"checked {upstream / 'slowfast/__init__.py'}\n")
    (upstream / "broken").touch()
    assert run(upstream, "--check")[0] == 1


def test_missing_files_are_reported_and_fail(run, checked, upstream):
    status, output, _ = run(upstream, "--check")
    assert status == 1
    assert "Nothing is in place" in output
    run(upstream)
    (upstream / "slowfast/ak/classes.csv").unlink()
    status, output, _ = run(upstream, "--check")
    assert status == 1
    assert "missing: 1 file" in output
    assert "run this without --check" in output
    assert not (upstream / "slowfast/ak/classes.csv").exists()


def test_check_describes_the_present_state_and_no_plan(run, checked, upstream, data):
    losses = upstream / "slowfast/models/losses.py"
    without_block = losses.read_bytes()
    run(upstream, "--data", data)
    losses.write_bytes(without_block)
    (checked / "slowfast/ak/classes.csv").write_text("0,standing\n")
    (checked / "configs/AK/X.yaml").unlink()
    (upstream / "slowfast/ak/.classes.csv.prepare_dir_AR.new").write_text("ha")
    before = trees.snapshot(upstream)
    status, output, _ = run(upstream, "--check")
    assert status == 1
    lines = dict(line.split(None, 1) for line in output.splitlines() if line.startswith("  "))
    assert lines["slowfast/models/losses.py"] == "missing: the block"
    assert "differs: 1 file" in lines["slowfast/ak"]
    assert "left over: 1 file" in lines["configs/AK"]
    assert lines["."].startswith("left over: 1 file")
    assert lines["data/ak/annot"] == f"in place: a link to {data / 'annotation'}"
    for verb in ("add", "update", "remove", "keep"):
        assert f"{verb}:" not in output
    after = trees.snapshot(upstream)
    assert {name: after[name] for name in before} == before


def test_changes_by_hand_are_reported_and_do_not_fail(run, checked, upstream):
    run(upstream)
    (upstream / "slowfast/ak/classes.csv").write_text("0,mine\n")
    status, output, _ = run(upstream, "--check")
    assert status == 0
    assert "kept: changed since it was written" in output


@pytest.mark.parametrize("elsewhere", [None, "other", "checkout"])
def test_the_slowfast_that_a_run_would_import_is_reported(
    run, checked, upstream, tmp_path, monkeypatch, elsewhere
):
    run(upstream)
    (tmp_path / "other/slowfast").mkdir(parents=True)
    (tmp_path / "other/slowfast/__init__.py").touch()
    paths = {None: "", "other": str(tmp_path / "other"), "checkout": str(upstream)}
    monkeypatch.setenv("PYTHONPATH", paths[elsewhere])
    _, output, _ = run(upstream, "--check")
    if elsewhere == "checkout":
        assert "imports the slowfast of this checkout" in output
    else:
        assert f"export PYTHONPATH={upstream}" in output
    if elsewhere == "other":
        assert f"imports {tmp_path / 'other/slowfast/__init__.py'}, not this checkout" in output


def test_a_python_without_torch_gets_the_command_to_install_it(run, checked, upstream, monkeypatch):
    run(upstream)
    find = importlib.util.find_spec

    def found(name, package=None):
        return None if name == "torch" else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", found)
    status, output, _ = run(upstream, "--check")
    assert status == 1
    assert f"{sys.executable} has no torch, " in output
    assert "-m pip install -r slowfast/ak/requirements.txt" in output
    assert "checked" not in output


def test_a_python_that_is_too_old_gets_a_warning_at_the_end(run, checked, upstream, monkeypatch):
    from prepare_dir import check

    assert "or newer" not in run(upstream, "--dry-run")[1]
    monkeypatch.setattr(check, "_OLDEST_PYTHON", (99, 1))
    words = "the checkout's programs need 99.1 or newer."
    for options, expected in ((["--dry-run"], 0), ([], 0), (["--check"], 1)):
        status, output, _ = run(upstream, *options)
        assert status == expected
        assert output.splitlines()[-1].endswith(words)
    assert (upstream / "slowfast/ak/__init__.py").exists()
