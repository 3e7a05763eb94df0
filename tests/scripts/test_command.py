"""What a careful person does with it: conflicts, odd trees, a second run, and the way back."""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess

import pytest

from tests.scripts import trees

JOURNAL = ".prepare_dir_AR.json"
RECIPE = "configs/AK/SMALL.yaml"


def git(folder, *command):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    run = subprocess.run(
        ["git", *identity, *command], cwd=folder, capture_output=True, text=True, check=True
    )
    return run.stdout


def test_a_second_run_and_a_dry_one_change_nothing(run, upstream, data):
    before = trees.snapshot(upstream)
    status, output, _ = run(upstream, "--data", data, "--dry-run")
    assert status == 0
    assert "add: the block" in output
    assert trees.snapshot(upstream) == before
    run(upstream, "--data", data)
    applied = trees.snapshot(upstream)
    status, output, _ = run(upstream)  # the data need not be named again
    assert status == 0
    assert "nothing was changed" in output
    assert f"in place: a link to {data / 'annotation'}" in output
    assert trees.snapshot(upstream) == applied
    run(upstream, "--revert", "--dry-run")
    assert trees.snapshot(upstream) == applied
    status, output, _ = run(upstream, "--revert")
    assert "Taken out" in output
    assert trees.snapshot(upstream) == before
    status, output, _ = run(upstream, "--revert")
    assert (status, "nothing of this project's" in output) == (0, True)
    assert trees.snapshot(upstream) == before


@pytest.mark.parametrize(("branch", "with_time"), [("main", True), ("patch-2", False)])
def test_the_block_tells_how_many_fields_a_batch_has(run, tmp_path, branch, with_time):
    checkout = trees.make_upstream(tmp_path / "checkout", branch)
    run(checkout)
    text = (checkout / "slowfast/datasets/__init__.py").read_text()
    assert f"register_ak(with_time={with_time})" in text


def test_what_git_shows_is_short(run, upstream, data):
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    git(upstream, "init", "--quiet")
    git(upstream, "add", ".")
    git(upstream, "commit", "--quiet", "-m", "upstream")
    run(upstream, "--data", data)
    lines = git(upstream, "status", "--short").splitlines()
    added = [line for line in lines if line.startswith("??")]
    assert added == [f"?? {name}" for name in (JOURNAL, "configs/AK/", "data/", "slowfast/ak/")]
    assert len(lines) == len(added) + len(trees.EDITED)
    removed = [
        line
        for line in git(upstream, "diff").splitlines()
        if line.startswith("-") and not line.startswith("---")
    ]
    # setup.py, the file without a newline at its end, and nothing else.
    assert len(removed) == 2
    assert len(git(upstream, "diff", "--unified=0").splitlines()) < 130
    run(upstream, "--revert")
    assert git(upstream, "status", "--short") == ""


def test_uncommitted_work_stays_before_and_after(run, upstream):
    model = upstream / "slowfast/models/build.py"
    model.write_text(model.read_text() + "mine = 1\n")
    run(upstream)
    text = model.read_text()
    model.write_text("import os\n" + text + "later = 2\n")
    (upstream / "slowfast/models/new.py").write_text("new = 3\n")
    (upstream / "slowfast/models/losses.py").unlink()  # on a branch of theirs it is gone
    assert run(upstream, "--revert")[0] == 0
    original = text[: text.index("# >>>")]
    assert original.endswith("mine = 1\n")
    assert model.read_text() == "import os\n" + original + "later = 2\n"
    assert (upstream / "slowfast/models/new.py").exists()
    assert not (upstream / "slowfast/ak").exists()


