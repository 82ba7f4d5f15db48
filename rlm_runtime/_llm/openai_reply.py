"""One completion out of the bytes of a response: an event stream, or one JSON body."""

from __future__ import annotations

from collections.abc import Sequence

from rlm_runtime._llm.openai_choice import ChoiceReader
from rlm_runtime._llm.openai_errors import ModelErrors, load_json
from rlm_runtime._llm.openai_usage import is_counted, read_usage
from rlm_runtime._llm.sse import SSEDecoder
from rlm_runtime._models import Price
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

    def __init__(self, errors: ModelErrors, *, max_bytes: int, price: Price | None = None) -> None:
        self._errors = errors
        self._max_bytes = max_bytes
        self._price = price
        self._size = 0
        self._head = b""
        self._json_body: list[bytes] | None = None
        self._sse = SSEDecoder()
        self._choice = ChoiceReader()
        self._seen_choice = False
        self._usage: object = None
        self._is_usage_final = False
        self._model: str | None = None
        self._accepted = False
        self.is_done = False
        """Whether the stream has said that nothing more comes."""

    @property
    def pieces(self) -> int:
        """How many pieces of the reply, or of its reasoning, have come in a stream."""
        return self._choice.pieces

    @property
    def is_whole(self) -> bool:
        """Whether no piece of the reply is missing; its usage may still be."""
        return self.is_done or self._choice.finish_reason is not None

    def accept(self) -> None:
        """Note that the endpoint works at the reply, so that the prompt at least is charged."""
        self._accepted = True

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
            self._head = (self._head + chunk[:_HEAD_BYTES]).lstrip(_BLANK)[:_HEAD_BYTES]
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
            ModelContentFilterError: A filter left nothing of the reply.
            ModelError: It is not a completion, or an error of the endpoint.
        """
        if self._json_body is not None:
            self._take_json(b"".join(self._json_body))
        else:
            self._end_stream()
        if not self._seen_choice:
            raise self._errors.reply("the response holds no choice")
        choice = self._choice
        completion = Completion(
            text=choice.text,
            model=self._model or self._errors.model,
            usage=self._used(messages),
            reasoning=choice.reasoning,
            finish_reason=choice.finish_reason,
            seconds_to_first_token=first,
            is_counted=self._is_usage_final
            and is_counted(self._usage, choice.text + choice.reasoning),
        )
        if completion.is_filtered and not completion.text:
            raise self._errors.filtered()
        return completion

    def spent(self, messages: Sequence[Message]) -> Usage:
        """Tell what the call has used, if it fails now.

        What the endpoint counted; else the prompt and the text that came, if the endpoint has
        worked at the reply. A refused call used nothing.
        """
        if not (self._accepted or self._choice.pieces or isinstance(self._usage, dict)):
            return Usage()
        return self._used(messages)

    def _used(self, messages: Sequence[Message]) -> Usage:
        said = self._choice.text + self._choice.reasoning
        return read_usage(self._usage, messages, said, self._price)

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
        error = chunk if chunk.get("object") == "error" else chunk.get("error")
        if error is not None:
            # An error before the first piece is a refusal
            self._accepted = False
            raise self._errors.error_object(error)
        model = chunk.get("model")
        if isinstance(model, str) and model:
            self._model = model
        choices = chunk.get("choices")
        if isinstance(choices, list) and choices and choices[0] is not None:
            self._seen_choice = True
            self._choice.take(choices[0])
        if usage := chunk.get("usage"):
            self._usage = usage
            # Beside a piece in the middle it counts what came so far
            self._is_usage_final = self.is_whole or not choices


def _is_json(data: bytes) -> bool:
    try:
        load_json(data)
    except ValueError:
        return False
    return True
