r"""Reading regular expressions: `\bKey\w+|a{2,3}[^0-9]`, without groups to refer back to."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

_MOST_NODES = 2_000
"""A pattern that would become more is refused: `(a{99}){99}` is short to write."""
_MOST_LEVELS = 50
_COUNTS = re.compile(r"\{([0-9]{1,3})(?:(,)([0-9]{0,3}))?\}")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}

Test = Callable[[str], bool]
"""Whether a character will do."""


class PatternError(ValueError):
    """A pattern cannot be read."""

    def __init__(self, message: str, place: int, possible: str) -> None:
        super().__init__(message)
        self.place = place
        self.possible = possible


@dataclass(slots=True, eq=False)
class Place:
    """Where a match can be within a pattern: what the next character must be, and what follows."""

    test: Test | None = None
    """None where no character is taken."""
    then: list[Place] = field(default_factory=list)
    assertion: str = ""
    """What must hold between two characters: `^`, `$`, `b` or `B`."""


_Piece = tuple[Place, Place]
"""Its first and its last place."""


def _word(char: str) -> bool:
    return char.isalnum() or char == "_"


_CLASSES: dict[str, Test] = {
    "d": str.isdecimal,
    "w": _word,
    "s": str.isspace,
    "D": lambda char: not char.isdecimal(),
    "W": lambda char: not _word(char),
    "S": lambda char: not char.isspace(),
}


def read_pattern(text: str, *, exact: bool) -> _Piece:
    """Read a pattern.

    Args:
        text: It.
        exact: Whether the case of letters counts.

    Raises:
        PatternError: It cannot be read.
    """
    return _Reader(text, exact).read()


class _Reader:
    def __init__(self, text: str, exact: bool) -> None:
        self._text = text
        self._exact = exact
        self._at = self._count = self._level = 0

    def read(self) -> _Piece:
        piece = self._choice()
        if self._at < len(self._text):
            self._fail("There is no '(' for this ')'", r"\) for the sign itself")
        return piece

    def _choice(self) -> _Piece:
        pieces = [self._sequence()]
        while self._take("|"):
            pieces.append(self._sequence())
        if len(pieces) == 1:
            return pieces[0]
        start, end = self._place(), self._place()
        for first, last in pieces:
            start.then.append(first)
            last.then.append(end)
        return start, end

    def _sequence(self) -> _Piece:
        start = end = self._place()
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            first, last = self._repeated()
            end.then.append(first)
            end = last
        return start, end

    def _repeated(self) -> _Piece:
        begin = self._at
        piece = self._one()
        behind = self._at
        counts = self._counts()
        if counts is None:
            return piece
        # Lazy or not is the same where one only asks whether there is a match
        self._take("?")
        after = self._at
        piece = self._repeat(begin, behind, piece, *counts)
        self._at = after
        if self._counts() is not None:
            self._at = after
            self._fail("It is repeated already", "( and ) around what is repeated")
        return piece

    def _counts(self) -> tuple[int, int | None] | None:
        """Read how often something is repeated; None where that is not said."""
        for sign, counts in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return counts
        found = _COUNTS.match(self._text, self._at)
        if found is None:
            return None
        least = int(found[1])
        most = least if found[2] is None else int(found[3]) if found[3] else None
        if most is not None and most < least:
            self._fail("It cannot be repeated at least more often than at most", "{2,3}")
        self._at = found.end()
        return least, most

    def _repeat(
        self, begin: int, behind: int, piece: _Piece, least: int, most: int | None
    ) -> _Piece:
        """Repeat what is written from one place on; each time it is read anew."""
        start = end = self._place()
        last = self._place()
        text, self._text = self._text, self._text[:behind]
        for number in range(max(least, 1 if most is None else most)):
            if number >= least:
                end.then.append(last)
            if number:
                piece = self._again(begin)
            end.then.append(piece[0])
            if most is None and number >= least - 1:
                piece[1].then.append(piece[0])
            end = piece[1]
        end.then.append(last)
        self._text = text
        return start, last

    def _again(self, begin: int) -> _Piece:
        self._at = begin
        return self._one()

    def _one(self) -> _Piece:
        char = self._text[self._at]
        self._at += 1
        match char:
            case "(":
                return self._group()
            case "[":
                return self._single(self._set())
            case ".":
                return self._single(lambda one: one != "\n")
            case "^" | "$":
                place = self._place()
                place.assertion = char
                return place, place
            case "\\":
                return self._escape()
            case "*" | "+" | "?":
                self._at -= 1
                self._fail("There is nothing to repeat", f"\\{char} for the sign itself")
        return self._single(self._same(char))

    def _group(self) -> _Piece:
        begin = self._at - 1
        if self._text.startswith("?", self._at):
            if not self._text.startswith("?:", self._at):
                self._fail("Cannot look around, nor name groups", "( or (?:")
            self._at += 2
        self._level += 1
        if self._level > _MOST_LEVELS:
            self._fail("The groups are too deep", f"{_MOST_LEVELS} levels")
        piece = self._choice()
        self._level -= 1
        if not self._take(")"):
            self._at = begin
            self._fail("There is no ')' for this '('", r"\( for the sign itself")
        return piece

    def _escape(self) -> _Piece:
        char = self._escaped()
        if char in "bB":
            place = self._place()
            place.assertion = char
            return place, place
        return self._single(self._class_or_char(char))

    def _escaped(self) -> str:
        if self._at == len(self._text):
            self._fail("There is nothing after '\\'", r"\\ for the sign itself")
        char = self._text[self._at]
        if char in "123456789":
            self._fail("Cannot refer back to a group", "what is meant")
        self._at += 1
        return char

    def _class_or_char(self, char: str) -> Test:
        return _CLASSES.get(char) or self._same(_ESCAPES.get(char, char))

    def _set(self) -> Test:
        begin = self._at - 1
        negated = self._take("^")
        tests: list[Test] = []
        while not tests or not self._text.startswith("]", self._at):
            if self._at == len(self._text):
                self._at = begin
                self._fail("There is no ']' for this '['", r"\[ for the sign itself")
            tests.append(self._member())
        self._at += 1
        return lambda char: any(test(char) for test in tests) != negated

    def _member(self) -> Test:
        """Read a character, a class or a range within a set."""
        low = self._text[self._at]
        self._at += 1
        if low == "\\":
            low = self._escaped()
            if low in _CLASSES:
                return _CLASSES[low]
            low = _ESCAPES.get(low, low)
        rest = self._text[self._at : self._at + 2]
        if len(rest) < 2 or rest[0] != "-" or rest[1] == "]":
            return self._same(low)
        self._at += 2
        high = (
            _ESCAPES.get(self._escaped(), self._text[self._at - 1]) if rest[1] == "\\" else rest[1]
        )
        if high < low:
            self._fail("The range goes down", "[a-z]")
        if self._exact:
            return lambda char: low <= char <= high
        return lambda char: low <= char.lower() <= high or low <= char.upper() <= high

    def _same(self, wanted: str) -> Test:
        if self._exact:
            return lambda char: char == wanted
        small = wanted.lower()
        return lambda char: char.lower() == small

    def _single(self, test: Test) -> _Piece:
        start, end = self._place(), self._place()
        start.test = test
        start.then.append(end)
        return start, end

    def _place(self) -> Place:
        self._count += 1
        if self._count > _MOST_NODES:
            self._fail("The pattern is too large", f"one with fewer than {_MOST_NODES} places")
        return Place()

    def _take(self, sign: str) -> bool:
        if self._text.startswith(sign, self._at):
            self._at += 1
            return True
        return False

    def _fail(self, message: str, possible: str) -> NoReturn:
        raise PatternError(message, min(self._at, len(self._text)), possible)
