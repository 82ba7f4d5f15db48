"""What a model's reply holds: code to run, an answer written as text, and the words around them.

A reply is read once, line by line. Inside a fence the reader follows Python's strings, so that a
fence within a triple-quoted string is text. Reading on in search of an end that never comes is
paid from an allowance, which keeps hostile replies linear.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

_PYTHON = ("repl", "python", "py")
_OPENING = re.compile(
    r"(?P<indent>[ \t]*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]++)?)(?P<mark>`{3,}+|~{3,}+)(?P<info>.*+)",
    re.DOTALL,
)
_CODE_SPAN_OR_TAG = re.compile(r"(?<!`)(`++)[^`]++\1(?!`)|</?think>")
_TAG_LINE = re.compile(r"[ \t]*+</?think>")
_CALL = re.compile(r"FINAL(?:_VAR)?\(")
_TOKEN = re.compile(r"#|'''|\"\"\"|['\"]|[(\[{]+|[)\]}]+")
_STRING_END = {
    quote: re.compile(rf"(?:[^\\]|\\.)*?{quote}", re.DOTALL) for quote in ("'", '"', "'''", '"""')
}
# Running Python's parser once takes as long as reading so many characters
_TRY_COST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A model's reply, taken apart."""

    blocks: tuple[str, ...] = ()
    """Code to run, in order."""
    final: str | None = None
    """A call of FINAL or FINAL_VAR that was written as text, where no code runs."""
    prose: str = ""
    """The model's own words, outside of code and `<think>`."""


def parse_reply(text: str) -> Reply:
    """Take a reply apart; any text is a reply, if only of prose."""
    return _Reader(text).read()


@dataclass(frozen=True, slots=True)
class _Fence:
    """An opening fence."""

    indent: int
    mark: str
    language: str
    """The first word of the info string in lower case; empty for a bare fence."""

    @property
    def is_code(self) -> bool:
        return not self.language or self.language in _PYTHON

    def is_closed_by(self, line: str) -> bool:
        line = line.strip(" \t")
        return len(line) >= len(self.mark) and not line.strip(self.mark[0])

    def is_cut_short_by(self, line: str) -> bool:
        """Tell a line that shows that the closing fence was forgotten, being no Python at all."""
        if self.language in _PYTHON and _TAG_LINE.match(line):
            return True
        other = _opening_fence(line)
        return other is not None and other.language in _PYTHON and other.mark.startswith(self.mark)


def _opening_fence(line: str) -> _Fence | None:
    found = _OPENING.fullmatch(line)
    if found is None or (found["mark"][0] == "`" and "`" in found["info"]):
        return None
    language = "".join(found["info"].split(maxsplit=1)[:1])
    return _Fence(len(found["indent"]), found["mark"], language.lower())


class _Python:
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


