"""The language of the filter line: `depth>1 cost>0.01 status:error model:mini text:"flood"`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NoReturn

from rlm_runtime._tui.finding.quantities import read_count, read_dollars, read_seconds

Comparison = Literal[">", "<", ">=", "<=", "="]

NUMBERS: dict[str, tuple[str, Callable[[str], float | None], str]] = {
    "depth": ("depth", read_count, "2"),
    "node": ("node", read_count, "12"),
    "cost": ("cost", read_dollars, "$0.01"),
    "own_cost": ("own_cost", read_dollars, "$0.01"),
    "tokens": ("tokens", read_count, "1.5k"),
    "own_tokens": ("own_tokens", read_count, "1.5k"),
    "calls": ("calls", read_count, "3"),
    "iterations": ("iterations", read_count, "3"),
    "time": ("time", read_seconds, "2m, 1.5s, 300ms"),
    "seconds": ("time", read_seconds, "2m, 1.5s, 300ms"),
}
"""What is compared with a number: the name that stands for it, how the number is read, and how
one is written."""

STATUSES = (
    "answered",
    "running",
    "queued",
    "failed",
    "error",
    "limit",
    "crashed",
    "interrupted",
    "aside",
)
REASONS = (
    "no_answer",
    "max_iterations",
    "max_calls",
    "max_cost",
    "max_nodes",
    "max_seconds",
    "max_tokens",
    "repetition",
    "model_error",
    "sandbox_error",
)
"""What a status may be too: the reason itself."""
KINDS = ("node", "completion", "llm_query")
WORDS: dict[str, tuple[str, ...]] = {
    "status": STATUSES,
    "kind": KINDS,
    "model": (),
    "tool": (),
    "text": (),
}
"""What is compared with a word, and the words that there are; any where there are none."""
NAMES = (*NUMBERS, *WORDS)

_NAME = re.compile(r"([A-Za-z_]+)(>=|<=|!=|>|<|=|:)")
_QUOTED = re.compile(r'"([^"]*)"')
_PLAIN = re.compile(r"\S+")
_SPACE = re.compile(r"\s*")


class QueryError(ValueError):
    """A filter cannot be read."""

    def __init__(self, message: str, place: int, possible: str) -> None:
        super().__init__(message)
        self.place = place
        """Where in its text."""
        self.possible = possible
        """What could be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberTerm:
    """Some number of an entry, compared with one."""

    name: str
    comparison: Comparison
    value: float
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WordTerm:
    """Something of an entry that is named by a word."""

    name: str
    value: str
    negated: bool = False


Term = NumberTerm | WordTerm
Query = tuple[tuple[Term, ...], ...]
"""One of these must hold, with all its terms; an empty query holds for nothing and everything."""


def parse_query(text: str) -> Query:
    """Read a filter.

    Raises:
        QueryError: It cannot be read.
    """
    return _Reader(text).read()


class _Reader:
    """Reads one text, term by term."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self) -> Query:
        """Read it all."""
        choices: list[list[Term]] = [[]]
        self._skip()
        while self._at < len(self._text):
            word = self._peek().lower()
            if word == "or":
                if not choices[-1]:
                    self._fail("There is nothing before 'or'", "a term, such as depth>1")
                choices.append([])
                self._take(word)
            elif word == "and":
                self._take(word)
            else:
                choices[-1].append(self._term())
        if len(choices) > 1 and not choices[-1]:
            self._fail("There is nothing after 'or'", "a term, such as depth>1")
        return tuple(tuple(choice) for choice in choices if choice)

    def _term(self) -> Term:
        negated = False
        while True:
            if self._peek().lower() == "not":
                self._take("not")
            elif self._text.startswith("-", self._at) and len(self._peek()) > 1:
                self._at += 1
            else:
                break
            negated = not negated
        if self._at == len(self._text):
            self._fail("There is nothing after 'not'", "a term, such as depth>1")
        found = _NAME.match(self._text, self._at)
        if found is None:
            return WordTerm(name="text", value=self._value("a word"), negated=negated)
        name, comparison = found[1].lower(), found[2]
        if name not in NAMES:
            self._fail(
                f"There is nothing called {name!r}",
                f'{", ".join(NAMES)}; a text with such a sign in it goes in quotes: "a:b"',
            )
        self._at = found.end(1)
        if name in NUMBERS:
            return self._number(name, comparison, negated)
        return self._word(name, comparison, negated)

    def _number(self, name: str, comparison: str, negated: bool) -> Term:
        self._at += len(comparison)
        meant, read, example = NUMBERS[name]
        possible = f"a number, such as {example}"
        start = self._at
        text = self._value(possible)
        value = read(text)
        if value is None:
            self._at = start
            self._fail(f"Cannot read {text[:30]!r} as {name}", possible)
        known: dict[str, Comparison] = {">": ">", "<": "<", ">=": ">=", "<=": "<="}
        return NumberTerm(
            name=meant,
            comparison=known.get(comparison, "="),
            value=value,
            negated=negated != (comparison == "!="),
        )

    def _word(self, name: str, comparison: str, negated: bool) -> Term:
        if comparison not in (":", "=", "!="):
            self._fail(f"Cannot compare {name} by {comparison!r}", ": or = or !=")
        self._at += len(comparison)
        start, words = self._at, WORDS[name]
        possible = ", ".join(words) if words else "a word, or several in quotes"
        value = self._value(possible)
        if words and value.lower() not in (*words, *(REASONS if name == "status" else ())):
            self._at = start
            self._fail(f"There is no {name} called {value[:30]!r}", possible)
        if words:
            value = value.lower()
        return WordTerm(name=name, value=value, negated=negated != (comparison == "!="))

    def _value(self, possible: str) -> str:
        """Read a word, or what is in quotes."""
        if self._text.startswith('"', self._at):
            quoted = _QUOTED.match(self._text, self._at)
            if quoted is None:
                self._fail("There is no end of what is in quotes", '"')
            self._at = quoted.end()
            self._skip()
            if not quoted[1]:
                self._fail("There is nothing in the quotes", possible)
            return quoted[1]
        value = self._peek()
        if not value:
            self._fail("Something is missing", possible)
        self._take(value)
        return value

    def _peek(self) -> str:
        """Give what comes next, up to the next space."""
        found = _PLAIN.match(self._text, self._at)
        return found[0] if found else ""

    def _take(self, word: str) -> None:
        self._at += len(word)
        self._skip()

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _fail(self, message: str, possible: str) -> NoReturn:
        raise QueryError(message, self._at, possible)
