"""What a folder must have to be taken for an upstream checkout, or a fork of one.

Notable: it is recognised by the names in its files that the appended blocks use, read from the
syntax tree; neither commits nor line numbers matter, and nothing is imported. How many fields the
training loop takes from a batch is read there as well: it is what parts the two branches.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prepare_dir import Refused, blocks

_LOOP_FILE = "tools/train_net.py"
# In each file the names that must be there: functions with the parameters, classes with the
# methods, and their parameters, that the blocks rely on. Names alone where somebody's own may be
# made in another way. A class may have the methods from another one.
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
    """What was recognised.

    Attributes:
        with_time: whether a batch has five fields, the fourth of them times.
        likeness: in words, which branch that resembles.
    """

    with_time: bool
    likeness: str


def refuse_project(root: Path, project: Path) -> None:
    """Raises Refused where a folder is this project, or another copy of it."""
    same = root.resolve() == project.resolve()
    if same or (root / "slowfast/engine/training.py").is_file():
        raise Refused(
            f"{root} holds this project, which has it all; expected a checkout of upstream SlowFast"
        )


def recognise(root: Path) -> Checkout:
    """The checkout in a folder. Raises Refused, with all that was missed, where there is none."""
    missed = []
    trees = {}
    for file, needed in _NEEDED.items():
        try:
            trees[file] = parse(root / file)
        except Refused as problem:
            missed.append(f"{file}: {problem}")
            continue
        missed += [f"{file}: {words}" for words in _missed(trees[file], needed)]
    fields = _fields_of_a_batch(trees[_LOOP_FILE]) if _LOOP_FILE in trees else set()
    if _LOOP_FILE in trees and fields not in ({4}, {5}):
        found = " and ".join(map(str, sorted(fields))) or "no such loop"
        missed.append(
            f"{_LOOP_FILE}: train_epoch should unpack 4 or 5 fields of a batch, as in `for "
            f"cur_iter, (inputs, labels, index, time, meta) in enumerate(...)`; found {found}"
        )
    if missed:
        raise Refused(_not_upstream(root, missed))
    likeness = "main: batches of five fields" if 5 in fields else "patch-2: batches of four fields"
    return Checkout(5 in fields, likeness)


def parse(path: Path) -> ast.Module:
    """The syntax tree of a file without its block. Raises Refused where it cannot be had."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in strings, which are not ours to mend
            return ast.parse(blocks.take(read(path)), path.name)
    except (SyntaxError, ValueError) as error:
        raise Refused(f"cannot be parsed by this Python: {error}") from None


def read(path: Path) -> bytes:
    """The bytes of a file. Raises Refused, in words, where it has none."""
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


def _not_upstream(root: Path, missed: list[str]) -> str:
    words = [f"{root} is not taken for a checkout of upstream SlowFast; what was missed:"]
    words += [f"  {line}" for line in missed]
    inside = "slowfast/__init__.py"
    if (root.parent / inside).is_file() and not (root / inside).is_file():
        words.append(f"Perhaps the folder above was meant: --slowfast {root.parent}")
    return "\n".join(words)


def _missed(tree: ast.Module, needed: dict[str, tuple[str, ...]]) -> Iterator[str]:
    bound = dict(_bindings(tree.body))
    for name, parts in needed.items():
        if name not in bound:
            yield f"no {name}"
            continue
        yield from _lacking(name, bound[name], parts)


def _bindings(body: list[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """The names that a module binds, within `if`, `try` and `with` too, and by what."""
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
    """What a function or a class is without; nothing where that cannot be seen here."""
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
    """How many names the loops of train_epoch unpack a batch into, next to its number."""
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
