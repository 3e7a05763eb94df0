"""Upstream's import paths and names, over the functions of this tree.

A script that was written for facebookresearch/SlowFast imports, for example,
``slowfast.datasets.cv2_transform.scale`` or ``slowfast.utils.misc.launch_job``. Here these are in
other rooms, or exist for such scripts only. `install` adds a finder to Python's import system that
knows upstream's paths (`table.py`):

- A path without a file, such as ``slowfast.datasets.cv2_transform``, becomes a module with the
  names of the table.
- A module of this tree at upstream's path, such as ``slowfast.models.optimizer``, gets the names
  that it lacks. They are looked up when they are first asked for.

The functions are in the other files of this folder, by topic. `not_built.py` has the names of what
this tree does not do yet. They can be imported, and say what is missing when they are called.
Nothing in the tree imports this folder or the names that it adds. It is imported with ``slowfast``,
so that the top of this file and `table.py` import nothing heavy.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader

from slowfast.entries import register_entries
from slowfast.upstream_names.table import NAMES

TYPE_CHECKING = False  # typing would take longer to import than all else here
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType
    from typing import Any

# Upstream's programs import `tools` by this path, which exists nowhere public.
_ROOT = __file__.replace("\\", "/").rsplit("/", 3)[0]
_PRIVATE = ("vision", "vision.fair", "vision.fair.slowfast")


def install() -> None:
    """Makes upstream's import paths known to this process. A second call changes nothing."""
    if not any(isinstance(finder, UpstreamFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, UpstreamFinder())


def names_at(path: str) -> list[str]:
    """Returns the names that this folder adds at one of upstream's paths."""
    return [*NAMES.get(path, {}), *_not_built().table().get(path, ())]


def look_up(path: str, name: str) -> Any:
    """Returns the object of a name at one of upstream's paths.

    Raises:
        AttributeError: the table has no such name.
    """
    if name in (files := NAMES.get(path, {})):
        return getattr(import_module(f"{__name__}.{files[name]}"), name)
    if f"{path}.{name}" in NAMES:
        return import_module(f"{path}.{name}")
    if not name.startswith("__") and name in _not_built().table().get(path, ()):
        return _not_built().stand_in(path, name)
    raise AttributeError(f"module {path!r} has no attribute {name!r}")


def _not_built() -> ModuleType:
    return import_module(f"{__name__}.not_built")


class UpstreamFinder:
    """Finds the modules of the table."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in _PRIVATE and PathFinder.find_spec(fullname, path) is None:
            spec = ModuleSpec(fullname, _FrontDoor(), is_package=True)
            if fullname == _PRIVATE[-1]:
                spec.submodule_search_locations.append(_ROOT)
            return spec
        if fullname not in NAMES:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is None:
            return ModuleSpec(fullname, _FrontDoor())
        if isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Completed(spec.loader.name, spec.loader.path)
        return spec


class _FrontDoor:
    """Makes a module that only holds names of the table."""

    def create_module(self, spec: ModuleSpec) -> None:
        """Leaves it to Python to make the module."""

    def exec_module(self, module: ModuleType) -> None:
        path = module.__name__
        module.__doc__ = f"Upstream's names of {path}. See `slowfast.upstream_names`."
        module.__all__ = names_at(path)
        for name in module.__all__:
            setattr(module, name, look_up(path, name))


class _Completed(SourceFileLoader):
    """Loads a module of this tree, and lets it find the names of the table that it lacks."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        module.__getattr__ = _after(module.__dict__.get("__getattr__"), module)
        if module.__name__ == "slowfast.config.defaults":
            module.before_checks.append(register_entries)


def _after(own: Callable[[str], Any] | None, module: ModuleType) -> Callable[[str], Any]:
    """Returns a module's `__getattr__`: its own one if it has one, then the table."""

    def find(name: str) -> Any:
        if own:
            try:
                return own(name)
            except AttributeError:
                pass
        found = look_up(module.__name__, name)
        setattr(module, name, found)
        return found

    return find
