"""One completion out of the bytes of a response: an event stream, or one JSON body."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rlm_runtime._llm.openai_errors import ModelErrors, dig, load_json
from rlm_runtime._llm.sse import SSEDecoder
from rlm_runtime._llm.tokens import estimate_prompt_tokens, estimate_tokens
from rlm_runtime._types import Completion, Message, Usage

_DONE = b"[DONE]"
_BLANK = b" \t\r\n\xef\xbb\xbf"
_HEAD_BYTES = 200
_SSE_STARTS = (b":", b"data", b"event", b"id", b"retry")


class ReplyReader:
    """Puts a completion together from the bytes of a response, without doing any I/O.

    What the response is shows in its first character: no event stream starts with a brace,
    and endpoints that ignore `stream` do not always label their JSON.
    """

    def __init__(self, errors: ModelErrors, *, max_bytes: int) -> None:
        self._errors = errors
        self._max_bytes = max_bytes
        self._size = 0
        self._head = b""
        self._json_body: list[bytes] | None = None
        self._sse = SSEDecoder()
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._usage: object = None
        self._model: str | None = None
        self._finish_reason: str | None = None
        self._seen_choice = False
        self.is_done = False
        """Whether the stream has said that nothing more comes."""

    @property
    def has_text(self) -> bool:
        """Whether a first piece of the reply, or of its reasoning, has come in a stream."""
        return self._json_body is None and bool(self._text or self._reasoning)

    @property
    def is_whole(self) -> bool:
        """Whether no piece of the reply is missing; its usage may still be."""
        return self.is_done or self._finish_reason is not None

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the response.

        Raises:
            ModelError: They are too many, not a completion, or an error of the endpoint.
        """
        if self.is_done:
            return
        self._size += len(chunk)
        if self._size > self._max_bytes:
            raise self._errors.reply(f"the reply is larger than {self._max_bytes} bytes")
        if self._json_body is None and len(self._head) < _HEAD_BYTES:
            self._head = (self._head + chunk).lstrip(_BLANK)[:_HEAD_BYTES]
            if self._head.startswith(b"{"):
                self._json_body = []
        if self._json_body is not None:
            self._json_body.append(chunk)
            return
        for data in self._sse.feed(chunk):
            self._take_event(data)

    def finish(self, messages: Sequence[Message], *, first: float | None) -> Completion:
        """Give the completion when the response has ended.

        Raises:
            ModelUnavailableError: The response ended before the reply did.
            ModelError: It is not a completion, or an error of the endpoint.
        """
        if self._json_body is not None:
            self._take_json(b"".join(self._json_body))
        else:
            self._end_stream()
        if not self._seen_choice:
            raise self._errors.reply("the response holds no choice")
        text, reasoning = _join_pairs(self._text), _join_pairs(self._reasoning)
        return Completion(
            text=text,
            model=self._model or self._errors.model,
            usage=_read_usage(self._usage, messages, text + reasoning),
            reasoning=reasoning,
            finish_reason=self._finish_reason,
            seconds_to_first_token=first,
        )

    def _end_stream(self) -> None:
        tail = self._sse.flush()
        if tail is not None and (tail.strip() == _DONE or _is_json(tail)):
            self._take_event(tail)
        if self.is_whole:
            return
        if self._head and not self._head.startswith(_SSE_STARTS):
            said = self._head.decode(errors="replace")
            raise self._errors.reply(f"the response is no event stream: {said}")
        raise self._errors.unavailable("the stream ended before the reply did")

    def _take_event(self, data: bytes) -> None:
        if self.is_done or not data.strip():
            return
        if data.strip() == _DONE:
            self.is_done = True
        else:
            self._take_json(data)

    def _take_json(self, data: bytes) -> None:
        try:
            value = load_json(data)
        except ValueError:
            said = data[:_HEAD_BYTES].decode(errors="replace")
            raise self._errors.reply(f"the response holds malformed JSON: {said}") from None
        if not isinstance(value, dict):
            raise self._errors.reply(f"the response holds a JSON {type(value).__name__}")
        self._take_chunk(value)

    def _take_chunk(self, chunk: dict[str, object]) -> None:
        if chunk.get("error") is not None:
            raise self._errors.error_object(chunk["error"])
        if chunk.get("object") == "error":
            raise self._errors.error_object(chunk)
        self._usage = chunk.get("usage") or self._usage
        model = chunk.get("model")
        if isinstance(model, str) and model:
            self._model = model
        choice = dig(chunk, "choices", 0)
        if choice is not None:
            self._take_choice(choice)

    def _take_choice(self, choice: object) -> None:
        self._seen_choice = True
        piece = dig(choice, "delta") or dig(choice, "message")
        if text := _text_of(dig(piece, "content")):
            self._text.append(text)
        reasoning = dig(piece, "reasoning_content") or dig(piece, "reasoning")
        if isinstance(reasoning, str) and reasoning:
            self._reasoning.append(reasoning)
        finish_reason = dig(choice, "finish_reason")
        if isinstance(finish_reason, str) and finish_reason:
            self._finish_reason = finish_reason


def _text_of(content: object) -> str:
    """Read the text of a message, which some endpoints give as a list of parts."""
    if isinstance(content, list):
        return "".join(_text_of(dig(part, "text")) for part in content)
    return content if isinstance(content, str) else ""


def _is_json(data: bytes) -> bool:
    try:
        load_json(data)
    except ValueError:
        return False
    return True


def _join_pairs(pieces: list[str]) -> str:
    """Join the pieces, and the surrogate pairs that a server cut in two."""
    text = "".join(pieces)
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _read_usage(usage: object, messages: Sequence[Message], reply: str) -> Usage:
    """Read what the endpoint counted; tokens that it did not count are estimated."""
    prompt = _count(dig(usage, "prompt_tokens"))
    completion = _count(dig(usage, "completion_tokens"))
    return Usage(
        calls=1,
        prompt_tokens=estimate_prompt_tokens(messages) if prompt is None else prompt,
        cached_tokens=_count(dig(usage, "prompt_tokens_details", "cached_tokens")) or 0,
        completion_tokens=estimate_tokens(reply) if completion is None else completion,
        reasoning_tokens=_count(dig(usage, "completion_tokens_details", "reasoning_tokens")) or 0,
        cost=_cost(dig(usage, "cost")),
    )


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if value >= 0 else None


def _cost(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None
