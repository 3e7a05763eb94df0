"""Values arrive as they are given, in files, on command lines and in dumps; paths are expanded."""

from pathlib import Path
from typing import Union

import pytest

from slowfast.ak.clips.augmentation import Augmented, ColourJitter
from slowfast.ak.clips.sampling import RandomCrop
from slowfast.ak.errors import UserError
from slowfast.ak.registries.losses import LOSSES
from slowfast.config import checks
from slowfast.config.defaults import get_cfg
from slowfast.config.dotted import get
from slowfast.utils.parser import load_config, parse_args

SEPARATOR, TAG = "DATA.PATH_LABEL_SEPARATOR", "TENSORBOARD.WRONG_PRED_VIS.TAG"


@pytest.fixture
def run(write):
    """The configuration of `run_net --cfg X.yaml WORD ...`, X.yaml with these settings."""
    return lambda settings, *words: load_config(parse_args(["--cfg", write(settings), *words]))


@pytest.mark.parametrize(
    "text",
    [
        " ",
        "\t",
        "",
        "  two ",
        " -1",
        "-1",
        "-",
        "--",
        "-x",
        "1e-3",
        "[1",
        "a=b",
        "True",
        "~",
        "$HOME",
    ],
)
def test_a_text_is_not_changed(text, run, load):
    for words in ([TAG, text], ["--opts", TAG, text, "NUM_GPUS", "0"], [TAG, text, "--dry-run"]):
        cfg = run({SEPARATOR: text}, *words)
        assert (get(cfg, SEPARATOR), get(cfg, TAG)) == (text, text)
    assert load(cfg.dump()) == cfg


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("TEST.NUM_ENSEMBLE_VIEWS", "-1", -1),
        ("DATA_LOADER.NUM_WORKERS", "-1.0", -1),
        ("AUG.COLOR_JITTER", "-1e-4", -1e-4),
        ("AUG.COLOR_JITTER", "None", None),
        ("SOLVER.CLIP_GRAD_VAL", "null", None),
        ("DATA.MEAN", "[-.5, 1e-3, 0]", [-0.5, 1e-3, 0.0]),
        ("SOLVER.STEPS", "(0, 4)", [0, 4]),
        ("SOLVER.LRS", "None", []),
        ("TRAIN.ENABLE", "None", False),
        ("TASK", "None", ""),
    ],
)
def test_a_text_becomes_the_value_that_it_writes(key, text, value, run, load):
    for cfg in (run({}, key, text), run({}, "--opts", key, text), run({key: text})):
        assert get(cfg, key) == value
        assert type(get(cfg, key)) is type(value)
    assert load(cfg.dump()) == cfg


def test_a_key_without_a_value_is_accepted_and_refused_where_a_run_reads_it(load_runnable):
    cfg = load_runnable({"SOLVER.BASE_LR": None, "NUM_GPUS": None, "MIXUP.ALPHA": None})
    assert checks.problems(cfg) == [
        "X.yaml: NUM_GPUS = None: expected a whole number",
        "X.yaml: SOLVER.BASE_LR = None: expected a number",
    ]
    cfg.merge_from_list(["TRAIN.ENABLE", False, "NUM_GPUS", 0])
    assert checks.problems(cfg) == []


def test_a_key_that_nothing_reads_can_have_any_type(load, load_runnable):
    cfg = load_runnable({"DEMO.WEBCAM": "first", "MULTIGRID.DEFAULT_B": 1.5, "AVA.BGR": 1})
    assert (cfg.DEMO.WEBCAM, cfg.MULTIGRID.DEFAULT_B, cfg.AVA.BGR) == ("first", 1.5, 1)
    assert checks.problems(cfg) == []
    assert load(cfg.dump()) == cfg


def test_no_colour_jitter_is_no_change_of_colours(load_runnable):
    def changes(jitter):
        cfg = load_runnable({"AUG.ENABLE": True, "AUG.AA_TYPE": "", "AUG.COLOR_JITTER": jitter})
        assert checks.problems(cfg) == []
        return Augmented.from_cfg(cfg, RandomCrop((4, 4), 4)).changes

    assert any(isinstance(change, ColourJitter) for change in changes(0.4))
    assert not any(isinstance(change, ColourJitter) for change in changes(None))


PATHS = {
    "~/runs": "/home/user/runs",
    "$DATA_ROOT/x": "/data sets/x",
    "${DATA_ROOT}x": "/data setsx",
    "a/~/b": "a/~/b",
    "s3://bucket/~/$DATA_ROOT": "s3://bucket/~/$DATA_ROOT",
}


