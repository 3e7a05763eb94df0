"""The command make_demo_data: it makes a set once, and reports errors."""

import runpy
from pathlib import Path

from slowfast.data_tools import demo_scenes

TOOL = Path(__file__).parents[2] / "tools" / "make_demo_data.py"
main = runpy.run_path(str(TOOL))["main"]


def test_a_set_is_made_once(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo_scenes, "render", lambda scene: [])  # clips without frames, for speed
    options = [str(tmp_path / "demo"), "--size", "small", "--clips", "110", "--seed", "4"]
    assert main(options) == 0
    assert "are made" in capsys.readouterr().out
    assert main(options) == 0
    assert "exist already" in capsys.readouterr().out


def test_a_wrong_setting_is_an_error_with_status_2(tmp_path, capsys):
    assert main([str(tmp_path / "demo"), "--clips", "3"]) == 2
    assert "expected" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()
