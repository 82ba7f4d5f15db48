"""The shapes of OpenAI's chat completions, as a server reads and writes them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rlm_runtime._llm.tokens import estimate_prompt_tokens, estimate_tokens
from rlm_runtime._types import Message, Role

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


class Refusal(Exception):
    """A request that gets an error for an answer."""

    def __init__(self, status: int, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A completion that is asked for."""

    model: str
    messages: tuple[Message, ...]
    stream: bool
    include_usage: bool


def parse_request(body: bytes) -> ChatRequest:
    """Read the body of a request.

    Raises:
        Refusal: It asks for no completion.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise Refusal(400, f"Cannot parse the body as JSON: {exc}") from exc
    match value:
        case {"model": str(model), "messages": [_, *_] as messages}:
            options = value.get("stream_options")
            return ChatRequest(
                model=model,
                messages=tuple(_parse_message(message) for message in messages),
                stream=value.get("stream") is True,
                include_usage=isinstance(options, dict) and options.get("include_usage") is True,
            )
    raise Refusal(400, "Cannot complete: the body needs a model and a list of messages")


def error_body(status: int, message: str, code: str | int | None = None) -> dict[str, object]:
    """Make the body of an error."""
    kind = {401: "authentication_error", 429: "rate_limit_error"}.get(
        status, "server_error" if status >= 500 else "invalid_request_error"
    )
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def model_list(names: Sequence[str]) -> dict[str, object]:
    """Make the list of models."""
    owner = {"object": "model", "created": 0, "owned_by": "rlm_runtime.testing"}
    return {"object": "list", "data": [{"id": name, **owner} for name in names]}


class Reply:
    """One reply, in the two shapes in which it can go out."""

    def __init__(self, number: int, request: ChatRequest, text: str, *, chunk_chars: int) -> None:
        self._id = f"chatcmpl-{number}"
        self._created = int(time.time())
        self._request = request
        self._text = text
        self._chunk_chars = chunk_chars

    def body(self) -> dict[str, object]:
        """Make the body of a reply that is not streamed."""
        message = {"role": "assistant", "content": self._text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return self._envelope("chat.completion", [choice], usage=self._usage())

    def text_chunks(self) -> Iterator[str]:
        """Yield the chunks that carry the text, the first of them at once if it is empty."""
        for start in range(0, max(len(self._text), 1), self._chunk_chars):
            role = {} if start else {"role": "assistant"}
            content = self._text[start : start + self._chunk_chars]
            yield self._chunk({**role, "content": content}, None)

    def last_chunks(self) -> Iterator[str]:
        """Yield the chunks that end the stream, but for its `[DONE]`."""
        yield self._chunk({}, "stop")
        if self._request.include_usage:
            envelope = self._envelope("chat.completion.chunk", [], usage=self._usage())
            yield json.dumps(envelope)

    def _chunk(self, delta: dict[str, str], finish_reason: str | None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        # OpenAI sends the key in every chunk, once usage is asked for
        usage = {"usage": None} if self._request.include_usage else {}
        return json.dumps(self._envelope("chat.completion.chunk", [choice], **usage))

    def _envelope(
        self, kind: str, choices: Sequence[object], **further: object
    ) -> dict[str, object]:
        return {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": self._request.model,
            "choices": choices,
            **further,
        }

    def _usage(self) -> dict[str, object]:
        prompt = estimate_prompt_tokens(self._request.messages)
        completion = estimate_tokens(self._text)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        }


def _parse_message(value: object) -> Message:
    match value:
        case {"role": str(role), "content": content} if role in _ROLES:
            return Message(role=_ROLES[role], content=_parse_content(content))
    raise Refusal(400, "Cannot complete: a message needs a known role and a content")


def _parse_content(content: object) -> str:
    match content:
        case str():
            return content
        case None:
            return ""
        case [*parts]:
            return "".join(_parse_part(part) for part in parts)
    raise Refusal(400, "Cannot complete: the content of a message must be text")


def _parse_part(part: object) -> str:
    match part:
        case {"type": "text", "text": str(text)}:
            return text
    raise Refusal(400, "Cannot complete: only text is understood")