@pytest.mark.parametrize("path", PATHS)
def test_paths_are_expanded_but_remote_ones(path, run, monkeypatch):
    monkeypatch.setenv("HOME", "/home/user")
    monkeypatch.setenv("DATA_ROOT", "/data sets")
    cfg = run({"DATA.PATH_PREFIX": path, SEPARATOR: path}, "OUTPUT_DIR", path, "AK.HOLDOUT", path)
    assert cfg.DATA.PATH_PREFIX == cfg.OUTPUT_DIR == cfg.AK.HOLDOUT == PATHS[path]
    assert get(cfg, SEPARATOR) == path, "a text that is no path"


def test_the_paths_of_files_are_expanded(write, tmp_path, monkeypatch):
    monkeypatch.setenv("RECIPES", str(tmp_path / "r"))
    write({"NUM_GPUS": 3}, "r/base.yaml")
    write("_BASE_: $RECIPES/base.yaml\n", "r/top.yaml")
    cfg = get_cfg()
    cfg.merge_from_file("$RECIPES/top.yaml")
    assert cfg.NUM_GPUS == 3


def test_a_path_that_cannot_be_expanded_is_refused_where_a_run_reads_it(load_runnable, tmp_path):
    cfg = load_runnable({"DATA.PATH_PREFIX": "/a/${NO_SUCH}/b", "OUTPUT_DIR": "~no_one/x"})
    words = "write the path in full"
    assert checks.problems(cfg) == [
        f"X.yaml: OUTPUT_DIR = ~no_one/x: there is no home folder of ~no_one; {words}",
        "X.yaml: DATA.PATH_PREFIX = /a/${NO_SUCH}/b: the environment variable NO_SUCH is not "
        f"defined; {words}",
    ]
    cfg.merge_from_list(["DATA.PATH_PREFIX", "", "OUTPUT_DIR", "x"])
    cfg.OUTPUT_DIR = "~/x"
    (problem,) = checks.problems(cfg)
    assert "~ and $NAME are expanded in files and on command lines only" in problem

    (tmp_path / "a$b").mkdir()
    settings = {"OUTPUT_DIR": "a$b", "TENSORBOARD.PREDICTIONS_PATH": "$NO_SUCH/scores.pkl"}
    assert checks.problems(load_runnable(settings)) == []


def test_a_loss_can_have_a_key_that_is_a_path(run, monkeypatch):
    class Loss:
        """A loss.

        Args:
            table: file of weights.
        """

        def __init__(self, table: Union[str, Path] = "", name: str = ""):  # noqa: UP007
            self.table = table

    for attribute in ("_entries", "_facts"):
        monkeypatch.setattr(LOSSES, attribute, dict(getattr(LOSSES, attribute)))
    monkeypatch.setenv("HOME", "/home/user")
    LOSSES.register("weighted")(Loss)
    cfg = run({"LOSS.WEIGHTED.NAME": "~/a"}, "LOSS.WEIGHTED.TABLE", "~/a")
    assert (cfg.LOSS.WEIGHTED.TABLE, cfg.LOSS.WEIGHTED.NAME) == ("/home/user/a", "~/a")


UNKNOWN = {"DATA.FPS_OF_FORK": 3, "FORK.A": 1, "FORK.B": 2, "SOLVER.MAX_EPOCHS": 4, "NUM_GPUS": 0}


def test_unknown_keys_are_reported_together(run):
    with pytest.raises(UserError) as error:
        run(UNKNOWN, "NUM_GPU", "1")
    lines = str(error.value).splitlines()
    assert [line.split("unknown key ")[1].split(";")[0] for line in lines[:-1]] == [
        "DATA.FPS_OF_FORK",
        "FORK",
        "SOLVER.MAX_EPOCHS",
        "NUM_GPU",
    ]
    assert lines[2].startswith("X.yaml: ")
    assert "did you mean SOLVER.MAX_EPOCH?" in lines[2]
    assert lines[3] == "command line: unknown key NUM_GPU; did you mean NUM_GPUS?"
    assert "--ignore-unknown-keys runs without them" in lines[4]


def test_unknown_keys_can_be_ignored_with_one_warning(run, caplog):
    cfg = run(UNKNOWN, "--ignore-unknown-keys", "FORK.C", "1", "NUM_SHARDS", "2")
    assert (cfg.NUM_GPUS, cfg.NUM_SHARDS) == (0, 2)
    in_file, in_command = [record.message for record in caplog.records]
    assert in_file.startswith("3 unknown keys are ignored:\n  X.yaml: unknown key DATA.FPS_OF_FORK")
    assert "did you mean SOLVER.MAX_EPOCH?" in in_file
    assert in_command.startswith("1 unknown key is ignored:\n  command line: unknown key FORK.C")
    with pytest.raises(UserError, match="expected a whole number; found text x"):
        run(UNKNOWN | {"NUM_GPUS": "x"}, "--ignore-unknown-keys")
