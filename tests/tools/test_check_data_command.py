"""The command: exit status, overrides as a run has them, and the summary after a Ctrl-C."""

import json
import runpy
import shutil
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "check_data.py"
main = runpy.run_path(str(TOOL))["main"]


def test_sound_faulty_and_impossible(tiny_ak, tmp_path, capsys):
    for folder in ("annot", "image"):
        shutil.copytree(getattr(tiny_ak, folder), tmp_path / folder)
    options = ["--lists", str(tmp_path / "annot")]
    assert main(options) == 0
    assert "No fault" in capsys.readouterr().out

    (tmp_path / "image" / "v0" / "v0_000002.jpg").write_bytes(b"")
    found = tmp_path / "found.json"
    assert main([*options, "--json", str(found)]) == 1
    assert "v0_000002.jpg" in capsys.readouterr().out
    (fault,) = json.loads(found.read_text())["faults"]
    assert (fault["kind"], fault["clip"], fault["line"]) == ("empty", "v0", 2)
    assert main([*options, "--level", "names"]) == 0

    capsys.readouterr()
    for wrong in (
        [],
        ["--lists", str(tmp_path / "nowhere")],
        [*options, "DATA.PATH_PREFIX", "x"],
        [*options, "--sheet", str(tmp_path / "none.xlsx")],
        [*options, "--json", str(tmp_path / "no" / "folder.json")],
        [*options, "--images", str(tmp_path / "none")],
        [*options, "--videos", str(tmp_path / "none"), "--frames", "video"],
        [*options, "--num-classes", "0"],
    ):
        assert main(wrong) == 2
        assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("spelt", [[], ["--opts"]])
def test_a_configuration_with_overrides_as_a_run_takes_them(tiny_ak, tmp_path, capsys, spelt):
    recipe = str(TOOL.parents[1] / "configs" / "AK" / "DEMO.yaml")
    opts = [str(opt) for opt in tiny_ak.opts()]
    assert main(["--cfg", recipe, "--level", "ends", *spelt, *opts]) == 0
    assert f"below {tiny_ak.image}" in capsys.readouterr().out
    assert main(["--cfg", recipe, *spelt, *opts, "AK.FRAMES", "video"]) == 0
    assert f"below {tiny_ak.video}" in capsys.readouterr().out
    assert main(["--cfg", recipe, *spelt, *opts, "MODEL.NUM_CLASSES", "3"]) == 1
    assert "outside 0..2" in capsys.readouterr().out
    assert main(["--cfg", recipe, *spelt, "DATA.PATH_PREFX", "x"]) == 2
    assert "PATH_PREFIX" in capsys.readouterr().err


def test_stopped(tiny_ak, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("slowfast.data_tools.check_data.check_clip", stop)
    assert main(["--lists", str(tiny_ak.annot)]) == 130
    assert "STOPPED after" in capsys.readouterr().out
