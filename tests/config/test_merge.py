"""Setting keys from YAML files and command lines, and the errors of both."""

import json
import logging
from pathlib import Path

import pytest
import yaml
from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.config.defaults import get_cfg
from slowfast.config.dotted import dotted_keys, get
from slowfast.config.merge import merge_stored

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
ZOO = json.loads((REFERENCE / "zoo_configs.json").read_text())


@pytest.mark.parametrize("name", sorted(ZOO))
def test_a_published_file_can_be_read(name, load):
    cfg = load(ZOO[name])
    defaults = get_cfg()
    for key in dotted_keys(cfg):
        given = ZOO[name].get(key, get(defaults, key))
        empty = {str: "", list: []}.get(type(get(defaults, key)))  # of a key without a value
        assert get(cfg, key) == (empty if given is None else given), key


@pytest.mark.parametrize("name", list(ZOO)[::10])
def test_a_dump_of_a_published_file_can_be_read(name, load):
    """As a checkpoint has it: every key of upstream's main is written out."""
    main = json.loads((REFERENCE / "config_defaults_main.json").read_text())
    assert load(main | ZOO[name]) == load(ZOO[name])


def test_numbers_may_be_written_as_integers_or_with_exponents(load):
    """The file begins with a byte order mark, as some editors write it."""
    cfg = load(
        "\ufeffSOLVER:\n  WARMUP_EPOCHS: 4\n  WARMUP_START_LR: 1e-4\n  LRS: [1, 1e-1]\n"
        "  MAX_EPOCH: 2.0\n  CLIP_GRAD_L2NORM: 1\nDATA:\n  PATH_PREFIX:\nTEST:\n"
    )
    solver = cfg.SOLVER
    assert (solver.WARMUP_EPOCHS, solver.WARMUP_START_LR, solver.LRS) == (4.0, 1e-4, [1, 0.1])
    assert isinstance(solver.WARMUP_EPOCHS, float)
    assert solver.MAX_EPOCH == 2
    assert solver.CLIP_GRAD_L2NORM == 1.0
    assert cfg.DATA.PATH_PREFIX == ""


def test_bases_come_first_and_are_found_beside_the_file(write):
    write({"TRAIN.BATCH_SIZE": 2, "TEST.BATCH_SIZE": 2, "NUM_GPUS": 2}, "a/one.yaml")
    write("_BASE_: one.yaml\nTEST: {BATCH_SIZE: 3}\nNUM_GPUS: 3\n", "a/two.yaml")
    write({"SHARD_ID": 3}, "other.yaml")
    write("# nothing yet\n", "empty.yaml")
    write("NUM_GPUS: 4\n_BASE_: [a/two.yaml, other.yaml, empty.yaml]\n", "top.yaml")
    cfg = get_cfg()
    cfg.merge_from_file("top.yaml")
    assert (cfg.TRAIN.BATCH_SIZE, cfg.TEST.BATCH_SIZE, cfg.NUM_GPUS, cfg.SHARD_ID) == (2, 3, 4, 3)


def test_keys_that_a_user_adds_can_be_set(write):
    cfg = get_cfg()
    cfg.MINE = CfgNode()
    cfg.MINE.SIZE, cfg.MINE.LIST, cfg.MINE.ANY = 3, ["a"], None
    cfg.merge_from_file(write({"MINE.SIZE": 4, "MINE.LIST": ["b", "c"], "MINE.ANY": "text"}))
    cfg.merge_from_list(["MINE.SIZE", "5"])
    assert (cfg.MINE.SIZE, cfg.MINE.LIST, cfg.MINE.ANY) == (5, ["b", "c"], "text")
    with pytest.raises(UserError, match=r"MINE\.SIZE: expected a whole number; found text x"):
        cfg.merge_from_list(["MINE.SIZE", "x"])


@pytest.mark.parametrize(
    ("pairs", "key", "value"),
    [
        (["OUTPUT_DIR", "2024"], "OUTPUT_DIR", "2024"),
        (["TRAIN.CHECKPOINT_FILE_PATH", "None"], "TRAIN.CHECKPOINT_FILE_PATH", ""),
        (["SOLVER.STEPS", "[0, 41]"], "SOLVER.STEPS", [0, 41]),
        (["SOLVER.BASE_LR", "1e-3"], "SOLVER.BASE_LR", 1e-3),
        (["TRAIN.ENABLE", "false"], "TRAIN.ENABLE", False),
        (["SOLVER.CLIP_GRAD_L2NORM", "None"], "SOLVER.CLIP_GRAD_L2NORM", None),
        (["NONLOCAL.LOCATION", "[[[1]], [[]]]"], "NONLOCAL.LOCATION", [[[1]], [[]]]),
    ],
)
def test_a_text_on_the_command_line_becomes_a_value(pairs, key, value):
    cfg = get_cfg()
    cfg.merge_from_list(pairs)
    assert get(cfg, key) == value


