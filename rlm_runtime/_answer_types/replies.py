"""Typed answers in the replies of models: JSON as it comes, alone, in a fence or after words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from rlm_runtime._answer_types.base import AnswerMismatchError, AnswerType
from rlm_runtime._channels import read_channels
from rlm_runtime._fences import TEMPLATE_THOUGHT
from rlm_runtime._parsing import without_end_tokens

_THOUGHT = re.compile(rf"\s*+({TEMPLATE_THOUGHT})")
_CLOSING = ("</", "[/", "◁/")
_FENCE = re.compile(r"^ {0,3}```[^\n`]*\n(.*?)^ {0,3}```[ \t]*$", re.DOTALL | re.MULTILINE)
_OPENING = re.compile(r"[\[{]")
# Each reads on to its end at most, so this bounds the work that a hostile reply can make
_MOST_TRIES = 100
_MOST_FENCES = 20
_MISSING = object()
# A list of whole numbers inside of a sentence is a reference, unless words lead up to it
_REFERENCE = re.compile(r"\[\s*\d+(?:\s*,\s*\d+)*\s*\]")
_LEADS_UP = re.compile(r"(?:^|\n|[:=]|\b(?:is|are|be|answer|return|list))[ \t*`]*$")
_LEAD_CHARS = 20


def without_thoughts(text: str) -> str:
    """Cut off what a model thought before its reply; templates may leave the first tag out."""
    text = without_end_tokens(read_channels(text))
    first = re.search(TEMPLATE_THOUGHT, text)
    if first is None:
        return text
    if first[0].startswith(_CLOSING):
        return text[first.end() :].lstrip("\r\n")
    at = 0
    while (tag := _THOUGHT.match(text, at)) and not tag[1].startswith(_CLOSING):
        closing = f"{tag[1][0]}/{tag[1][1:]}"
        end = text.find(closing, tag.end())
        if end < 0:
            return ""
        at = end + len(closing)
    return text[at:].lstrip("\r\n") if at else text


def read_answer(answer_type: AnswerType, text: str, *, wrapped: bool) -> object:
    """Read the answer that a reply holds; this may take seconds where it is long.

    `wrapped` tells that the model was asked for `{"answer": …}`.

    Raises:
        AnswerMismatchError: There is none, or it is not of the type.
    """
    text = without_thoughts(text).strip()
    problem: AnswerMismatchError | None = None
    for value in _candidates(text, wrapped):
        try:
            return answer_type.validate(value)
        except AnswerMismatchError as exc:
            problem = problem or exc
    try:
        # For a text, a model may leave the quotes out
        return answer_type.validate(text)
    except AnswerMismatchError:
        raise problem or AnswerMismatchError("answer: there is no JSON in the reply") from None


def _candidates(text: str, wrapped: bool) -> Iterator[object]:
    for value in (_load(text), _last_fenced(text), _last_value(text)):
        if value is _MISSING:
            continue
        if wrapped and isinstance(value, dict) and value.keys() == {"answer"}:
            yield value["answer"]
        yield value


def _load(text: str) -> object:
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return _MISSING


def _last_fenced(text: str) -> object:
    blocks = _FENCE.findall(text)[-_MOST_FENCES:]
    values = (_load(block.strip()) for block in reversed(blocks))
    return next((value for value in values if value is not _MISSING), _MISSING)


def _last_value(text: str) -> object:
    """Find the last list or object that stands in the text."""
    last: object = _MISSING
    at = tries = 0
    while tries < _MOST_TRIES and (found := _OPENING.search(text, at)):
        try:
            value, at = _DECODER.raw_decode(text, found.start())
        except (ValueError, RecursionError):
            tries, at = tries + 1, found.end()
        else:
            last = last if _is_reference(text, found.start()) else value
    return last


def _is_reference(text: str, start: int) -> bool:
    before = text[max(0, start - _LEAD_CHARS) : start]
    return _REFERENCE.match(text, start) is not None and _LEADS_UP.search(before) is None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
