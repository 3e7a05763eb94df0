"""--check: what is in place, which slowfast is imported, and the word of the extension's check."""

import pytest

CHECK = "slowfast/ak/upstream/check.py"


@pytest.fixture
def checked(project):
    """A project whose check says where it runs and fails where a file `broken` is."""
    (project / CHECK).write_text(
        "import pathlib, sys, slowfast\n"
        "print('checked', slowfast.__file__)\n"
        "sys.exit(3 if pathlib.Path('broken').exists() else 0)\n"
    )
    return project


def test_passes_on_the_status_of_the_extensions_own_check(run, checked, upstream):
    run(upstream)
    assert run(upstream, "--check")[0] == 0
    (upstream / "broken").touch()
    assert run(upstream, "--check")[0] == 1


def test_runs_in_the_checkout_and_with_its_package(run, checked, upstream):
    run(upstream)
    _, output, _ = run(upstream, "--check")
    assert output.endswith(f"checked {upstream / 'slowfast/__init__.py'}\n")


def test_tells_what_is_missing_or_older_and_fails(run, checked, upstream):
    status, output, _ = run(upstream, "--check")
    assert status == 1
    assert "Nothing is in place" in output
    run(upstream)
    (upstream / "slowfast/ak/classes.csv").unlink()
    status, output, _ = run(upstream, "--check")
    assert status == 1
    assert "add: 1 file" in output
    assert "run this without --check" in output
    assert not (upstream / "slowfast/ak/classes.csv").exists()


def test_tells_of_changes_by_hand_without_failing(run, checked, upstream):
    run(upstream)
    (upstream / "slowfast/ak/classes.csv").write_text("0,mine\n")
    status, output, _ = run(upstream, "--check")
    assert status == 0
    assert "keep: changed since it was written" in output


@pytest.mark.parametrize("elsewhere", [None, "other", "checkout"])
def test_tells_which_slowfast_a_run_would_import(
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
