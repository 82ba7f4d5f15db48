"""Why an endpoint refused a call, by the words of its answer; they are told, never trusted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Literal

Reason = Literal["too_long", "filtered", "no_quota"]
"""What more calls of the same kind do not change."""

_REASON_OF_WORD: dict[str, Reason] = {
    "context_length_exceeded": "too_long",
    "context_window_exceeded": "too_long",
    "exceed_context_size_error": "too_long",
    "model_context_window_exceeded": "too_long",
    "request_too_large": "too_long",
    "string_above_max_length": "too_long",
    "content_filter": "filtered",
    "content_policy_violation": "filtered",
    "data_inspection_failed": "filtered",
    "invalid_prompt": "filtered",
    "responsibleaipolicyviolation": "filtered",
    "insufficient_quota": "no_quota",
}

# vLLM, llama.cpp, LM Studio and OpenRouter name the window and that it is too small
_WINDOW = re.compile("context[ _-](?:length|limit|size|window)")
_TOO_SMALL = re.compile("exceed|too (?:large|long|many)|maximum|overflow|greater|larger|longer")
# Anthropic, Bedrock and Gemini, behind whatever proxy
_TOO_LONG = re.compile(
    "(?:prompt|input)(?: is)? too long|too many input tokens"
    "|token count.{0,60}exceeds|reduce the length of"
)
_FILTERED = re.compile(
    "content management policy|content[ _]filter|content[ _]policy|data_inspection_failed"
    "|flagged as potentially violating"
)
_CHARS = 10_000


def find_reason(status: int | None, error: object) -> Reason | None:
    """Find why a call was refused, in an error object or the text that stands for one.

    Args:
        status: The HTTP status, or what the error says of one.
        error: The body of the response, parsed if it is JSON.
    """
    for word in _words(error):
        if reason := _REASON_OF_WORD.get(word):
            return reason
    if status == 413:
        return "too_long"
    if status not in (None, 400, 403, 422):
        return None
    text = " ".join(_texts(error))[:_CHARS].lower()
    if _FILTERED.search(text) or _is_flagged(error):
        return "filtered"
    # A refused key has nothing to do with the prompt
    if status == 403:
        return None
    too_long = _TOO_LONG.search(text) or (_WINDOW.search(text) and _TOO_SMALL.search(text))
    return "too_long" if too_long else None


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Read how many seconds to wait, in milliseconds, seconds or as a date; None if nowhere.

    `x-ratelimit-reset` is left alone: providers mean seconds, milliseconds and dates by it.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return max(milliseconds / 1000, 0.0)
    value = headers.get("retry-after", "").strip()
    seconds = _number(value)
    if seconds is None:
        try:
            seconds = (_http_date(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, OverflowError):
            return None
    return max(seconds, 0.0)


def _words(error: object) -> Iterator[str]:
    """Yield what stands where error objects have their codes and types."""
    for value in _objects(error):
        for name in ("code", "type"):
            word = value.get(name)
            if isinstance(word, str):
                yield word.lower()


def _texts(error: object) -> Iterator[str]:
    if isinstance(error, str):
        yield error
    for value in _objects(error):
        for name in ("message", "detail", "error"):
            text = value.get(name)
            if isinstance(text, str):
                yield text


def _objects(error: object) -> Iterator[dict[str, object]]:
    """Yield the error object, what it is wrapped into, and what it wraps."""
    for _ in range(3):
        if not isinstance(error, dict):
            return
        yield error
        error = error.get("error") or error.get("innererror")


def _is_flagged(error: object) -> bool:
    """Tell whether OpenRouter's moderation refused the prompt."""
    metadata = [value.get("metadata") for value in _objects(error)]
    return any(isinstance(one, dict) and "flagged_input" in one for one in metadata)


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _http_date(value: str) -> datetime:
    date = parsedate_to_datetime(value)
    return date if date.tzinfo else date.replace(tzinfo=UTC)
