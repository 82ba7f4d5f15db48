"""Completing what is typed into the filter line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from textual.suggester import Suggester

from rlm_runtime._tui.finding.query import NAMES, NUMBERS, WORDS

_LAST = re.compile(r"(?:^|\s)-?([A-Za-z_]*)(?:(!=|:|=)([^\s\"]*))?$")


def complete(text: str, models: Iterable[str] = ()) -> str:
    """Give a text with its last word completed; empty where there is nothing to add."""
    found = _LAST.search(text)
    if found is None:
        return ""
    name, sign, begun = found[1].lower(), found[2], found[3]
    if sign is None:
        words: Iterable[str] = (one + (">" if one in NUMBERS else ":") for one in NAMES)
        begun = name
    elif name == "model":
        words = models
    else:
        words = WORDS.get(name, ())
    for word in words:
        if begun and len(word) > len(begun) and word.lower().startswith(begun.lower()):
            return text + word[len(begun) :]
    return ""


def is_name_begun(text: str) -> bool:
    """Tell whether a text ends with what may become a name, and be no text to look for."""
    found = _LAST.search(text)
    return bool(found and found[2] is None and found[1]) and bool(complete(text))


class FilterSuggester(Suggester):
    """Suggests how the last word of a filter goes on."""

    def __init__(self, models: Callable[[], Iterable[str]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._models = models

    async def get_suggestion(self, value: str) -> str | None:
        """Give the whole text as it would be."""
        return complete(value, self._models()) or None
