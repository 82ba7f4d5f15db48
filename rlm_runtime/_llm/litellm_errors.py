"""What litellm and the libraries below it raise, as our errors."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType

import httpx

from rlm_runtime._errors import (
    ModelContentFilterError,
    ModelContextWindowError,
    ModelError,
)
from rlm_runtime._llm.openai_errors import ModelErrors

# "litellm.RateLimitError: RateLimitError: OpenAIException - " before what the provider said
_PREFIX = re.compile(r"^(?:litellm\.)?(?:[A-Za-z_]*(?:Error|Exception|Timeout))(?::| -)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteLLMErrors:
    """Makes our errors of one model; none ever holds one of the secrets."""

    litellm: ModuleType
    errors: ModelErrors
    secrets: Sequence[str] = field(repr=False)

    def map(self, exc: Exception) -> ModelError:
        """Make our error of one that litellm let through."""
        if isinstance(exc, ModelError):
            return exc
        chain = tuple(_chain(exc))
        said = self._said(exc)
        status, headers = _status(chain), _headers(chain)
        if self._is_lost_connection(chain):
            return self.errors.unavailable(f"the connection failed: {said}")
        if isinstance(exc, ValueError):
            # What the libraries raise where a response is not what it should be
            return self.errors.reply(f"the response cannot be read: {said}")
        error = self._by_status(status, headers, said, _body(chain))
        named = self._named(exc)
        if named is None or isinstance(error, named):
            return error
        return named(str(error), status=error.status, retry_after=error.retry_after)

    def _by_status(
        self, status: int | None, headers: Mapping[str, str], said: str, body: object
    ) -> ModelError:
        if body is not None:
            # It names the reason better than what litellm makes of it
            said = self._clean(json.dumps(body))
        if status is not None:
            return self.errors.status(status, headers, said.encode("utf-8", "replace"))
        if body is None:
            return self.errors.reply(said)
        return self.errors.error_object(json.loads(said))

    def _named(self, exc: Exception) -> type[ModelError] | None:
        """Give the class that litellm has read out of the provider's words."""
        if isinstance(exc, self.litellm.ContextWindowExceededError):
            return ModelContextWindowError
        if isinstance(exc, self.litellm.ContentPolicyViolationError):
            return ModelContentFilterError
        return None

    def _said(self, exc: Exception) -> str:
        text = str(getattr(exc, "message", None) or exc) or type(exc).__name__
        text = self._clean(text)
        while (rest := _PREFIX.sub("", text)) != text and rest:
            text = rest
        return self._clean(_decoded(text))

    def _clean(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "[key]")
        return text

    def _is_lost_connection(self, chain: Sequence[BaseException]) -> bool:
        # litellm calls much a connection error, with a made-up status; its cause tells the truth
        return any(isinstance(exc, httpx.TransportError | OSError) for exc in chain) and not any(
            isinstance(exc, httpx.HTTPStatusError) for exc in chain
        )


def _decoded(text: str) -> str:
    """Decode what litellm tells of a body that it has left as bytes."""
    if not text.startswith(("b'", 'b"')):
        return text
    try:
        value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else text


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while exc is not None and id(exc) not in seen:
        yield exc
        seen.add(id(exc))
        exc = exc.__cause__ or exc.__context__


def _body(chain: Sequence[BaseException]) -> object:
    """Give the error object that a provider has sent, as OpenAI's SDK keeps it."""
    for exc in chain:
        body = getattr(exc, "body", None)
        if isinstance(body, dict) and body:
            return body
    return None


def _status(chain: Sequence[BaseException]) -> int | None:
    responses = (getattr(exc, "response", None) for exc in reversed(chain))
    # What came over the wire, before what litellm makes of it
    for owner in (*responses, *chain):
        status = getattr(owner, "status_code", None)
        if isinstance(status, int) and 400 <= status <= 599:
            return status
    return None


def _headers(chain: Sequence[BaseException]) -> Mapping[str, str]:
    for exc in chain:
        response = getattr(exc, "response", None)
        for owner in (response, exc):
            headers = getattr(owner, "headers", None) or getattr(
                owner, "litellm_response_headers", None
            )
            if isinstance(headers, Mapping) and headers:
                return {str(name).lower(): str(value) for name, value in headers.items()}
    return {}
