"""The command line is read and becomes a configuration."""

import re
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from slowfast.ak.errors import UserError
from slowfast.config.defaults import get_cfg
from slowfast.config.dotted import dotted_keys
from slowfast.config.provenance import source_of
from slowfast.utils.command_line import OverridesParser
from slowfast.utils.parser import load_config, parse_args


@pytest.mark.parametrize(
    ("line", "files", "opts"),
    [
        ("--cfg a.yaml", ["a.yaml"], []),
        ("--cfg a.yaml b.yml", ["a.yaml", "b.yml"], []),
        ("--cfg a.yaml NUM_GPUS 0", ["a.yaml"], ["NUM_GPUS", "0"]),
        ("--cfg a.yaml b.yaml NUM_GPUS 0", ["a.yaml", "b.yaml"], ["NUM_GPUS", "0"]),
        ("--cfg a.yaml --opts NUM_GPUS 0", ["a.yaml"], ["NUM_GPUS", "0"]),
        ("--opts NUM_GPUS 0 --cfg a.yaml", ["a.yaml"], ["NUM_GPUS", "0"]),
        ("NUM_GPUS 0 --cfg a.yaml", ["a.yaml"], ["NUM_GPUS", "0"]),
        ("--cfg a.yaml --shard_id 1 NUM_GPUS 0", ["a.yaml"], ["NUM_GPUS", "0"]),
        ("--cfg a.yaml TASK x --num_shards 2", ["a.yaml"], ["TASK", "x"]),
        ("--cfg a.yaml --opts A 1 --num_shards 2 B 2", ["a.yaml"], ["A", "1", "B", "2"]),
        ("--cfg a.yaml OUTPUT_DIR b/c.yaml", ["a.yaml"], ["OUTPUT_DIR", "b/c.yaml"]),
        ("--cfg noending A 1", ["noending"], ["A", "1"]),
        ("--cfg a.yaml V -1", ["a.yaml"], ["V", "-1"]),
        ("--cfg a.yaml --opts V -1e-4 W -inf", ["a.yaml"], ["V", "-1e-4", "W", "-inf"]),
    ],
)
def test_files_and_overrides(line, files, opts):
    args = parse_args(line.split())
    assert (args.cfg_files, args.opts) == (files, opts)


def test_a_script_names_its_file_itself(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["script.py"])
    args = parse_args()
    assert (args.cfg_files, args.opts) == ([], [])
    assert load_config(args).MODEL.NUM_CLASSES == 400
    path = Path(__file__).parents[2] / "configs/AK/X3D_L.yaml"
    assert load_config(args, path).MODEL.MODEL_NAME == "X3D"


def test_words_before_the_first_key_and_overrides_are_told_apart():
    parser = OverridesParser()
    parser.add_configuration_options()
    parser.add_argument("--out")
    line = ["film.mp4", "--out", "p", "b.mp4", "TASK", "-x", "--opts", "A.B", "--", "--out", "q"]
    args = parser.parse([*line, "C", "-1"])
    assert (args.bare, args.after_opts) == (
        ["film.mp4", "b.mp4", "TASK", "-x", "C", "-1"],
        ["A.B", "--"],
    )
    assert args.opts == ["film.mp4", "b.mp4", "TASK", "-x", "A.B", "--", "C", "-1"]
    assert (args.out, args.ignore_unknown_keys) == ("q", False)


def test_options_of_a_run_on_several_machines():
    line = "--cfg a.yaml --init_method tcp://h:1 --num_shards 3 --shard_id 2 NUM_GPUS 0"
    args = parse_args(line.split())
    assert (args.init_method, args.num_shards, args.shard_id) == ("tcp://h:1", 3, 2)
    args = parse_args(["--cfg", "a.yaml"])
    assert not args.dry_run
    assert (args.init_method, args.num_shards, args.shard_id) == (
        "tcp://localhost:9999",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "--cfg is missing: name a file"),
        ("NUM_GPUS 0", "--cfg is missing"),
        ("--cfg", "expected at least one argument"),
        ("--cfg a.yaml --num_shard 2", "unknown option --num_shard"),
        ("--cfg a.yaml --num_shards two", "invalid int value"),
    ],
)
def test_wrong_command_line_exits_with_2(line, words, capsys):
    with pytest.raises(SystemExit) as exit_:
        parse_args(line.split(), needs_file=True)
    assert exit_.value.code == 2
    assert words in capsys.readouterr().err


