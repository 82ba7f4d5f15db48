"""AnswerType: what an answer must be, how it is told to models, and how an answer is judged."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from rlm_runtime._answer_types.brief import brief, brief_path
from rlm_runtime._answer_types.check import MOST_FAULTS, Fault, UncheckedError, check
from rlm_runtime._answer_types.schema import parse_schema
from rlm_runtime._errors import ConfigError

_MOST_REASON_CHARS = 300
_MOST_NAME_CHARS = 80
_MOST_ERRORS = 1_000
_SAMPLE = 50
_SAMPLE_LEVELS = 6


class AnswerMismatchError(Exception):
    """A value is not what an answer must be; the message has a line for each fault."""


class AnswerType:
    """What an answer must be; `answer_type_of` and `answer_type_of_text` make it."""

    def __init__(
        self, name: str, json_schema: Mapping[str, object], judge: Callable[[object], object]
    ) -> None:
        self.name = name
        """A short text for traces."""
        self.json_schema = json_schema
        """The JSON schema that models and providers are told."""
        self._judge = judge

    def validate(self, value: object) -> object:
        """Return the value as the type has it; this may take seconds where the value is large.

        For a JSON schema that is the value itself, for a type what pydantic makes of it.

        Raises:
            AnswerMismatchError: It is not of this type.
        """
        return self._judge(value)


def answer_type_of(given: object) -> AnswerType:
    """Make the answer type of a JSON schema in a dict, or of any type that pydantic takes.

    Raises:
        ConfigError: It is neither, or a schema with what is not supported.
    """
    if not isinstance(given, Mapping):
        return _of_type(given)
    try:
        text = json.dumps(dict(given), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        raise ConfigError(f"Cannot use this schema: it is not JSON: {exc}") from None
    return answer_type_of_text(text)


def answer_type_of_text(text: str) -> AnswerType:
    """Make the answer type of a JSON schema in a text, which may come from a sandbox.

    Raises:
        ConfigError: It is too large, no JSON schema, or has what is not supported.
    """
    schema, raw = parse_schema(text)

    def judge(value: object) -> object:
        try:
            faults = check(schema, value)
        except UncheckedError as exc:
            raise AnswerMismatchError(f"answer: {exc}") from None
        if faults:
            raise AnswerMismatchError(_describe(faults))
        return value

    return AnswerType(_name_of(raw), raw, judge)


def _of_type(given: Any) -> AnswerType:
    name = given.__qualname__ if isinstance(given, type) and not _args(given) else str(given)
    try:
        adapter: TypeAdapter[object] = TypeAdapter(given)
        schema = adapter.json_schema()
    except (PydanticUserError, NameError, TypeError, ValueError) as exc:
        reason = str(exc).splitlines()[0]
        raise ConfigError(f"Cannot use {name} as the type of an answer: {reason}") from exc

    def judge(value: object) -> object:
        try:
            return adapter.validate_python(value)
        except ValidationError as exc:
            raise AnswerMismatchError(_describe(_faults(adapter, value, exc))) from None
        except Exception as exc:  # the type may have validators of the user's
            reason = f"{type(exc).__name__}: {exc}"[:_MOST_REASON_CHARS]
            raise AnswerMismatchError(f"answer: its type raised {reason}") from exc

    return AnswerType(name.replace("typing.", "")[:_MOST_NAME_CHARS], schema, judge)


def _args(given: object) -> object:
    return getattr(given, "__args__", None)


def _name_of(raw: Mapping[str, object]) -> str:
    named = raw.get("title") or raw.get("type")
    return f"JSON schema ({named})"[:_MOST_NAME_CHARS] if isinstance(named, str) else "JSON schema"


def _faults(adapter: TypeAdapter[object], value: object, error: ValidationError) -> list[Fault]:
    """List the first faults; each takes a kilobyte, and a hostile answer may have millions."""
    if error.error_count() > _MOST_ERRORS:
        try:
            # Of a part, which may be right
            adapter.validate_python(_sample(value, _SAMPLE_LEVELS))
        except ValidationError as exc:
            error = exc
        except Exception:
            pass  # what a validator of the user's raises says less
    if error.error_count() > _MOST_ERRORS:
        return [Fault((), f"has {error.error_count():,} faults, too many to list,", value)]
    errors = error.errors(include_url=False, include_context=False)
    return [Fault(one["loc"], _lowered(one["msg"]), one["input"]) for one in errors]


def _sample(value: object, levels: int) -> object:
    """Keep the first items of all lists and dicts, so that paths stay true."""
    if not levels:
        return value
    match value:
        case dict():
            items = list(value.items())[:_SAMPLE]
            return {key: _sample(item, levels - 1) for key, item in items}
        case list() | tuple():
            return [_sample(item, levels - 1) for item in value[:_SAMPLE]]
    return value


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def _describe(faults: list[Fault]) -> str:
    lines = [
        f"answer{brief_path(fault.path)[:_MOST_REASON_CHARS]}: "
        f"{fault.reason[:_MOST_REASON_CHARS]}, found {brief(fault.found)}"
        for fault in faults[:MOST_FAULTS]
    ]
    return "\n".join([*lines, "and more"] if len(faults) >= MOST_FAULTS else lines)
