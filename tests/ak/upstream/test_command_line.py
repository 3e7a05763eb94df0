"""Settings after `--opts` and bare settings, on both branches."""

from __future__ import annotations

import argparse
import sys

import pytest

from slowfast.ak.upstream.command_line import split_settings, takes_both_forms

SETTINGS = ["NUM_GPUS", "2", "OUTPUT_DIR", "mine"]


def on_main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cfg", dest="cfg_files", nargs="+", default=["some.yaml"])
    parser.add_argument("--shard_id", type=int, default=0)
    parser.add_argument("--opts", nargs=argparse.REMAINDER)
    return parser.parse_args()


def on_patch_2():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cfg", dest="cfg_file", default="some.yaml")
    parser.add_argument("--shard_id", type=int, default=0)
    parser.add_argument("opts", nargs=argparse.REMAINDER)
    return parser.parse_args()


@pytest.mark.parametrize("parse_args", [on_main, on_patch_2])
@pytest.mark.parametrize("begin", [[], ["--opts"]])
@pytest.mark.parametrize("before", [["--shard_id", "1"], ["--shard_id=1"]])
def test_settings_are_taken_in_both_forms(monkeypatch, parse_args, begin, before):
    given = ["run_net.py", *before, "--cfg", "a.yaml", *begin, *SETTINGS]
    monkeypatch.setattr(sys, "argv", given)
    parsed = takes_both_forms(parse_args)()
    assert parsed.opts == SETTINGS
    assert parsed.shard_id == 1
    assert getattr(parsed, "cfg_file", None) or parsed.cfg_files == ["a.yaml"]
    assert sys.argv is given


def test_several_configuration_files_stay_files(monkeypatch, tmp_path):
    other = tmp_path / "settings.txt"
    other.touch()
    monkeypatch.setattr(
        sys, "argv", ["run_net.py", "--cfg", "a.yaml", "b.yml", str(other), "X", "1"]
    )
    parsed = takes_both_forms(on_main)()
    assert (parsed.cfg_files, parsed.opts) == (["a.yaml", "b.yml", str(other)], ["X", "1"])


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (["--cfg", "a.yaml"], []),
        (["--cfg", "no_such_file"], []),  # the checkout then reports it
        (["--cfg", "a.yaml", "--init_method", "tcp://here:1"], []),
        (["--cfg", "a.yaml", "--init_method", "tcp://here:1", "X", "-1"], ["X", "-1"]),
        (["X", "1"], ["X", "1"]),
        ([], []),
    ],
)
def test_words_that_belong_to_no_option_are_settings(words, settings):
    command, found = split_settings(["run_net.py", *words])
    assert found == settings
    assert command + found == ["run_net.py", *words]
