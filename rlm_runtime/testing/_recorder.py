"""What the loopback server remembers of the requests that it served."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from rlm_runtime._llm.tokens import estimate_prompt_tokens
from rlm_runtime._types import Message

_MAX_RECORDED_CHARS = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """One completion that a client asked for."""

    model: str
    messages: tuple[Message, ...]
    stream: bool
    time: float
    """Seconds since the epoch."""

    @property
    def chars(self) -> int:
        """Characters of all messages together."""
        return sum(len(message.content) for message in self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStats:
    """What a loopback server has served so far."""

    requests: int = 0
    """Completions that were asked for, the refused ones included."""
    in_flight: int = 0
    """Completions that are being served now."""
    peak_in_flight: int = 0
    """The most completions that were ever being served at once."""
    by_model: Mapping[str, int] = field(default_factory=dict)
    """Completions by the name of the model."""
    prompt_chars: int = 0
    """Characters of all messages of all requests."""
    prompt_tokens: int = 0
    """Tokens of the same, at four characters each."""
    longest_body: int = 0
    """Bytes of the longest request body."""
    connections: int = 0
    """Connections that clients opened."""


class Recorder:
    """Counts the requests of one server and keeps the latest of them."""

    def __init__(self, max_chars: int = _MAX_RECORDED_CHARS) -> None:
        self._max_chars = max_chars
        self._kept_chars = 0
        self._kept: deque[RecordedRequest] = deque()
        self._by_model: Counter[str] = Counter()
        self._requests = 0
        self._in_flight = 0
        self._peak_in_flight = 0
        self._prompt_chars = 0
        self._prompt_tokens = 0
        self._longest_body = 0
        self._connections = 0

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """The latest requests, oldest first."""
        return tuple(self._kept)

    @property
    def stats(self) -> ServerStats:
        """The numbers as they are now."""
        return ServerStats(
            requests=self._requests,
            in_flight=self._in_flight,
            peak_in_flight=self._peak_in_flight,
            by_model=dict(self._by_model),
            prompt_chars=self._prompt_chars,
            prompt_tokens=self._prompt_tokens,
            longest_body=self._longest_body,
            connections=self._connections,
        )

    def add_connection(self) -> None:
        """Count a connection."""
        self._connections += 1

    @contextmanager
    def in_flight(self, body_bytes: int) -> Iterator[None]:
        """Count a request, which is in flight for as long as the block runs."""
        self._requests += 1
        self._in_flight += 1
        self._peak_in_flight = max(self._peak_in_flight, self._in_flight)
        self._longest_body = max(self._longest_body, body_bytes)
        try:
            yield
        finally:
            self._in_flight -= 1

    def record(self, model: str, messages: tuple[Message, ...], *, stream: bool) -> None:
        """Keep a request, in place of the oldest ones where it has no room."""
        request = RecordedRequest(model=model, messages=messages, stream=stream, time=time.time())
        self._by_model[model] += 1
        self._prompt_chars += request.chars
        self._prompt_tokens += estimate_prompt_tokens(messages)
        self._kept.append(request)
        self._kept_chars += request.chars
        while self._kept_chars > self._max_chars and len(self._kept) > 1:
            self._kept_chars -= self._kept.popleft().chars
