"""Texts as PostgreSQL can hold them: without NUL, without half of a surrogate pair."""

import re

SHOWN_INSTEAD = "\N{REPLACEMENT CHARACTER}"
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Say whether PostgreSQL can hold the text."""
    return _NOT_STORABLE.search(text) is None


def storable(text: str) -> str:
    """Return the text with a mark in place of each character that PostgreSQL cannot hold."""
    return _NOT_STORABLE.sub(SHOWN_INSTEAD, text)
