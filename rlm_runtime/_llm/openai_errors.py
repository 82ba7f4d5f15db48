"""What an OpenAI-compatible endpoint says when it fails, as our errors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from rlm_runtime._errors import (
    ModelAuthenticationError,
    ModelContentFilterError,
    ModelContextWindowError,
    ModelError,
    ModelRateLimitError,
    ModelReplyError,
    ModelUnavailableError,
)
from rlm_runtime._llm.reasons import find_reason, read_retry_after

GATEWAY_TIMEOUTS = (504, 524)
"""A gateway stopped waiting for what has the request, and may go on with it."""

_MESSAGE_CHARS = 300
_decode = json.JSONDecoder().decode

# Endpoints that have already answered 200 name the status in words, if at all
_STATUS_OF_WORD = {
    "api_error": 500,
    "authentication_error": 401,
    "internal_error": 500,
    "internal_server_error": 500,
    "invalid_api_key": 401,
    "overloaded_error": 503,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "server_error": 500,
    "service_unavailable": 503,
    "timeout": 504,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelErrors:
    """Makes the errors of one model at one endpoint; no error ever holds the key."""

    model: str
    url: str
    api_key: str | None = field(repr=False)

    def unavailable(self, state: str) -> ModelUnavailableError:
        """Make the error of an endpoint that cannot be reached, or of a stream that broke off."""
        return ModelUnavailableError(self._message(state))

    def reply(self, state: str) -> ModelReplyError:
        """Make the error of an answer that is not a completion."""
        return ModelReplyError(self._message(state))

    def status(self, status: int, headers: Mapping[str, str], body: bytes) -> ModelError:
        """Make the error of a response that is none of success."""
        error = _parse_body(body)
        said = error if isinstance(error, str) else _said(error)
        state = f"the endpoint answered {status} {_phrase(status)}".rstrip()
        if status == HTTPStatus.UNAUTHORIZED and self.api_key is None:
            state += " and no API key was sent"
        state = f"{state}: {said}" if said else state
        return self._make(status, state, error, read_retry_after(headers))

    def error_object(self, error: object) -> ModelError:
        """Make the error of an error object that came under the status 200."""
        state = f"the endpoint answered with an error: {_said(error) or 'no message'}"
        return self._make(_status_of(error), state, error, None)

    def filtered(self) -> ModelContentFilterError:
        """Make the error of a reply of which a filter left nothing."""
        return ModelContentFilterError(self._message("a content filter stopped the reply"))

    def _make(
        self, status: int | None, state: str, error: object, retry_after: float | None
    ) -> ModelError:
        kind = _kind(status)
        match find_reason(status, error):
            case "too_long":
                kind = ModelContextWindowError
            case "filtered":
                kind = ModelContentFilterError
            case "no_quota":
                # Unlike other errors under 429, waiting does not help
                kind = ModelError
        return kind(self._message(state), status=status, retry_after=retry_after)

    def _message(self, state: str) -> str:
        if self.api_key:
            state = state.replace(self.api_key, "[key]")
        return f"Cannot complete with {self.model!r} at {self.url}: {_cut(state)}"


def dig(value: object, *path: str | int) -> object:
    """Follow keys and indexes into a JSON value; None where they lead nowhere."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def load_json(data: bytes) -> object:
    """Parse JSON.

    Raises:
        ValueError: It is none, or it is nested too deep.
    """
    try:
        # Faster than `loads`, which looks for the encoding and for options
        return _decode(str(data, "utf-8", "surrogatepass"))
    except RecursionError:
        raise ValueError("nested too deep") from None


def _kind(status: int | None) -> type[ModelError]:
    match status:
        case None:
            return ModelReplyError
        case 401 | 403:
            return ModelAuthenticationError
        case 429:
            return ModelRateLimitError
        case 408 | 409 | 425:
            return ModelUnavailableError
        case _:
            return ModelUnavailableError if status >= 500 else ModelError


def _parse_body(body: bytes) -> object:
    try:
        return load_json(body)
    except ValueError:
        return body.decode(errors="replace")


def _said(error: object) -> str:
    """Find the message in the shapes of OpenAI, OpenRouter, vLLM, Ollama and FastAPI."""
    if isinstance(error, str):
        return error
    paths = (("error", "message"), ("error",), ("message",), ("detail",))
    found = (dig(error, *path) for path in paths)
    return next((text for text in found if isinstance(text, str)), "")


def _status_of(error: object) -> int | None:
    for word in (dig(error, "code"), dig(error, "type")):
        status = word
        if isinstance(word, str):
            status = int(word) if re.fullmatch("[45][0-9]{2}", word) else _STATUS_OF_WORD.get(word)
        if isinstance(status, int) and 400 <= status <= 599:
            return status
    return None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _cut(text: str) -> str:
    """Make one line of printable characters of a text, not too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[:4000]).split())
    return line if len(line) <= _MESSAGE_CHARS else line[: _MESSAGE_CHARS - 1] + "…"
