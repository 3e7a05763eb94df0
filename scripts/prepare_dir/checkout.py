"""Recognises an upstream checkout or a fork of one.

A checkout is recognised by the names that the appended blocks use. They are read from the syntax
trees of its files: commits and line numbers do not matter, and nothing is imported. The number of
fields that the training loop takes from a batch tells the two branches apart.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prepare_dir import Refused, blocks

_LOOP_FILE = "tools/train_net.py"
# The names that each file must have: functions with the parameters, and classes with the methods
# and their parameters, that the blocks use. Names without either can be defined in any way. A class
# can inherit the methods.
_NEEDED: dict[str, dict[str, tuple[str, ...]]] = {
    "slowfast/__init__.py": {},
    "slowfast/config/custom_config.py": {"add_custom_config": ()},
    "slowfast/config/defaults.py": {"get_cfg": (), "assert_and_infer_cfg": ("cfg",)},
    "slowfast/utils/parser.py": {"parse_args": (), "load_config": ("args",)},
    "slowfast/models/build.py": {"MODEL_REGISTRY": (), "build_model": ("cfg",)},
    "slowfast/models/losses.py": {"_LOSSES": (), "get_loss_func": ()},
    "slowfast/datasets/__init__.py": {},
    "slowfast/datasets/build.py": {"DATASET_REGISTRY": (), "build_dataset": ()},
    "slowfast/datasets/loader.py": {
        "construct_loader": ("cfg", "split"),
        "shuffle_dataset": ("loader", "cur_epoch"),
    },
    "slowfast/utils/logging.py": {"log_json_stats": ("stats",)},
    "slowfast/utils/meters.py": {
        "get_map": (),
        "TestMeter": ("reset", "update_stats(preds, labels, clip_ids)", "finalize_metrics"),
        "ValMeter": ("update_predictions(preds, labels)", "log_epoch_stats"),
    },
    "tools/run_net.py": {},
    _LOOP_FILE: {"train_epoch": ("cfg", "model", "cur_epoch")},
}


@dataclass(frozen=True)
class Checkout:
    """A recognised checkout.

    Attributes:
        with_time: whether a batch has five fields; the fourth is the time.
        likeness: the branch that the checkout resembles, in words.
    """

    with_time: bool
    likeness: str


def refuse_project(root: Path, project: Path) -> None:
    """Raises Refused if a folder is this project or a copy of it."""
    same = root.resolve() == project.resolve()
    if same or (root / "slowfast/engine/training.py").is_file():
        raise Refused(
            f"{root} holds this project, which needs nothing added; expected a checkout of "
            "upstream SlowFast"
        )


def recognise(root: Path) -> Checkout:
    """Returns the checkout in a folder. Raises Refused, with all that is missing, if it is none."""
    missing = []
    trees = {}
    for file, needed in _NEEDED.items():
        try:
            trees[file] = parse(root / file)
        except Refused as problem:
            missing.append(f"{file}: {problem}")
            continue
        missing += [f"{file}: {words}" for words in _missing(trees[file], needed)]
    fields = _fields_of_a_batch(trees[_LOOP_FILE]) if _LOOP_FILE in trees else set()
    if _LOOP_FILE in trees and fields not in ({4}, {5}):
        found = " and ".join(map(str, sorted(fields))) or "no such loop"
        missing.append(
            f"{_LOOP_FILE}: train_epoch should unpack 4 or 5 fields of a batch, as in `for "
            f"cur_iter, (inputs, labels, index, time, meta) in enumerate(...)`; found {found}"
        )
    if missing:
        raise Refused(_not_upstream(root, missing))
    likeness = "main: batches of five fields" if 5 in fields else "patch-2: batches of four fields"
    return Checkout(5 in fields, likeness)


def parse(path: Path) -> ast.Module:
    """Returns the syntax tree of a file without its block. Raises Refused if there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of wrong escapes in upstream's strings
            return ast.parse(blocks.take(read(path)), path.name)
    except (SyntaxError, ValueError) as error:
        raise Refused(f"cannot be parsed by this Python: {error}") from None


def read(path: Path) -> bytes:
    """Returns the bytes of a file. Raises Refused if it cannot be read."""
    if path.is_symlink() and not path.exists():
        raise Refused("a link that leads nowhere")
    if not path.exists():
        raise Refused("is missing")
    if not path.is_file():
        raise Refused("is not a file")
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"cannot be read ({error.strerror})") from None


def _not_upstream(root: Path, missing: list[str]) -> str:
    words = [f"{root} is no checkout of upstream SlowFast that this script knows; found missing:"]
    words += [f"  {line}" for line in missing]
    inside = "slowfast/__init__.py"
    if (root.parent / inside).is_file() and not (root / inside).is_file():
        words.append(f"The folder above may be the checkout: --slowfast {root.parent}")
    return "\n".join(words)


def _missing(tree: ast.Module, needed: dict[str, tuple[str, ...]]) -> Iterator[str]:
    bound = dict(_bindings(tree.body))
    for name, parts in needed.items():
        if name not in bound:
            yield f"no {name}"
            continue
        yield from _lacking(name, bound[name], parts)


def _bindings(body: list[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """Yields the names that a module binds, also within `if`, `try` and `with`, and where."""
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield statement.name, statement
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            for alias in statement.names:
                yield alias.asname or alias.name.partition(".")[0], statement
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    yield node.id, statement
        else:
            for field in ("body", "orelse", "finalbody"):
                yield from _bindings(getattr(statement, field, []))
            for handler in getattr(statement, "handlers", []):
                yield from _bindings(handler.body)


def _lacking(name: str, statement: ast.stmt, parts: tuple[str, ...]) -> Iterator[str]:
    """Yields what a function or a class lacks; nothing if the source does not show it."""
    if isinstance(statement, ast.FunctionDef):
        arguments = statement.args
        named = {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
        lacking = sorted(set(parts) - named)
        if lacking:
            yield f"{name} without {', '.join(lacking)}"
    elif isinstance(statement, ast.ClassDef):
        methods = dict(_bindings(statement.body))
        for part in parts:
            method, _, parameters = part.rstrip(")").partition("(")
            if method in methods:
                wanted = tuple(filter(None, parameters.split(", ")))
                yield from _lacking(f"{name}.{method}", methods[method], wanted)
            elif not any(getattr(base, "id", "") != "object" for base in statement.bases):
                yield f"{name} without {method}"


def _fields_of_a_batch(tree: ast.Module) -> set[int]:
    """Returns the numbers of names into which the loops of train_epoch unpack a batch."""
    found = set()
    for function in (node for name, node in _bindings(tree.body) if name == "train_epoch"):
        loader = function.args.args[0].arg if getattr(function, "args", None) else ""
        for loop in ast.walk(function):
            if isinstance(loop, ast.For) and _mentions(loop.iter, loader):
                parts = getattr(loop.target, "elts", [])
                names = getattr(parts[1], "elts", []) if len(parts) == 2 else []
                starred = any(isinstance(name, ast.Starred) for name in names)
                found.add(0 if starred else len(names))
    return found


def _mentions(tree: ast.expr, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))
