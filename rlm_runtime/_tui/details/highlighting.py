"""Which pieces of code look how, found out line by line as they are seen."""

from __future__ import annotations

from collections.abc import Iterator

from pygments.lexer import Lexer
from pygments.lexers.data import JsonLexer
from pygments.lexers.python import PythonLexer
from pygments.token import Token, _TokenType

from rlm_runtime._tui.details.document import Language, Style

MOST = 16 * 2**10
"""Code that has more characters is shown plain."""
_LONGEST_LINE = 1_000
"""So is code with a longer line: a lexer can take a very long time for one."""

_LEXERS: dict[Language, type[Lexer]] = {
    "python": PythonLexer,
    "json": JsonLexer,
}
_STYLES: tuple[tuple[_TokenType, Style], ...] = (
    (Token.Comment, "comment"),
    (Token.Keyword, "keyword"),
    (Token.Operator.Word, "keyword"),
    (Token.Name.Builtin, "builtin"),
    (Token.Name.Exception, "builtin"),
    (Token.Name.Function, "name"),
    (Token.Name.Class, "name"),
    (Token.Name.Decorator, "name"),
    (Token.Name.Tag, "name"),
    (Token.Literal.String, "string"),
    (Token.Literal.Number, "number"),
)


class Highlighter:
    """The styles of the lines of some code; it reads no further than it is asked."""

    def __init__(self, text: str, language: Language) -> None:
        self._lines: list[list[tuple[int, int, Style]]] = [[]]
        self._tokens: Iterator[tuple[_TokenType, str]] = iter(())
        self._column = 0
        if language and len(text) <= MOST and _is_of_short_lines(text):
            lexer = _LEXERS[language](stripnl=False, ensurenl=False)
            self._tokens = ((kind, value) for _, kind, value in lexer.get_tokens_unprocessed(text))

    def spans(self, line: int) -> list[tuple[int, int, Style]]:
        """Give the styled pieces of a line."""
        while len(self._lines) <= line + 1:
            token = next(self._tokens, None)
            if token is None:
                break
            self._add(*token)
        return self._lines[line] if line < len(self._lines) else []

    def _add(self, kind: _TokenType, value: str) -> None:
        style = next((style for above, style in _STYLES if kind in above), None)
        for number, piece in enumerate(value.split("\n")):
            if number:
                self._lines.append([])
                self._column = 0
            end = self._column + len(piece)
            if style and piece:
                self._lines[-1].append((self._join(style), end, style))
            self._column = end

    def _join(self, style: Style) -> int:
        """Tell where a piece begins: a lexer cuts a string into many."""
        line = self._lines[-1]
        if line and line[-1][1:] == (self._column, style):
            return line.pop()[0]
        return self._column


def _is_of_short_lines(text: str) -> bool:
    return max(map(len, text.split("\n"))) <= _LONGEST_LINE
