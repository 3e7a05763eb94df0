"""Clips that cannot be read at all, completely or in time.

A worker process makes an item and finds out that a clip cannot be read. It does not know what other
workers and other processes have found. So the item's `meta` carries a `ClipProblem`, the loader
adds it to a `BadClipLog`, and processes exchange their entries where they meet anyway. `TimeLimit`
gives up a read that hangs.
"""

from __future__ import annotations

import json
import logging
import os
import weakref
from collections.abc import Callable, Iterable
from itertools import chain
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

from slowfast.ak.errors import UserError
from slowfast.ak.run.processes import gather_objects

logger = logging.getLogger(__name__)

_KEY = "problems"
_MOST_REASONS = 5  # in a message
_CONSEQUENCES = {
    "bad": "Another clip replaces it.",
    "missing": "It is left out of all figures.",
    "incomplete": "Other frames of the clip replace the missing ones.",
}


class ClipProblem(NamedTuple):
    """What is wrong with a clip, and the consequence.

    Args:
        kind: `bad`: another clip replaced it. `missing`: the item is black and does not count.
            `incomplete`: other frames of the clip replaced frames that cannot be read.
        clip: the index of the clip.
        reason: what is wrong, in words.
    """

    kind: str
    clip: int
    reason: str

    def message(self) -> str:
        """The reason and the consequence, for the log."""
        return f"{self.reason} {_CONSEQUENCES[self.kind]}"


def to_meta(problems: Iterable[ClipProblem]) -> dict[str, str]:
    """The meta of an item with these problems: a text, which every collate function accepts."""
    problems = list(problems)
    return {_KEY: json.dumps(problems) if problems else ""}


def from_meta(meta: Any) -> list[ClipProblem]:
    """The problems in the meta of an item or of a batch; none if the meta has no such entry."""
    found = meta.get(_KEY, "") if isinstance(meta, dict) else ""
    texts = [found] if isinstance(found, str) else found
    return [ClipProblem(*entry) for text in texts if text for entry in json.loads(text)]


def allowed_bad_clips(clips: int, fraction: float) -> int:
    """The number of clips that may be unreadable under DATA.MAX_BAD_FRACTION.

    A fraction of 0 allows none. A larger fraction allows at least one clip, so that a single file
    does not stop a run on a small data set, and never all clips.
    """
    return min(max(1, int(fraction * clips)), clips - 1) if fraction else 0


class TooManyBadClips(UserError):
    """More training clips cannot be read than DATA.MAX_BAD_FRACTION allows."""


class BadClipLog:
    """The problems of one pass over the data, and which of them the log has reported before.

    Args:
        clip_name: returns the name of the clip with an index.
    """

    def __init__(self, clip_name: Callable[[int], str]) -> None:
        self._clip_name = clip_name
        self._logged: set[tuple[str, int]] = set()
        self._from_before: dict[tuple[str, int], str] = {}
        self.begin()

    def begin(self) -> None:
        """Starts a new pass over the data."""
        self._own: list[ClipProblem] = []
        self._shared, self._from_before = self._from_before, {}

    def add(self, meta: Any) -> None:
        """Adds the problems in the meta of an item or of a batch."""
        self._own += from_meta(meta)

    def state(self) -> list[ClipProblem]:
        """The shared problems of this pass, to be saved with an unfinished pass."""
        return [ClipProblem(*key, reason) for key, reason in self._shared.items()]

    def continue_from(self, state: Iterable[tuple[str, int, str]]) -> None:
        """Lets the next pass continue a saved pass. The saved problems are not logged again."""
        self._from_before = {(kind, clip): reason for kind, clip, reason in state}
        self._logged |= self._from_before.keys()

    def share(self) -> None:
        """Exchanges the new problems of all processes, which must all call this.

        The log reports each clip once in a run.
        """
        own, self._own = self._own, []
        for problem in chain.from_iterable(gather_objects(own)):
            key = problem.kind, problem.clip
            self._shared.setdefault(key, problem.reason)
            if key not in self._logged:
                self._logged.add(key)
                logger.warning(problem.message())

    def clips(self, kind: str) -> dict[int, str]:
        """The shared clips of a kind in this pass, and the reasons."""
        return {clip: reason for (own, clip), reason in self._shared.items() if own == kind}

    def counts(self, *kinds: str) -> dict[str, int]:
        """The number of clips of each kind, by their names in ``json_stats``: ``bad_clips``..."""
        return {f"{kind}_clips": len(self.clips(kind)) for kind in kinds}

    def names(self, kind: str) -> dict[str, str]:
        """The reasons by the names of the clips, in the order of the list."""
        return {self._clip_name(clip): text for clip, text in sorted(self.clips(kind).items())}

    def stop_if_none_read(self, clips: int) -> None:
        """Raises UserError, in all processes, if all `clips` clips are missing."""
        if len(self.clips("missing")) == clips:
            raise UserError(
                f"none of the {clips} clips could be read; the log has the reasons. Repair the "
                "data and start the same command again: training continues from the last "
                "checkpoint."
            )

    def stop_above(self, allowed: int, where: str) -> None:
        """Raises TooManyBadClips, in all processes, if more clips than `allowed` are bad.

        Args:
            where: the epoch in words, for the message.
        """
        reasons = list(self.clips("bad").values())
        if len(reasons) <= allowed:
            return
        first = "\n".join(f"  {reason}" for reason in reasons[:_MOST_REASONS])
        raise TooManyBadClips(
            f"{where}: clips that could not be read so far: {len(reasons)}, more than the "
            f"{allowed} that DATA.MAX_BAD_FRACTION allows in an epoch. The first ones:\n"
            f"{first}\n"
            "tools/check_data.py finds all of them. Repair the data, or raise the key; then start "
            "the same command again: it continues from the last checkpoint."
        )


class TimeIsUp(Exception):
    """A call did not return in time. It can still be running."""


class TimeLimit:
    """Makes one call at a time, and gives it up after a number of seconds.

    A thread that waits inside the system cannot be stopped. So a second thread makes the call. If
    the call does not return, that thread is left behind and a new thread makes the next call. The
    called function must accept that an earlier call can still be running.

    A TimeLimit can be pickled and inherited by a fork: each process starts its own thread.

    Args:
        seconds: 0: no limit, and no thread.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._process: int | None = None

    def __reduce__(self) -> tuple:
        return TimeLimit, (self.seconds,)

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Returns or raises what `function(*args)` does; raises TimeIsUp after the limit."""
        if not self.seconds:
            return function(*args)
        if self._process != os.getpid():
            self._start_thread()
        self._calls.put((function, args))
        try:
            result, error = self._results.get(timeout=self.seconds)
        except BaseException as interruption:  # also Ctrl-C: no later call may get the late result
            self._leave_thread()
            self._process = None
            if isinstance(interruption, Empty):
                raise TimeIsUp from None
            raise
        if error is not None:
            raise error
        return result

    def _start_thread(self) -> None:
        self._calls, self._results = SimpleQueue(), SimpleQueue()
        self._leave_thread = weakref.finalize(self, self._calls.put, None)
        Thread(target=_make_calls, args=(self._calls, self._results), daemon=True).start()
        self._process = os.getpid()


def _make_calls(calls: SimpleQueue, results: SimpleQueue) -> None:
    """Makes one call after the other until it receives None."""
    while call := calls.get():
        function, args = call
        try:
            outcome = function(*args), None
        except BaseException as error:
            outcome = None, error
        results.put(outcome)
        del call, function, args, outcome  # does not keep a clip or a traceback in memory