def test_help_has_examples_and_fits_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["tools/run_net.py"])
    with pytest.raises(SystemExit) as exit_:
        parse_args(["--help"])
    assert exit_.value.code == 0
    text = capsys.readouterr().out
    for words in (
        "python tools/run_net.py --cfg configs/AK/SLOWFAST_8x8_R50.yaml --dry-run",
        "--opts SOLVER.STEPS",
        "TRAIN.ENABLE False",
        "torchrun --nnodes 2",
        "The same command continues",
        "status 75",
    ):
        assert words in text
    assert max(map(len, text.splitlines())) <= 80


def test_files_and_keys_in_the_help_exist(capsys):
    with pytest.raises(SystemExit):
        parse_args(["--help"])
    text = capsys.readouterr().out
    paths = set(re.findall(r"configs/\S+\.yaml", text))
    keys = set(re.findall(r"\b[A-Z]{3,}\.[A-Z_]+\b", text))
    assert len(paths) > 2
    assert len(keys) > 5
    root = Path(__file__).parents[2]
    assert all((root / path).is_file() for path in paths)
    assert keys <= set(dotted_keys(get_cfg()))


def test_keys_are_explained(capsys):
    with pytest.raises(SystemExit) as exit_:
        parse_args(["--keys", "TRAIN.BATCH_SIZE"])
    assert exit_.value.code == 0
    assert "TRAIN.BATCH_SIZE: 64\n    Clips per step" in capsys.readouterr().out


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("NUM_SHARDS: 4\nTRAIN:\n  BATCH_SIZE: 6\n")
    (tmp_path / "b.yaml").write_text("TRAIN:\n  BATCH_SIZE: 7\n")


def test_load_config_takes_the_first_file_or_the_given_one(files):
    args = parse_args(["--cfg", "a.yaml", "b.yaml", "NUM_GPUS", "0"])
    assert load_config(args).TRAIN.BATCH_SIZE == 6
    cfg = load_config(args, "b.yaml")
    assert (cfg.TRAIN.BATCH_SIZE, cfg.NUM_GPUS) == (7, 0)
    assert load_config(args, path_to_config="b.yaml") == cfg


def test_the_command_line_overrides_the_file(files):
    line = "--cfg a.yaml --num_shards 2 --shard_id 1 TRAIN.BATCH_SIZE 8"
    cfg = load_config(parse_args(line.split()))
    assert (cfg.NUM_SHARDS, cfg.SHARD_ID, cfg.TRAIN.BATCH_SIZE) == (2, 1, 8)
    assert source_of(cfg, "NUM_SHARDS") == "command line"
    assert source_of(cfg, "TRAIN.BATCH_SIZE") == "command line"


def test_the_file_counts_if_the_command_line_has_no_value(files):
    assert load_config(parse_args(["--cfg", "a.yaml"])).NUM_SHARDS == 4


def test_a_users_own_program_can_pass_a_namespace(files):
    assert load_config(Namespace()) == get_cfg()
    assert load_config(Namespace(cfg_files=[], opts=None)) == get_cfg()
    cfg = load_config(
        Namespace(
            cfg_file="b.yaml",
            opts=["NUM_GPUS", 0],
            num_shards=1,
            shard_id=0,
            rng_seed=5,
            output_dir="out",
        )
    )
    assert (cfg.TRAIN.BATCH_SIZE, cfg.NUM_GPUS, cfg.RNG_SEED) == (7, 0, 5)
    assert cfg.OUTPUT_DIR == "out"


def test_an_error_names_the_file_or_the_command_line(files):
    args = parse_args(["--cfg", "a.yaml", "TRAIN.BATCH_SIZ", "3"])
    with pytest.raises(UserError, match=r"^command line: unknown key TRAIN\.BATCH_SIZ; did you"):
        load_config(args)
    with pytest.raises(UserError, match=r"^c\.yaml: no such file; nearest: [ab]\.yaml"):
        load_config(parse_args(["--cfg", "c.yaml"]))