def test_own_recipes_and_data_are_kept_and_told(run, upstream, data):
    (upstream / "configs/AK").mkdir()
    (upstream / RECIPE).write_text("MINE: 1\n")
    (upstream / "data/ak").mkdir(parents=True)
    (upstream / "data/ak/annot").mkdir()
    (upstream / "data/ak/video").symlink_to("/nowhere")
    before = trees.snapshot(upstream)
    status, output, _ = run(upstream, "--data", data)
    assert status == 0
    for name in (RECIPE, "data/ak/annot", "data/ak/video"):
        assert f"{name} " in output
        assert next(line for line in output.splitlines() if name in line).endswith("keep: yours")
    assert (upstream / RECIPE).read_text() == "MINE: 1\n"
    assert (upstream / "configs/AK/X.yaml").exists()
    assert (upstream / "data/ak/image").is_dir()
    run(upstream, "--revert")
    assert trees.snapshot(upstream) == before


def test_a_copy_of_the_users_own_of_what_is_carried_stays(run, upstream, project):
    (upstream / "configs/AK").mkdir()
    shutil.copy(project / RECIPE, upstream / RECIPE)
    before = trees.snapshot(upstream)
    run(upstream)
    run(upstream, "--revert")
    assert trees.snapshot(upstream) == before


@pytest.mark.parametrize("kind", ["package", "module", "file", "link"])
def test_an_own_package_of_that_name_is_refused(run, upstream, tmp_path, kind):
    place = upstream / "slowfast/ak"
    if kind == "file":
        place.write_text("mine")
    elif kind == "link":
        place.symlink_to(tmp_path)
    else:
        place.mkdir()
        (place / ("__init__.py" if kind == "package" else "mine.py")).write_text("mine = 1\n")
    before = trees.snapshot(upstream)
    for mode in ("--copy", "--link"):
        status, _, errors = run(upstream, mode)
        assert status == 2
        assert "slowfast/ak is there and was not written by this script" in errors
        assert trees.snapshot(upstream) == before


@pytest.mark.parametrize("name", ["data", "configs/AK"])
def test_a_file_where_a_folder_would_be_is_kept(run, upstream, data, name):
    (upstream / name).write_text("mine")
    before = trees.snapshot(upstream)
    status, output, _ = run(upstream, "--data", data)
    assert status == 0
    assert "keep: no folder" in output
    run(upstream, "--revert")
    assert trees.snapshot(upstream) == before


def test_folders_that_are_links_of_the_users(run, upstream, data, tmp_path):
    (tmp_path / "disk/AK").mkdir(parents=True)
    (tmp_path / "big").mkdir()
    (upstream / "data").symlink_to(tmp_path / "big")  # a big disk: this is where data go
    (upstream / "configs/AK").symlink_to(tmp_path / "disk/AK")  # ours are not put behind this
    before = trees.snapshot(upstream)
    status, output, _ = run(upstream, "--data", data)
    assert status == 0
    assert (tmp_path / "big/ak/annot").is_dir()
    assert "a link of yours" in output
    assert not list((tmp_path / "disk/AK").iterdir())
    run(upstream, "--revert")
    assert not list((tmp_path / "big").iterdir())
    assert trees.snapshot(upstream) == before


def test_links_to_this_project_are_never_followed_to_delete(run, upstream, project):
    run(upstream)
    whole = trees.snapshot(project)
    shutil.rmtree(upstream / "slowfast/ak")
    (upstream / "slowfast/ak").symlink_to(project / "slowfast/ak")
    status, output, _ = run(upstream, "--revert")
    assert status == 0
    assert "a link of yours" in output
    assert trees.snapshot(project) == whole


def test_an_upstream_file_that_leads_into_this_project_is_refused(run, upstream, project):
    place = project / "slowfast/utils/meters.py"
    place.parent.mkdir()
    (upstream / "slowfast/utils/meters.py").replace(place)
    (upstream / "slowfast/utils/meters.py").symlink_to(place)
    before, whole = trees.snapshot(upstream), trees.snapshot(project)
    status, _, errors = run(upstream)
    assert status == 2
    assert "lies in this project" in errors
    assert (trees.snapshot(upstream), trees.snapshot(project)) == (before, whole)


