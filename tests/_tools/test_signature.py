"""Types and defaults in few words, all of them Python."""

from __future__ import annotations

import ast
import datetime as dt
import enum
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Optional, TypeVar, Union

import pytest

from rlm_runtime._tools.signature import signature_of, write_literal, write_signature, write_type

_T = TypeVar("_T")
UserId = NewType("UserId", int)


class Colour(enum.Enum):
    RED = 1


TYPES = [
    (int, "int"),
    (None, "None"),
    (type(None), "None"),
    (Any, ""),
    (inspect.Parameter.empty, ""),
    (dt.datetime, "datetime"),
    (Colour, "Colour"),
    (list[int], "list[int]"),
    (dict[str, list[int | None]], "dict[str, list[int | None]]"),
    (tuple[int, ...], "tuple[int, ...]"),
    (Optional[str], "str | None"),  # noqa: UP045
    (Union[int, str], "int | str"),  # noqa: UP007
    (list[Any], "list"),
    (int | Any, ""),
    (Literal["a", 1, None], "Literal['a', 1, None]"),
    (Literal[Colour.RED], "Literal[...]"),
    (Annotated[int, "secret"], "int"),
    (Callable[[int], str], "Callable"),
    (Sequence[str], "Sequence[str]"),
    (Mapping[str, Path], "Mapping[str, Path]"),
    (_T, "_T"),
    (UserId, "UserId"),
    (list["int"], "list"),
    (list[list[list[list[list[list[list[int]]]]]]], "list[list[list[list[list[list]]]]]"),
]


@pytest.mark.parametrize(("hint", "text"), TYPES)
def test_a_type_is_written_in_few_words(hint: Any, text: str) -> None:
    assert write_type(hint) == text
    if text:
        ast.parse(text, mode="eval")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        ("it's", '"it\'s"'),
        (-1.5, "-1.5"),
        ((1, "a"), "(1, 'a')"),
        (b"x", "b'x'"),
        (Path("/home/someone"), "..."),
        (Colour.RED, "..."),
        (object(), "..."),
        (float("nan"), "..."),
        ("x" * 100, "..."),
    ],
)
def test_a_default_is_a_literal_or_nothing(value: object, text: str) -> None:
    assert write_literal(value) == text


def every(a: int, /, b: str = "x", *rest: float, c: Path = Path("/x"), **more: Any) -> None:
    """Take all kinds."""


def test_a_signature_is_python() -> None:
    text = write_signature(signature_of(every))
    assert text == "(a: int, /, b: str = 'x', *rest: float, c: Path = ..., **more) -> None"
    ast.parse(f"def f{text}: pass")


def test_a_callable_without_a_signature_is_an_error() -> None:
    with pytest.raises(ValueError, match="no signature"):
        signature_of(max)
