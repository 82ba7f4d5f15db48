"""Fences around code, and as much of Python as it takes to see where they end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_PYTHON = ("repl", "python", "py", "python3", "ipython", "tool_code")
_OPENING = re.compile(
    r"(?P<indent>[ \t]*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]++)?)(?P<mark>`{3,}+|~{3,}+)(?P<info>.*+)",
    re.DOTALL,
)
_LANGUAGE = re.compile(r"[ \t]*+\{?+[ \t]*+\.?+([^\s{}:,]*+)")
# Markers of chat templates that an endpoint has let through, right after a fence
_AFTER_END = re.compile(r"(?:[ \t]*+<[/|｜]?+[\w▁]{1,40}+[|｜]?+>)*+[ \t]*+")
TEMPLATE_THOUGHT = r"</?(?:seed:)?think>|\[/?THINK\]|◁/?think▷"
"""What chat templates put around thoughts; nobody asks a model to write these."""
THOUGHT = rf"{TEMPLATE_THOUGHT}|</?(?:thinking|reasoning|thought)>"
_THOUGHT_LINE = re.compile(rf"[ \t]*+(?:{THOUGHT})")
_TOKEN = re.compile(r"#|'''|\"\"\"|['\"]|[(\[{]+|[)\]}]+")
_STRING_END = {
    quote: re.compile(rf"(?:[^\\]|\\.)*?{quote}", re.DOTALL) for quote in ("'", '"', "'''", '"""')
}


@dataclass(frozen=True, slots=True)
class Fence:
    """An opening fence."""

    indent: int
    mark: str
    language: str
    """The first word of the info string in lower case; empty for a bare fence."""

    @property
    def is_code(self) -> bool:
        return not self.language or self.language in _PYTHON

    def is_closed_by(self, line: str) -> bool:
        line = line.lstrip(" \t")
        rest = line.lstrip(self.mark[0])
        enough = len(line) - len(rest) >= len(self.mark)
        return enough and _AFTER_END.fullmatch(rest) is not None

    def is_cut_short_by(self, line: str) -> bool:
        """Tell a line that shows that the closing fence was forgotten, being no Python at all."""
        if self.language in _PYTHON and _THOUGHT_LINE.match(line):
            return True
        other = opening_fence(line)
        return other is not None and other.language in _PYTHON and other.mark.startswith(self.mark)


def opening_fence(line: str) -> Fence | None:
    found = _OPENING.fullmatch(line)
    if found is None or (found["mark"][0] == "`" and "`" in found["info"]):
        return None
    language = _LANGUAGE.match(found["info"])
    return Fence(len(found["indent"]), found["mark"], language[1].lower() if language else "")


class Python:
    """Python source, fed line by line: is a string open, and how deep are the brackets?"""

    def __init__(self) -> None:
        self.quote = ""
        """What ends the string that is open, if one is."""
        self.depth = 0

    def feed(self, line: str) -> None:
        at = 0
        while at <= len(line):
            if self.quote:
                end = _STRING_END[self.quote].match(line, at)
                if end is None:
                    self._end_line(line)
                    return
                self.quote, at = "", end.end()
                continue
            token = _TOKEN.search(line, at)
            if token is None or token[0] == "#":
                return
            at = token.end()
            if token[0][0] in "'\"":
                self.quote = token[0]
            else:
                self.depth += len(token[0]) if token[0][0] in "([{" else -len(token[0])

    def _end_line(self, line: str) -> None:
        continued = (len(line) - len(line.rstrip("\\"))) % 2
        if len(self.quote) == 1 and not continued:
            self.quote = ""


def dedent(lines: Sequence[str], indent: int) -> str:
    """Join lines of code, without the fence's indentation as far as the code has it."""
    first = next((line for line in lines if line.strip()), "")
    width = min(indent, indent_of(first))
    return "\n".join(line[min(width, indent_of(line)) :] for line in lines).rstrip()


def indent_of(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))