def test_upstream_files_that_are_links_stay_links(run, upstream, tmp_path):
    place, link = tmp_path / "shared/my meters.py", upstream / "slowfast/utils/meters.py"
    place.parent.mkdir()
    link.replace(place)
    link.symlink_to(os.path.relpath(place, link.parent))
    place.chmod(0o640)
    before = trees.snapshot(upstream), trees.snapshot(tmp_path / "shared")
    status, output, _ = run(upstream)
    assert status == 0
    assert str(place) in output
    assert b">>> slowfast.ak" in place.read_bytes()
    assert link.is_symlink()
    assert list(place.parent.iterdir()) == [place]
    run(upstream, "--revert")
    assert (trees.snapshot(upstream), trees.snapshot(tmp_path / "shared")) == before


def test_modes_are_kept(run, upstream):
    modes = {file: (upstream / file).stat().st_mode for file in trees.EDITED}
    assert len(set(modes.values())) == 3
    run(upstream)
    assert {file: (upstream / file).stat().st_mode for file in trees.EDITED} == modes


def test_extended_attributes_are_kept(run, upstream):
    file = upstream / "setup.py"
    try:
        os.setxattr(file, "user.mine", b"1")
    except (AttributeError, OSError):
        pytest.skip("no extended attributes here")
    run(upstream)
    assert os.getxattr(file, "user.mine") == b"1"


def test_read_only_files_are_refused_and_all_is_left(run, upstream):
    for file in ("slowfast/utils/meters.py", "setup.py"):
        (upstream / file).chmod(0o444)
    before = trees.snapshot(upstream)
    status, _, errors = run(upstream)
    assert status == 2
    assert errors.count("is read-only") == 2
    assert trees.snapshot(upstream) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folders_are_refused_and_all_is_left(run, upstream):
    (upstream / "slowfast/utils").chmod(0o555)
    before = trees.snapshot(upstream)
    status, _, errors = run(upstream)
    assert status == 2
    assert "may not be written to" in errors
    assert trees.snapshot(upstream) == before
    (upstream / "slowfast/utils").chmod(0o755)


def test_unrecognised_folders_are_left(run, tmp_path, upstream):
    (upstream / "slowfast/models/losses.py").write_text("nothing = 0\n")
    before = trees.snapshot(upstream)
    status, _, errors = run(upstream)
    assert status == 2
    assert "no _LOSSES" in errors
    assert trees.snapshot(upstream) == before
    for place in (tmp_path / "none", upstream / "setup.py"):
        status, _, errors = run(place)
        assert status == 2
        assert "no such folder" in errors


def test_without_setup_py(run, upstream):
    (upstream / "setup.py").unlink()
    before = trees.snapshot(upstream)
    assert run(upstream)[0] == 0
    assert run(upstream, "--revert")[0] == 0
    assert trees.snapshot(upstream) == before


def test_a_newer_project_updates_what_nobody_changed(run, upstream, project, monkeypatch):
    from prepare_dir import blocks

    before = trees.snapshot(upstream)
    run(upstream)
    (upstream / "slowfast/ak/classes.csv").write_text("0,mine\n")
    (upstream / "configs/AK/MINE.yaml").write_text("MINE: 1\n")
    (project / "slowfast/ak/classes.csv").write_text("0,standing\n")
    (project / "slowfast/ak/losses/__init__.py").write_text("GAMMA = 3\n")
    (project / RECIPE).unlink()
    block = "from slowfast.ak.upstream import x\nadd_losses(_LOSSES, x)"
    monkeypatch.setitem(blocks._BLOCKS, "slowfast/models/losses.py", block)
    status, output, _ = run(upstream)
    assert status == 0
    told = dict(line.split(None, 1) for line in output.splitlines() if line.startswith("  "))
    assert told["slowfast/ak"] == "in place: 2 files, update: 1 file"
    assert told["slowfast/ak/classes.csv"] == "keep: changed since it was written"
    assert told["configs/AK"] == "remove: 1 file, in place: 1 file"
    assert told["slowfast/models/losses.py"] == "update: the block"
    assert (upstream / "slowfast/ak/losses/__init__.py").read_text() == "GAMMA = 3\n"
    assert not (upstream / RECIPE).exists()
    assert b"add_losses(_LOSSES, x)\n# <<<" in (upstream / "slowfast/models/losses.py").read_bytes()

    status, output, _ = run(upstream, "--revert")
    assert "slowfast/ak/classes.csv" in output
    after = trees.snapshot(upstream)
    left = {name for name in after if name not in before}
    assert left == {"slowfast/ak", "slowfast/ak/classes.csv", "configs/AK", "configs/AK/MINE.yaml"}
    assert {name: it for name, it in after.items() if name in before} == before


