"""Models behind an OpenAI-compatible endpoint, through httpx.

Every call streams. Nothing is retried here, so that limits see every attempt.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import httpx

from rlm_runtime._errors import ConfigError, ModelError
from rlm_runtime._llm.base import LLM, NO_OPTIONS, CallOptions
from rlm_runtime._llm.openai_clients import Bounds, Clients, open_clients
from rlm_runtime._llm.openai_errors import GATEWAY_TIMEOUTS, ModelErrors
from rlm_runtime._llm.openai_reply import ReplyReader
from rlm_runtime._llm.openai_request import RequestEncoder
from rlm_runtime._models import Model, ModelInfo
from rlm_runtime._types import Completion, Message

_PATH = "/chat/completions"
_AFTER_DONE_SECONDS = 0.5
_STALL_SLACK = 0.05
_ERROR_BODY_SECONDS = 5.0
_ERROR_BODY_BYTES = 64 * 1024
_MIB = 1024 * 1024
_EVENT_STREAM = "text/event-stream"


@asynccontextmanager
async def open_openai(
    *,
    base_url: str,
    api_key: str | None,
    connect_seconds: float = 10.0,
    first_token_seconds: float = 300.0,
    stall_seconds: float = 120.0,
    max_reply_bytes: int = 64 * _MIB,
) -> AsyncIterator[OpenAIEndpoint]:
    """Open a pool of connections to an OpenAI-compatible endpoint.

    Proxies of the environment are used, but never for an address of this machine.

    Args:
        base_url: Where `/chat/completions` lies, such as `https://api.openai.com/v1`.
        api_key: Sent as a bearer token, if there is one.
        connect_seconds: How long connecting may take.
        first_token_seconds: How long the first piece of a reply or its reasoning may take. Queues
            are long at times, and models that hide their reasoning say nothing for minutes.
        stall_seconds: How long a further piece may take. Comments that keep a connection open
            are no pieces.
        max_reply_bytes: How large a response may be, the frames of its stream included.

    Raises:
        ConfigError: The URL, the key or a proxy of the environment cannot be used.
    """
    url = _completions_url(base_url)
    key = _clean_key(api_key)
    headers = {
        "user-agent": "rlm-pyodide",
        "content-type": "application/json",
        # Compression would hold back the pieces of a stream
        "accept-encoding": "identity",
    }
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    bounds = Bounds(
        connect_seconds=connect_seconds,
        first_token_seconds=first_token_seconds,
        stall_seconds=stall_seconds,
        reply_bytes=max_reply_bytes,
    )
    async with open_clients(url, headers, bounds) as clients:
        yield OpenAIEndpoint(clients, url=url, api_key=key, bounds=bounds)


class OpenAIEndpoint:
    """One endpoint; its models share one pool of connections."""

    def __init__(
        self, clients: Clients, *, url: httpx.URL, api_key: str | None, bounds: Bounds
    ) -> None:
        self._clients = clients
        self._url = url
        self._api_key = api_key
        self._bounds = bounds

    def __repr__(self) -> str:
        return f"OpenAIEndpoint({_public(self._url)!r})"

    def model(self, model: str | Model, info: ModelInfo | None = None) -> LLM:
        """Give one model of the endpoint, by the name that the endpoint knows.

        Args:
            model: The name, or the name and settings.
            info: What is known of it.

        Raises:
            ConfigError: Its settings cannot be sent.
        """
        if isinstance(model, str):
            model = Model(model)
        info = info or ModelInfo()
        return _OpenAIModel(
            self._clients,
            self._url,
            ModelErrors(model=model.name, url=_public(self._url), api_key=self._api_key),
            RequestEncoder(model, info, host=self._url.host),
            info,
            self._bounds,
        )


class _OpenAIModel:
    """One model at one endpoint."""

    def __init__(
        self,
        clients: Clients,
        url: httpx.URL,
        errors: ModelErrors,
        encoder: RequestEncoder,
        info: ModelInfo,
        bounds: Bounds,
    ) -> None:
        self._clients = clients
        self._url = url
        self._errors = errors
        self._encoder = encoder
        self._info = info
        self._bounds = bounds

    def __repr__(self) -> str:
        return f"OpenAIModel({self.name!r}, {self._errors.url!r})"

    @property
    def name(self) -> str:
        return self._errors.model

    @property
    def info(self) -> ModelInfo:
        return self._info

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        started = anyio.current_time()
        reader = ReplyReader(
            self._errors, max_bytes=self._bounds.reply_bytes, price=self._info.price
        )
        body = self._encoder.encode(messages, options)
        try:
            first = await self._ask_in_time(body, reader)
            return reader.finish(messages, first=None if first is None else first - started)
        except ModelError as exc:
            exc.spent = reader.spent(messages)
            raise

    async def _ask_in_time(self, body: bytes, reader: ReplyReader) -> float | None:
        """Send the request and read the response; return when the first piece of it came."""
        watch = _Watch(reader, self._bounds)
        try:
            with watch.scope:
                await self._ask(body, reader, watch)
        except httpx.DecodingError as exc:
            raise self._errors.reply(f"the response cannot be decoded: {exc}") from exc
        except httpx.HTTPError as exc:
            raise self._errors.unavailable(self._reason(exc)) from exc
        if watch.scope.cancelled_caught and not reader.is_whole:
            # It has the request, and may go on with it
            reader.accept()
            raise self._errors.unavailable(watch.told())
        return watch.first

    async def _ask(self, body: bytes, reader: ReplyReader, watch: _Watch) -> None:
        with self._clients.borrow() as client:
            async with client.stream("POST", self._url, content=body) as response:
                if not response.is_success:
                    watch.scope.deadline = math.inf
                    if response.status_code in GATEWAY_TIMEOUTS:
                        reader.accept()
                    said = await _read_error_body(response)
                    raise self._errors.status(response.status_code, response.headers, said)
                if response.headers.get("content-type", "").startswith(_EVENT_STREAM):
                    reader.accept()
                await _read_reply(response, reader, watch)

    def _reason(self, exc: httpx.HTTPError) -> str:
        match exc:
            case httpx.ConnectTimeout():
                return f"no connection within {self._bounds.connect_seconds:g} s"
            case httpx.TimeoutException():
                return f"the endpoint took nothing for {self._bounds.stall_seconds:g} s"
            case httpx.ConnectError():
                return f"no connection: {exc}"
            case _:
                return f"the connection broke off: {exc or type(exc).__name__}"


class _Watch:
    """Ends a call whose pieces do not come in time."""

    def __init__(self, reader: ReplyReader, bounds: Bounds) -> None:
        self._reader = reader
        self._bounds = bounds
        self._seen = 0
        self.scope = anyio.CancelScope(deadline=anyio.current_time() + bounds.first_token_seconds)
        self.first: float | None = None

    def look(self) -> None:
        """Look at what has come, after each read."""
        reader, now = self._reader, anyio.current_time()
        # The end counts as a piece: usage may come after it
        seen = reader.pieces + reader.is_whole
        if seen > self._seen:
            latest = now + self._bounds.stall_seconds
            # A new deadline is a new timer, which for every piece would be dear
            if not self._seen or self.scope.deadline < latest:
                self.scope.deadline = latest + self._bounds.stall_seconds * _STALL_SLACK
        if self.first is None and reader.pieces:
            self.first = now
        self._seen = seen
        if reader.is_done:
            # The connection can serve again only when the body was read to its end
            self.scope.deadline = min(self.scope.deadline, now + _AFTER_DONE_SECONDS)

    def told(self) -> str:
        """Tell what did not come."""
        which, seconds = "further", self._bounds.stall_seconds
        if self.first is None:
            which, seconds = "first", self._bounds.first_token_seconds
        return f"the endpoint stalled: no {which} token within {seconds:g} s"


async def _read_reply(response: httpx.Response, reader: ReplyReader, watch: _Watch) -> None:
    """Feed the response to the reader."""
    try:
        async for chunk in response.aiter_bytes():
            reader.feed(chunk)
            watch.look()
    except httpx.TransportError:
        # What is lost after the last piece of the reply is its usage, which has an estimate
        if not reader.is_whole:
            raise


async def _read_error_body(response: httpx.Response) -> bytes:
    body = b""
    with anyio.move_on_after(_ERROR_BODY_SECONDS):
        try:
            async for chunk in response.aiter_bytes():
                body += chunk[:_ERROR_BODY_BYTES]
                if len(body) >= _ERROR_BODY_BYTES:
                    break
        except httpx.HTTPError:
            # The status alone says enough
            return body
    return body


def _completions_url(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url.strip())
    except httpx.InvalidURL:
        # What it says of a part may be a piece of a password
        raise ConfigError("Cannot use the base URL: it is no URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        # The rest of such a URL may well be a secret that was put into the wrong place
        raise ConfigError(
            f"Cannot use a base URL of the scheme {url.scheme!r}: "
            "it must start with http:// or https://"
        )
    path = url.path.rstrip("/").removesuffix(_PATH).rstrip("/")
    return url.copy_with(path=path + _PATH)


def _public(url: httpx.URL) -> str:
    """Spell the base URL without the parts that can hold a secret."""
    shown = url.copy_with(userinfo=b"", query=None, fragment=None)
    return str(shown).removesuffix(_PATH)


def _clean_key(api_key: str | None) -> str | None:
    key = (api_key or "").strip()
    if not all("!" <= char <= "~" for char in key):
        raise ConfigError("Cannot use the API key: it holds a character that no header may carry")
    return key or None
