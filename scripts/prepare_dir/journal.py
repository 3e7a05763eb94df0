"""The record of what was written, which --revert goes by: `.prepare_dir_AR.json` in the checkout.

Notable: it lies at the root, where a user sees it, `git status` shows one line of it, and no folder
needs to be made before it. It is there before the first change and goes after the last, so that
after a stop at any point it names all that may be there. It has fingerprints of what was, or was
about to be, written: what has none of them is somebody else's. The blocks in upstream's files are
not in it, for they tell of themselves.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

from prepare_dir import Refused
from prepare_dir.carried import ROOTS, Carried

NAME = ".prepare_dir_AR.json"
_ABOUT = "What scripts/prepare_dir_AR.sh added here, for its --revert, which removes this file too."
_LINK = "-> "


@dataclass(frozen=True)
class Journal:
    """What was written below a checkout.

    Attributes:
        mode: `copy` or `link`; empty where nothing was written.
        written: for each path the fingerprints that it may have from us.
        folders: those that were made.
    """

    mode: str = ""
    written: dict[str, list[str]] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)

    def joined(self, other: Journal) -> Journal:
        """What either names."""
        written = {
            path: sorted({*self.written.get(path, []), *other.written.get(path, [])})
            for path in {*self.written, *other.written}
        }
        folders = sorted({*self.folders, *other.folders})
        return Journal(other.mode or self.mode, written, folders)

    def content(self) -> bytes:
        """The file as it is written."""
        text = json.dumps({"about": _ABOUT, **asdict(self)}, indent=1, sort_keys=True)
        return text.encode() + b"\n"


def read(root: Path) -> Journal | None:
    """The journal of a checkout, if it has one. Raises Refused where it is damaged."""
    path = root / NAME
    try:
        found = json.loads(path.read_bytes())
        journal = Journal(found["mode"], found["written"], found["folders"])
        _check(journal)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise Refused(
            f"{path} cannot be read as the record of what was written ({error}); delete it, and "
            "what was written is told by its content"
        ) from None
    return journal


def guessed(mode: str, carried: Carried) -> Journal:
    """For a checkout whose journal was lost: what would be carried now was carried then."""
    folders = {str(folder) for path in carried for folder in PurePosixPath(path).parents}
    return Journal(
        mode,
        {path: [fingerprint(item)] for path, item in carried.items()},
        sorted(
            folder for folder in folders if f"{folder}/".startswith(tuple(f"{r}/" for r in ROOTS))
        ),
    )


def fingerprint(item: bytes | str) -> str:
    """A file's is the hash of its content, a link's its target."""
    return _LINK + item if isinstance(item, str) else hashlib.sha256(item).hexdigest()


def target(print_of_link: str) -> str:
    """Where a link of this fingerprint leads."""
    return print_of_link[len(_LINK) :]


def fingerprint_at(path: Path) -> str | None:
    """Of what lies at a path; None where nothing does. Anything but files and links has its own."""
    if path.is_symlink():
        return fingerprint(os.readlink(path))  # noqa: PTH115 -- Path has it since Python 3.9
    if path.is_file():
        return fingerprint(path.read_bytes())
    return "a folder" if path.exists() else None


def _check(journal: Journal) -> None:
    if not all(journal.written.values()):
        raise ValueError("it holds a path without a fingerprint")
    for texts in (*journal.written.values(), journal.folders):
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("it holds something else than texts")
    for path in map(PurePosixPath, (*journal.written, *journal.folders)):
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{path} leads out of the checkout")