def test_blocks_that_were_changed_by_hand(run, upstream):
    before = trees.snapshot(upstream)
    run(upstream)
    file = upstream / "slowfast/datasets/__init__.py"
    whole = file.read_text()
    file.write_text(whole.replace("with_time=True", "with_time=False"))
    changed = trees.snapshot(upstream)
    status, output, _ = run(upstream)
    assert status == 0
    assert "keep: the block in lines 2-5 was changed by hand" in output
    assert trees.snapshot(upstream) == changed
    status, _, errors = run(upstream, "--revert")
    assert status == 2
    assert "slowfast/datasets/__init__.py: the block in lines 2-5" in errors
    assert trees.snapshot(upstream) == changed
    file.write_text(whole)
    assert run(upstream, "--revert")[0] == 0
    assert trees.snapshot(upstream) == before


def test_damaged_markers_are_refused_either_way(run, upstream):
    run(upstream)
    file = upstream / "tools/train_net.py"
    file.write_text(file.read_text().replace("# <<< slowfast.ak <<<", ""))
    before = trees.snapshot(upstream)
    for options in ([], ["--revert"]):
        status, _, errors = run(upstream, *options)
        assert status == 2
        assert "tools/train_net.py" in errors
        assert "not one pair" in errors
        assert trees.snapshot(upstream) == before


def test_without_its_journal_all_is_found_by_what_it_is(run, upstream, data, project):
    before = trees.snapshot(upstream)
    for again in (False, True):
        run(upstream, "--data", data)
        (upstream / JOURNAL).unlink()
        if again:  # a second run takes it up
            run(upstream, "--data", data)
            assert (upstream / JOURNAL).exists()
        (upstream / "slowfast/ak/mine.py").write_text("mine = 1\n")
        status, output, _ = run(upstream, "--data", data, "--revert")
        assert status == 0
        assert "slowfast/ak/mine.py" in output
        after = trees.snapshot(upstream)
        assert after.keys() - before.keys() - {"data"} == {"slowfast/ak", "slowfast/ak/mine.py"}
        (upstream / "slowfast/ak/mine.py").unlink()
        (upstream / "slowfast/ak").rmdir()
        with contextlib.suppress(FileNotFoundError):
            (upstream / "data").rmdir()
        assert trees.snapshot(upstream) == before


def test_without_journal_and_blocks_nothing_is_taken_for_ours(run, upstream, project):
    shutil.copytree(project / "slowfast/ak", upstream / "slowfast/ak")
    before = trees.snapshot(upstream)
    assert run(upstream, "--revert")[0] == 0
    assert trees.snapshot(upstream) == before


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"mode": "copy", "written": 3, "folders": []}',
        '{"mode": "copy", "written": {"data/ak/annot": []}, "folders": []}',
        '{"mode": "copy", "written": {"../outside": ["x"]}, "folders": []}',
        '{"mode": "copy", "written": {}, "folders": ["/tmp"]}',
    ],
)
def test_a_damaged_journal_is_refused(run, upstream, content):
    run(upstream)
    (upstream / JOURNAL).write_text(content)
    before = trees.snapshot(upstream)
    for options in ([], ["--revert"]):
        status, _, errors = run(upstream, *options)
        assert status == 2
        assert JOURNAL in errors
        assert trees.snapshot(upstream) == before


