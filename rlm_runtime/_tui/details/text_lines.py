"""The lines of a text of any size: what is not seen costs next to nothing."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from rlm_runtime._printable import printable
from rlm_runtime._tui.details.document import Code, Style, Words
from rlm_runtime._tui.details.highlighting import MOST as MOST_HIGHLIGHTED
from rlm_runtime._tui.details.highlighting import Highlighter
from rlm_runtime._tui.details.lines import Line, Span, styled
from rlm_runtime._tui.details.wrapping import wrap

MOST = 16 * 2**20
"""Of a text that has more characters only the beginning is shown."""
_CHUNK = 16 * 2**10
_EXACT = 4 * 2**10
_LONGEST_LINE = 10_000
_TAB = 4

_Row = tuple[int, int, int]
"""The number of a line in its chunk, and where in it the row begins and ends."""


class _Chunk:
    """Some whole lines of a text; they are made printable when one of them is seen."""

    __slots__ = ("end", "first", "height", "lines", "rows", "start")

    def __init__(self, start: int, end: int, first: int, height: int) -> None:
        self.start, self.end = start, end
        self.first = first
        """The number of its first line in the text."""
        self.height = height
        """An estimate, until it has rows."""
        self.lines: list[str] = []
        self.rows: list[_Row] = []


class TextLines:
    """The lines of words or code, for a width."""

    def __init__(self, block: Words | Code, width: int, *, wrapped: bool) -> None:
        self._text = block.text[:MOST]
        self._left_out = len(block.text) - len(self._text)
        self._style: Style = "text" if isinstance(block, Code) else block.style
        self._marked = frozenset(block.marked) if isinstance(block, Code) else frozenset()
        self._indent = 0 if isinstance(block, Code) else block.indent
        self._has_numbers = isinstance(block, Code) and block.language == "python"
        self._highlighter: Highlighter | None = None
        if isinstance(block, Code):
            self._read_code(block)
        self._wrap_at = max(8, width - self._indent) if wrapped else 0
        self._chunks = self._divide()
        self._ends = list(accumulate(chunk.height for chunk in self._chunks))
        if len(self._text) <= _EXACT:
            for chunk in self._chunks:
                self._open(chunk)

    @property
    def height(self) -> int:
        """How many they are; an estimate for what is not seen yet."""
        return self._ends[-1] + bool(self._left_out)

    def line(self, number: int) -> Line:
        """Make one of them."""
        for _ in range(3):
            at = bisect_right(self._ends, number)
            if at >= len(self._chunks):
                return self._told() if self._left_out else Line("")
            chunk = self._chunks[at]
            if chunk.rows:
                return self._make(chunk, number - self._ends[at] + chunk.height)
            self._open(chunk)
        return Line("")

    def find(self, needle: str, start: int, *, forward: bool) -> int | None:
        """Find the nearest line that holds a text, from a line on."""
        self.line(start)
        at = min(bisect_right(self._ends, start), len(self._chunks) - 1)
        order = range(at, len(self._chunks)) if forward else range(at, -1, -1)
        for number in order:
            chunk = self._chunks[number]
            if needle.lower() in self._text[chunk.start : chunk.end].lower():
                row = self._find_in(number, needle, start, forward=forward)
                if row is not None:
                    return row
        return None

    def _find_in(self, number: int, needle: str, start: int, *, forward: bool) -> int | None:
        chunk = self._chunks[number]
        self._open(chunk)
        begin, end = self._ends[number] - chunk.height, self._ends[number]
        rows = (
            range(max(begin, start), end) if forward else range(min(start, end - 1), begin - 1, -1)
        )
        return next((row for row in rows if self.line(row).marks(needle)), None)

    def _read_code(self, block: Code) -> None:
        """Find out how code looks: numbers beside it, and styles where it is not too long."""
        if self._has_numbers:
            self._indent = len(str(self._text.count("\n") + 1)) + 1
        if len(self._text) <= MOST_HIGHLIGHTED:
            # The same text for the lexer and for the screen, so that styles are where they belong
            self._text = _show(self._text.replace("\r\n", "\n"))
            self._highlighter = Highlighter(self._text, block.language)

    def _divide(self) -> list[_Chunk]:
        text, chunks, start, first = self._text, list[_Chunk](), 0, 0
        while start < len(text) or not chunks:
            end = text.find("\n", start + _CHUNK) + 1 or len(text)
            count = text.count("\n", start, end) + (end == len(text))
            height = count
            if self._wrap_at:
                height = max(count, min(end - start, count * _LONGEST_LINE) // self._wrap_at)
            chunks.append(_Chunk(start, end, first, max(1, height)))
            start, first = end, first + count
        if len(chunks) > 1 and text.endswith("\n"):
            chunks[-1].height = max(1, chunks[-1].height - 1)
        return chunks

    def _open(self, chunk: _Chunk) -> None:
        """Learn the rows of a chunk, and where those after it are for that."""
        if chunk.rows:
            return
        text = self._text[chunk.start : chunk.end]
        # The end of the last line begins none; but a text of nothing has one line
        text = text[:-1] if text.endswith("\n") else text
        for number, line in enumerate(text.split("\n")):
            shown = _show(line[:_LONGEST_LINE].removesuffix("\r"))
            chunk.lines.append(shown)
            rows = wrap(shown, self._wrap_at) if self._wrap_at else [(0, len(shown))]
            chunk.rows += [(number, start, end) for start, end in rows]
            if len(line) > _LONGEST_LINE:
                chunk.rows.append((number, -1, len(line) - _LONGEST_LINE))
        if chunk.height != len(chunk.rows):
            chunk.height = len(chunk.rows)
            self._ends = list(accumulate(one.height for one in self._chunks))

    def _make(self, chunk: _Chunk, row: int) -> Line:
        number, start, end = chunk.rows[row]
        if start < 0:
            return styled(
                " " * self._indent + f"… {end:,} characters more, o opens it in $EDITOR", "dim"
            )
        whole, count = chunk.lines[number], chunk.first + number
        begin = self._indent
        text = self._beside(count, is_first=start == 0) + whole[start:end]
        spans: list[Span] = [(begin, len(text), self._style)]
        if self._highlighter is not None:
            spans += [
                (max(a, start) - start + begin, min(b, end) - start + begin, style)
                for a, b, style in self._highlighter.spans(count)
                if a < end and b > start
            ]
        if count + 1 in self._marked:
            spans.append((0, begin, "bad"))
        elif begin:
            spans.append((0, begin, "dim"))
        return Line(text, tuple(spans), whole=whole, at=start, indent=begin)

    def _beside(self, count: int, *, is_first: bool) -> str:
        if not self._has_numbers or not is_first:
            return " " * self._indent
        sign = "✗" if count + 1 in self._marked else " "
        return f"{count + 1:>{self._indent - 1}}{sign}"

    def _told(self) -> Line:
        return styled(f"… {self._left_out:,} characters more, o opens it in $EDITOR", "dim")


def _show(text: str) -> str:
    return printable(text).expandtabs(_TAB) if "\t" in text else printable(text)
