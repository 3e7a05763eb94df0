"""The tool makes the reference files from this project, and reports what differs or fails."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from reference_parts.comparison import compare
from reference_parts.files import REFERENCE, Made, names_in, read, write

ROOT = Path(__file__).parents[2]
main = runpy.run_path(str(ROOT / "tools" / "reference_values.py"))["main"]
PATCH_2 = "config_defaults_haooooooqi-patch-2.json"


def written(folder: Path) -> set[str]:
    return set(names_in(folder))


def test_this_project_gives_the_reference_values(tmp_path, capsys):
    slow = {"random_resized_crop.json", "checkpoint_naming.json"}
    small = [n for n in names_in(REFERENCE) if not n.startswith("models/") and n not in slow]
    asked = [*small, "models/Kinetics__X3D_XS.json"]
    command = ["--upstream", str(ROOT), "--compare", "--out", str(tmp_path), "--only", *asked]
    code, out = main(command), capsys.readouterr().out
    assert code == 0, out
    assert written(tmp_path) == set(asked) - {PATCH_2}
    assert f"{PATCH_2}: skipped, it is of branch haooooooqi-patch-2, and" in out
    assert "no such file below configs: AVA/" in out
    assert read(tmp_path, "caffe2_names.json") == read(REFERENCE, "caffe2_names.json")


@pytest.mark.slow
def test_weights_of_published_networks_are_loaded_as_measured(capsys):
    command = ["--upstream", str(ROOT), "--compare", "--only", "checkpoint_naming.json"]
    code, out = main(command), capsys.readouterr().out
    assert code == 0, out
    assert "checkpoint_naming.json: made" in out
    assert "image_init repeats kernels undivided" in out


def test_distributions_of_crops_agree_as_far_as_the_draws_tell(tmp_path, capsys):
    """With few draws statistics may differ more, and no more than that."""
    name = "random_resized_crop.json"
    command = ["--upstream", str(ROOT), "--compare", "--reference", str(tmp_path)]
    content = read(REFERENCE, name)
    content["about"]["draws"] = 300
    write(tmp_path, name, content)
    assert main(command) == 0, capsys.readouterr().out
    content["crops"][3]["area_fraction"][5] *= 1.6
    write(tmp_path, name, content)
    capsys.readouterr()
    assert main(command) == 1
    assert "DIFFERS, 1 times, first crops[3].area_fraction[5]: existing" in capsys.readouterr().out


def test_differences_and_failures_are_reported(tmp_path, capsys):
    rates, blobs = (read(REFERENCE, f"{name}.json") for name in ("lr_schedules", "caffe2_names"))
    rates[1]["lr"][3] *= 1 + 1e-6
    blobs["pred_w"] = "head.weight"
    network = {"overrides": {"MODEL.MODEL_NAME": "MViT"}, "input_sizes": []}
    write(tmp_path, "lr_schedules.json", rates)
    write(tmp_path, "caffe2_names.json", blobs)
    write(tmp_path, "models/MVIT.json", network)
    code = main(["--upstream", str(ROOT), "--compare", "--reference", str(tmp_path)])
    differing, other_name, impossible = capsys.readouterr().out.splitlines()
    assert code == 1
    assert differing.startswith("lr_schedules.json: made in ")
    assert "; DIFFERS, 1 times, first [1].lr[3]: existing 0.037" in differing
    assert "pred_w: existing 'head.weight', new 'head.projection.weight'" in other_name
    assert impossible.startswith("models/MVIT.json: NOT MADE, ")
    assert "MViT" in impossible


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout that looks like patch-2, and that ends the process when mAP is computed."""
    lines = {
        "__init__.py": "",
        "config/__init__.py": "",
        "config/defaults.py": "def get_cfg(): return Node(TRAIN=Node(GPU='no'))\n"
        "class Node(dict): __getattr__ = dict.__getitem__\n",
        "utils/__init__.py": "",
        "utils/lr_policy.py": "def get_lr_at_epoch(cfg, cur_epoch): return 0.0\n",
        "utils/meters.py": "import os\ndef get_map(preds, labels): os._exit(3)\n",
    }
    for name, text in lines.items():
        path = tmp_path / "checkout" / "slowfast" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "checkout"


def test_a_process_that_dies_loses_one_file(checkout, tmp_path, capsys):
    wanted = ["map.json", "losses.json", "config_defaults_*"]
    command = ["--upstream", str(checkout), "--out", str(tmp_path / "new"), "--only", *wanted]
    assert main(command) == 1
    own, of_main, died, after = capsys.readouterr().out.splitlines()
    assert own.startswith(f"{PATCH_2}: made")
    assert "config_defaults_main.json: skipped" in of_main
    assert died.startswith("map.json: NOT MADE, its process ended with status 3")
    assert after.startswith("losses.json: made")
    assert read(tmp_path / "new", PATCH_2) == {"TRAIN.GPU": "no"}
    assert written(tmp_path / "new") == {PATCH_2, "losses.json"}
    assert not list(checkout.rglob("__pycache__"))