def test_caches_go_and_own_modules_stay(run, upstream):
    run(upstream)
    package = upstream / "slowfast/ak"
    (package / "losses/__pycache__").mkdir()
    (package / "losses/__pycache__/__init__.cpython-311.pyc").write_text("ours")
    (package / "losses/__pycache__/__init__.cpython-311.opt-1.pyc").write_text("ours")
    (package / "__pycache__").mkdir()
    (package / "__pycache__/__init__.cpython-313.pyc").write_text("ours")
    (package / "__pycache__/mine.cpython-313.pyc").write_text("theirs")
    (package / "mine.py").write_text("mine = 1\n")
    status, output, _ = run(upstream, "--revert")
    assert status == 0
    left = {path.relative_to(package).as_posix() for path in package.rglob("*")}
    assert left == {"mine.py", "__pycache__", "__pycache__/mine.cpython-313.pyc"}
    assert "slowfast/ak/mine.py" in output


def test_linked(run, upstream, project):
    before, whole = trees.snapshot(upstream), trees.snapshot(project)
    assert run(upstream, "--link")[0] == 0
    assert (upstream / "slowfast/ak").readlink() == project / "slowfast/ak"
    assert (upstream / RECIPE).readlink() == project / RECIPE
    (upstream / "configs/AK/MINE.yaml").write_text("MINE: 1\n")
    assert not (project / "configs/AK/MINE.yaml").exists()
    (upstream / "configs/AK/MINE.yaml").unlink()
    applied = trees.snapshot(upstream)
    assert run(upstream)[0] == 0  # goes on as it began
    status, _, errors = run(upstream, "--copy")
    assert status == 2
    assert "--revert" in errors
    assert trees.snapshot(upstream) == applied
    (upstream / JOURNAL).unlink()
    run(upstream, "--revert")
    assert trees.snapshot(upstream) == before
    assert trees.snapshot(project) == whole


def test_a_project_that_was_moved_is_linked_anew(run, upstream, project, tmp_path):
    from prepare_dir.command import main

    run(upstream, "--link")
    moved = project.rename(tmp_path / "moved")
    assert main(["--slowfast", str(upstream)], moved) == 0
    assert (upstream / "slowfast/ak").readlink() == moved / "slowfast/ak"
    assert (upstream / RECIPE).readlink() == moved / RECIPE


def test_data_elsewhere_now(run, upstream, data, tmp_path):
    run(upstream, "--data", data)
    other = trees.make_data(tmp_path / "other/action_recognition")
    shutil.rmtree(other / "dataset/video")
    status, output, _ = run(upstream, "--data", tmp_path / "other")
    assert status == 0
    assert f"update: a link to {other / 'annotation'}" in output
    assert (upstream / "data/ak/annot").readlink() == other / "annotation"
    assert (upstream / "data/ak/video").readlink() == data / "dataset/video"


@pytest.mark.parametrize("by", ["itself", "a link to it", "DIR_AK_AR"])
def test_links_to_data_are_not_data(run, upstream, data, tmp_path, monkeypatch, by):
    run(upstream, "--data", data)
    before = trees.snapshot(upstream)
    place = upstream / "data/ak"
    if by == "a link to it":
        place = tmp_path / "link"
        place.symlink_to(upstream / "data/ak")
    if by == "DIR_AK_AR":
        monkeypatch.setenv(by, str(place))
        status, _, errors = run(upstream)
    else:
        status, _, errors = run(upstream, "--data", place)
    assert status == 2
    assert f"{place}: these are the links themselves; name the folder they lead to" in errors
    assert trees.snapshot(upstream) == before


def test_data_that_lie_where_the_links_would_be_stay(run, upstream):
    (upstream / "data/ak").mkdir(parents=True)
    for name in ("annot", "image"):
        (upstream / "data/ak" / name).mkdir()
    before = trees.snapshot(upstream)
    status, output, _ = run(upstream, "--data", upstream / "data/ak")
    assert status == 0
    assert output.count("keep: yours") == 2
    run(upstream, "--revert")
    assert trees.snapshot(upstream) == before


