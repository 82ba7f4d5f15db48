"""What the loopback server remembers of the requests that it served."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio

from rlm_runtime._llm.tokens import estimate_prompt_tokens, estimate_tokens_of
from rlm_runtime._types import Message, Usage

_MAX_RECORDED_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """One completion that a client asked for."""

    model: str
    messages: tuple[Message, ...]
    stream: bool
    time: float
    """Seconds since the epoch."""
    raw: bytes = field(repr=False)
    """The body, as it came."""
    headers: Mapping[str, str] = field(repr=False)
    """Values by name in lower case."""

    @property
    def body(self) -> dict[str, object]:
        """The whole body, parsed."""
        body: dict[str, object] = json.loads(self.raw)
        return body

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
    billed_calls: int = 0
    """Completions that a provider would bill: not the failed ones, but those behind a 504."""
    billed_prompt_tokens: int = 0
    billed_completion_tokens: int = 0
    """Of a reply that broke off, was stalled or left by the client: the text that was sent."""


class Bill:
    """What one completion costs the client; at first its prompt, as if it were left at once."""

    def __init__(self, prompt_tokens: int) -> None:
        self.calls = 1
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = 0
        self._sent = 0

    def waive(self) -> None:
        """Bill nothing."""
        self.calls = self.prompt_tokens = self.completion_tokens = 0

    def add_sent(self, text: str) -> None:
        """Bill a piece of a reply."""
        self._sent += len(text)
        self.completion_tokens = estimate_tokens_of(self._sent)

    def settle(self, usage: Usage) -> None:
        """Bill what the client is told."""
        self.prompt_tokens = usage.prompt_tokens
        self.completion_tokens = usage.completion_tokens


class Recorder:
    """Counts the requests of one server and keeps the latest of them."""

    def __init__(self, max_bytes: int = _MAX_RECORDED_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept_bytes = 0
        self._kept: deque[RecordedRequest] = deque()
        self._by_model: Counter[str] = Counter()
        self._idle = anyio.Event()
        self._requests = 0
        self._recorded = 0
        self._in_flight = 0
        self._peak_in_flight = 0
        self._prompt_chars = 0
        self._prompt_tokens = 0
        self._longest_body = 0
        self._connections = 0
        self._billed_calls = 0
        self._billed_prompt_tokens = 0
        self._billed_completion_tokens = 0

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
            billed_calls=self._billed_calls,
            billed_prompt_tokens=self._billed_prompt_tokens,
            billed_completion_tokens=self._billed_completion_tokens,
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
            if not self._in_flight:
                self._idle.set()
                self._idle = anyio.Event()

    async def wait_idle(self) -> None:
        """Wait until no request is in flight."""
        if self._in_flight:
            await self._idle.wait()

    @contextmanager
    def bill(self, prompt_tokens: int) -> Iterator[Bill]:
        """Bill a completion when the block ends, however it ends."""
        bill = Bill(prompt_tokens)
        try:
            yield bill
        finally:
            self._billed_calls += bill.calls
            self._billed_prompt_tokens += bill.prompt_tokens
            self._billed_completion_tokens += bill.completion_tokens

    def record(self, request: RecordedRequest) -> int:
        """Keep a request, in place of the oldest ones where it has no room; give its number."""
        number = self._recorded
        self._recorded += 1
        self._by_model[request.model] += 1
        self._prompt_chars += request.chars
        self._prompt_tokens += estimate_prompt_tokens(request.messages)
        self._kept.append(request)
        self._kept_bytes += len(request.raw)
        while self._kept_bytes > self._max_bytes and len(self._kept) > 1:
            self._kept_bytes -= len(self._kept.popleft().raw)
        return number