def test_yaml_files_that_do_not_load_are_listed(tmp_path, capsys):
    checkout, new = tmp_path / "checkout", tmp_path / "new"
    files = {
        "AK/MINE": "TRAIN: {ENABLE: false}",
        "ImageNet/BROKEN": "TRAIN: [",
        "SSv2/UNKNOWN": "SUCH_A_KEY: true",
        "Kinetics/I3D_8x8_R50": (ROOT / "configs/Kinetics/I3D_8x8_R50.yaml").read_text(),
    }
    for name, text in files.items():
        path = checkout / "configs" / f"{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (checkout / "slowfast").symlink_to(ROOT / "slowfast")
    assert main(["--upstream", str(checkout), "--out", str(new), "--only", "zoo_*"]) == 0
    out = capsys.readouterr().out
    assert "SUCH_A_KEY" in out
    assert "): ImageNet/BROKEN\n" in out
    assert "): SSv2/UNKNOWN\n" in out
    expected = read(REFERENCE, "zoo_configs.json")["Kinetics/I3D_8x8_R50"]
    assert read(new, "zoo_configs.json") == {"Kinetics/I3D_8x8_R50": expected}


def test_wrong_options_are_refused_at_once(tmp_path, checkout, capsys):
    upstream = ["--upstream", str(checkout)]
    assert main(upstream) == 2
    assert "give --out FOLDER, or --compare" in capsys.readouterr().err
    assert main([*upstream, "--out", str(REFERENCE)]) == 2
    assert "give another folder" in capsys.readouterr().err
    assert main([*upstream, "--compare", "--only", "nothing"]) == 2
    assert "no reference file matches nothing" in capsys.readouterr().err
    assert main(["--upstream", str(tmp_path), "--compare"]) == 2
    assert "which a SlowFast checkout has" in capsys.readouterr().err
    (checkout / "slowfast/__init__.py").write_text("import a_library_long_gone")
    assert main([*upstream, "--compare"]) == 2
    error = capsys.readouterr().err
    assert "cannot be imported (ModuleNotFoundError: No module named 'a_library_long" in error
    assert "prepare_dir_AR.sh" in error


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ({"a": [1.0, 100.0]}, {"a": [1.009, 100.0]}, []),
        ({"a": [1.0, 100.0]}, {"a": [1.02, 100.0]}, ["a[0]: existing 1.0, new 1.02"]),
        ({"a": 1.0}, {"a": 1.0 + 2e-4}, ["a: existing 1.0, new 1.0002"]),
        ({"a": 1.0}, {"a": float("nan")}, ["a: existing 1.0, new nan"]),
        ({"a": [0.0]}, {"a": [1e-9]}, ["a[0]: existing 0.0, new 1e-09"]),
        (
            {"a": [10**9, "w"]},
            {"a": [10**9 + 1, "w"]},
            ["a[0]: existing 1000000000, new 1000000001"],
        ),
        ({"a": [1, 0.5]}, {"a": [1.0, 0.5]}, []),
        ({"a": 1}, {"a": 1.0}, ["a: existing 1, new 1.0"]),
        ([["w", [3, 2]]], [["w", [3]]], ["[0][1]: existing 2 items, new 1"]),
        ({"a": {"b": 1}}, {"a": {"c": 1}}, ["a.b: missing in", "a.c: only in"]),
        ({"a": 1, "left": 2}, {"a": 1, "more": 3}, []),
        ({"a": 1, "gone": 2}, {"a": 1}, ["gone: missing in the new file"]),
        ([{"error": "refused"}], [{"value": 3}], []),
    ],
)
def test_differences(old, new, wrong):
    found = compare(old, Made(new, left_out={"for a reason": ["left"]}), 1e-4)
    assert len(found.wrong) == len(wrong)
    assert all(words.startswith(start) for words, start in zip(found.wrong, wrong, strict=True))
    assert found.summary().startswith("DIFFERS" if wrong else ("agrees", "equal"))


def test_a_number_may_differ_by_ten_times_the_effect_of_rounding_and_by_2_per_cent_at_most():
    for new, rounding, wrong in [(1.009, 1e-3, 0), (1.011, 1e-3, 1), (1.03, 1.0, 1)]:
        found = compare({"norm": 1.0}, Made({"norm": new}, rounding={"norm": rounding}), 1e-4)
        assert len(found.wrong) == wrong, new
        assert f"rounding alone changes norm by {rounding:.1e}" in found.remarks()


def test_differences_that_come_from_a_fault_of_upstream_are_meant():
    old, new = ({"cases": [{"a": value, "b": other}]} for value, other in ((1.0, 2.0), (3.0, 4.0)))
    found = compare(old, Made(new, corrected={"upstream errs": ["cases[0].a"]}), 1e-4)
    assert found.wrong == ["cases[0].b: existing 2.0, new 4.0"]
    assert "differences that are meant: 1, upstream errs" in found.remarks()


def test_files_are_written_in_their_form(tmp_path):
    for name in names_in(REFERENCE):
        write(tmp_path, name, read(REFERENCE, name))
        assert (tmp_path / name).read_bytes() == (REFERENCE / name).read_bytes(), name


def test_another_slowfast_on_the_path_is_not_imported(tmp_path):
    (tmp_path / "slowfast").mkdir()
    (tmp_path / "slowfast/__init__.py").touch()
    tool = Path(__file__).parents[2] / "tools/reference_values.py"
    done = subprocess.run(
        [sys.executable, tool, "--upstream", tmp_path, "--compare"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert "which a SlowFast checkout has" in done.stderr