def test_a_link_in_place_that_leads_nowhere_is_told(run, upstream, data, tmp_path):
    run(upstream, "--data", data)
    (data / "annotation").rename(tmp_path / "elsewhere")
    _, output, _ = run(upstream)
    told = dict(line.split(None, 1) for line in output.splitlines() if line.startswith("  "))
    link = f"in place: a link to {data / 'annotation'}"
    assert told["data/ak/annot"] == f"{link}, which leads nowhere"
    assert "nowhere" not in told["data/ak/image"]


def test_data_that_are_not_there(run, upstream, tmp_path, monkeypatch):
    before = trees.snapshot(upstream)
    status, _, errors = run(upstream, "--data", tmp_path / "none")
    assert status == 2
    assert "--data" in errors
    assert "annotation, dataset/image, dataset/video" in errors
    monkeypatch.setenv("DIR_AK_AR", str(tmp_path / "none"))
    status, _, errors = run(upstream)
    assert status == 2
    assert "DIR_AK_AR" in errors
    assert trees.snapshot(upstream) == before
    monkeypatch.setenv("DIR_AK_AR", "")
    monkeypatch.setenv("DIR_ROOT", str(tmp_path / "none"))
    status, output, _ = run(upstream)
    assert status == 0
    assert "no data were named" in output


def test_options_win_over_the_environment(run, upstream, data, tmp_path, monkeypatch):
    other = trees.make_data(tmp_path / "other")
    monkeypatch.setenv("DIR_SLOWFAST", str(tmp_path / "none"))
    monkeypatch.setenv("DIR_AK_AR", str(other))
    monkeypatch.setenv("DIR_ROOT", str(tmp_path / "none"))
    assert run(upstream, "--data", data)[0] == 0
    assert (upstream / "data/ak/annot").resolve() == data / "annotation"


def test_the_checkout_of_the_root_where_none_is_named(run, upstream, tmp_path, monkeypatch):
    checkout = upstream.rename(tmp_path / "SlowFast")
    monkeypatch.setenv("DIR_ROOT", str(tmp_path))
    assert run(None)[0] == 0
    assert (checkout / JOURNAL).exists()
    other = trees.make_upstream(tmp_path / "other")
    monkeypatch.setenv("DIR_SLOWFAST", str(other))
    assert run(None, "--revert")[0] == 0
    assert (checkout / JOURNAL).exists()  # DIR_SLOWFAST is the nearer word


def test_no_checkout_named(run, monkeypatch):
    monkeypatch.setenv("DIR_SLOWFAST", "")
    status, _, errors = run(None)
    assert status == 2
    assert "--slowfast DIR" in errors


def test_two_at_once(run, upstream):
    before = trees.snapshot(upstream)
    handle = os.open(upstream, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    status, _, errors = run(upstream)
    os.close(handle)
    assert status == 2
    assert "another run" in errors
    assert trees.snapshot(upstream) == before
    assert run(upstream)[0] == 0


def test_a_file_that_changes_meanwhile_is_not_overwritten(run, upstream, monkeypatch):
    from prepare_dir import disk

    copy = disk._copy_attributes

    def saved_by_an_editor(old, new):
        old.write_text("mine = 1\n")
        copy(old, new)

    monkeypatch.setattr(disk, "_copy_attributes", saved_by_an_editor)
    status, _, errors = run(upstream)
    assert status == 2
    assert "somebody else" in errors
    assert (upstream / "slowfast/__init__.py").read_text() == "mine = 1\n"


def test_a_link_at_the_name_of_a_temporary_is_not_written_through(tmp_path):
    from prepare_dir import disk

    mine, file = tmp_path / "mine", tmp_path / "file"
    mine.write_text("mine")
    disk.beside(file).symlink_to(mine)
    with pytest.raises(OSError, match="symbolic"):
        disk.Write(file, b"ours").do()
    assert mine.read_text() == "mine"
    assert not file.exists()


def test_the_journal_names_itself(run, upstream):
    run(upstream)
    assert "--revert" in json.loads((upstream / JOURNAL).read_text())["about"]