class _Reader:
    """One pass over the lines of a reply."""

    def __init__(self, text: str) -> None:
        self._lines = text.replace("\r\n", "\n").split("\n")
        self._at = 0
        self._thinking = False
        self._allowance = 2 * len(text) + 100_000
        self._code: list[tuple[_Fence, str]] = []
        self._calls: list[tuple[int, str]] = []
        self._prose: list[str] = []

    def read(self) -> Reply:
        while self._at < len(self._lines):
            if not self._thinking and self._take_code():
                continue
            line = self._lines[self._at]
            shown = self._lines[self._at] = self._without_thoughts(line)
            if shown == line or self._thinking or not self._take_code():
                self._prose.append(shown)
                self._at += 1
        return self._reply()

    def _reply(self) -> Reply:
        has_repl = any(code and fence.language == "repl" for fence, code in self._code)
        blocks = tuple(
            code
            for fence, code in self._code
            if code and (fence.language == "repl" or not has_repl)
        )
        final = None
        if self._calls and not blocks:
            place, final = self._calls[0]
            del self._prose[place]
        return Reply(blocks=blocks, final=final, prose="\n".join(self._prose).strip())

    def _without_thoughts(self, line: str) -> str:
        """Cut thoughts out of a line of prose; the end of one that never began ends all before."""
        shown: list[str] = []
        at = 0
        while True:
            if self._thinking:
                end = line.find("</think>", at)
                if end < 0:
                    return "".join(shown)
                self._thinking, at = False, end + len("</think>")
            found = _CODE_SPAN_OR_TAG.search(line, at)
            if found is None:
                return "".join([*shown, line[at:]])
            if found[0] == "</think>":
                shown.clear()
                self._forget()
            else:
                self._thinking = found[0] == "<think>"
                shown.append(line[at : found.start() if self._thinking else found.end()])
            at = found.end()

    def _forget(self) -> None:
        self._code.clear()
        self._calls.clear()
        self._prose.clear()

    def _take_code(self) -> bool:
        return self._take_fence() or self._take_call()

    def _take_fence(self) -> bool:
        """Take the fence that opens here, if one does."""
        opening = self._at
        fence = _opening_fence(self._lines[opening])
        if fence is None:
            return False
        end, self._at = self._find_end(fence, opening + 1)
        if fence.is_code:
            self._code.append((fence, _dedent(self._lines[opening + 1 : end], fence.indent)))
        else:
            self._prose += self._lines[opening : self._at]
        return True

    def _find_end(self, fence: _Fence, start: int) -> tuple[int, int]:
        """Find the line that ends a fence, and the line after which to read on.

        Where a string is never closed, the first line that looked like the end is the end.
        """
        python = _Python()
        looked_like_end: int | None = None
        for at in range(start, len(self._lines)):
            line = self._lines[at]
            if fence.is_closed_by(line):
                if not python.quote:
                    return at, at + 1
                if looked_like_end is None:
                    looked_like_end = at
            elif fence.is_code and not python.quote and fence.is_cut_short_by(line):
                return at, at
            if looked_like_end is not None and not self._afford(len(line) + 1):
                return looked_like_end, looked_like_end + 1
            if fence.is_code:
                python.feed(line)
        if python.quote and looked_like_end is not None:
            return looked_like_end, looked_like_end + 1
        return len(self._lines), len(self._lines)

    def _take_call(self) -> bool:
        """Take the call of FINAL that starts here, if a valid one does, over all its lines."""
        if not _CALL.match(self._lines[self._at]):
            return False
        python = _Python()
        for end in range(self._at, len(self._lines)):
            if not self._afford(len(self._lines[end]) + 1):
                return False
            python.feed(self._lines[end])
            if python.depth <= 0 and not python.quote:
                break
        source = "\n".join(self._lines[self._at : end + 1])
        call = _canonical_call(source) if self._afford(_TRY_COST) else None
        if call is None:
            return False
        self._calls.append((len(self._prose), call))
        self._prose.append(source)
        self._at = end + 1
        return True

    def _afford(self, cost: int) -> bool:
        self._allowance -= cost
        return self._allowance >= 0


def _dedent(lines: Sequence[str], indent: int) -> str:
    """Join lines of code, without the fence's indentation as far as the code has it."""
    first = next((line for line in lines if line.strip()), "")
    width = min(indent, _indent_of(first))
    return "\n".join(line[min(width, _indent_of(line)) :] for line in lines).rstrip()


def _indent_of(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _canonical_call(source: str) -> str | None:
    """Rebuild a call of FINAL or FINAL_VAR from its syntax tree, if `source` is just that.

    Nothing but a literal or a name gets through, so nothing else can ride along.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            call = ast.parse(source, mode="eval").body
        match call:
            case ast.Call(func=ast.Name(id="FINAL"), args=[value], keywords=[]):
                if not isinstance(value, ast.Name):
                    _check_literal(value)
                return ast.unparse(call)
            case ast.Call(
                func=ast.Name(id="FINAL_VAR"),
                args=[ast.Name(id=name) | ast.Constant(value=str(name))],
                keywords=[],
            ) if name.isidentifier():
                return f"FINAL_VAR({name!r})"
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return None
    return None


def _check_literal(value: ast.expr) -> None:
    """Raise ValueError or TypeError unless the expression is a literal of data."""
    ast.literal_eval(value)
    if any(isinstance(n, ast.Constant) and n.value is Ellipsis for n in ast.walk(value)):
        raise ValueError("Cannot take ... as an answer: it is no data")
