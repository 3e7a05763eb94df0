"""The command on checkouts with conflicts, links and changes by hand, run twice and reverted."""

import contextlib
import fcntl
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
    status, output, _ = run(upstream)  # the data are known from the first run
    assert status == 0
    assert "nothing was changed" in output
    assert f"in place: a link to {data / 'annotation'}" in output
    assert trees.snapshot(upstream) == applied
    run(upstream, "--revert", "--dry-run")
    assert trees.snapshot(upstream) == applied
    status, output, _ = run(upstream, "--revert")
    assert "Removed from" in output
    assert trees.snapshot(upstream) == before
    status, output, _ = run(upstream, "--revert")
    assert (status, "nothing of this project" in output) == (0, True)
    assert trees.snapshot(upstream) == before


def test_git_shows_few_changes(run, upstream, data):
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
    # One line of setup.py, and one of the file without a newline at its end.
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
    (upstream / "slowfast/models/losses.py").unlink()  # as on a branch without the file
    assert run(upstream, "--revert")[0] == 0
    original = text[: text.index("# >>>")]
    assert original.endswith("mine = 1\n")
    assert model.read_text() == "import os\n" + original + "later = 2\n"
    assert (upstream / "slowfast/models/new.py").exists()
    assert not (upstream / "slowfast/ak").exists()


def test_the_users_recipes_and_data_are_kept_and_listed(run, upstream, data):
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


def test_a_users_own_copy_of_a_carried_file_stays(run, upstream, project):
    (upstream / "configs/AK").mkdir()
    shutil.copy(project / RECIPE, upstream / RECIPE)
    before = trees.snapshot(upstream)
    run(upstream)
    run(upstream, "--revert")
    assert trees.snapshot(upstream) == before


@pytest.mark.parametrize("is_link", [False, True])
def test_a_users_own_slowfast_ak_is_refused(refused, upstream, tmp_path, is_link):
    place = upstream / "slowfast/ak"
    if is_link:
        place.symlink_to(tmp_path)
    else:
        place.mkdir()
        (place / "mine.py").write_text("mine = 1\n")
    for mode in ("--copy", "--link"):
        refused(upstream, "slowfast/ak exists and was not written by this script", mode)


@pytest.mark.parametrize("name", ["data", "configs/AK"])
def test_a_file_where_a_folder_would_be_is_kept(run, upstream, data, name):
    (upstream / name).write_text("mine")
    before = trees.snapshot(upstream)
    status, output, _ = run(upstream, "--data", data)
    assert status == 0
    assert "keep: not a folder" in output
    run(upstream, "--revert")
    assert trees.snapshot(upstream) == before


def test_folders_that_the_user_replaced_by_links(run, upstream, data, tmp_path):
    (tmp_path / "disk/AK").mkdir(parents=True)
    (tmp_path / "big").mkdir()
    (upstream / "data").symlink_to(tmp_path / "big")  # data go to another disk
    (upstream / "configs/AK").symlink_to(tmp_path / "disk/AK")  # recipes are not put there
    before = trees.snapshot(upstream)
    status, output, _ = run(upstream, "--data", data)
    assert status == 0
    assert (tmp_path / "big/ak/annot").is_dir()
    assert "your link" in output
    assert not list((tmp_path / "disk/AK").iterdir())
    run(upstream, "--revert")
    assert not list((tmp_path / "big").iterdir())
    assert trees.snapshot(upstream) == before


def test_files_behind_a_link_to_this_project_are_not_deleted(run, upstream, project):
    run(upstream)
    whole = trees.snapshot(project)
    shutil.rmtree(upstream / "slowfast/ak")
    (upstream / "slowfast/ak").symlink_to(project / "slowfast/ak")
    status, output, _ = run(upstream, "--revert")
    assert status == 0
    assert "your link" in output
    assert trees.snapshot(project) == whole


def test_an_upstream_file_that_links_into_this_project_is_refused(refused, upstream, project):
    place = project / "slowfast/utils/meters.py"
    place.parent.mkdir()
    (upstream / "slowfast/utils/meters.py").replace(place)
    (upstream / "slowfast/utils/meters.py").symlink_to(place)
    whole = trees.snapshot(project)
    refused(upstream, "leads into this project")
    assert trees.snapshot(project) == whole


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


def test_file_modes_are_kept(run, upstream):
    modes = {file: (upstream / file).stat().st_mode for file in trees.EDITED}
    assert len(set(modes.values())) == 3
    run(upstream)
    assert {file: (upstream / file).stat().st_mode for file in trees.EDITED} == modes


