"""What a page says: blocks of text, code and figures, before anybody knows how wide the pane is.

A page builds a `Document` from whatever the trace holds, as it is: the layout makes texts harmless
for the terminal, and does so for what is seen alone. To build one costs nothing but the blocks, so
a text of 100 MB may be in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, overload

Style = Literal[
    "text",
    "dim",
    "strong",
    "heading",
    "key",
    "good",
    "bad",
    "warning",
    "accent",
    "second",
    "third",
    "mark",
    "keyword",
    "string",
    "number",
    "comment",
    "name",
    "builtin",
]
"""How a piece of text looks; each is a component class of `TextView`, so that themes work."""

Language = Literal["python", "json", ""]

Cell = str | tuple[str, Style]
"""What is in one place of a table: a text, or one with a style."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A line that says what comes below it, with a note beside it."""

    text: str
    note: str = ""
    style: Style = "heading"


@dataclass(frozen=True, slots=True)
class Words:
    """Text of any size, in lines as it has them."""

    text: str
    style: Style = "text"
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Code:
    """Text in a language; the lines of Python have their numbers beside them."""

    text: str
    language: Language = "python"
    marked: tuple[int, ...] = ()
    """The lines, from 1, where something went wrong."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Names and what they are, in two columns."""

    rows: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    width: int = 0
    """In cells; 0 for a share of what is left."""
    right: bool = False
    """Whether what is in it stands at its right side, as numbers do."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under the names of their columns, one line for each.

    The rows may be made as they are asked for: only those that are seen are.
    """

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
    leads_to: Sequence[int] = ()
    """The entries that a click on each of the rows shows, by their ids."""


class MadeRows(Sequence[Sequence[Cell]]):
    """Rows of a table, each made when it is seen."""

    def __init__(self, count: int, make: Callable[[int], Sequence[Cell]]) -> None:
        """Give the rows without making any.

        Args:
            count: How many they are.
            make: Makes the row of a number, from 0.
        """
        self._numbers = range(count)
        self._make = make

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> Sequence[Cell]: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Sequence[Cell]]: ...

    def __getitem__(self, at: int | slice) -> Sequence[Cell] | Sequence[Sequence[Cell]]:
        if isinstance(at, slice):
            return [self._make(number) for number in self._numbers[at]]
        return self._make(self._numbers[at])


@dataclass(frozen=True, slots=True)
class Pieces:
    """One line of pieces, each with a style of its own: a bar, a legend, a line with a mark."""

    pieces: tuple[tuple[str, Style], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A line from side to side, or an empty one."""

    is_empty: bool = False


Block = Heading | Words | Code | Pairs | Table | Pieces | Rule


@dataclass(frozen=True, slots=True)
class Document:
    """What a page says of one moment."""

    blocks: tuple[Block, ...]
    main: str = ""
    """The text that the page is about, as the trace has it: to be copied, or opened elsewhere."""
    suffix: str = ".txt"
    """The ending of a file that holds the main text."""


NOTHING = Document(())
