"""The rooms of the tree: imports form no circle, and they go down only.

The import graph is built from the source. It contains late imports inside functions too, and a
package that imports all of its modules (`import_all`) points to each of them. Two kinds of modules
are left out: `slowfast/ak/upstream`, which connects us to an upstream checkout, and the front doors
listed here, which are programs at upstream's paths. Upstream's other names are in
`slowfast/upstream_names`, the highest room of the package.
"""

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

from slowfast.upstream_names.table import NAMES

ROOT = Path(__file__).parents[1]

# From the lowest room to the highest; rooms of one line do not import each other in a circle.
ROOMS = (
    ("slowfast.ak",),
    ("slowfast.config",),
    ("slowfast.schedules",),
    ("slowfast.utils",),
    ("slowfast.data_tools",),
    ("slowfast.ethograms",),
    ("slowfast.datasets", "slowfast.models", "slowfast.checkpoints"),
    ("slowfast.tasks",),
    ("slowfast.visualization", "slowfast.results"),
    ("slowfast.engine",),
    ("slowfast.prediction",),
    ("slowfast.upstream_names", "slowfast.entries"),
    ("tools",),
)

FRONT_DOORS = {
    "tools.benchmark",
    "tools.demo_net",
    "tools.test_net",
    "tools.train_net",
    "tools.visualization",
}

# The places that import modules by name: one finds the files of a registry's folder, the other one
# upstream's paths.
IMPORTS_BY_NAME = {"slowfast.ak.registries.registry", "slowfast.upstream_names"}

MOST_MODULES = 16
MOST_PROGRAMS = 24  # commands in tools/, which nothing imports


@cache
def sources() -> dict[str, ast.Module]:
    """The syntax tree of each module of the package and of the tools, by dotted name."""
    trees = {}
    for top in ("slowfast", "tools"):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            trees[name] = ast.parse(path.read_text(encoding="utf-8"))
    return trees


def is_package(name: str) -> bool:
    return (ROOT / name.replace(".", "/")).is_dir()


def folder(name: str) -> str:
    """The folder that a module lies in; a package lies in itself."""
    return name if is_package(name) else name.rpartition(".")[0]


def imports_of(name: str) -> set[str]:
    """The modules of this project that a module imports, wherever the import statement stands."""
    found = set()
    for node in ast.walk(sources()[name]):
        if isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{each.name}" for each in node.names]
            found.update(each if each in sources() else node.module for each in inner)
        elif isinstance(node, ast.Import):
            found.update(each.name for each in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_all":
            found.update(each for each in sources() if each.rpartition(".")[0] == name)
    return {each for each in found if each in sources() and each != name}


@cache
def graph() -> dict[str, set[str]]:
    """The imports of every module but those that are left out."""
    left_out = {name for name in sources() if name.startswith("slowfast.ak.upstream")}
    return {
        name: imports_of(name)
        for name in sources()
        # Every import of a part of `slowfast` runs slowfast/__init__.py, which settles the process.
        if name not in left_out | FRONT_DOORS | {"slowfast"}
    }


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one node (Tarjan, 1972)."""
    number, low, stack, found = {}, {}, [], []

    def visit(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        for after in edges.get(node, ()):
            if after not in number:
                visit(after)
                low[node] = min(low[node], low[after])
            elif after in stack:
                low[node] = min(low[node], number[after])
        if low[node] == number[node]:
            component = []
            while not component or component[-1] != node:
                component.append(stack.pop())
            if len(component) > 1:
                found.append(sorted(component))

    for node in edges:
        if node not in number:
            visit(node)
    return found


def between_folders() -> dict[str, set[str]]:
    edges = defaultdict(set)
    for name, targets in graph().items():
        edges[folder(name)] |= {folder(target) for target in targets} - {folder(name)}
    return edges


def height(name: str) -> int:
    """The number of the line of ROOMS that a module belongs to."""
    for number, rooms in enumerate(ROOMS):
        if any(name == room or name.startswith(f"{room}.") for room in rooms):
            return number
    raise AssertionError(f"{name} is in no room of ROOMS: add its room")


def test_a_circle_is_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_late_imports_are_seen():
    assert "slowfast.engine.dry_run" in imports_of("tools.run_net")


def test_no_circle_between_files():
    assert circles(graph()) == []


def test_no_circle_between_folders():
    assert circles(between_folders()) == []


def test_imports_go_down_only():
    upward = [
        f"{name} imports {target}"
        for name, targets in graph().items()
        for target in targets
        if target != "slowfast" and height(target) > height(name)
    ]
    assert upward == []


def test_the_foundation_imports_no_room_of_ak():
    for name in ("errors", "keys", "nearest", "paths", "config"):
        inner = {each for each in imports_of(f"slowfast.ak.{name}") if each.count(".") > 2}
        assert not inner, f"slowfast/ak/{name}.py imports {inner}"


def test_nothing_is_imported_by_name():
    for name, tree in sources().items():
        if name in IMPORTS_BY_NAME or name.startswith(("slowfast.ak.upstream", "tools.reference")):
            continue
        for node in ast.walk(tree):
            called = getattr(node, "func", None)
            by_name = getattr(called, "attr", getattr(called, "id", ""))
            assert by_name not in ("import_module", "__import__"), f"{name}: line {node.lineno}"
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "sys.modules":
                # A package may name itself, for `import_all`.
                assert ast.unparse(node.slice) == "__name__", f"{name}: line {node.lineno}"
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("sys.modules."):
                raise AssertionError(f"{name}: line {node.lineno}")


def test_front_doors_say_so_and_hold_no_code_of_their_own():
    called_so = {
        name
        for name, tree in sources().items()
        if (ast.get_docstring(tree) or "").startswith("Front door")
    }
    assert called_so == FRONT_DOORS
    for name in FRONT_DOORS:
        kinds = (ast.Import, ast.ImportFrom, ast.Expr, ast.Assign, ast.FunctionDef)
        for node in sources()[name].body:
            assert isinstance(node, kinds), f"{name}: line {node.lineno}"


def test_nothing_inside_uses_a_name_that_is_for_scripts():
    for name, tree in sources().items():
        if not name.startswith("slowfast.") or name.startswith(
            ("slowfast.upstream_names", "slowfast.ak.upstream")
        ):
            continue
        targets = imports_of(name)
        assert not {each for each in targets if height(each) > height("slowfast.prediction")}, name
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                for each in node.names:
                    path = f"{node.module}.{each.name}"
                    assert path not in NAMES or path in sources(), f"{name} imports {path}"
                    assert each.name not in NAMES.get(node.module, {}), f"{name} imports {path}"


def test_no_folder_is_a_long_flat_list():
    for path in {(ROOT / name.replace(".", "/")).parent for name in sources()}:
        doors = {f"{Path(*name.split('.'))}.py" for name in FRONT_DOORS}
        modules = [
            each
            for each in path.glob("*.py")
            if each.name != "__init__.py" and str(each.relative_to(ROOT)) not in doors
        ]
        most = MOST_PROGRAMS if path == ROOT / "tools" else MOST_MODULES
        assert len(modules) <= most, f"{path.relative_to(ROOT)}: {len(modules)} modules"


def test_no_program_is_imported():
    programs = {name for name in sources() if folder(name) == "tools"} - FRONT_DOORS
    imported = {target for targets in graph().values() for target in targets}
    assert not programs & imported
