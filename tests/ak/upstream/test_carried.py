"""Only slowfast/ak is carried: it imports nothing else of this project."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.upstream.checkouts import BRANCHES, make_checkout

PACKAGE = Path(__file__).parents[3] / "slowfast/ak"


def imported(path: Path) -> Iterator[str]:
    """Yields the modules of slowfast that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def outside(names: Iterator[str]) -> set[str]:
    of_slowfast = {name for name in names if f"{name}.".startswith("slowfast.")}
    return {name for name in of_slowfast if not f"{name}.".startswith("slowfast.ak.")}


def test_only_upstream_imports_modules_outside_slowfast_ak(tmp_path):
    checkouts = [make_checkout(tmp_path / branch, branch) for branch in BRANCHES]
    for path in PACKAGE.rglob("*.py"):
        found = outside(imported(path))
        if "upstream" not in path.relative_to(PACKAGE).parts:
            assert not found, path
        for name in found:
            # In `upstream` the checkout's modules are meant: all that are imported exist there.
            parts = name.split(".")
            for checkout in checkouts:
                places = [checkout.joinpath(*parts), checkout.joinpath(*parts[:-1])]
                modules = [p for p in places if p.is_dir() or p.with_suffix(".py").is_file()]
                assert modules, f"{path} imports {name}"
