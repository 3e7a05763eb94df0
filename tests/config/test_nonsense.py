"""Whatever is written into a file or on a command line: it is accepted, or refused in words."""

import random
import string

import pytest

from slowfast.ak.errors import UserError
from slowfast.config import checks
from slowfast.config.defaults import assert_and_infer_cfg, get_cfg
from slowfast.config.merge import dotted_keys
from slowfast.config.provenance import get

KEYS = dotted_keys(get_cfg())

ODD_VALUES = [
    None,
    True,
    False,
    0,
    -1,
    3,
    10**400,
    0.5,
    -0.0,
    float("inf"),
    float("nan"),
    "",
    " ",
    "None",
    "1e-4",
    "[1, 2",
    "{}",
    "__import__('os')",
    "é\u2028",
    "x" * 5000,
    "9" * 5000,
    [],
    [[]],
    [[[]]],
    [None],
    [1, "a", []],
    [[1], 2],
    [[1, 2], [3, 4], [5, 6], [7, 8]],
    [[[1, 2, 2]]] * 4,
    [-1, -1],
    [0, 0, 0],
    ["a", "b"],
    {},
    {"A": {"B": 1}},
    (1, 2),
    b"bytes",
    1j,
]

ODD_TEXTS = ["", "1", "1e-4", "[1, 2", "{a: 1}", "*a", "&a [*a]", "'", "|", "2024-13-45", "0o9"]

each_odd_value = pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: repr(value)[:20])


def odd_key(draw: random.Random) -> str:
    key = draw.choice(KEYS)
    return draw.choice(
        [
            key,
            key,
            key,
            key.lower(),
            key + draw.choice(string.ascii_letters + ". "),
            key[: draw.randrange(len(key))],
            key.partition(".")[0],
            key.partition(".")[2],
            "".join(draw.choices(string.printable, k=draw.randrange(12))),
        ]
    )


def check_words(error: UserError, start: str = "") -> None:
    """Every line says where something was found, and what."""
    for line in str(error).splitlines():
        assert line.startswith(start), line
        assert ": " in line, line


@pytest.mark.parametrize("seed", range(60))
def test_random_overrides(seed, load_runnable):
    draw = random.Random(seed)
    for _ in range(10):
        cfg = load_runnable()
        pairs = [item for _ in range(3) for item in (odd_key(draw), draw.choice(ODD_VALUES))]
        try:
            cfg.merge_from_list(pairs[: draw.choice([2, 4, 5, 6])])
            assert_and_infer_cfg(cfg)
        except UserError as error:
            check_words(error)


@each_odd_value
def test_every_key_with_an_odd_value(value, load_runnable):
    runnable = load_runnable()
    accepted = []
    for key in KEYS:
        cfg = runnable.clone()
        try:
            cfg.merge_from_list([key, value])
        except UserError as error:
            check_words(error, "command line: ")
            continue
        if not checks.problems(cfg):
            checks.warnings(cfg)
        accepted.append(key)
    runnable.merge_from_list([item for key in accepted for item in (key, value)])
    checks.problems(runnable)


@pytest.mark.parametrize("value", ODD_VALUES[::3], ids=lambda value: repr(value)[:20])
def test_every_key_set_by_a_program_to_an_odd_value(value, load_runnable):
    """Nothing converts what a program sets; the check must bear it."""
    runnable = load_runnable()
    for key in KEYS:
        cfg = runnable.clone()
        *groups, leaf = key.split(".")
        (get(cfg, ".".join(groups)) if groups else cfg)[leaf] = value
        if not checks.problems(cfg):
            checks.warnings(cfg)


@pytest.mark.parametrize("seed", range(60))
def test_random_text_in_a_file(seed, load):
    draw = random.Random(seed)
    names = [*KEYS, "TRAIN", "MODEL", "_BASE_", "- a", "? x", "&a", "*a", "!!set"]
    lines = []
    for _ in range(draw.randrange(1, 8)):
        indent = " " * draw.choice([0, 0, 2, 2, 3, 4])
        name = draw.choice(names)
        name = draw.choice([name, name.partition(".")[2]])
        lines.append(f"{indent}{name}: {draw.choice(ODD_TEXTS)}")
    try:
        load("\n".join(lines))
    except UserError as error:
        check_words(error)


@pytest.mark.parametrize("seed", range(30))
def test_random_bytes_in_a_file(seed, tmp_path):
    path = tmp_path / "X.yaml"
    path.write_bytes(random.Random(seed).randbytes(60))
    try:
        get_cfg().merge_from_file(path)
    except UserError as error:
        check_words(error, str(path))
