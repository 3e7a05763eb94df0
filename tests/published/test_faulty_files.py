"""The six published files that upstream itself does not load, with their faults put back."""

import logging

import pytest
import run_net

from slowfast.ak.errors import UserError
from slowfast.config.defaults import get_cfg
from slowfast.config.merge import merge_file
from slowfast.utils.parser import parse_args
from tests.published import files

PREFETCH = "PREFETCH:\n  ENABLE: False\n"


def faulty(name: str, *replaced: tuple[str, str], more: str = "") -> str:
    """The text of a published file, with parts replaced and lines added."""
    text = files.as_yaml(files.PUBLISHED[name])
    for old, new in replaced:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text + more


def load(text: str, folder, *overrides: str):
    """The checked configuration, as tools/run_net.py makes it."""
    path = folder / "X.yaml"
    path.write_text(text)
    args = parse_args(["--cfg", str(path), "NUM_GPUS", "0", *overrides])
    return run_net.configure(args, str(path))


def warnings_of(caplog) -> list[str]:
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("size", ["S_16x4", "B_32x3", "L_40x3"])
def test_an_unknown_group_is_ignored_with_one_warning(size, tmp_path, caplog):
    name = f"SSv2/MVITv2_{size}"
    cfg = load(faulty(name, more=PREFETCH), tmp_path)
    warning, *others = warnings_of(caplog)
    assert "PREFETCH is ignored: no version of SlowFast reads it" in warning
    # The largest network has MIXUP.ENABLE True and MIXUP.PROB 0.0.
    assert [words.partition(".yaml: ")[2] for words in others] == (
        ["MIXUP.PROB = 0.0: no batch is mixed"] if size == "L_40x3" else []
    )
    assert files.PUBLISHED[name].get("MVIT.DEPTH", 16) == cfg.MVIT.DEPTH


def test_an_unknown_key_of_tensorboard_is_ignored_with_one_warning(tmp_path, caplog):
    """The data set of this file, ava, is not built; the file loads."""
    name = "demo/AVA/SLOWFAST_32x2_R101_50_50"
    path = tmp_path / "X.yaml"
    path.write_text(faulty(name, more="TENSORBOARD:\n  MODEL_VIS:\n    TOPK: 2\n"))
    cfg = get_cfg()
    merge_file(cfg, path)
    (warning,) = warnings_of(caplog)
    assert "TENSORBOARD.MODEL_VIS.TOPK is ignored" in warning
    assert cfg.AVA.DETECTION_SCORE_THRESH == 0.8


def test_a_whole_number_of_epochs_is_a_number(tmp_path, caplog):
    name = "demo/Kinetics/SLOWFAST_8x8_R50"
    text = faulty(name, ("WARMUP_EPOCHS: 34.0", "WARMUP_EPOCHS: 34"))
    cfg = load(text, tmp_path, "TRAIN.ENABLE", "True")
    (warning,) = warnings_of(caplog)
    assert "DEMO.ENABLE = True" in warning
    assert "tools/predict.py scores videos" in warning
    assert cfg.SOLVER.WARMUP_EPOCHS == 34.0
    with pytest.raises(UserError, match=r"nothing to do; .* tools/predict\.py scores videos"):
        load(text, tmp_path)


def test_a_line_that_is_indented_by_one_blank_is_named(tmp_path):
    """Line 28 of this file is a group that begins with one blank."""
    lines = faulty("ImageNet/MVITv2_B").splitlines()
    at = next(n for n, line in enumerate(lines) if line == "MVIT:")
    above = ["# a comment"] * (27 - at)  # so that the group is in line 28
    text = "\n".join([*above, *lines[:at], " MVIT:", *lines[at + 1 :]])
    with pytest.raises(UserError) as error:
        load(text, tmp_path)
    assert str(error.value) == (
        f"{tmp_path}/X.yaml: line 28, column 2: not readable as YAML: found `MVIT:`, indented by 1 "
        "blank, unlike the lines above it; keys of one group have the same indentation"
    )
