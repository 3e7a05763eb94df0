"""Fixtures of the tests of the script: trees, and the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripts import trees


@pytest.fixture
def project(tmp_path) -> Path:
    return trees.make_project(tmp_path / "project")


@pytest.fixture
def upstream(tmp_path) -> Path:
    return trees.make_upstream(tmp_path / "upstream")


@pytest.fixture
def data(tmp_path) -> Path:
    return trees.make_data(tmp_path / "data set")


@pytest.fixture
def run(project, monkeypatch, capfd):
    """Runs the command in this process: `run(folder, "--revert") -> status, output, errors`."""
    from prepare_dir.command import main

    for name in ("DIR_ROOT", "DIR_AK_AR", "DIR_SLOWFAST"):
        monkeypatch.delenv(name, raising=False)

    def start(folder: Path | None, *options: str) -> tuple[int, str, str]:
        named = () if folder is None else ("--slowfast", str(folder))
        status = main([*named, *map(str, options)], project)
        return status, *capfd.readouterr()

    return start


@pytest.fixture
def refused(run):
    """`refused(folder, words, *options)`: the command ends with 2, says so and changes nothing."""

    def check(folder: Path, words: str, *options: str) -> str:
        before = trees.snapshot(folder)
        status, _, errors = run(folder, *options)
        assert status == 2
        assert words in errors
        assert trees.snapshot(folder) == before
        return errors

    return check
