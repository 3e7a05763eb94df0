"""The command check_data: its exit status, overrides, and the summary after Ctrl-C."""

import json
import runpy
import shutil
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "check_data.py"
main = runpy.run_path(str(TOOL))["main"]


def test_the_exit_status_says_whether_there_are_faults(tiny_ak, tmp_path, capsys):
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
    ):
        assert main(wrong) == 2
        assert capsys.readouterr().err.startswith("error: ")


def test_a_configuration_takes_the_overrides_of_a_run(tiny_ak, capsys):
    recipe = str(TOOL.parents[1] / "configs" / "AK" / "DEMO.yaml")
    opts = [str(opt) for opt in tiny_ak.opts()]
    assert main(["--cfg", recipe, "--level", "ends", *opts]) == 0
    assert f"below {tiny_ak.image}" in capsys.readouterr().out
    assert main(["--cfg", recipe, "--opts", *opts, "AK.FRAMES", "video"]) == 0
    assert f"below {tiny_ak.video}" in capsys.readouterr().out
    assert main(["--cfg", recipe, *opts, "MODEL.NUM_CLASSES", "3"]) == 1
    assert "outside 0..2" in capsys.readouterr().out
    assert main(["--cfg", recipe, "DATA.PATH_PREFX", "x"]) == 2
    assert "PATH_PREFIX" in capsys.readouterr().err


def test_after_ctrl_c_it_prints_what_was_found(tiny_ak, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("slowfast.data_tools.check_data.check_clip", stop)
    assert main(["--lists", str(tiny_ak.annot)]) == 130
    assert "STOPPED after" in capsys.readouterr().out
