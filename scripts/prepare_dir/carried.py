"""Lists what is carried into a checkout: files of this project, links to it, links to the data.

All files of `slowfast/ak/` and `configs/AK/` are carried, except caches and hidden files. With
--link the package is one link, which follows this project as it changes. Each recipe is a link of
its own, so that a recipe that a user adds to `configs/AK/` does not end up in this project. Data
are always linked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from prepare_dir import Refused

PACKAGE, RECIPES, DATA = "slowfast/ak", "configs/AK", "data/ak"
ROOTS = (PACKAGE, RECIPES, DATA)
# From paths in the checkout to bytes, the content of a file, or a str, the target of a link.
Carried = dict

# For each link in data/ak: the names that its folder can have in the data set or in --data.
_DATA_PARTS = {
    "annot": ("annotation", "annot"),
    "image": ("dataset/image", "image"),
    "video": ("dataset/video", "video"),
}


def of_project(project: Path, mode: str) -> Carried:
    """Returns the package and the recipes, for the mode `copy` or `link`.

    Raises Refused if the project lacks them.
    """
    for path in (project / PACKAGE / "__init__.py", project / RECIPES):
        if not path.exists():
            raise Refused(f"{path} is missing; run this script from a whole copy of its project")
    recipes = files_below(project, RECIPES)
    if mode == "link":
        return {path: str(project / path) for path in (PACKAGE, *recipes)}
    return {
        path: (project / path).read_bytes() for path in (*files_below(project, PACKAGE), *recipes)
    }


def links_to_a_project(root: Path) -> Carried:
    """Returns the links that --link made in a checkout, to whichever copy of this project."""
    package = os.readlink(root / PACKAGE)  # noqa: PTH115 -- Path has it since Python 3.9
    project = Path(package).parents[1]
    recipes = [path for path in files_below(root, RECIPES) if (root / path).is_symlink()]
    links = {path: os.readlink(root / path) for path in recipes}  # noqa: PTH115
    ours = {path: target for path, target in links.items() if target == str(project / path)}
    return {PACKAGE: package, **ours}


def data_links(root: Path, option: str | None, environment: Mapping[str, str]) -> Carried:
    """Returns the links to the data of --data, else of DIR_AK_AR, else below DIR_ROOT.

    Raises Refused if --data or DIR_AK_AR is a folder without data, or the checkout's own data/ak.
    """
    named = option or environment.get("DIR_AK_AR")
    if not named:
        above = environment.get("DIR_ROOT")
        return _links(Path(above) / "Animal_Kingdom/action_recognition") if above else {}
    folder, origin = Path(named), "--data" if option else "DIR_AK_AR"
    links = _links(folder) or _links(folder / "action_recognition")
    if not links:
        parts = ", ".join(names[0] for names in _DATA_PARTS.values())
        raise Refused(f"{origin} {named}: expected a folder with at least one of {parts}")
    home = (root / DATA).parent.resolve() / Path(DATA).name
    if any(
        path.is_symlink() and path.parent.resolve() == home for path in map(Path, links.values())
    ):
        raise Refused(
            f"{origin} {named}: found the links that this script made; name the folder that they "
            "lead to"
        )
    return links


def _links(folder: Path) -> Carried:
    found = {}
    for part, names in _DATA_PARTS.items():
        for name in names:
            path = folder.expanduser().absolute() / name
            if path.is_dir():
                found.setdefault(f"{DATA}/{part}", os.path.normpath(path))
    return found


def files_below(root: Path, folder: str) -> list[str]:
    """Returns the files in a folder, without caches and hidden files; empty without the folder."""
    return [path.relative_to(root).as_posix() for path in sorted(_walk(root / folder))]


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name == "__pycache__" or path.name.startswith(".") or path.name.endswith("~"):
            continue
        if path.is_dir():
            yield from _walk(path)
        elif path.suffix != ".pyc":
            yield path