def test_read_only_files_are_refused_and_nothing_is_changed(refused, upstream):
    for file in ("slowfast/utils/meters.py", "setup.py"):
        (upstream / file).chmod(0o444)
    assert refused(upstream, "is read-only").count("is read-only") == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_read_only_folders_are_refused_and_nothing_is_changed(refused, upstream):
    (upstream / "slowfast/utils").chmod(0o555)
    refused(upstream, "you may not write to")
    (upstream / "slowfast/utils").chmod(0o755)


def test_other_folders_are_refused_and_unchanged(refused, tmp_path, upstream):
    (upstream / "slowfast/models/losses.py").write_text("nothing = 0\n")
    refused(upstream, "no _LOSSES")
    refused(tmp_path / "none", "no such folder")


def test_without_setup_py(run, upstream):
    (upstream / "setup.py").unlink()
    before = trees.snapshot(upstream)
    assert run(upstream)[0] == 0
    assert run(upstream, "--revert")[0] == 0
    assert trees.snapshot(upstream) == before


def test_blocks_that_the_user_changed_are_kept(run, refused, upstream):
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
    refused(upstream, "slowfast/datasets/__init__.py: the block in lines 2-5", "--revert")
    file.write_text(whole)
    assert run(upstream, "--revert")[0] == 0
    assert trees.snapshot(upstream) == before


def test_damaged_markers_are_refused(run, refused, upstream):
    run(upstream)
    file = upstream / "tools/train_net.py"
    file.write_text(file.read_text().replace("# <<< slowfast.ak <<<", ""))
    for options in ([], ["--revert"]):
        assert "tools/train_net.py" in refused(upstream, "not one pair", *options)


def test_without_the_journal_files_are_recognised_by_content(run, upstream, data, project):
    before = trees.snapshot(upstream)
    for again in (False, True):
        run(upstream, "--data", data)
        (upstream / JOURNAL).unlink()
        if again:  # a second run writes the journal again
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


def test_without_journal_and_blocks_nothing_is_removed(run, upstream, project):
    shutil.copytree(project / "slowfast/ak", upstream / "slowfast/ak")
    before = trees.snapshot(upstream)
    assert run(upstream, "--revert")[0] == 0
    assert trees.snapshot(upstream) == before


@pytest.mark.parametrize(
    "content",
    ["{", '{"mode": "copy", "written": {"../outside": ["x"]}, "folders": []}'],
)
def test_a_damaged_journal_is_refused(run, refused, upstream, content):
    run(upstream)
    (upstream / JOURNAL).write_text(content)
    for options in ([], ["--revert"]):
        refused(upstream, JOURNAL, *options)


def test_bytecode_is_removed_and_the_users_modules_stay(run, upstream):
    run(upstream)
    package = upstream / "slowfast/ak"
    (package / "losses/__pycache__").mkdir()
    (package / "losses/__pycache__/__init__.cpython-311.pyc").write_text("ours")
    (package / "losses/__pycache__/__init__.cpython-311.opt-1.pyc").write_text("ours")
    (package / "__pycache__").mkdir()
    (package / "__pycache__/__init__.cpython-313.pyc").write_text("ours")
    (package / "__pycache__/mine.cpython-313.pyc").write_text("the user's")
    (package / "mine.py").write_text("mine = 1\n")
    status, output, _ = run(upstream, "--revert")
    assert status == 0
    left = {path.relative_to(package).as_posix() for path in package.rglob("*")}
    assert left == {"mine.py", "__pycache__", "__pycache__/mine.cpython-313.pyc"}
    assert "slowfast/ak/mine.py" in output


def test_link_makes_links_and_reverts(run, refused, upstream, project):
    before, whole = trees.snapshot(upstream), trees.snapshot(project)
    assert run(upstream, "--link")[0] == 0
    assert (upstream / "slowfast/ak").readlink() == project / "slowfast/ak"
    assert (upstream / RECIPE).readlink() == project / RECIPE
    (upstream / "configs/AK/MINE.yaml").write_text("MINE: 1\n")
    assert not (project / "configs/AK/MINE.yaml").exists()
    (upstream / "configs/AK/MINE.yaml").unlink()
    assert run(upstream)[0] == 0  # a second run keeps the mode
    refused(upstream, "--revert", "--copy")
    (upstream / JOURNAL).unlink()
    run(upstream, "--revert")
    assert trees.snapshot(upstream) == before
    assert trees.snapshot(project) == whole


def test_links_follow_a_project_that_was_moved(run, upstream, project, tmp_path):
    from prepare_dir.command import main

    run(upstream, "--link")
    moved = project.rename(tmp_path / "moved")
    assert main(["--slowfast", str(upstream)], moved) == 0
    assert (upstream / "slowfast/ak").readlink() == moved / "slowfast/ak"
    assert (upstream / RECIPE).readlink() == moved / RECIPE