MISTAKES = {
    "MODEL:\n  LOS_FUNC: bce": "unknown key MODEL.LOS_FUNC; did you mean MODEL.LOSS_FUNC?",
    "model:\n  ARCH: x3d": "unknown key model; did you mean MODEL?",
    "SOLVER:\n  base_lr: 1": "unknown key SOLVER.base_lr; did you mean SOLVER.BASE_LR?",
    "SOLVER:\n  BATCH_SIZE: 1": (
        "unknown key SOLVER.BATCH_SIZE; did you mean TRAIN.BATCH_SIZE, TEST.BATCH_SIZE or "
        "PREDICT.BATCH_SIZE?"
    ),
    "NUM_FRAMES: 1": "unknown key NUM_FRAMES; did you mean DATA.NUM_FRAMES?",
    "QQQQ: 1": "unknown key QQQQ",
    "NONLOCAL:\n  POOL: &a [*a]": "NONLOCAL.POOL: the list contains itself",
    "TRAIN: 3": (
        "TRAIN: expected the keys of this group, such as TRAIN.ENABLE; found the number 3"
    ),
    "NUM_GPUS: two": "NUM_GPUS: expected a whole number; found text two",
    "NUM_GPUS: {a: 1}": "NUM_GPUS: expected a whole number; found a group of keys {'a': 1}",
    "TRAIN:\n  ENABLE: 1": "TRAIN.ENABLE: expected True or False; found the number 1",
    "TASK: on": "TASK: expected text; found True. Write a text like this in quotes",
    "SOLVER:\n  STEPS: [0, x]": "SOLVER.STEPS: expected a list of numbers; found a list [0, 'x']",
    "SOLVER:\n  CLIP_GRAD_VAL: x": "SOLVER.CLIP_GRAD_VAL: expected a number or None; found text x",
    "NUM_GPUS: 1\nNUM_SHARDS: [": (
        "line 2, column 14: not readable as YAML: expected the node content, but found "
        "'<stream end>'; found `NUM_SHARDS: [`"
    ),
    "TRAIN:\n\tENABLE: True": (
        "line 2, column 1: not readable as YAML: found character '\\t' that cannot start any "
        "token; found `ENABLE: True`"
    ),
    "- 1": (
        "expected keys and values, such as `TRAIN:` and below it, indented, `BATCH_SIZE: 8`; "
        "found a list [1]"
    ),
    "_BASE_: X.yaml": "_BASE_ leads back to this file",
    "_BASE_: 3": "_BASE_: expected a file name, found the number 3",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_in_a_file_is_explained(text, load):
    with pytest.raises(UserError) as error:
        load(text)
    assert str(error.value) in (f"X.yaml: {MISTAKES[text]}", f"./X.yaml: {MISTAKES[text]}")


OVERRIDE_MISTAKES = {
    ("TRAIN.BATCH_SIZE",): (
        "overrides are pairs, KEY VALUE, and 'TRAIN.BATCH_SIZE' at the end has no value; "
        "expected for example TRAIN.BATCH_SIZE 4"
    ),
    ("SOLVER.STEPS", "[0,", "41]"): (
        "'[0,' is part of a list; a list goes in quotes, such as SOLVER.STEPS '[0, 41, 49]'"
    ),
    ("NUM_GPUS=2", "x"): "'NUM_GPUS=2': separate key and value by a space, as KEY VALUE",
    ("NUM_GPUS.X", "2"): "unknown key NUM_GPUS.X; did you mean NUM_GPUS?",
    ("TRAIN", "2"): ("TRAIN: expected the keys of this group, such as TRAIN.ENABLE; found text 2"),
}


@pytest.mark.parametrize("pairs", OVERRIDE_MISTAKES)
def test_a_mistake_on_the_command_line_is_explained(pairs):
    with pytest.raises(UserError) as error:
        get_cfg().merge_from_list(list(pairs))
    assert str(error.value) == f"command line: {OVERRIDE_MISTAKES[pairs]}"


def test_all_mistakes_are_reported_at_once_and_no_key_is_set(write):
    cfg = get_cfg()
    with pytest.raises(UserError) as error:
        cfg.merge_from_file(write("NUM_GPUS: 2\nNUM_SHARDS: x\nTRIAN: {ENABLE: False}\nTASK: 1\n"))
    lines = str(error.value).splitlines()
    assert [line.split(";")[0] for line in lines] == [
        "X.yaml: NUM_SHARDS: expected a whole number",
        "X.yaml: unknown key TRIAN",
        "X.yaml: TASK: expected text",
    ]
    assert cfg == get_cfg()


def test_the_error_of_a_missing_file_names_the_nearest_file(write, monkeypatch):
    write("", "configs/AK/SLOWFAST_8x8_R50.yaml")
    write("", "configs/AK/X3D_L.yaml")
    with pytest.raises(UserError) as error:
        get_cfg().merge_from_file("configs/AK/SLOWFAST_8x8.yaml")
    assert str(error.value).startswith(
        "configs/AK/SLOWFAST_8x8.yaml: no such file; nearest: configs/AK/SLOWFAST_8x8_R50.yaml"
    )
    with pytest.raises(UserError, match=r"X3D_L\.yaml: no such file; nearest: configs/AK/X3D_L"):
        get_cfg().merge_from_file("nowhere/X3D_L.yaml")
    with pytest.raises(UserError, match="configs/AK: a folder; expected a YAML file"):
        get_cfg().merge_from_file("configs/AK")
    monkeypatch.chdir("configs/AK")
    with pytest.raises(UserError, match=r"a/b\.yaml: no such file, and no YAML file in a or conf"):
        get_cfg().merge_from_file("a/b.yaml")


def test_a_configuration_that_was_dumped_with_its_class_can_be_read(load):
    cfg = load({"SOLVER.MAX_EPOCH": 7})
    cfg.DATA.MEAN = (0.1, 0.2, 0.3)
    found = load(yaml.dump(cfg))
    assert (found.SOLVER.MAX_EPOCH, found.DATA.MEAN) == (7, [0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"a: !!python/object:os.x {}",
        b"a: !!python/object/new:os.system [ls]",
        b"a: !!python/object/apply:os.system [ls]",
    ],
)
def test_a_file_that_is_not_text_or_runs_code_is_refused(content, tmp_path):
    path = tmp_path / "X.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"X\.yaml: .*not readable as YAML"):
        get_cfg().merge_from_file(path)


def test_a_key_that_appears_twice_causes_a_warning(load, caplog):
    with caplog.at_level(logging.WARNING):
        cfg = load("TRAIN:\n  BATCH_SIZE: 2\nTEST:\n  BATCH_SIZE: 3\nTRAIN:\n  ENABLE: False\n")
    assert cfg.TRAIN.BATCH_SIZE == 64
    assert "X.yaml: line 5: TRAIN appears again (first in line 1)" in caplog.text


def test_a_key_that_no_version_reads_is_ignored_with_a_warning(load, caplog):
    with caplog.at_level(logging.WARNING):
        assert load({"DATA_LOADER.PREFETCH": True}) == get_cfg()
        assert load({"PREFETCH.A": 1, "TENSORBOARD.MODEL_VIS.TOPK": 2}) == get_cfg()
        get_cfg().merge_from_list(["PREFETCH.A", "1"])
    assert [record.message for record in caplog.records] == [
        "X.yaml: DATA_LOADER.PREFETCH is ignored: no version of SlowFast reads it",
        "X.yaml: PREFETCH, TENSORBOARD.MODEL_VIS.TOPK are ignored: no version of SlowFast reads "
        "them",
        "command line: PREFETCH.A is ignored: no version of SlowFast reads it",
    ]
    assert not load({"SPEED.PREFETCH": False}).SPEED.PREFETCH, "a key of that name elsewhere"


def test_a_stored_configuration_leaves_out_what_does_not_fit(caplog):
    """A checkpoint of a fork or of another version has other keys, or other types."""
    cfg = get_cfg()
    merge_stored(cfg, "NUM_GPUS: 3\nNUM_SHARDS: two\nFORK: {A: 1}\nTASK:\n", "w.pyth")
    assert (cfg.NUM_GPUS, cfg.NUM_SHARDS) == (3, 1)
    assert [record.message for record in caplog.records] == [
        "2 settings are ignored:\n"
        "  w.pyth: NUM_SHARDS: expected a whole number; found text two\n"
        "  w.pyth: unknown key FORK"
    ]
