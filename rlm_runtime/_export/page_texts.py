"""The texts of a page: each once, and cut where they are long."""

from __future__ import annotations

TEXT_CHARS = 20_000
"""More of one text is left out, from its middle on."""
ALL_CHARS = 24_000_000
"""Once the page holds so much text, what comes later is cut short."""
_LATE_CHARS = 400
_TAIL = 4
"""The end of a text has one part in so many of what is kept of it."""

Text = str | list[str | int]
"""A text, or its beginning, how many characters are left out, and its end."""


class Texts:
    """Collects texts; a record names one by its number, and 0 is the empty one."""

    def __init__(self, text_chars: int = TEXT_CHARS, all_chars: int = ALL_CHARS) -> None:
        self.left_out = 0
        """Characters that are not in the page."""
        self.all: list[Text] = [""]
        self._text_chars = text_chars
        self._room = all_chars
        self._numbers: dict[tuple[str, int], int] = {("", 0): 0}

    def add(self, text: str | None) -> int:
        """Give the number of a text."""
        if not text:
            return 0
        most = self._text_chars if self._room > 0 else _LATE_CHARS
        left_out = max(0, len(text) - most)
        tail = most // _TAIL if left_out else 0
        kept = text[: most - tail] + text[len(text) - tail :] if left_out else text
        number = self._numbers.get((kept, left_out))
        if number is None:
            number = self._numbers[kept, left_out] = len(self.all)
            end = len(kept) - tail
            self.all.append([kept[:end], left_out, kept[end:]] if left_out else kept)
            self._room -= len(kept)
            self.left_out += left_out
        return number