def test_other_data_update_the_links(run, upstream, data, tmp_path):
    run(upstream, "--data", data)
    other = trees.make_data(tmp_path / "other/action_recognition")
    shutil.rmtree(other / "dataset/video")
    status, output, _ = run(upstream, "--data", tmp_path / "other")
    assert status == 0
    assert f"update: a link to {other / 'annotation'}" in output
    assert (upstream / "data/ak/annot").readlink() == other / "annotation"
    assert (upstream / "data/ak/video").readlink() == data / "dataset/video"


def test_the_scripts_own_links_are_refused_as_data(
    run, refused, upstream, data, tmp_path, monkeypatch
):
    run(upstream, "--data", data)
    place, link = upstream / "data/ak", tmp_path / "link"
    link.symlink_to(place)
    words = "found the links that this script made; name the folder"
    refused(upstream, f"{link}: {words}", "--data", link)
    monkeypatch.setenv("DIR_AK_AR", str(place))
    refused(upstream, f"{place}: {words}")


def test_data_in_place_of_the_links_stay(run, upstream):
    (upstream / "data/ak").mkdir(parents=True)
    for name in ("annot", "image"):
        (upstream / "data/ak" / name).mkdir()
    before = trees.snapshot(upstream)
    status, output, _ = run(upstream, "--data", upstream / "data/ak")
    assert status == 0
    assert output.count("keep: yours") == 2
    run(upstream, "--revert")
    assert trees.snapshot(upstream) == before


def test_a_link_that_leads_nowhere_is_reported(run, upstream, data, tmp_path):
    run(upstream, "--data", data)
    (data / "annotation").rename(tmp_path / "elsewhere")
    _, output, _ = run(upstream)
    lines = dict(line.split(None, 1) for line in output.splitlines() if line.startswith("  "))
    link = f"in place: a link to {data / 'annotation'}"
    assert lines["data/ak/annot"] == f"{link}, which leads nowhere"
    assert "leads nowhere" not in lines["data/ak/image"]


def test_missing_data_are_refused(run, refused, upstream, tmp_path, monkeypatch):
    errors = refused(upstream, "--data", "--data", tmp_path / "none")
    assert "annotation, dataset/image, dataset/video" in errors
    monkeypatch.setenv("DIR_AK_AR", str(tmp_path / "none"))
    refused(upstream, "DIR_AK_AR")
    monkeypatch.setenv("DIR_AK_AR", "")
    monkeypatch.setenv("DIR_ROOT", str(tmp_path / "none"))
    status, output, _ = run(upstream)
    assert status == 0
    assert "no data are named" in output


def test_options_precede_environment_variables(run, upstream, data, tmp_path, monkeypatch):
    other = trees.make_data(tmp_path / "other")
    monkeypatch.setenv("DIR_SLOWFAST", str(tmp_path / "none"))
    monkeypatch.setenv("DIR_AK_AR", str(other))
    monkeypatch.setenv("DIR_ROOT", str(tmp_path / "none"))
    assert run(upstream, "--data", data)[0] == 0
    assert (upstream / "data/ak/annot").resolve() == data / "annotation"


def test_dir_root_names_the_checkout_unless_dir_slowfast_does(run, upstream, tmp_path, monkeypatch):
    checkout = upstream.rename(tmp_path / "SlowFast")
    monkeypatch.setenv("DIR_ROOT", str(tmp_path))
    assert run(None)[0] == 0
    assert (checkout / JOURNAL).exists()
    other = trees.make_upstream(tmp_path / "other")
    monkeypatch.setenv("DIR_SLOWFAST", str(other))
    assert run(None, "--revert")[0] == 0
    assert (checkout / JOURNAL).exists()  # DIR_SLOWFAST precedes DIR_ROOT


def test_without_a_checkout_the_command_is_refused(run, monkeypatch):
    monkeypatch.setenv("DIR_SLOWFAST", "")
    status, _, errors = run(None)
    assert status == 2
    assert "--slowfast DIR" in errors


