"""What is carried into a checkout: files of this project, and links to it or to the data.

Notable: an item is bytes, the content of a file, or a text, the target of a symbolic link. All of
`slowfast/ak/` and `configs/AK/` is carried but caches and hidden files. With --link the package is
one link, which follows this project as it changes, but each recipe has its own: one that a user
adds to `configs/AK/` must not land here. Data are always linked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from prepare_dir import Refused

PACKAGE, RECIPES, DATA = "slowfast/ak", "configs/AK", "data/ak"
ROOTS = (PACKAGE, RECIPES, DATA)
Carried = dict  # from paths in the checkout to items

# In the folder of the data set, or in one laid out as data/ak is.
_DATA_PARTS = {
    "annot": ("annotation", "annot"),
    "image": ("dataset/image", "image"),
    "video": ("dataset/video", "video"),
}


def of_project(project: Path, mode: str) -> Carried:
    """The package and the recipes, for the mode `copy` or `link`. Raises Refused without them."""
    for path in (project / PACKAGE / "__init__.py", project / RECIPES):
        if not path.exists():
            raise Refused(f"{path} is missing; expected this script in a whole copy of its project")
    recipes = files_below(project, RECIPES)
    if mode == "link":
        return {path: str(project / path) for path in (PACKAGE, *recipes)}
    return {
        path: (project / path).read_bytes() for path in (*files_below(project, PACKAGE), *recipes)
    }


def data_links(root: Path, option: str | None, environment: Mapping[str, str]) -> Carried:
    """The links to the data: of --data, or else of DIR_AK_AR, or else below DIR_ROOT if there.

    Raises Refused where a folder was named that holds no data, or the checkout's links to them.
    """
    named = option or environment.get("DIR_AK_AR")
    if not named:
        above = environment.get("DIR_ROOT")
        return _links(Path(above) / "Animal_Kingdom/action_recognition") if above else {}
    folder, origin = Path(named), "--data" if option else "DIR_AK_AR"
    links = _links(folder) or _links(folder / "action_recognition")
    if not links:
        parts = ", ".join(names[0] for names in _DATA_PARTS.values())
        raise Refused(f"{origin} {named}: expected a folder that has {parts}, or one of them")
    home = (root / DATA).parent.resolve() / Path(DATA).name
    if any(
        path.is_symlink() and path.parent.resolve() == home for path in map(Path, links.values())
    ):
        raise Refused(
            f"{origin} {named}: these are the links themselves; name the folder they lead to"
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
    """The files in a folder, caches and hidden ones left out; none where there is no folder."""
    return [path.relative_to(root).as_posix() for path in sorted(_walk(root / folder))]


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name == "__pycache__" or path.name.startswith(".") or path.name.endswith("~"):
            continue
        if path.is_dir():
            yield from _walk(path)
        elif path.suffix != ".pyc":
            yield path
