"""What becomes known, batch by batch, of clips that could not be read.

A worker cannot tell the log of a run: it does not know what other workers, and other processes,
have told. So its items carry what it found (`slowfast.ak.clips.bad_clips`), the loader enters that
here, and
processes share their entries where they meet anyway.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import chain
from typing import Any

from slowfast.ak.clips.bad_clips import Flaw, from_meta
from slowfast.ak.errors import UserError
from slowfast.ak.run.processes import gather_objects

logger = logging.getLogger(__name__)

_NAMED = 5


class TooManyBadClips(UserError):
    """More of the training clips cannot be read than DATA.MAX_BAD_FRACTION lets pass."""


class Ledger:
    """Flaws of one pass over the data, and which of them the log has named before.

    Args:
        clip_name: gives a clip's name for its index.
    """

    def __init__(self, clip_name: Callable[[int], str]) -> None:
        self._clip_name = clip_name
        self._named: set[tuple[str, int]] = set()
        self._carried: dict[tuple[str, int], str] = {}
        self.begin()

    def begin(self) -> None:
        """A pass over the data begins."""
        self._own: list[Flaw] = []
        self._shared, self._carried = self._carried, {}

    def enter(self, meta: Any) -> None:
        """Takes what the meta of an item or of a batch tells."""
        self._own += from_meta(meta)

    def state(self) -> list[Flaw]:
        """What this pass has met, as far as shared; plain, to be saved with the pass."""
        return [Flaw(*key, reason) for key, reason in self._shared.items()]

    def take_up(self, state: list[Flaw]) -> None:
        """Lets the next pass go on with one that was saved; the log has named its flaws."""
        self._carried = {(kind, clip): reason for kind, clip, reason in state}
        self._named |= self._carried.keys()

    def share(self) -> None:
        """Brings the entries of all processes together; each calls it. The log names a clip once a
        run."""
        own, self._own = self._own, []
        for flaw in chain.from_iterable(gather_objects(own)):
            key = flaw.kind, flaw.clip
            self._shared.setdefault(key, flaw.reason)
            if key not in self._named:
                self._named.add(key)
                logger.warning(flaw.in_words())

    def clips(self, kind: str) -> dict[int, str]:
        """The clips of a kind that this pass has met, as far as shared, and what is wrong."""
        return {clip: reason for (of, clip), reason in self._shared.items() if of == kind}

    def counts(self, *kinds: str) -> dict[str, int]:
        """How many clips of each kind, as ``json_stats`` names them: ``bad_clips`` and so on."""
        return {f"{kind}_clips": len(self.clips(kind)) for kind in kinds}

    def names(self, kind: str) -> dict[str, str]:
        """The same by the clips' names, in their order."""
        return {self._clip_name(clip): told for clip, told in sorted(self.clips(kind).items())}

    def stop_if_none_read(self, clips: int) -> None:
        """Raises UserError, in all processes, where each of so many clips is missing."""
        if len(self.clips("missing")) == clips:
            raise UserError(
                f"none of the {clips} clips could be read; the log has the reasons. Mend the data "
                "and start the same command again: training goes on from the last checkpoint."
            )

    def stop_above(self, tolerated: int, where: str) -> None:
        """Raises TooManyBadClips, in all processes, where more clips than that have been bad.

        Args:
            where: the epoch in words, for the message.
        """
        reasons = list(self.clips("bad").values())
        if len(reasons) <= tolerated:
            return
        first = "\n".join(f"  {reason}" for reason in reasons[:_NAMED])
        raise TooManyBadClips(
            f"{where}: clips that could not be read so far: {len(reasons)}, more than the "
            f"{tolerated} that DATA.MAX_BAD_FRACTION lets pass in an epoch. The first:\n"
            f"{first}\n"
            "tools/check_data.py finds all of them. Mend the data, or raise the key; then start "
            "the same command again: it goes on from the last checkpoint."
        )
