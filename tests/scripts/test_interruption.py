"""An interrupted run can be repeated or reverted, and leaves nothing behind.

From a certain call on, every call that changes the disk fails, as after SIGKILL: no clean-up after
the interruption succeeds either.
"""

import contextlib
import errno
import itertools
import os
import random
from pathlib import Path

import pytest

from tests.scripts import trees

CALLS = [(os, "open"), (os, "write"), (os, "fsync"), (os, "utime")]
CALLS += [(Path, name) for name in ("replace", "unlink", "mkdir", "rmdir", "symlink_to")]


class Killed(BaseException):
    """Stands for SIGKILL; nothing catches it."""


class Disk:
    """Lets some calls through. If the first call that fails is a write, it writes one half."""

    def __init__(self, monkeypatch):
        self.monkeypatch = monkeypatch
        self.left = 0

    @contextlib.contextmanager
    def dying_after(self, calls: int):
        self.left = calls
        with self.monkeypatch.context() as patch:
            for owner, name in CALLS:
                patch.setattr(owner, name, self._dying(getattr(owner, name), name))
            yield

    def _dying(self, call, name):
        def dying(*args, **options):
            if name == "open" and not args[1] & os.O_WRONLY:
                return call(*args, **options)
            self.left -= 1
            if self.left < 0:
                if name == "write" and self.left == -1:
                    call(args[0], bytes(args[1])[: len(args[1]) // 2])
                raise Killed
            return call(*args, **options)

        return dying


@pytest.fixture
def disk(monkeypatch):
    """A disk, for a plan with one edit of each kind, which has fewer calls."""
    from prepare_dir import names, plan

    edited = ("slowfast/__init__.py", "slowfast/models/losses.py", names.FILE)
    monkeypatch.setattr(plan, "EDITED", edited)
    return Disk(monkeypatch)


def stops(disk, act, prepare):
    """Prepares and acts, interrupted after 0, 1, 2, ... calls, until `act` ends by itself."""
    for calls in itertools.count():
        prepare()
        with disk.dying_after(calls):
            try:
                act()
                assert calls > 20  # calls were intercepted
                return
            except Killed:
                pass
        yield calls


@pytest.mark.parametrize("mode", ["--copy", "--link"])
def test_applying(run, disk, tmp_path, upstream, data, mode):
    options = (mode, "--data", data)
    before = trees.snapshot(upstream)
    place = tmp_path / "checkout"
    run(trees.copy(upstream, place), *options)
    applied = trees.snapshot(place)
    assert applied != before

    steps = stops(disk, lambda: run(place, *options), lambda: trees.copy(upstream, place))
    for calls in steps:
        if calls % 3:
            assert run(place, *options)[0] == 0
            assert trees.snapshot(place) == applied
        assert run(place, "--revert")[0] == 0
        assert trees.snapshot(place) == before


def test_reverting(run, disk, tmp_path, upstream, data):
    before = trees.snapshot(upstream)
    full, place = tmp_path / "full", tmp_path / "checkout"
    run(trees.copy(upstream, full), "--data", data)
    applied = trees.snapshot(full)
    # Python wrote bytecode, as in a run.
    cache = full / "slowfast/ak/losses/__pycache__/__init__.cpython-311.pyc"
    cache.parent.mkdir()
    cache.write_text("cache")

    for calls in stops(disk, lambda: run(place, "--revert"), lambda: trees.copy(full, place)):
        if calls % 3:
            assert run(place, "--revert")[0] == 0
            assert trees.snapshot(place) == before
        assert run(place, "--data", data)[0] == 0
        now = {name: it for name, it in trees.snapshot(place).items() if "__pycache__" not in name}
        assert now == applied


def test_updating_to_a_newer_project(run, disk, tmp_path, project, upstream, data):
    before = trees.snapshot(upstream)
    full, place = tmp_path / "full", tmp_path / "checkout"
    run(trees.copy(upstream, full), "--data", data)
    (project / "slowfast/ak/classes.csv").write_text("0,standing\n")
    (project / "slowfast/ak/losses/__init__.py").unlink()
    (project / "slowfast/ak/new").mkdir()
    (project / "slowfast/ak/new/module.py").write_text("new = True\n")
    moved = trees.make_data(tmp_path / "moved")
    options = ("--data", moved)
    run(trees.copy(full, place), *options)
    updated = trees.snapshot(place)
    assert not (place / "slowfast/ak/losses").exists()
    assert (place / "slowfast/ak/new/module.py").exists()
    fresh = trees.copy(upstream, tmp_path / "fresh")
    run(fresh, *options)
    assert trees.snapshot(fresh) == updated  # nothing of the older version is left

    for calls in stops(disk, lambda: run(place, *options), lambda: trees.copy(full, place)):
        if calls % 3:
            assert run(place, *options)[0] == 0
            assert trees.snapshot(place) == updated
        assert run(place, "--revert")[0] == 0
        assert trees.snapshot(place) == before


def test_many_interruptions_of_either_direction(run, disk, tmp_path, upstream, data):
    before = trees.snapshot(upstream)
    run(trees.copy(upstream, tmp_path / "full"), "--data", data)
    applied = trees.snapshot(tmp_path / "full")
    chance = random.Random(0)
    for _ in range(60):
        way = chance.choice([["--data", data], ["--revert"]])
        with disk.dying_after(chance.randrange(100)), contextlib.suppress(Killed):
            run(upstream, *way)
        if chance.random() < 0.3:
            assert run(upstream, *way)[0] == 0
            assert trees.snapshot(upstream) == (before if "--revert" in way else applied)


@pytest.mark.parametrize("full_after", [0, 5])
def test_a_full_disk_is_reported_and_leaves_no_half_written_file(
    run, monkeypatch, tmp_path, upstream, full_after
):
    before = trees.snapshot(upstream)
    write, count = os.write, itertools.count()

    def limited(handle, content):
        if next(count) >= full_after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(handle, content)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", limited)
        status, _, errors = run(upstream)
    assert status == 2
    assert "No space left" in errors
    assert "--revert" in errors
    assert not list(upstream.rglob("*.new"))
    for file in trees.EDITED:  # without a block or with a whole one
        assert (upstream / file).read_bytes().count(b"slowfast.ak <<<") in (0, 1)
    assert run(upstream, "--revert")[0] == 0
    assert trees.snapshot(upstream) == before


def test_ctrl_c(run, monkeypatch, upstream):
    before = trees.snapshot(upstream)

    def interrupted(handle):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        status, _, errors = run(upstream)
    assert status == 130
    assert "to go on" in errors
    assert trees.snapshot(upstream) == before
