"""Records which stand-ins this process uses."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)

_sentences: list[str] = []
_logged: set[str] = set()


def add(sentence: str) -> None:
    """Records a stand-in: what is missing, and what is used instead."""
    if sentence not in _sentences:
        _sentences.append(sentence)


def in_use() -> list[str]:
    """Returns a sentence for each stand-in that this process has used so far."""
    return list(_sentences)


def log() -> None:
    """Logs the stand-ins in use, each once a process. Call it when the log is set up."""
    for sentence in _sentences:
        if sentence not in _logged:
            _logged.add(sentence)
            logger.info(f"Stand-in: {sentence}.")
