"""A guard against a node that goes round in circles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

Verdict = Literal["new", "warn", "end"]
"""What to do about an iteration: nothing, tell the model, or end the node."""

_WARN_AT = 3
_CELL = re.compile(r"<cell \d+>")


class Repetition:
    """Counts iterations in a row that had the same code and the same observation."""

    def __init__(self) -> None:
        self._last: tuple[str, str] | None = None
        self._count = 0

    def judge(self, blocks: Sequence[str], observation: str) -> Verdict:
        """Judge an iteration by those before it; white space in code makes no difference."""
        # A traceback numbers the blocks, so the same error never reads the same
        this = (" ".join(" ".join(blocks).split()), _CELL.sub("<cell>", observation))
        self._count = self._count + 1 if this == self._last else 1
        self._last = this
        if self._count < _WARN_AT:
            return "new"
        return "warn" if self._count == _WARN_AT else "end"
