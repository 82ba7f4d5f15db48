"""The shapes of OpenAI's chat completions, as a server reads and writes them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rlm_runtime._llm.scripted import ScriptedReply, cut_to
from rlm_runtime._types import Message, Role, Usage

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
    max_tokens: int | None
    """The most tokens that the reply may have."""


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
                max_tokens=_max_tokens(value.get("max_completion_tokens", value.get("max_tokens"))),
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

    def __init__(
        self, number: int, request: ChatRequest, scripted: ScriptedReply, *, chunk_chars: int
    ) -> None:
        self._request = request
        self._scripted = cut_to(scripted, request.max_tokens)
        self._chunk_chars = chunk_chars
        self._envelope: dict[str, object] = {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion.chunk" if request.stream else "chat.completion",
            "created": int(time.time()),
            "model": request.model,
        }
        # The start of every chunk is the same
        self._chunk_start = json.dumps(self._envelope)[:-1]

    @property
    def usage(self) -> Usage:
        """What the client is told that it used."""
        return self._scripted.usage(self._request.messages)

    def body(self, *, choices: bool = True) -> dict[str, object]:
        """Make the body of a reply that is not streamed."""
        message = {"role": "assistant", "content": self._scripted.text, **self._further()}
        if self._scripted.reasoning:
            message["reasoning_content"] = self._scripted.reasoning
        choice = {"index": 0, "message": message, "finish_reason": self._scripted.finish_reason}
        return {
            **self._envelope,
            "choices": [choice] if choices else [],
            "usage": self._usage_body(),
        }

    def pieces(self) -> Iterator[tuple[str, str]]:
        """Yield the pieces of reasoning and text, each with its chunk; one if both are empty."""
        role = {"role": "assistant"}
        for piece in self._cut(self._scripted.reasoning):
            yield piece, self._chunk({**role, "reasoning_content": piece}, None)
            role = {}
        for piece in self._cut(self._scripted.text) or ["" for _ in role]:
            yield piece, self._chunk({**role, "content": piece}, None)
            role = {}

    def last_chunks(self) -> list[str]:
        """Make the chunks that end the stream, but for its `[DONE]`."""
        return [self._chunk(self._further(), self._scripted.finish_reason), *self.usage_chunks()]

    def usage_chunks(self) -> list[str]:
        """Make the chunk that tells the usage, where the client asked for it."""
        if not self._request.include_usage:
            return []
        return [json.dumps({**self._envelope, "choices": [], "usage": self._usage_body()})]

    def _cut(self, text: str) -> list[str]:
        size = self._chunk_chars
        return [text[start : start + size] for start in range(0, len(text), size)]

    def _further(self) -> dict[str, object]:
        further: dict[str, object] = {}
        if self._scripted.refusal:
            further["refusal"] = self._scripted.refusal
        if self._scripted.tool_calls:
            calls = enumerate(self._scripted.tool_calls)
            further["tool_calls"] = [{"index": index, **call} for index, call in calls]
        return further

    def _chunk(self, delta: dict[str, object], finish_reason: str | None) -> str:
        choice = json.dumps({"index": 0, "delta": delta, "finish_reason": finish_reason})
        # OpenAI sends the key in every chunk, once usage is asked for
        usage = ', "usage": null' if self._request.include_usage else ""
        return f'{self._chunk_start}, "choices": [{choice}]{usage}}}'

    def _usage_body(self) -> dict[str, object]:
        usage = self.usage
        body: dict[str, object] = {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        }
        return body if usage.cost is None else {**body, "cost": usage.cost}


def _max_tokens(value: object) -> int | None:
    return value if isinstance(value, int) else None


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
