"""The journal records what was written; --revert reads it: `.prepare_dir_AR.json` in the checkout.

The journal is at the root of the checkout: a user sees it, `git status` shows one line for it, and
it needs no folder. It is written before the first change and removed after the last. So after an
interruption it names everything that may exist. It holds fingerprints of what was written, or was
about to be; a file with another fingerprint is the user's. The blocks in upstream's files are not
in it, because each has its own checksum.
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
_ABOUT = "What scripts/prepare_dir_AR.sh added here. Its --revert reads and removes this file."
_LINK = "-> "


@dataclass(frozen=True)
class Journal:
    """What was written into a checkout.

    Attributes:
        mode: `copy` or `link`; empty if nothing was written.
        written: for each path, the fingerprints that the script may have given it.
        folders: the folders that the script made.
    """

    mode: str = ""
    written: dict[str, list[str]] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)

    def joined(self, other: Journal) -> Journal:
        """Returns a journal with the entries of both."""
        written = {
            path: sorted({*self.written.get(path, []), *other.written.get(path, [])})
            for path in {*self.written, *other.written}
        }
        folders = sorted({*self.folders, *other.folders})
        return Journal(other.mode or self.mode, written, folders)

    def content(self) -> bytes:
        """Returns the content of the file."""
        text = json.dumps({"about": _ABOUT, **asdict(self)}, indent=1, sort_keys=True)
        return text.encode() + b"\n"


def read(root: Path) -> Journal | None:
    """Returns the journal of a checkout, if it has one. Raises Refused if it is damaged."""
    path = root / NAME
    try:
        found = json.loads(path.read_bytes())
        journal = Journal(found["mode"], found["written"], found["folders"])
        _check(journal)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise Refused(
            f"{path} is damaged ({error}); delete it: the script then recognises what it wrote by "
            "its content"
        ) from None
    return journal


def guessed(mode: str, carried: Carried) -> Journal:
    """Returns a journal for a checkout that lost it, if what was carried is known."""
    folders = {str(folder) for path in carried for folder in PurePosixPath(path).parents}
    return Journal(
        mode,
        {path: [fingerprint(item)] for path, item in carried.items()},
        sorted(
            folder for folder in folders if f"{folder}/".startswith(tuple(f"{r}/" for r in ROOTS))
        ),
    )


def fingerprint(item: bytes | str) -> str:
    """Returns the hash of a file's content, or the target of a link."""
    return _LINK + item if isinstance(item, str) else hashlib.sha256(item).hexdigest()


def target(fingerprint_of_link: str) -> str:
    """Returns the target of a link with this fingerprint."""
    return fingerprint_of_link[len(_LINK) :]


def fingerprint_at(path: Path) -> str | None:
    """Returns the fingerprint of a path; None if nothing is there, "a folder" for a folder."""
    if path.is_symlink():
        return fingerprint(os.readlink(path))  # noqa: PTH115 -- Path has it since Python 3.9
    if path.is_file():
        return fingerprint(path.read_bytes())
    return "a folder" if path.exists() else None


def _check(journal: Journal) -> None:
    if not all(journal.written.values()):
        raise ValueError("a path has no fingerprint")
    for texts in (*journal.written.values(), journal.folders):
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("an entry is not a text")
    for path in map(PurePosixPath, (*journal.written, *journal.folders)):
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{path} leads out of the checkout")
