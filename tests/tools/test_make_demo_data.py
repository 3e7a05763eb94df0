"""The command: it makes a set, says when there is nothing to do, and refuses in words."""

import runpy
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "make_demo_data.py"
main = runpy.run_path(str(TOOL))["main"]


def test_made_once_and_then_found(tmp_path, capsys):
    options = [str(tmp_path / "demo"), "--size", "small", "--clips", "110", "--seed", "4"]
    assert main(options) == 0
    assert "made" in capsys.readouterr().out
    for name in ("annot/train.csv", "annot/val.csv", "annot/df_action.xlsx", "image", "video"):
        assert (tmp_path / "demo" / name).exists()
    assert main(options) == 0
    assert "already" in capsys.readouterr().out


@pytest.mark.parametrize("options", [["--clips", "3"], ["--size", "vast"]])
def test_foreseeable_errors_are_words_and_status_2(tmp_path, capsys, options):
    assert main([str(tmp_path / "demo"), *options]) == 2
    assert "expected" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()
