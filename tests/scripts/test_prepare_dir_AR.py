"""The script as a user starts it: through bash, with this project, and with any Python."""

import os
import subprocess
import sys
from pathlib import Path

from tests.scripts import trees

PROJECT = Path(__file__).parents[2]
SCRIPT = PROJECT / "scripts/prepare_dir_AR.sh"


def start(*options, cwd=None, script=SCRIPT, **environment):
    names = ("DIR_ROOT", "DIR_AK_AR", "DIR_SLOWFAST", "PYTHON", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    command = ["bash", str(script), *map(str, options)]
    run = subprocess.run(
        command, cwd=cwd, env=kept | environment, capture_output=True, text=True, timeout=120
    )
    return run.returncode, run.stdout, run.stderr


def test_apply_and_revert(upstream, data):
    before = trees.snapshot(upstream)
    status, output, errors = start("--slowfast", upstream, "--data", data)
    assert (status, errors) == (0, "")
    assert "resembles upstream's branch main" in output
    carried = {path.relative_to(PROJECT) for path in (PROJECT / "slowfast/ak").rglob("*.py")}
    carried |= {path.relative_to(PROJECT) for path in (PROJECT / "configs/AK").iterdir()}
    assert len(carried) > 60
    for path in carried:
        assert (upstream / path).read_bytes() == (PROJECT / path).read_bytes()
    assert not list(upstream.rglob("__pycache__"))
    assert (upstream / "data/ak/image").resolve() == data / "dataset/image"

    assert start("--slowfast", upstream, "--revert")[0] == 0
    assert trees.snapshot(upstream) == before


def test_the_published_call_needs_environment_variables_only(tmp_path, upstream):
    data = trees.make_data(tmp_path / "root/Animal_Kingdom/action_recognition")
    environment = {
        "DIR_ROOT": str(tmp_path / "root"),
        "DIR_AK_AR": "",
        "DIR_SLOWFAST": str(upstream),
    }
    assert start(**environment)[0] == 0
    assert (upstream / "data/ak/annot").resolve() == data / "annotation"


def test_relative_folders_spaces_and_letters_that_are_not_ascii(tmp_path):
    upstream = trees.make_upstream(tmp_path / "über uns/Slow Fast")
    data = trees.make_data(tmp_path / "über uns/données")
    before = trees.snapshot(upstream)
    environment = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    options = ("--slowfast", "Slow Fast/", "--data", "données")
    status, output, errors = start(*options, cwd=tmp_path / "über uns", **environment)
    assert (status, errors) == (0, "")
    assert "bash " in output
    assert (upstream / "data/ak/video").resolve() == data / "dataset/video"
    assert start("--slowfast", ".", "--revert", cwd=upstream, **environment)[0] == 0
    assert trees.snapshot(upstream) == before


def test_the_script_can_be_started_through_a_link_from_any_folder(tmp_path, upstream):
    (tmp_path / "prepare").symlink_to(SCRIPT)
    assert start("--slowfast", upstream, "--dry-run", script=tmp_path / "prepare", cwd="/")[0] == 0


def test_this_project_is_refused_with_any_option():
    before = trees.snapshot(PROJECT / "scripts")
    for options in ([], ["--revert"], ["--check"], ["--link"]):
        status, _, errors = start("--slowfast", PROJECT, *options)
        assert status == 2
        assert "holds this project" in errors
    assert trees.snapshot(PROJECT / "scripts") == before
    assert (PROJECT / "slowfast/ak/__init__.py").exists()


def test_without_a_python_the_script_ends_with_a_message(tmp_path, upstream):
    for name in ("bash", "readlink", "dirname"):
        place = next(
            Path(folder, name) for folder in ("/usr/bin", "/bin") if Path(folder, name).exists()
        )
        (tmp_path / name).symlink_to(place)
    status, _, errors = start("--slowfast", upstream, PATH=str(tmp_path))
    assert status == 2
    assert "no Python" in errors


def test_an_unsuitable_python_that_was_named_is_refused(tmp_path, upstream):
    old = tmp_path / "old python"
    old.write_text("#!/bin/sh\nexit 1\n")  # it fails the test of its version
    old.chmod(0o755)
    before = trees.snapshot(upstream)
    for python in (str(tmp_path / "none"), str(old)):
        status, output, errors = start("--slowfast", upstream, PYTHON=python)
        assert (status, output) == (2, "")
        assert f"PYTHON is {python}, which does not run or is older than 3.8" in errors
        assert trees.snapshot(upstream) == before
    assert start("--slowfast", upstream, "--dry-run", PYTHON=sys.executable)[0] == 0


def test_options_that_exclude_each_other_are_refused(upstream):
    status, _, errors = start("--slowfast", upstream, "--revert", "--check")
    assert status == 2
    assert "usage" in errors