def test_a_second_run_at_the_same_time_is_refused(run, refused, upstream):
    handle = os.open(upstream, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    refused(upstream, "another run")
    os.close(handle)
    assert run(upstream)[0] == 0


def test_a_file_that_changes_during_the_run_is_not_overwritten(run, upstream, monkeypatch):
    from prepare_dir import disk

    copy = disk._copy_attributes

    def saved_by_an_editor(old, new):
        old.write_text("mine = 1\n")
        copy(old, new)

    monkeypatch.setattr(disk, "_copy_attributes", saved_by_an_editor)
    status, _, errors = run(upstream)
    assert status == 2
    assert "another program" in errors
    assert (upstream / "slowfast/__init__.py").read_text() == "mine = 1\n"


def test_a_link_with_the_name_of_a_temporary_file_is_not_followed(tmp_path):
    from prepare_dir import disk

    mine, file = tmp_path / "mine", tmp_path / "file"
    mine.write_text("mine")
    disk.beside(file).symlink_to(mine)
    with pytest.raises(OSError, match="symbolic"):
        disk.Write(file, b"ours").do()
    assert mine.read_text() == "mine"
    assert not file.exists()


# An older version had these files, and none in folders below slowfast/ak but `upstream`.
OLDER = {
    "slowfast/ak/__init__.py": "",
    "slowfast/ak/classes.csv": "0,sitting\n",
    "slowfast/ak/losses.py": "GAMMA = 1\n",
    "slowfast/ak/upstream/__init__.py": "def prepare():\n    return 1\n",
    "slowfast/ak/upstream/standins.py": "",
    "configs/AK/SMALL.yaml": "NUM_GPUS: 1\n",
    "configs/AK/OLD.yaml": "NUM_GPUS: 2\n",
}


@pytest.fixture
def older(upstream, tmp_path, monkeypatch):
    """A checkout to which an older version was applied, with another block; and one before that."""
    from prepare_dir import blocks
    from prepare_dir.command import main

    project = tmp_path / "older project"
    for name, text in OLDER.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    before = trees.snapshot(upstream)
    with monkeypatch.context() as context:
        context.setitem(blocks._BLOCKS, "slowfast/models/losses.py", "from slowfast.ak import x")
        context.setattr(blocks, "_FIRST", blocks._FIRST.replace("added", "put in"))
        assert main(["--slowfast", str(upstream)], project) == 0
    return upstream, before


def test_an_older_version_is_updated(run, older, tmp_path):
    checkout, before = older
    (checkout / "slowfast/ak/classes.csv").write_text("0,mine\n")
    (checkout / "slowfast/ak/mine.py").write_text("mine = 1\n")
    status, output, _ = run(checkout)
    assert status == 0
    lines = dict(line.split(None, 1) for line in output.splitlines() if line.startswith("  "))
    assert lines["slowfast/ak/classes.csv"] == "keep: changed since it was written"
    assert lines["configs/AK"] == "remove: 1 file, in place: 1 file, add: 1 file"
    assert lines["slowfast/models/losses.py"] == "update: the block"
    fresh = trees.make_upstream(tmp_path / "fresh")
    run(fresh)
    after, expected = trees.snapshot(checkout), trees.snapshot(fresh)
    own = {"slowfast/ak/classes.csv", "slowfast/ak/mine.py"}
    assert after.keys() - own == expected.keys() - own
    for name in expected.keys() - own - {JOURNAL, *trees.EDITED}:
        assert after[name] == expected[name], name
    losses = (checkout / "slowfast/models/losses.py").read_text()
    assert "add_losses(_LOSSES)" in losses
    assert "import x" not in losses
    for name in own:
        (checkout / name).unlink()
    assert run(checkout, "--revert")[0] == 0
    assert trees.snapshot(checkout) == before


def test_an_older_version_is_reverted(run, older):
    checkout, before = older
    assert run(checkout, "--revert")[0] == 0
    assert trees.snapshot(checkout) == before


def test_an_older_version_without_its_journal_is_not_mixed_with_this_one(run, refused, older):
    checkout, before = older
    (checkout / JOURNAL).unlink()
    words = "slowfast/ak/upstream/__init__.py (1 in all). Another version wrote them"
    refused(checkout, words)
    status, output, _ = run(checkout, "--revert")
    assert status == 0
    assert "slowfast/ak is still there" in output
    shutil.rmtree(checkout / "slowfast/ak")
    shutil.rmtree(checkout / "configs/AK")
    assert trees.snapshot(checkout) == before


def test_links_of_another_copy_of_the_project_are_known_without_the_journal(
    run, upstream, project, tmp_path
):
    from prepare_dir.command import main

    before = trees.snapshot(upstream)
    other = trees.make_project(tmp_path / "other project")
    for options in (["--revert"], []):
        assert main(["--slowfast", str(upstream), "--link"], other) == 0
        (upstream / JOURNAL).unlink()
        assert run(upstream, *options)[0] == 0
    assert (upstream / "slowfast/ak").readlink() == project / "slowfast/ak"
    assert run(upstream, "--revert")[0] == 0
    assert trees.snapshot(upstream) == before
